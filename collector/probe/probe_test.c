/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scopes, losses, the plan and the snapshot on the running kernel, with processes of the test's own. Exits 77 where
 * programs cannot be loaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "collector/probe/test_probe.h"
#include "collector/probe/test_records.h"
#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/wire/coverage.h"

enum { FLOOD = 3000, NEWER_SLEEPERS = 3 };

static char text[TEST_PATH_BYTES];

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
    select_some(probe, (const uint32_t[]){EVENT_memfd_create, EVENT_open, EVENT_openat, EVENT_security_file_open}, 4);
    assert_int_equal(write(go[1], "g", 1), 1);
    assert_int_equal(waitpid(flood, NULL, 0), flood);
    uint64_t end = clock_boot_ns();
    while (records->until_ns < end)
        records_take(records, rings);
    uint64_t seen[CLASS_COUNT] = {0}, attempts[CLASS_COUNT] = {0}, lost[CLASS_COUNT] = {0};
    for (size_t i = 0; i < records->count; i++)
        seen[records->class[i]]++;
    for (uint32_t cpu = 0; cpu < probe_cpus(probe); cpu++)
        for (enum event_class class = 0; class < CLASS_COUNT; class ++) {
            const volatile struct ring_account *account = probe_account(probe, cpu, class, CONTEXT_TASK);
            attempts[class] += account->attempts;
            lost[class] += account->lost;
            if (account->lost > 0)
                assert_true(account->first_ns > begin && account->first_ns <= account->last_ns &&
                            account->last_ns < end);
        }
    for (enum event_class class = 0; class < CLASS_COUNT; class ++)
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

/* What the kernel measures for itself of two hooks that the self-test provokes. */
static void check_hooks(struct probe *probe)
{
    size_t n_attached, n_all, known = 0;
    probe_read_misses(probe, &n_attached);
    const struct probe_hook *hooks = probe_hooks(probe, &n_all);
    assert_true(n_all >= n_attached);
    for (size_t i = 0; i < n_all; i++) {
        assert_int_equal(hooks[i].attached, i < n_attached);
        assert_int_equal(hooks[i].reason[0] == '\0', hooks[i].attached);
        if (strcmp(hooks[i].name, "tp_btf/sys_exit") == 0 || strcmp(hooks[i].name, "tp_btf/sched_process_fork") == 0) {
            assert_int_equal(hooks[i].self_test, PROBE_PASSED);
            print_message("%s preemptible: %s\n", hooks[i].name, preemptible_name(hooks[i].preemptible));
            known++;
        }
    }
    assert_int_equal(known, 2);
}

static void watch(struct plan_request *plan, uint16_t event, enum watch_part part, const char *content, uint8_t access)
{
    struct watch_row *row = &plan->watch[plan->n_watches++];
    *row = (struct watch_row){.event_id = event, .part = (uint8_t)part, .access = access};
    row->length = (uint8_t)strnlen(content, WATCH_TEXT);
    memcpy(row->text, content, row->length);
}

static void open_and_write(const char *path, int flags, const char *content, size_t size)
{
    int fd = open(path, flags | O_CREAT, 0600);
    assert_true(fd >= 0);
    if (size > 0)
        assert_int_equal(write(fd, content, size), size);
    close(fd);
}

static const char *const watched_files[] = {"vt-named", "vt-dir/a/b/c", "xvt-ending", "vt-longer-than-what-is-compared",
                                            "vt-other"};

/* Every file of the list, opened for reading, then for writing with an ELF's first bytes. */
static void act_watched(void)
{
    for (size_t i = 0; i < sizeof(watched_files) / sizeof(watched_files[0]); i++) {
        open_and_write(watched_files[i], O_RDONLY, "", 0);
        open_and_write(watched_files[i], O_WRONLY, i % 2 == 0 ? "\177ELFx" : "#!/bin/x", 5);
    }
}

/* How many opens, and first writes, of the file came in that class. */
static size_t count_of(const struct records *records, const char *event, const char *name, uint32_t class)
{
    size_t n = 0;
    for (size_t i = 0; i < records->count; i++) {
        const struct record_header *record = records->record[i];
        if (record->event_id != event_by_name(event)->id || records->class[i] != class)
            continue;
        const char *path = record_text(record, "pathname", text);
        const size_t length = strlen(path), wanted = strlen(name);
        n += length > wanted && path[length - wanted - 1] == '/' && strcmp(path + length - wanted, name) == 0;
    }
    return n;
}

/* Only what a row holds for comes, in a class that the others' flood does not reach; of an event that is wanted whole
 * the others come too, as they did. */
static void test_watched_files(void **state)
{
    (void)state;
    static struct plan_request plan;
    char directory[] = "/tmp/vt-watch.XXXXXX";
    int home = open(".", O_PATH | O_DIRECTORY);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(mkdir("vt-dir", 0700) | mkdir("vt-dir/a", 0700) | mkdir("vt-dir/a/b", 0700), 0);
    struct probe *probe = start_probe(&everything, SCOPE_TREE, (uint32_t)getpid());
    assert_non_null(probe);
    struct rings *rings = open_rings(probe);
    for (uint32_t epoch = 1; epoch <= 2; epoch++) {
        const bool whole = epoch == 2;
        struct records *records = calloc(1, sizeof(*records));
        plan = (struct plan_request){.epoch = epoch};
        plan.selected[EVENT_security_file_open] = plan.selected[EVENT_magic_write] =
            whole ? SELECTED_ALL : SELECTED_WATCHED;
        watch(&plan, EVENT_security_file_open, WATCH_NAME, "vt-named", 1);
        watch(&plan, EVENT_security_file_open, WATCH_NAME, "vt-longer-than-what-is-compared", 2);
        watch(&plan, EVENT_security_file_open, WATCH_DIRECTORY, "vt-dir", 0);
        watch(&plan, EVENT_security_file_open, WATCH_NAME_END, "t-ending", 4); /* never opened for both */
        watch(&plan, EVENT_magic_write, WATCH_CONTENT, "\177ELF", 0);
        probe_apply_plan(probe, &plan);
        act_watched();
        uint64_t end = clock_boot_ns();
        while (records->until_ns < end)
            records_take(records, rings);
        static const size_t opens[] = {1, 2, 0, 1, 0}, writes[] = {1, 0, 1, 0, 1};
        for (size_t i = 0; i < sizeof(watched_files) / sizeof(watched_files[0]); i++) {
            const char *name = watched_files[i];
            assert_int_equal(count_of(records, "security_file_open", name, CLASS_WATCHED), opens[i]);
            assert_int_equal(count_of(records, "security_file_open", name, CLASS_BULK), whole ? 2 - opens[i] : 0);
            assert_int_equal(count_of(records, "magic_write", name, CLASS_WATCHED), writes[i]);
            assert_int_equal(count_of(records, "magic_write", name, CLASS_BULK), whole ? 1 - writes[i] : 0);
        }
        records_free(records);
        free(records);
    }
    rings_close(rings);
    probe_stop(probe);
    for (size_t i = 0; i < sizeof(watched_files) / sizeof(watched_files[0]); i++)
        unlink(watched_files[i]);
    assert_int_equal(rmdir("vt-dir/a/b") | rmdir("vt-dir/a") | rmdir("vt-dir") | rmdir(directory), 0);
    assert_int_equal(fchdir(home), 0);
    close(home);
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
        assert_true(hooks[i].attached && hooks[i].counted);
    check_hooks(probe);
    records_free(records);
    free(records);
    rings_close(rings);
    probe_stop(probe);
}

/* Runs `act` in a child under a scope whose root or cgroup it is to enter, and collects. */
static struct records *observe_child(const struct probe_settings *settings, enum scope_kind scope, const char *join,
                                     pid_t *ret_child)
{
    int go[2];
    char byte;
    assert_int_equal(pipe(go), 0);
    *ret_child = fork();
    if (*ret_child == 0) {
        if (read(go[0], &byte, 1) != 1)
            _exit(1);
        int procs = join != NULL ? open(join, O_WRONLY | O_CLOEXEC) : -1;
        if (procs >= 0 && write(procs, "0", 1) != 1)
            _exit(2);
        if (fork() == 0) {
            close(open("/proc", O_RDONLY));
            _exit(0);
        }
        wait(NULL);
        _exit(3);
    }
    struct probe *probe = start_probe(settings, scope, (uint32_t)getpid());
    assert_non_null(probe);
    struct rings *rings = open_rings(probe);
    struct records *records = calloc(1, sizeof(*records));
    assert_non_null(records);
    select_all(probe, 1);
    close(open("/proc", O_RDONLY)); /* ours: outside */
    assert_int_equal(write(go[1], "g", 1), 1);
    int status;
    assert_int_equal(waitpid(*ret_child, &status, 0), *ret_child);
    assert_int_equal(WEXITSTATUS(status), 3);
    uint64_t end = clock_boot_ns();
    while (records->until_ns < end)
        records_take(records, rings);
    rings_close(rings);
    probe_stop(probe);
    close(go[0]);
    close(go[1]);
    return records;
}

/* The root itself is outside; the fork of its child is told by the child. (That child is older than the probe: found by
 * the walk.) */
static void test_scope_children(void **state)
{
    (void)state;
    pid_t child;
    struct records *records = observe_child(&everything, SCOPE_CHILDREN, NULL, &child);
    assert_int_equal(records_count(records, "security_file_open", 0), 1);
    for (size_t i = 0; i < records->count; i++) {
        const struct record_header *record = records->record[i];
        assert_true(record->tgid == (uint32_t)child || record->ppid == (uint32_t)child);
        assert_int_equal((record->flags & RECORD_SCOPE_ROOT) != 0, record->tgid == (uint32_t)child);
    }
    assert_int_equal(records_count(records, "sched_process_exit", 0), 2);
    records_free(records);
    free(records);
}

static void test_scope_cgroup(void **state)
{
    (void)state;
    char root[256], path[320], procs[340];
    pid_t child;
    if (!find_cgroup2(root)) {
        printf("no cgroup2 file system is mounted: not tested\n");
        skip();
    }
    snprintf(path, sizeof(path), "%s/vedette-probe-test-%d", root, getpid());
    snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
    if (mkdir(path, 0755) != 0) {
        printf("%s: %s: not tested\n", path, strerror(errno));
        skip();
    }
    struct probe_settings settings = everything;
    settings.cgroup_path = path;
    struct records *records = observe_child(&settings, SCOPE_CGROUP, procs, &child);
    rmdir(path);
    assert_int_equal(records_count(records, "security_file_open", 0), 1);
    const struct record_header *open = records_find(records, "security_file_open", 0, "pathname", "/proc");
    assert_non_null(open);
    assert_int_equal(open->ppid, child);
    assert_int_equal(records_count(records, "sched_process_fork", 0), 1);
    records_free(records);
    free(records);
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
            found += ours && record->event_id == EVENT_existing_process &&
                     strstr(record_text(record, "pathname", text), "probe_test") != NULL;
            others += !ours;
            marked += record->ns_ppid == 1 && (record->flags & RECORD_SCOPE_ROOT) != 0;
        }
        if (found != NEWER_SLEEPERS || others != 0)
            break;
    }
    probe_stop(probe);
    close(block[1]);
    if (rounds < PROBE_SNAPSHOTS || found != NEWER_SLEEPERS || marked != NEWER_SLEEPERS || others != 0) {
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
    assert_non_null(strstr(error, "ring.bulk"));
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

static bool wakes(const struct rings *rings, int timeout_ms)
{
    struct pollfd wake = {.fd = rings_fd(rings), .events = POLLIN};
    return poll(&wake, 1, timeout_ms) == 1;
}

static void drop_all(struct rings *rings, bool wake)
{
    const struct ring_record *records;
    uint64_t until_ns, end = clock_boot_ns();
    do {
        rings_round(rings, &records, &until_ns);
        rings_release(rings, wake);
    } while (until_ns < end);
}

/* A critical event wakes; under a storm only the half full ring does. */
static void test_storm(void **state)
{
    (void)state;
    enum { FEW = 8, RING = 64 * 1024 };
    static const uint32_t events[] = {EVENT_ptrace};
    struct probe_settings settings = everything;
    settings.ring_bytes[CLASS_CRITICAL] = RING;
    struct probe *probe = start_probe(&settings, SCOPE_TREE, (uint32_t)getpid());
    assert_non_null(probe);
    select_some(probe, events, 1);
    struct rings *rings = open_rings(probe);
    drop_all(rings, true);
    assert_false(wakes(rings, 0));
    ptrace(-1, 0, NULL, NULL);
    assert_true(wakes(rings, 10000));
    probe_set_storm(probe, true);
    drop_all(rings, false);
    for (int i = 0; i < FEW; i++)
        ptrace(-1, 0, NULL, NULL);
    assert_false(wakes(rings, 0));
    for (size_t i = 0; i < RING / sizeof(struct record_header); i++)
        ptrace(-1, 0, NULL, NULL);
    assert_true(wakes(rings, 10000));
    drop_all(rings, false);
    probe_set_storm(probe, false);
    ptrace(-1, 0, NULL, NULL);
    assert_true(wakes(rings, 10000));
    rings_close(rings);
    probe_stop(probe);
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
        if (coverage[i].event->sources[0].kind == SOURCE_ITERATOR) /* always: what was there before */
            continue;
        bool expected = coverage[i].event->id == EVENT_sched_process_exec;
        assert_int_equal(coverage[i].covered, expected);
        assert_int_equal(coverage[i].reason[0] == '\0', expected);
        assert_int_not_equal(coverage[i].self_test, PROBE_FAILED);
        assert_true(expected || coverage[i].self_test == PROBE_NOT_RUN);
    }
    const struct probe_hook *hooks = probe_read_misses(probe, &count);
    for (size_t i = 0; i < count; i++)
        assert_string_not_equal(hooks[i].name, "tp_btf/sys_exit");
    probe_stop(probe);
}

int main(void)
{
    int skipped = can_load();
    if (skipped != 0)
        return skipped;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_are_exact),
        cmocka_unit_test(test_own_processes),
        cmocka_unit_test(test_watched_files),
        cmocka_unit_test(test_scope_children),
        cmocka_unit_test(test_scope_cgroup),
        cmocka_unit_test(test_snapshot_from_a_pid_namespace),
        cmocka_unit_test(test_settings_are_checked),
        cmocka_unit_test(test_not_allowed_is_not_covered),
        cmocka_unit_test(test_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
