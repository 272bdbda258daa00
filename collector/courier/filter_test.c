/* SPDX-License-Identifier: Apache-2.0 */
/* The filters, each attempt in a child of its own: what is asked for, and what the kernel says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "collector/courier/filter.h"

/* Each returns 0 or the errno that it met. */
static int of(long result)
{
    return result < 0 ? errno : 0;
}

static int try_execve(void)
{
    char name[] = "/bin/true";
    char *const arguments[] = {name, NULL};
    return of(execve(name, arguments, NULL));
}

static int try_fork(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child < 0 ? errno : of(waitpid(child, NULL, 0));
}

static void *do_nothing(void *argument)
{
    return argument;
}

static int try_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, do_nothing, NULL);
    return error ? error : pthread_join(thread, NULL);
}

static int try_socket(int family)
{
    return of(socket(family, family == AF_NETLINK ? SOCK_RAW : SOCK_STREAM, 0));
}

static int try_unix(void) { return try_socket(AF_UNIX); }
static int try_inet(void) { return try_socket(AF_INET); }
static int try_netlink(void) { return try_socket(AF_NETLINK); }
static int try_packet(void) { return try_socket(AF_PACKET); }
static int try_open_to_read(void) { return of(open("/dev/null", O_RDONLY)); }
static int try_open_to_write(void) { return of(open("/dev/null", O_WRONLY)); }
static int try_create(void) { return of(open("/tmp/vedette-filter-test-must-not-be", O_RDONLY | O_CREAT, 0600)); }
static int try_unlink(void) { return of(unlink("/tmp/vedette-filter-test-must-not-be")); }
static int try_kill(void) { return of(kill(getpid(), SIGTERM)); }
static int try_bpf(void) { return of(syscall(SYS_bpf, 0, NULL, 0)); }
static int try_ptrace(void) { return of(ptrace(PTRACE_TRACEME, 0, NULL, NULL)); }
static int try_mount(void) { return of(mount("none", "/nowhere", "tmpfs", 0, NULL)); }
static int try_unshare(void) { return of(unshare(CLONE_NEWUSER)); }
static int try_new_namespace(void) { return of(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL)); }
static int try_code(void) { return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0; }
static int try_memory(void) { return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0; }
static int try_eventfd(void) { return of(eventfd(0, 0)); }
static int try_listen(void) { return of(listen(socket(AF_UNIX, SOCK_STREAM, 0), 1)); }
static int try_dumpable(void) { return of(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }
static int try_memfd(void) { return of(syscall(SYS_memfd_create, "x", 0)); }

enum { KILLED = -1 };

static const struct attempt {
    const char *name;
    int (*run)(void);
    int keeper, worker; /* errno, 0, or KILLED */
} attempts[] = {
    {"execve", try_execve, KILLED, KILLED},
    {"fork", try_fork, 0, EPERM},
    {"a thread", try_thread, 0, 0},
    {"a unix socket", try_unix, 0, 0},
    {"an inet socket", try_inet, 0, 0},
    {"a netlink socket", try_netlink, EPERM, EPERM},
    {"a packet socket", try_packet, EPERM, EPERM},
    {"listen", try_listen, EPERM, EPERM},
    {"open to read", try_open_to_read, 0, 0},
    {"open to write", try_open_to_write, EPERM, EPERM},
    {"create a file", try_create, EPERM, EPERM},
    {"unlink", try_unlink, EPERM, EPERM},
    {"kill with SIGTERM", try_kill, EPERM, EPERM},
    {"bpf", try_bpf, KILLED, KILLED},
    {"ptrace", try_ptrace, KILLED, KILLED},
    {"mount", try_mount, KILLED, KILLED},
    {"unshare", try_unshare, KILLED, KILLED},
    {"clone into a namespace", try_new_namespace, EPERM, EPERM},
    {"map code", try_code, EPERM, EPERM},
    {"map memory", try_memory, 0, 0},
    {"eventfd", try_eventfd, 0, 0},
    {"become dumpable", try_dumpable, EPERM, EPERM},
    {"memfd", try_memfd, EPERM, EPERM},
};

static int run_filtered(enum filter_role role, int (*run)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        /* As in life: the worker's comes on top of the keeper's. */
        if (filter_load(FILTER_KEEPER) < 0 || (role == FILTER_WORKER && filter_load(FILTER_WORKER) < 0))
            _exit(255);
        _exit(run());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGSYS);
        return KILLED;
    }
    return WEXITSTATUS(status);
}

static void test_filter_attempts(void **state)
{
    (void)state;
#ifdef VEDETTE_NO_SECCOMP
    (void)attempts;
    (void)run_filtered;
    print_message("skipped: built without seccomp, for a sanitizer or coverage\n");
    skip();
#else
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        int keeper = run_filtered(FILTER_KEEPER, attempts[i].run);
        int worker = run_filtered(FILTER_WORKER, attempts[i].run);
        if (keeper != attempts[i].keeper || worker != attempts[i].worker)
            fail_msg("%s: keeper %d, expected %d; worker %d, expected %d", attempts[i].name, keeper, attempts[i].keeper, worker, attempts[i].worker);
    }
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_filter_attempts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
