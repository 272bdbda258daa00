/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF programs on the running kernel. A process tree of the test's own is observed, next to an outsider that does the same; what other processes do is neither
 * looked at nor kept. Exits 77 where programs cannot be loaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "collector/probe/test_actor.h"
#include "collector/probe/test_records.h"
#include "common/base/clock.h"
#include "common/base/exit_code.h"

enum { SKIP = 77, FLOOD = 3000, NEWER_SLEEPERS = 3 };

static struct {
    struct records records;
    struct acted *acted, *outsider_acted;
    pid_t actor, outsider;
    char where[64], elsewhere[64];
} tree;

static char text[TEST_PATH_BYTES];

static const struct probe_settings everything = {.ring_bytes = {1 << 20, 1 << 20, 1 << 22}};

static struct probe *start_probe(const struct probe_settings *base, enum scope_kind scope, uint32_t pid)
{
    struct probe_settings settings = *base;
    struct probe *probe = NULL;
    char error[PROBE_ERROR_BYTES];
    settings.scope = scope;
    settings.scope_pid = pid;
    memset(settings.allowed, 1, sizeof(settings.allowed));
    int result = probe_start(&settings, &probe, error);
    if (result != 0)
        printf("probe_start: %d: %s\n", result, error);
    return result == 0 ? probe : NULL;
}

static struct rings *open_rings(const struct probe *probe)
{
    size_t count;
    struct rings *rings = NULL;
    const struct ring_map *maps = probe_rings(probe, &count);
    assert_int_equal(rings_open(maps, count, 512, &rings), 0);
    return rings;
}

static void select_all(struct probe *probe, uint32_t epoch)
{
    struct plan_request plan = {.epoch = epoch};
    memset(plan.selected, 1, sizeof(plan.selected));
    probe_apply_plan(probe, &plan);
}

/* A child that waits for a byte before it acts; it ends with this process. */
static pid_t start_actor(int go, const char *where, struct acted *acted)
{
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (read(go, &byte, 1) == 1)
            actor_act(where, acted);
        _exit(5);
    }
    return pid;
}

static bool has_ended(pid_t pid)
{
    int status;
    return waitpid(pid, &status, WNOHANG) == pid;
}

/* Drains until both are gone and everything that they did is out. */
static void drain_until_ended(struct rings *rings)
{
    bool actor = false, outsider = false;
    while (!actor || !outsider) {
        if (records_take(&tree.records, rings) == 0)
            sched_yield();
        actor = actor || has_ended(tree.actor);
        outsider = outsider || has_ended(tree.outsider);
    }
    uint64_t end = clock_boot_ns();
    while (tree.records.until_ns < end)
        records_take(&tree.records, rings);
}

static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

static int observe_tree(void **state)
{
    (void)state;
    int go[2];
    snprintf(tree.where, sizeof(tree.where), "/tmp/vedette-probe-test.XXXXXX");
    snprintf(tree.elsewhere, sizeof(tree.elsewhere), "/tmp/vedette-probe-test.XXXXXX");
    tree.acted = share(sizeof(*tree.acted));
    tree.outsider_acted = share(sizeof(*tree.outsider_acted));
    if (tree.acted == NULL || tree.outsider_acted == NULL || mkdtemp(tree.where) == NULL || mkdtemp(tree.elsewhere) == NULL || pipe(go) != 0)
        return -1;
    tree.actor = start_actor(go[0], tree.where, tree.acted);
    tree.outsider = start_actor(go[0], tree.elsewhere, tree.outsider_acted);
    struct probe *probe = start_probe(&everything, SCOPE_TREE, (uint32_t)tree.actor);
    if (probe == NULL)
        return -1;
    struct rings *rings = open_rings(probe);
    select_all(probe, 41);
    assert_int_equal(probe_plan_epoch(probe), 41);
    assert_int_equal(write(go[1], "go", 2), 2);
    drain_until_ended(rings);
    size_t n_coverage;
    const struct probe_coverage *coverage = probe_coverage(probe, &n_coverage);
    for (size_t i = 0; i < n_coverage; i++)
        if (!coverage[i].covered)
            printf("not covered: %s: %s\n", coverage[i].event->name, coverage[i].reason);
    rings_close(rings);
    probe_stop(probe);
    close(go[0]);
    close(go[1]);
    return 0;
}

static int forget_tree(void **state)
{
    (void)state;
    char command[160];
    snprintf(command, sizeof(command), "rm -rf %s %s", tree.where, tree.elsewhere);
    records_free(&tree.records);
    return system(command);
}

#define FOUND(event_, tgid_, argument_, text_) \
    ({                                         \
        const struct record_header *found_ = records_find(&tree.records, event_, tgid_, argument_, text_); \
        assert_non_null(found_);               \
        found_;                                \
    })
#define ASSERT_TEXT(record_, argument_, expected_) assert_string_equal(record_text(record_, argument_, text), expected_)

static const char *below(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", tree.where, name);
    return path;
}

static void test_records_in_order(void **state)
{
    (void)state;
    assert_true(tree.records.count > 50);
    assert_int_equal(tree.records.late, 0);
    for (size_t i = 0; i < tree.records.count; i++) {
        const struct event *event = event_by_id(tree.records.record[i]->event_id);
        assert_non_null(event);
        assert_int_equal(tree.records.class[i], event->class);
        assert_int_equal(tree.records.record[i]->plan_epoch, 41);
        assert_int_equal(tree.records.record[i]->flags & ~RECORD_FLAG_ALL, 0);
    }
}

static void test_records_of_nobody_else(void **state)
{
    (void)state;
    assert_int_not_equal(tree.outsider_acted->exec_pid, 0);
    for (size_t i = 0; i < tree.records.count; i++) {
        const struct record_header *record = tree.records.record[i];
        assert_int_not_equal(record->tgid, tree.outsider);
        assert_int_not_equal(record->ppid, tree.outsider);
        assert_int_not_equal(record->tgid, getpid());
        assert_true(record->tgid == (uint32_t)tree.actor || record->leader_start_ns > tree.records.record[0]->thread_start_ns);
        if ((record->flags & RECORD_SCOPE_ROOT) != 0)
            assert_int_equal(record->tgid, tree.actor);
        else
            assert_int_not_equal(record->tgid, tree.actor);
    }
}

static void test_header_facts(void **state)
{
    (void)state;
    const struct record_header *record = FOUND("security_file_open", (uint32_t)tree.actor, "pathname", below("vt-relative"));
    struct stat mnt, pid_ns;
    char host[65];
    assert_int_equal(stat("/proc/self/ns/mnt", &mnt), 0);
    assert_int_equal(stat("/proc/self/ns/pid", &pid_ns), 0);
    assert_int_equal(gethostname(host, sizeof(host)), 0);
    host[UTS_SIZE - 1] = '\0';
    assert_int_equal(record->ppid, getpid());
    assert_int_equal(record->tid, tree.actor);
    assert_int_equal(record->uid, geteuid());
    assert_int_equal(record->mnt_ns, mnt.st_ino);
    assert_int_equal(record->pid_ns, pid_ns.st_ino);
    assert_string_equal(record->uts, host);
    assert_string_equal(record->comm, "probe_test");
    assert_int_equal(record->ns_tid, record->tid);
    assert_true(record->parent_start_ns < record->leader_start_ns && record->leader_start_ns < record->time_ns);
}

static void test_fork_arguments(void **state)
{
    (void)state;
    char child[32];
    snprintf(child, sizeof(child), "%u", tree.acted->exec_pid);
    const struct record_header *fork = FOUND("sched_process_fork", (uint32_t)tree.actor, "child_pid", child);
    assert_int_equal(record_integer(fork, "parent_tid"), tree.actor);
    assert_int_equal(record_integer(fork, "parent_process_pid"), tree.actor);
    assert_int_equal(record_integer(fork, "parent_start_time"), fork->leader_start_ns);
    assert_int_equal(record_integer(fork, "leader_tid"), tree.acted->exec_pid);
    const struct record_header *exec = FOUND("sched_process_exec", tree.acted->exec_pid, NULL, NULL);
    assert_int_equal(record_integer(fork, "start_time"), exec->leader_start_ns);
    /* Twenty arguments, none missing. */
    const struct event *row = event_by_id(fork->event_id);
    for (size_t i = 0; i < row->n_args; i++)
        assert_non_null(record_item(fork, row->args[i].name));
}

static void test_exec_arguments(void **state)
{
    (void)state;
    const struct record_header *exec = FOUND("sched_process_exec", tree.acted->exec_pid, NULL, NULL);
    struct stat file;
    char expected[64];
    assert_int_equal(stat(below("vt-copy"), &file), 0);
    ASSERT_TEXT(exec, "pathname", below("vt-copy"));
    ASSERT_TEXT(exec, "cmdpath", "./vt-copy");
    ASSERT_TEXT(exec, "interp", "./vt-copy");
    ASSERT_TEXT(exec, "argv", "vt-argv0|actor-exit||");
    ASSERT_TEXT(exec, "env", "VT_ENV=1|VT_MORE=two words|");
    ASSERT_TEXT(exec, "prev_comm", "vt-before");
    ASSERT_TEXT(exec, "pwd", tree.where);
    assert_int_equal(record_integer(exec, "inode"), file.st_ino);
    assert_int_equal(record_integer(exec, "inode_mode"), file.st_mode);
    assert_int_equal(record_integer(exec, "ctime"), (int64_t)file.st_ctim.tv_sec * 1000000000 + file.st_ctim.tv_nsec);
    assert_int_equal(record_integer(exec, "link_count"), 1);
    assert_int_equal(record_integer(exec, "invoked_from_kernel"), 0);
    assert_int_equal(record_integer(exec, "stdin_type"), S_IFIFO);
    snprintf(expected, sizeof(expected), "pipe:[%llu]", (unsigned long long)tree.acted->stdin_inode);
    ASSERT_TEXT(exec, "stdin_path", expected);
    assert_int_equal(record_state(exec, "cgroup_path"), ITEM_COMPLETE);
    assert_int_equal(exec->ppid, tree.actor);
    assert_string_equal(exec->comm, "vt-copy");
}

static void test_exec_of_a_renamed_process(void **state)
{
    (void)state;
    ASSERT_TEXT(FOUND("sched_process_exec", tree.acted->nginx_pid, NULL, NULL), "prev_comm", "nginx");
}

static void test_exec_from_memory(void **state)
{
    (void)state;
    const struct record_header *exec = FOUND("sched_process_exec", tree.acted->memfd_pid, NULL, NULL);
    ASSERT_TEXT(exec, "pathname", "memfd:vt-memfd");
    assert_int_equal(record_integer(exec, "link_count"), 0);
    assert_int_equal(strncmp(record_text(exec, "cmdpath", text), "/dev/fd/", 8), 0);
}

static void test_exec_of_a_script(void **state)
{
    (void)state;
    const struct record_header *exec = FOUND("sched_process_exec", tree.acted->script_pid, NULL, NULL);
    ASSERT_TEXT(exec, "pathname", below("vt-copy"));
    ASSERT_TEXT(exec, "cmdpath", "./vt-script");
    ASSERT_TEXT(exec, "interp", below("vt-copy"));
}

static void test_exec_with_a_big_environment(void **state)
{
    (void)state;
    const struct record_header *exec = FOUND("sched_process_exec", tree.acted->big_pid, NULL, NULL);
    assert_int_equal(record_state(exec, "env"), ITEM_TRUNCATED);
    assert_int_equal(record_item(exec, "env")->length, 8192);
    assert_int_equal(record_state(exec, "argv"), ITEM_COMPLETE);
    ASSERT_TEXT(exec, "pathname", below("vt-copy"));
}

static void test_failed_exec_is_a_syscall(void **state)
{
    (void)state;
    const struct record_header *failed = FOUND("execve", (uint32_t)tree.actor, NULL, NULL);
    assert_int_equal(failed->ret, -ENOENT);
    ASSERT_TEXT(failed, "pathname", "/vt-does-not-exist");
    ASSERT_TEXT(failed, "argv", "vt-a|vt-bb|");
    ASSERT_TEXT(failed, "envp", "VT_E=1|");
    assert_int_equal(record_state(failed, "argv"), ITEM_COMPLETE | ITEM_USER);
    failed = FOUND("execveat", (uint32_t)tree.actor, NULL, NULL);
    ASSERT_TEXT(failed, "pathname", "/vt-does-not-exist-at");
    /* Success is told by sched_process_exec alone. */
    assert_int_equal(records_count(&tree.records, "execve", tree.acted->exec_pid), 0);
    assert_int_equal(records_count(&tree.records, "execveat", tree.acted->memfd_pid), 0);
}

static void test_open_shows_the_kernels_path(void **state)
{
    (void)state;
    const struct record_header *open = FOUND("security_file_open", (uint32_t)tree.actor, "syscall_pathname", "vt-relative");
    struct stat file;
    assert_int_equal(stat(below("vt-relative"), &file), 0);
    ASSERT_TEXT(open, "pathname", below("vt-relative"));
    assert_int_equal(record_integer(open, "flags") & (O_CREAT | O_EXCL | O_RDWR), O_CREAT | O_EXCL | O_RDWR);
    assert_int_equal(record_integer(open, "inode"), file.st_ino);
    assert_int_equal(record_state(open, "syscall_pathname"), ITEM_COMPLETE | ITEM_USER);
    assert_int_equal(open->flags & RECORD_SHARED_FDTABLE, 0);
    open = FOUND("security_file_open", (uint32_t)tree.actor, "syscall_pathname", "vt-link");
    ASSERT_TEXT(open, "pathname", below("vt-relative"));
    FOUND("security_file_open", (uint32_t)tree.actor, "pathname", below("vt-creat"));
    FOUND("security_file_open", (uint32_t)tree.actor, "pathname", below("vt-openat2"));
    assert_null(records_find(&tree.records, "security_file_open", 0, "syscall_pathname", "vt-missing"));
    assert_int_equal(FOUND("openat", (uint32_t)tree.actor, "pathname", "vt-missing")->ret, -ENOENT);
}

static void test_open_in_a_thread_is_marked(void **state)
{
    (void)state;
    size_t marked = 0;
    for (size_t i = 0; i < tree.records.count; i++) {
        const struct record_header *record = tree.records.record[i];
        if (record->event_id != EVENT_security_file_open || record->tid == record->tgid)
            continue;
        assert_int_equal(record->flags & RECORD_SHARED_FDTABLE, RECORD_SHARED_FDTABLE);
        marked++;
    }
    assert_int_equal(marked, 1);
}

static void test_open_of_deep_paths(void **state)
{
    (void)state;
    char expected[1024];
    int length = snprintf(expected, sizeof(expected), "%s", tree.where);
    for (int i = 0; i < DEEP_LEVELS; i++)
        length += snprintf(expected + length, sizeof(expected) - (size_t)length, "/deep");
    snprintf(expected + length, sizeof(expected) - (size_t)length, "/vt-deep");
    const struct record_header *open = FOUND("security_file_open", (uint32_t)tree.actor, "syscall_pathname", "vt-deep");
    ASSERT_TEXT(open, "pathname", expected);
    assert_int_equal(record_state(open, "pathname"), ITEM_COMPLETE);
    open = FOUND("security_file_open", (uint32_t)tree.actor, "syscall_pathname", "vt-deeper");
    assert_int_equal(record_state(open, "pathname"), ITEM_TRUNCATED);
    assert_non_null(strstr(record_text(open, "pathname", text), "/deep/deep/vt-deeper"));
}

static void test_rename_joins_directory_and_name(void **state)
{
    (void)state;
    uint32_t actor = (uint32_t)tree.actor;
    const struct record_header *rename = FOUND("security_inode_rename", actor, "old_path", below("vt-old"));
    ASSERT_TEXT(rename, "new_path", below("vt-new"));
    assert_int_equal(record_state(rename, "new_path"), ITEM_COMPLETE | ITEM_USER);
    rename = FOUND("security_inode_rename", actor, "old_path", below("vt-new"));
    ASSERT_TEXT(rename, "new_path", below("vt-newer"));
    rename = FOUND("security_inode_rename", actor, "old_path", below("vt-newer"));
    ASSERT_TEXT(rename, "new_path", below("vt-sub/vt-moved"));
    rename = FOUND("security_inode_rename", actor, "old_path", below("vt-sub/vt-moved"));
    ASSERT_TEXT(rename, "new_path", below("./vt-sub/../vt-back")); /* as the caller wrote it */
    assert_int_equal(records_count(&tree.records, "security_inode_rename", 0), 4);
    assert_int_equal(FOUND("rename", actor, "oldpath", "vt-nothing")->ret, -ENOENT);
}

static void test_syscall_arguments(void **state)
{
    (void)state;
    const struct record_header *made = FOUND("memfd_create", (uint32_t)tree.actor, "name", "vt-just-made");
    assert_true(made->ret >= 0);
    assert_int_equal(record_integer(made, "flags"), 2);
    const struct record_header *traced = FOUND("ptrace", tree.acted->traced_pid, NULL, NULL);
    assert_int_equal(traced->ret, 0);
    assert_int_equal(record_integer(traced, "request"), 0);
    assert_int_equal(traced->syscall, 101);
}

static void test_exit_codes(void **state)
{
    (void)state;
    const struct record_header *ended = FOUND("sched_process_exit", tree.acted->exec_pid, NULL, NULL);
    assert_int_equal(record_integer(ended, "exit_code"), 7);
    assert_int_equal(tree.acted->exec_result, 7);
    assert_int_equal(record_integer(ended, "process_group_exit"), 1);
    ended = FOUND("sched_process_exit", tree.acted->killed_pid, NULL, NULL);
    assert_int_equal(record_integer(ended, "signal_code"), SIGKILL);
    /* The actor's thread ended before it. */
    assert_int_equal(records_count(&tree.records, "sched_process_exit", (uint32_t)tree.actor), 2);
    ended = FOUND("sched_process_exit", (uint32_t)tree.actor, NULL, NULL);
    assert_int_equal(record_integer(ended, "process_group_exit"), 0);
}

static void test_scope_survives_the_parent(void **state)
{
    (void)state;
    const struct record_header *open = FOUND("security_file_open", tree.acted->orphan_pid, "pathname", below("vt-creat"));
    assert_int_not_equal(open->ppid, tree.actor);
}

static void test_compat_calls_are_translated(void **state)
{
    (void)state;
    if (tree.acted->int80 == NO_INT80) {
        printf("this kernel has no int 0x80: not tested\n");
        skip();
    }
    assert_true(tree.acted->int80 >= 0);
    const struct record_header *open = FOUND("open", tree.acted->int80_pid, "pathname", "vt-relative");
    assert_int_equal(open->flags & RECORD_COMPAT, RECORD_COMPAT);
    assert_int_equal(open->syscall, 2);
    assert_int_equal(open->ret, tree.acted->int80);
    open = FOUND("security_file_open", tree.acted->int80_pid, "pathname", below("vt-relative"));
    assert_int_equal(open->flags & RECORD_COMPAT, RECORD_COMPAT);
}

/* Attempts = records seen + lost, for every class and CPU, when nobody reads and the rings are a page each. */
static void test_losses_are_exact(void **state)
{
    (void)state;
    int go[2];
    char byte;
    static const struct probe_settings tiny = {.ring_bytes = {4096, 4096, 4096}};
    assert_int_equal(pipe(go), 0);
    pid_t flood = fork();
    if (flood == 0) {
        if (read(go[0], &byte, 1) == 1)
            for (int i = 0; i < FLOOD; i++) {
                close(memfd_create("vt-flood", 0));
                close(open("/", O_RDONLY));
            }
        _exit(0);
    }
    struct probe *probe = start_probe(&tiny, SCOPE_TREE, (uint32_t)flood);
    assert_non_null(probe);
    struct rings *rings = open_rings(probe);
    struct records *records = calloc(1, sizeof(*records));
    uint64_t begin = clock_boot_ns();
    select_all(probe, 1);
    assert_int_equal(write(go[1], "g", 1), 1);
    assert_int_equal(waitpid(flood, NULL, 0), flood);
    uint64_t end = clock_boot_ns();
    while (records->until_ns < end)
        records_take(records, rings);
    uint64_t seen[CLASS_COUNT] = {0}, attempts[CLASS_COUNT] = {0}, lost[CLASS_COUNT] = {0};
    for (size_t i = 0; i < records->count; i++)
        seen[records->class[i]]++;
    for (uint32_t cpu = 0; cpu < probe_cpus(probe); cpu++)
        for (enum event_class class = 0; class < CLASS_COUNT; class++) {
            const volatile struct ring_account *account = probe_account(probe, cpu, class, CONTEXT_TASK);
            attempts[class] += account->attempts;
            lost[class] += account->lost;
            if (account->lost > 0)
                assert_true(account->first_ns > begin && account->first_ns <= account->last_ns && account->last_ns < end);
        }
    for (enum event_class class = 0; class < CLASS_COUNT; class++)
        assert_int_equal(attempts[class], seen[class] + lost[class]);
    assert_int_equal(attempts[CLASS_WATCHED], FLOOD);
    assert_int_equal(attempts[CLASS_BULK], 2 * FLOOD);
    assert_true(lost[CLASS_WATCHED] > FLOOD / 2);
    assert_int_equal(lost[CLASS_CRITICAL], 0);
    records_free(records);
    free(records);
    rings_close(rings);
    probe_stop(probe);
    close(go[0]);
    close(go[1]);
}

/* Own processes are left out of the bulk class only; the plan takes effect and ceases. */
static void test_own_processes(void **state)
{
    (void)state;
    uint32_t own = (uint32_t)getpid();
    struct probe *probe = start_probe(&everything, SCOPE_TREE, own);
    assert_non_null(probe);
    struct rings *rings = open_rings(probe);
    struct records *records = calloc(1, sizeof(*records));
    close(memfd_create("vt-before-the-plan", 0));
    select_all(probe, 1);
    close(open("/", O_RDONLY));
    probe_set_self(probe, &own, 1);
    close(open("/", O_RDONLY));
    close(memfd_create("vt-own", 0));
    struct plan_request nothing = {.epoch = 2};
    probe_apply_plan(probe, &nothing);
    close(memfd_create("vt-after-the-plan", 0));
    uint64_t end = clock_boot_ns();
    while (records->until_ns < end)
        records_take(records, rings);
    assert_int_equal(records_count(records, "security_file_open", own), 1);
    assert_int_equal(records_count(records, "memfd_create", own), 1);
    assert_non_null(records_find(records, "memfd_create", own, "name", "vt-own"));
    size_t n_hooks;
    const struct probe_hook *hooks = probe_read_misses(probe, &n_hooks);
    assert_true(n_hooks >= 5);
    for (size_t i = 0; i < n_hooks; i++)
        assert_true(hooks[i].counted);
    records_free(records);
    free(records);
    rings_close(rings);
    probe_stop(probe);
}

/* In a pid namespace of its own: the scope is named, and the processes are numbered, as seen from there. */
static int snapshot_in_namespace(void)
{
    pid_t sleepers[NEWER_SLEEPERS];
    int block[2], ok = pipe(block);
    for (int i = 0; i < NEWER_SLEEPERS; i++) {
        sleepers[i] = fork();
        if (sleepers[i] == 0) {
            char byte;
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(block[1]);
            _exit((int)read(block[0], &byte, 1));
        }
    }
    struct probe *probe = start_probe(&everything, SCOPE_CHILDREN, (uint32_t)getpid());
    if (ok != 0 || probe == NULL || getpid() != 1)
        return 10;
    int found = 0, others = 0, marked = 0, rounds = 0;
    for (; probe_snapshot_begin(probe) == 0; rounds++) {
        const struct record_header *record;
        size_t available;
        found = others = marked = 0;
        while ((record = probe_snapshot_next(probe, &available)) != NULL) {
            bool ours = false;
            for (int i = 0; i < NEWER_SLEEPERS; i++)
                ours = ours || record->ns_tgid == (uint32_t)sleepers[i];
            found += ours && record->event_id == EVENT_existing_process && strstr(record_text(record, "pathname", text), "probe_test") != NULL;
            others += !ours;
            marked += record->ns_ppid == 1 && (record->flags & RECORD_SCOPE_ROOT) != 0;
        }
        if (found != NEWER_SLEEPERS || others != 0)
            break;
    }
    probe_stop(probe);
    close(block[1]);
    if (rounds != 16 || found != NEWER_SLEEPERS || marked != NEWER_SLEEPERS || others != 0) {
        printf("rounds %d, found %d, marked %d, others %d\n", rounds, found, marked, others);
        return 11;
    }
    return 0;
}

static void test_snapshot_from_a_pid_namespace(void **state)
{
    (void)state;
    int status;
    pid_t outer = fork();
    if (outer == 0) {
        if (unshare(CLONE_NEWPID) != 0)
            _exit(12);
        pid_t inner = fork();
        if (inner == 0) {
            int result = snapshot_in_namespace();
            fflush(stdout);
            _exit(result);
        }
        waitpid(inner, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 13);
    }
    assert_int_equal(waitpid(outer, &status, 0), outer);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_settings_are_checked(void **state)
{
    (void)state;
    struct probe *probe = NULL;
    char error[PROBE_ERROR_BYTES];
    struct probe_settings settings = everything;
    settings.ring_bytes[CLASS_BULK] = 5000;
    assert_int_equal(probe_start(&settings, &probe, error), -EXIT_CODE_USAGE);
    assert_non_null(strstr(error, "rings.bulk"));
    settings = everything;
    settings.scope = SCOPE_TREE;
    settings.scope_pid = 4194305; /* above the largest pid there can be */
    assert_int_equal(probe_start(&settings, &probe, error), -EXIT_CODE_USAGE);
    assert_string_equal(error, "there is no process 4194305");
    settings.scope = SCOPE_CGROUP;
    settings.cgroup_path = "/proc";
    assert_int_equal(probe_start(&settings, &probe, error), -EXIT_CODE_USAGE);
    assert_null(probe);
}

/* An event that may not be selected has no hook and no record, and says so. */
static void test_not_allowed_is_not_covered(void **state)
{
    (void)state;
    struct probe *probe = NULL;
    char error[PROBE_ERROR_BYTES];
    struct probe_settings settings = everything;
    settings.allowed[EVENT_sched_process_exec] = 1;
    assert_int_equal(probe_start(&settings, &probe, error), 0);
    size_t count;
    const struct probe_coverage *coverage = probe_coverage(probe, &count);
    for (size_t i = 0; i < count; i++) {
        bool expected = coverage[i].event->id == EVENT_sched_process_exec || coverage[i].event->id == EVENT_existing_process;
        assert_int_equal(coverage[i].covered, expected);
        assert_int_equal(coverage[i].reason[0] == '\0', expected);
    }
    const struct probe_hook *hooks = probe_read_misses(probe, &count);
    for (size_t i = 0; i < count; i++)
        assert_string_not_equal(hooks[i].name, "tp_btf/sys_exit");
    probe_stop(probe);
}

static int can_load(void)
{
    struct probe *probe = NULL;
    char error[PROBE_ERROR_BYTES];
    struct probe_settings settings = everything;
    int result = probe_start(&settings, &probe, error);
    probe_stop(result == 0 ? probe : NULL);
    if (result == -EXIT_CODE_PRIVILEGE || strstr(error, "/sys/kernel/btf") != NULL || strstr(error, "lockdown") != NULL) {
        printf("skipped: %s\n", error);
        return SKIP;
    }
    return 0;
}

int main(int argc, char **argv)
{
    actor_main(argc, argv);
    int skipped = can_load();
    if (skipped != 0)
        return skipped;
    const struct CMUnitTest observed[] = {
        cmocka_unit_test(test_records_in_order),
        cmocka_unit_test(test_records_of_nobody_else),
        cmocka_unit_test(test_header_facts),
        cmocka_unit_test(test_fork_arguments),
        cmocka_unit_test(test_exec_arguments),
        cmocka_unit_test(test_exec_of_a_renamed_process),
        cmocka_unit_test(test_exec_from_memory),
        cmocka_unit_test(test_exec_of_a_script),
        cmocka_unit_test(test_exec_with_a_big_environment),
        cmocka_unit_test(test_failed_exec_is_a_syscall),
        cmocka_unit_test(test_open_shows_the_kernels_path),
        cmocka_unit_test(test_open_in_a_thread_is_marked),
        cmocka_unit_test(test_open_of_deep_paths),
        cmocka_unit_test(test_rename_joins_directory_and_name),
        cmocka_unit_test(test_syscall_arguments),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_scope_survives_the_parent),
        cmocka_unit_test(test_compat_calls_are_translated),
    };
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_losses_are_exact),
        cmocka_unit_test(test_own_processes),
        cmocka_unit_test(test_snapshot_from_a_pid_namespace),
        cmocka_unit_test(test_settings_are_checked),
        cmocka_unit_test(test_not_allowed_is_not_covered),
    };
    int failed = cmocka_run_group_tests_name("observed", observed, observe_tree, forget_tree);
    return failed + cmocka_run_group_tests_name("others", others, NULL, NULL);
}
