/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the records of a process tree of the test's own say, on the running kernel, next to an outsider that does the
 * same; what other processes do is neither looked at nor kept. Exits 77 where programs cannot be loaded.
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
#include "collector/probe/test_probe.h"
#include "collector/probe/test_records.h"
#include "common/base/clock.h"
#include "common/base/exit_code.h"

static struct {
    struct records records;
    struct acted *acted, *outsider_acted;
    pid_t actor, outsider;
    char where[64], elsewhere[64];
} tree;

static char text[TEST_PATH_BYTES];

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
    if (tree.acted == NULL || tree.outsider_acted == NULL || mkdtemp(tree.where) == NULL ||
        mkdtemp(tree.elsewhere) == NULL || pipe(go) != 0)
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

#define FOUND(event_, tgid_, argument_, text_)                                                                         \
    ({                                                                                                                 \
        const struct record_header *found_ = records_find(&tree.records, event_, tgid_, argument_, text_);             \
        assert_non_null(found_);                                                                                       \
        found_;                                                                                                        \
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
        assert_int_equal(tree.records.class[i], event -> class);
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
        assert_int_not_equal(record->tgid, tree.outsider_acted->sibling_pid);
        assert_int_not_equal(record->tgid, getpid());
        assert_true(record->tgid == (uint32_t)tree.actor ||
                    record->leader_start_ns > tree.records.record[0]->thread_start_ns);
        if ((record->flags & RECORD_SCOPE_ROOT) != 0)
            assert_int_equal(record->tgid, tree.actor);
        else
            assert_int_not_equal(record->tgid, tree.actor);
    }
}

static void test_header_facts(void **state)
{
    (void)state;
    const struct record_header *record =
        FOUND("security_file_open", (uint32_t)tree.actor, "pathname", below("vt-relative"));
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
    assert_string_equal(record->comm, "observed_test");
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
    const struct record_header *open =
        FOUND("security_file_open", (uint32_t)tree.actor, "syscall_pathname", "vt-relative");
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

static void test_exec_by_a_thread(void **state)
{
    (void)state;
    uint32_t pid = tree.acted->thread_exec_pid;
    const struct record_header *exec = FOUND("sched_process_exec", pid, NULL, NULL);
    assert_int_equal(exec->tid, pid);
    ASSERT_TEXT(exec, "prev_comm", "vt-not-leader");
    ASSERT_TEXT(exec, "argv", "vt-thread|actor-exit|");
    /* The old leader's end is not the process's. */
    size_t ends = 0, last = 0;
    for (size_t i = 0; i < tree.records.count; i++)
        if (tree.records.record[i]->event_id == EVENT_sched_process_exit && tree.records.record[i]->tgid == pid) {
            ends++;
            last += (size_t)record_integer(tree.records.record[i], "process_group_exit");
        }
    assert_int_equal(ends, 2);
    assert_int_equal(last, 1);
    assert_int_equal(records_count(&tree.records, "execve", pid), 0);
}

static void test_scope_follows_the_creator(void **state)
{
    (void)state;
    const struct record_header *open =
        FOUND("security_file_open", tree.acted->sibling_pid, "pathname", below("vt-creat"));
    assert_int_equal(open->ppid, getpid());
    char child[32];
    snprintf(child, sizeof(child), "%u", tree.acted->sibling_pid);
    const struct record_header *fork = FOUND("sched_process_fork", (uint32_t)tree.actor, "child_pid", child);
    assert_int_equal(record_integer(fork, "parent_pid"), tree.actor);
    assert_int_equal(record_integer(fork, "parent_process_pid"), getpid());
}

static void test_scope_survives_the_parent(void **state)
{
    (void)state;
    const struct record_header *open =
        FOUND("security_file_open", tree.acted->orphan_pid, "pathname", below("vt-creat"));
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

int main(int argc, char **argv)
{
    actor_main(argc, argv);
    int skipped = can_load();
    if (skipped != 0)
        return skipped;
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(test_exec_by_a_thread),
        cmocka_unit_test(test_scope_follows_the_creator),
        cmocka_unit_test(test_scope_survives_the_parent),
        cmocka_unit_test(test_compat_calls_are_translated),
    };
    return cmocka_run_group_tests(tests, observe_tree, forget_tree);
}
