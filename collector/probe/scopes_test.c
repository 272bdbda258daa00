/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of whom events are wanted, on the running kernel, with processes of the test's own: what no scope holds for is
 * neither sent nor counted. Exits 77 where programs cannot be loaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <endian.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "collector/probe/test_actor.h"
#include "collector/probe/test_probe.h"
#include "collector/probe/test_records.h"
#include "common/base/clock.h"

enum { OTHER_UID = 12345 };

static struct probe *probe;
static struct rings *rings;

static int open_probe(void **state)
{
    (void)state;
    probe = start_probe(&everything, SCOPE_TREE, (uint32_t)getpid());
    rings = probe == NULL ? NULL : open_rings(probe);
    return rings == NULL ? -1 : 0;
}

static int close_probe(void **state)
{
    (void)state;
    rings_close(rings);
    probe_stop(probe);
    return 0;
}

/* -- who acts -- */

static void act(const char *who)
{
    close(memfd_create(who, 0));
    close(open("/dev/null", O_RDONLY));
}

static void act_as(const char *comm, const char *who)
{
    char before[16];
    prctl(PR_GET_NAME, before);
    prctl(PR_SET_NAME, comm);
    act(who);
    prctl(PR_SET_NAME, before);
}

static void become_other(void)
{
    prctl(PR_SET_NAME, "vt-alpha");
    assert_int_equal(syscall(SYS_setresuid, -1, OTHER_UID, -1), 0);
}

static void become_apart(void)
{
    prctl(PR_SET_NAME, "vt-x"); /* what follows the NUL in the kernel may still be of the name before */
    assert_int_equal(unshare(CLONE_NEWUTS | CLONE_NEWNS), 0);
    assert_int_equal(sethostname("vt-host-of-scopes", 17), 0);
}

static void act_in_child(void (*become)(void), const char *who)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        become();
        act(who);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* "A" and "B" are this process by two names, "C" another user, "D" another host in other namespaces. */
static void act_all(void)
{
    act_as("vt-alpha", "A");
    act_as("vt-beta", "B");
    act_in_child(become_other, "C");
    act_in_child(become_apart, "D");
}

/* -- scopes -- */

static struct plan_request plan;

static struct scope_value *add_value(uint8_t scope, enum task_key key, uint8_t flags)
{
    struct scope_value *value = &plan.scopes.value[plan.scopes.n_values++];
    *value = (struct scope_value){.scope = scope, .key = (uint8_t)key, .flags = flags};
    return value;
}

static void number(uint8_t scope, enum task_key key, uint64_t from, uint64_t to, uint8_t flags)
{
    struct scope_value *value = add_value(scope, key, flags);
    value->low[0] = from;
    value->high[0] = to;
    value->high[1] = UINT64_MAX;
}

static void name(uint8_t scope, enum task_key key, const char *text, uint8_t rest, uint8_t flags)
{
    struct scope_value *value = add_value(scope, key, flags);
    memset(value->high, rest, sizeof(value->high));
    memcpy(value->low, text, strlen(text));
    memcpy(value->high, text, strlen(text));
    for (int i = 0; i < 2; i++) {
        value->low[i] = be64toh(value->low[i]);
        value->high[i] = be64toh(value->high[i]);
    }
}

enum {
    END = SCOPE_ENDS_KEY | SCOPE_ENDS,
    END_NOT = END | SCOPE_NONE_OF,
    KEY = SCOPE_ENDS_KEY,
};

static uint64_t namespace_of(const char *path)
{
    struct stat stat_of;
    assert_int_equal(stat(path, &stat_of), 0);
    return stat_of.st_ino;
}

static void make_uid(void)
{
    number(0, TASK_KEY_UID, OTHER_UID, OTHER_UID, END);
}

static void make_not_uid(void)
{
    number(0, TASK_KEY_UID, OTHER_UID, OTHER_UID, END_NOT);
}

static void make_range(void)
{
    number(0, TASK_KEY_UID, 1, INT64_MAX, END);
}

static void make_never(void)
{
    number(0, TASK_KEY_UID, 1, 0, END);
}

static void make_comm(void)
{
    name(0, TASK_KEY_COMM, "vt-alph", 0, 0);
    name(0, TASK_KEY_COMM, "vt-x", 0, 0);
    name(0, TASK_KEY_COMM, "vt-beta", 0, END);
}

static void make_prefix(void)
{
    name(0, TASK_KEY_COMM, "vt-alph", 0xff, END);
}

static void make_neither(void)
{
    name(0, TASK_KEY_COMM, "vt-alpha", 0, 0);
    name(0, TASK_KEY_COMM, "vt-be", 0xff, END_NOT);
}

static void make_both(void)
{
    name(0, TASK_KEY_COMM, "vt-", 0xff, KEY);
    number(0, TASK_KEY_UID, 0, 0, KEY);
    name(0, TASK_KEY_COMM, "vt-beta", 0, END_NOT);
}

static void make_host(void)
{
    name(0, TASK_KEY_HOSTNAME, "vt-host-of-scop", 0, END);
}

static void make_pid(void)
{
    number(0, TASK_KEY_PID, (uint64_t)getpid(), (uint64_t)getpid(), 0);
    number(0, TASK_KEY_TID, (uint64_t)getpid(), (uint64_t)getpid(), END);
}

static void make_namespaces(void)
{
    number(0, TASK_KEY_MNT_NS, namespace_of("/proc/self/ns/mnt"), namespace_of("/proc/self/ns/mnt"), KEY);
    number(0, TASK_KEY_PID_NS, namespace_of("/proc/self/ns/pid"), namespace_of("/proc/self/ns/pid"), END);
}

/* One of them is enough; a scope that the event does not have says nothing. */
static void make_either(void)
{
    number(0, TASK_KEY_UID, OTHER_UID, OTHER_UID, END);
    number(1, TASK_KEY_UID, 0, UINT32_MAX, END);
    name(2, TASK_KEY_COMM, "vt-beta", 0, END);
    plan.scopes.of_event[EVENT_memfd_create] = plan.scopes.of_event[EVENT_security_file_open] = 1 | 4;
}

static void make_nothing(void)
{
    plan.scopes.of_event[EVENT_memfd_create] = plan.scopes.of_event[EVENT_security_file_open] = 0;
}

static const struct {
    const char *about;
    void (*make)(void);
    const char *whose;
} cases[] = {
    {"uid", make_uid, "C"},
    {"not uid", make_not_uid, "ABD"},
    {"from 1", make_range, "C"},
    {"never", make_never, ""},
    {"comm", make_comm, "BD"},
    {"comm prefix", make_prefix, "AC"},
    {"neither name", make_neither, "D"},
    {"three keys", make_both, "AD"},
    {"host", make_host, "D"},
    {"pid", make_pid, "AB"},
    {"namespaces", make_namespaces, "ABC"},
    {"either scope", make_either, "BC"},
    {"no scope", make_nothing, "ABCD"},
};

static uint64_t attempts(void)
{
    uint64_t sum = 0;
    for (uint32_t cpu = 0; cpu < probe_cpus(probe); cpu++)
        for (unsigned context = 0; context < CONTEXT_COUNT; context++)
            sum += probe_account(probe, cpu, CLASS_BULK, context)->attempts +
                   probe_account(probe, cpu, CLASS_WATCHED, context)->attempts;
    return sum;
}

static void take_all(struct records *records)
{
    uint64_t end = clock_boot_ns();
    while (records->until_ns < end)
        records_take(records, rings);
}

static void begin_plan(void)
{
    static uint32_t epoch;
    plan = (struct plan_request){.epoch = ++epoch};
}

static void run_case(size_t i)
{
    struct records *records = calloc(1, sizeof(*records));
    begin_plan();
    plan.selected[EVENT_memfd_create] = plan.selected[EVENT_security_file_open] = SELECTED_ALL;
    plan.scopes.of_event[EVENT_memfd_create] = plan.scopes.of_event[EVENT_security_file_open] = 1;
    cases[i].make();
    probe_apply_plan(probe, &plan);
    const uint64_t before = attempts();
    act_all();
    const uint64_t counted = attempts() - before;
    take_all(records);
    for (const char *who = "ABCD"; *who != '\0'; who++) {
        const bool expected = strchr(cases[i].whose, *who) != NULL;
        const bool found = records_find(records, "memfd_create", 0, "name", (char[]){*who, '\0'}) != NULL;
        if (found != expected)
            fail_msg("%s: the event of %c %s", cases[i].about, *who, found ? "came" : "is missing");
    }
    assert_int_equal(records_count(records, "memfd_create", 0), strlen(cases[i].whose));
    assert_int_equal(records_count(records, "security_file_open", 0), strlen(cases[i].whose));
    assert_int_equal(counted, 2 * strlen(cases[i].whose));
    records_free(records);
    free(records);
}

static void test_scopes_say_whose(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        run_case(i);
}

/* The plain flavour looks at fewer values: an event with a scope beyond them is everybody's. */
static void test_scopes_beyond_the_values(void **state)
{
    (void)state;
    struct records *records = calloc(1, sizeof(*records));
    begin_plan();
    for (unsigned i = 0; i < SCOPE_VALUES - 1; i++)
        number(0, TASK_KEY_UID, OTHER_UID + 1 + i, OTHER_UID + 1 + i, 0);
    number(0, TASK_KEY_UID, OTHER_UID, OTHER_UID, END);
    plan.selected[EVENT_memfd_create] = SELECTED_ALL;
    plan.scopes.of_event[EVENT_memfd_create] = 1;
    probe_apply_plan(probe, &plan);
    act_all();
    take_all(records);
    const bool plain = everything.flavour == FLAVOUR_PLAIN;
    assert_int_equal(records_count(records, "memfd_create", 0), plain ? 4 : 1);
    assert_non_null(records_find(records, "memfd_create", 0, "name", "C"));
    records_free(records);
    free(records);
}

/* No program forgets to ask: of all that the actor does, nothing that a scope may leave out comes. */
static void test_scopes_are_asked_for_every_event(void **state)
{
    (void)state;
    char where[] = "/tmp/vt-scopes.XXXXXX";
    struct acted *acted = mmap(NULL, sizeof(*acted), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(acted != MAP_FAILED && mkdtemp(where) != NULL);
    size_t count;
    const struct event *rows = events_all(&count);
    begin_plan();
    make_never();
    for (size_t i = 0; i < count; i++)
        if (rows[i].class != CLASS_CRITICAL) {
            plan.selected[rows[i].id] = SELECTED_ALL;
            plan.scopes.of_event[rows[i].id] = 1;
        }
    probe_apply_plan(probe, &plan);
    const uint64_t before = attempts();
    pid_t pid = fork();
    if (pid == 0) {
        actor_act(where, acted);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    assert_true(acted->sibling_pid != 0); /* it came that far */
    assert_int_equal(attempts() - before, 0);
    munmap(acted, sizeof(*acted));
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", where);
    assert_int_equal(system(command), 0);
}

/* -- files -- */

static void watch(uint16_t event, enum watch_part part, const char *content)
{
    struct watch_row *row = &plan.watch[plan.n_watches++];
    *row = (struct watch_row){.event_id = event, .part = (uint8_t)part, .length = (uint8_t)strlen(content)};
    memcpy(row->text, content, row->length);
    plan.selected[event] = SELECTED_WATCHED;
}

static void read_write_map(const char *path)
{
    char byte = 'x';
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, &byte, 1), 1);
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    void *map = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(map != MAP_FAILED);
    munmap(map, 1);
    close(fd);
}

/* In a mount namespace of its own: a file that is mounted over another has that one's path, and its own name. */
static void act_mounted(const char *from, const char *over)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount(from, over, NULL, MS_BIND, NULL) != 0)
            _exit(1);
        close(open(over, O_RDONLY));
        _exit(0);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

static size_t count_ending(const struct records *records, const char *event, const char *end)
{
    static char text[TEST_PATH_BYTES];
    size_t n = 0;
    for (size_t i = 0; i < records->count; i++) {
        if (records->record[i]->event_id != event_by_name(event)->id)
            continue;
        const char *path = record_text(records->record[i], "pathname", text);
        n += strlen(path) >= strlen(end) && strcmp(path + strlen(path) - strlen(end), end) == 0;
    }
    return n;
}

static void test_rows_of_further_events(void **state)
{
    (void)state;
    char where[] = "/tmp/vt-rows.XXXXXX", wanted[64], other[64];
    static const char *const events[] = {"vfs_read", "vfs_write", "security_mmap_file"};
    struct records *records = calloc(1, sizeof(*records));
    int ends[2];
    char byte = 0;
    assert_non_null(mkdtemp(where));
    snprintf(wanted, sizeof(wanted), "%s/vt-wanted", where);
    snprintf(other, sizeof(other), "%s/vt-other", where);
    begin_plan();
    watch(EVENT_vfs_read, WATCH_NAME, "vt-wanted");
    watch(EVENT_vfs_write, WATCH_NAME, "vt-wanted");
    watch(EVENT_security_mmap_file, WATCH_DIRECTORY, where + strlen("/tmp/"));
    watch(EVENT_security_file_open, WATCH_NAME, "vt-wanted");
    probe_apply_plan(probe, &plan);
    read_write_map(wanted);
    read_write_map(other);
    act_mounted(other, wanted);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], &byte, 1), 1);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
    take_all(records);
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        assert_int_equal(count_ending(records, events[i], "/vt-wanted"), 1);
        const bool whole = everything.flavour == FLAVOUR_PLAIN;
        assert_int_equal(count_ending(records, events[i], "/vt-other"), whole || i == 2);
        assert_int_equal(count_ending(records, events[i], "]"), whole && i < 2); /* the pipe */
    }
    assert_int_equal(count_ending(records, "security_file_open", "/vt-wanted"), 2);
    assert_int_equal(count_ending(records, "security_file_open", "/vt-other"), 0);
    records_free(records);
    free(records);
    assert_int_equal(unlink(wanted) | unlink(other) | rmdir(where), 0);
}

int main(int argc, char **argv)
{
    actor_main(argc, argv);
    int skipped = can_load();
    if (skipped != 0)
        return skipped;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scopes_say_whose),
        cmocka_unit_test(test_scopes_beyond_the_values),
        cmocka_unit_test(test_scopes_are_asked_for_every_event),
        cmocka_unit_test(test_rows_of_further_events),
    };
    return cmocka_run_group_tests(tests, open_probe, close_probe);
}
