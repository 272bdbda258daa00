/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/taken_over.h"

#ifdef VEDETTE_FAULTS

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "collector/queue/layout.h"
#include "common/base/fault.h"

enum { STORM = 20000, BEGUN = 2 };

static const char elsewhere[] = "vedette-elsewhere"; /* abstract; the test listens there */

/* Of a call: 1 it was done, else what it was refused with. */
static int64_t outcome(long result)
{
    return result < 0 ? -errno : 1;
}

static int64_t set_tail(struct queue *queue, uint64_t tail)
{
    atomic_store(&queue->worker->tail, tail);
    queue_wake(queue->drain_fd);
    return 1;
}

static int64_t tail_backwards(struct queue *queue)
{
    return set_tail(queue, atomic_load(&queue->worker->tail) - queue->ring_size / 2);
}

static int64_t tail_forwards(struct queue *queue)
{
    return set_tail(queue, atomic_load(&queue_drain_view(queue)->head) + (1ull << 40));
}

static int64_t tail_between_entries(struct queue *queue)
{
    return set_tail(queue, atomic_load(&queue_drain_view(queue)->head) - 7);
}

static int64_t whole_area(struct queue *queue)
{
    memset(queue->worker, 0xa5, QUEUE_AREA);
    queue_wake(queue->drain_fd);
    return 1;
}

static struct plan_request *fresh_plan(struct queue *queue)
{
    static struct plan_request plan;
    memset(&plan, 0, sizeof(plan));
    plan.epoch = queue->worker->plan.epoch + 1;
    plan.need_snapshot = queue->worker->plan.need_snapshot + 1;
    return &plan;
}

static int64_t put(struct queue *queue, const struct plan_request *plan)
{
    queue_put_plan(queue, plan);
    return 1;
}

static int64_t plan_counts_too_large(struct queue *queue)
{
    struct plan_request *plan = fresh_plan(queue);
    memset(plan->selected, 0xff, sizeof(plan->selected));
    memset(plan->watch, 0xff, sizeof(plan->watch));
    memset(&plan->scopes, 0xff, sizeof(plan->scopes));
    plan->n_watches = UINT32_MAX;
    return put(queue, plan);
}

/* Every count is in range, and nothing that is counted. */
static int64_t plan_indexes_too_large(struct queue *queue)
{
    struct plan_request *plan = fresh_plan(queue);
    memset(plan->selected, SELECTED_WATCHED, sizeof(plan->selected));
    memset(plan->watch, 0xff, sizeof(plan->watch));
    memset(&plan->scopes, 0xff, sizeof(plan->scopes));
    plan->n_watches = WATCH_ROWS;
    plan->scopes.n_values = SCOPE_VALUES;
    return put(queue, plan);
}

static int64_t plan_selects_nothing(struct queue *queue)
{
    return put(queue, fresh_plan(queue));
}

static int64_t plan_torn(struct queue *queue)
{
    atomic_fetch_or(&queue->worker->plan_sequence, 1);
    memset(&queue->worker->plan, 0x5a, sizeof(queue->worker->plan));
    queue_wake(queue->drain_fd);
    return 1;
}

static int64_t plan_storm(struct queue *queue)
{
    for (int i = 0; i < STORM; i++)
        put(queue, fresh_plan(queue));
    return 1;
}

static int64_t wake_storm(struct queue *queue)
{
    for (int i = 0; i < STORM; i++)
        queue_wake(queue->drain_fd);
    return 1;
}

static int64_t write_to_the_drains_area(struct queue *queue)
{
    return outcome(mprotect((void *)(uintptr_t)queue->view, QUEUE_AREA, PROT_READ | PROT_WRITE));
}

static int64_t map_executable(struct queue *queue)
{
    (void)queue;
    void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return outcome(at == MAP_FAILED ? -1 : 0);
}

static int64_t make_executable(struct queue *queue)
{
    return outcome(mprotect(queue->worker, QUEUE_AREA, PROT_READ | PROT_EXEC));
}

static int64_t read_a_file(struct queue *queue)
{
    (void)queue;
    return outcome(open("/etc/passwd", O_RDONLY | O_CLOEXEC)); /* which every user may read, outside of Landlock */
}

static int64_t make_a_file(struct queue *queue)
{
    (void)queue;
    return outcome(open("/tmp/vedette-taken-over", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int64_t write_own_memory(struct queue *queue)
{
    (void)queue;
    return outcome(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
}

static int64_t read_parents_memory(struct queue *queue)
{
    char path[32];
    (void)queue;
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)getppid());
    return outcome(open(path, O_RDONLY | O_CLOEXEC));
}

static int64_t truncate_a_file(struct queue *queue)
{
    (void)queue;
    return outcome(truncate("/tmp/vedette-taken-over", 0));
}

static int64_t unlink_a_file(struct queue *queue)
{
    (void)queue;
    return outcome(unlink("/tmp/vedette-taken-over"));
}

static int64_t open_by_handle(struct queue *queue)
{
    (void)queue;
    return outcome(syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDONLY));
}

static int64_t make_memfd(struct queue *queue)
{
    (void)queue;
    return outcome(memfd_create("taken over", MFD_CLOEXEC));
}

static int64_t internet_socket(struct queue *queue)
{
    (void)queue;
    return outcome(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int64_t netlink_socket(struct queue *queue)
{
    (void)queue;
    return outcome(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int64_t raw_socket(struct queue *queue)
{
    (void)queue;
    return outcome(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int64_t at_elsewhere(int (*call)(int fd, const struct sockaddr *address, socklen_t size))
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, elsewhere, sizeof(elsewhere) - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int64_t result = outcome(fd < 0 ? -1
                                    : call(fd, (const struct sockaddr *)&address,
                                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(elsewhere))));
    if (fd >= 0)
        close(fd);
    return result;
}

static int64_t listen_somewhere(struct queue *queue)
{
    (void)queue;
    return at_elsewhere(bind);
}

static int64_t connect_elsewhere(struct queue *queue)
{
    (void)queue;
    return at_elsewhere(connect);
}

static int64_t fork_a_child(struct queue *queue)
{
    (void)queue;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return outcome(child);
}

static int64_t signal_the_keeper(struct queue *queue)
{
    (void)queue;
    return outcome(kill(getppid(), SIGSTOP));
}

static int64_t signal_everybody(struct queue *queue)
{
    (void)queue;
    return outcome(kill(-1, SIGSTOP));
}

static int64_t open_pidfd(struct queue *queue)
{
    (void)queue;
    return outcome(syscall(SYS_pidfd_open, getppid(), 0));
}

static int64_t become_root(struct queue *queue)
{
    (void)queue;
    return outcome(syscall(SYS_setresuid, 0, 0, 0));
}

static int64_t take_capabilities(struct queue *queue)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct all[2] = {{.effective = ~0u, .permitted = ~0u}, {.effective = ~0u, .permitted = ~0u}};
    (void)queue;
    return outcome(syscall(SYS_capset, &header, all));
}

static int64_t become_dumpable(struct queue *queue)
{
    (void)queue;
    return outcome(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int64_t execute(struct queue *queue)
{
    char *const nothing[] = {NULL};
    (void)queue;
    return outcome(syscall(SYS_execve, "/bin/true", nothing, nothing));
}

static int64_t trace_the_keeper(struct queue *queue)
{
    (void)queue;
    return outcome(syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, getppid(), 0, 0));
}

static int64_t write_the_keepers_memory(struct queue *queue)
{
    (void)queue;
    return outcome(syscall(SYS_process_vm_writev, getppid(), NULL, 0, NULL, 0, 0));
}

static int64_t load_bpf(struct queue *queue)
{
    (void)queue;
    return outcome(syscall(SYS_bpf, 0, NULL, 0));
}

static int64_t open_perf_event(struct queue *queue)
{
    (void)queue;
    return outcome(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int64_t leave_namespaces(struct queue *queue)
{
    (void)queue;
    return outcome(unshare(CLONE_NEWUSER));
}

static int64_t open_io_uring(struct queue *queue)
{
    (void)queue;
    return outcome(syscall(SYS_io_uring_setup, 1, NULL));
}

static int64_t (*const deeds[FAULT_DEEDS])(struct queue *queue) = {
#define DEED(number, name, expected) [number] = (name),
#include "collector/courier/deeds.def"
#undef DEED
};

void taken_over(struct queue *queue)
{
    struct fault_page *orders = fault_orders();
    uint32_t deed = orders != NULL ? atomic_load(&orders->deed) : 0;
    if (deed == 0 || deed >= FAULT_DEEDS || deeds[deed] == NULL)
        return;
    atomic_store(&orders->result[deed], BEGUN);
    atomic_store(&orders->deed, 0); /* the next worker is an honest one */
    atomic_store(&orders->result[deed], deeds[deed](queue));
}

#else

typedef int taken_over_is_left_out;

#endif
