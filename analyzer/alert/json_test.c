/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "analyzer/alert/json_internal.h"
#include "analyzer/detect/world.h"

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define POD       "pod0a1b2c3d-0000-4000-8000-0123456789ab"

static struct engine *engine;
static struct record record;

static int open_world(void **state)
{
    (void)state;
    const char *error;
    world_open(&world);
    engine = engine_new(world.schema, NULL, 0, &error);
    return engine != NULL ? 0 : -1;
}

static int close_world(void **state)
{
    (void)state;
    engine_free(engine);
    world_close(&world);
    return 0;
}

static json_t *parse(struct text *text)
{
    json_error_t error;
    json_t *read = json_loadb(text->data, text->size, JSON_ALLOW_NUL, &error);
    if (read == NULL)
        fail_msg("%s: %.*s", error.text, (int)text->size, text->data);
    text_fini(text);
    return read;
}

/* Key by key: names, their order, types and values. Jansson keeps the order in which it read them. */
static void assert_same(const json_t *got, const json_t *want, const char *where)
{
    char path[256];
    if (json_typeof(got) != json_typeof(want))
        fail_msg("%s: another type", where);
    if (json_is_array(want)) {
        if (json_array_size(got) != json_array_size(want))
            fail_msg("%s: %zu items, not %zu", where, json_array_size(got), json_array_size(want));
        for (size_t i = 0; i < json_array_size(want); i++) {
            snprintf(path, sizeof(path), "%s[%zu]", where, i);
            assert_same(json_array_get(got, i), json_array_get(want, i), path);
        }
        return;
    }
    if (!json_is_object(want)) {
        if (!json_equal(got, want))
            fail_msg("%s: another value", where);
        return;
    }
    void *g = json_object_iter((json_t *)(uintptr_t)got), *w = json_object_iter((json_t *)(uintptr_t)want);
    for (; g != NULL && w != NULL; g = json_object_iter_next((json_t *)(uintptr_t)got, g),
                                   w = json_object_iter_next((json_t *)(uintptr_t)want, w)) {
        snprintf(path, sizeof(path), "%s.%s", where, json_object_iter_key(w));
        if (strcmp(json_object_iter_key(g), json_object_iter_key(w)) != 0)
            fail_msg("%s: found %s", path, json_object_iter_key(g));
        assert_same(json_object_iter_value(g), json_object_iter_value(w), path);
    }
    if (g != NULL || w != NULL)
        fail_msg("%s: %s key %s", where, g != NULL ? "unexpected" : "missing", json_object_iter_key(g != NULL ? g : w));
}

static void assert_fixture(struct text *text, const char *path)
{
    json_error_t error;
    json_t *want = json_load_file(path, 0, &error);
    if (want == NULL)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    json_t *got = parse(text);
    assert_same(got, want, "");
    json_decref(got);
    json_decref(want);
}

static void fill_exec(void)
{
    record_string(&record, "cmdpath", "/proc/self/fd/3", ITEM_USER);
    record_string(&record, "pathname", "memfd:x", ITEM_COMPLETE);
    record_integer(&record, "dev", 271581185);
    record_integer(&record, "inode", 131);
    record_integer(&record, "ctime", 1690000000000000000);
    record_integer(&record, "inode_mode", 33261);
    record_list(&record, "argv", STRINGS("x", "-u\n"), ITEM_COMPLETE);
    record_string(&record, "interp", "/proc/self/fd/3", ITEM_COMPLETE);
    record_integer(&record, "stdin_type", 8192);
    record_path(&record, "stdin_path", "/dev/pts/0", ITEM_COMPLETE);
    record_integer(&record, "invoked_from_kernel", 0);
    record_string(&record, "prev_comm", "bash", ITEM_COMPLETE);
    record_list(&record, "env", STRINGS("A=b", "C=d"), ITEM_TRUNCATED);
    record_path(&record, "pwd", "/root", ITEM_COMPLETE);
    record_integer(&record, "link_count", 0);
    record_integer(&record, "fs_magic", 0x01021994);
    record_string(&record, "cgroup_path", "/kubepods/besteffort/" POD "/" CONTAINER, ITEM_COMPLETE);
    record_path(&record, "root", "/", ITEM_COMPLETE);
    record.header.flags = RECORD_OWN_MOUNTS;
    record.header.syscall = 59;
}

static void test_json_event(void **state)
{
    (void)state;
    record_begin(&record, "openat");
    record_integer(&record, "dirfd", -100);
    record_string(&record, "pathname", "/etc/hosts", ITEM_USER);
    record_integer(&record, "flags", 0);
    record_integer(&record, "mode", 0);
    record.header.ret = 3;
    record.header.syscall = 257;
    record.header.flags = RECORD_COMPAT;
    const struct event_context *context = world_send(&world, &record);
    world.event.seq = 9007199254740993u; /* 2^53 + 1: no double holds it */
    struct text text = {0};
    const char *const policies[] = {"p1", "p \"2\""};
    assert_int_equal(json_event(&text, context, policies, 2, JSON_NUMBERS), 0);
    assert_null(memchr(text.data, '\n', text.size));
    assert_fixture(&text, "analyzer/alert/testdata/event.json");
}

/* What another thread may have done to the descriptor is said. */
static void test_json_event_of_a_shared_table(void **state)
{
    (void)state;
    static const struct {
        uint16_t flags;
        bool is_shared, is_gone;
    } cases[] = {{0, false, false},
                 {RECORD_SHARED_FDTABLE, true, false},
                 {RECORD_SHARED_FDTABLE | RECORD_FD_MISMATCH, true, true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        record_begin(&record, "security_file_open");
        record.header.flags = cases[i].flags;
        const struct event_context *context = world_send(&world, &record);
        struct text text = {0};
        assert_int_equal(json_event(&text, context, NULL, 0, JSON_NUMBERS), 0);
        json_t *event = parse(&text);
        const json_t *marks = json_object_get(event, "vedette");
        assert_int_equal(json_is_true(json_object_get(marks, "sharedFdTable")), cases[i].is_shared);
        assert_int_equal(json_is_true(json_object_get(marks, "fdMismatch")), cases[i].is_gone);
        json_decref(event);
    }
}

static void test_json_event_without_policies_or_values(void **state)
{
    (void)state;
    record_begin(&record, "execve");
    record.header.tgid = record.header.tid = 777;
    const struct event_context *context = world_send(&world, &record);
    struct text text = {0};
    assert_int_equal(json_event(&text, context, NULL, 0, JSON_NUMBERS), 0);
    json_t *event = parse(&text);
    const json_t *policies = json_object_get(event, "matchedPolicies");
    assert_int_equal(json_array_size(policies), 1);
    assert_string_equal(json_string_value(json_array_get(policies, 0)), "");
    const json_t *args = json_object_get(event, "args");
    assert_string_equal(json_string_value(json_object_get(json_array_get(args, 0), "value")), "");
    assert_true(json_is_null(json_object_get(json_array_get(args, 1), "value")));
    const json_t *states = json_object_get(json_object_get(event, "vedette"), "states");
    assert_int_equal(json_object_size(states), 3);
    assert_string_equal(json_string_value(json_object_get(states, "pathname")), "unreadable");
    assert_string_equal(json_string_value(json_object_get(json_object_get(event, "executable"), "path")), "");
    assert_string_equal(json_string_value(json_object_get(event, "syscall")), "");
    assert_int_equal(json_object_size(json_object_get(event, "container")), 0);
    assert_int_equal(json_object_size(json_object_get(event, "kubernetes")), 0);
    json_decref(event);
}

/* The event's arguments as "name type value", a line each, and what "vedette.raw" has. */
static void assert_args(const struct event_context *context, enum json_arguments arguments, const char *want,
                        const char *want_raw)
{
    struct text text = {0}, lines = {0};
    assert_int_equal(json_event(&text, context, NULL, 0, arguments), 0);
    json_t *event = parse(&text);
    const json_t *args = json_object_get(event, "args");
    for (size_t i = 0; i < json_array_size(args); i++) {
        const json_t *arg = json_array_get(args, i);
        char *value = json_dumps(json_object_get(arg, "value"), JSON_ENCODE_ANY | JSON_COMPACT);
        assert_non_null(value);
        text_string(&lines, json_string_value(json_object_get(arg, "name")));
        text_literal(&lines, " ");
        text_string(&lines, json_string_value(json_object_get(arg, "type")));
        text_literal(&lines, " ");
        text_string(&lines, value);
        text_literal(&lines, "\n");
        free(value);
    }
    text_append(&lines, "", 1);
    assert_string_equal(lines.data, want);
    text_fini(&lines);
    const json_t *raw = json_object_get(json_object_get(event, "vedette"), "raw");
    char *got_raw = raw != NULL ? json_dumps(raw, JSON_COMPACT) : NULL;
    if (want_raw == NULL)
        assert_null(got_raw);
    else
        assert_string_equal(got_raw, want_raw);
    free(got_raw);
    json_decref(event);
}

static void test_json_event_in_words(void **state)
{
    (void)state;
    record_begin(&record, "openat");
    record_integer(&record, "dirfd", -100);
    record_string(&record, "pathname", "O_RDONLY", ITEM_USER);
    record_integer(&record, "flags", 02100000);
    record_integer(&record, "mode", 0);
    const struct event_context *context = world_send(&world, &record);
    assert_args(context, JSON_WORDS,
                "dirfd string \"AT_FDCWD\"\npathname string \"O_RDONLY\"\n"
                "flags string \"O_RDONLY|O_LARGEFILE|O_CLOEXEC\"\nmode string \"0\"\n",
                "{\"dirfd\":-100,\"flags\":557056,\"mode\":0}");
    assert_args(context, JSON_NUMBERS,
                "dirfd int32 -100\npathname string \"O_RDONLY\"\nflags int32 557056\nmode uint16 0\n", NULL);
    world.context.architecture = ARCHITECTURE_ARM64; /* the same bits are another flag there */
    assert_args(context, JSON_WORDS,
                "dirfd string \"AT_FDCWD\"\npathname string \"O_RDONLY\"\n"
                "flags string \"O_RDONLY|O_NOFOLLOW|O_CLOEXEC\"\nmode string \"0\"\n",
                "{\"dirfd\":-100,\"flags\":557056,\"mode\":0}");
    world.context.architecture = ARCHITECTURE_X86_64;

    record_begin(&record, "ptrace");
    record_integer(&record, "request", 77);
    record_integer(&record, "addr", 0xfff0);
    context = world_send(&world, &record);
    assert_args(context, JSON_WORDS,
                "request string \"77\"\npid int32 0\naddr trace.Pointer \"0xfff0\"\ndata trace.Pointer \"0x0\"\n",
                "{\"request\":77}");

    /* A descriptor that has no name stays a number. */
    record_begin(&record, "fspick");
    record_integer(&record, "dirfd", 5);
    record_integer(&record, "flags", 9);
    context = world_send(&world, &record);
    assert_args(context, JSON_WORDS,
                "dirfd int32 5\npathname string \"\"\nflags string \"FSPICK_CLOEXEC|FSPICK_EMPTY_PATH\"\n",
                "{\"flags\":9}");

    /* A row of a newer collector, of which we know neither names nor numbers. */
    struct schema_event newer = *world.event.schema;
    newer.known = NULL;
    world.event.schema = &newer;
    assert_args(context, JSON_WORDS, "dirfd int32 5\npathname string \"\"\nflags uint32 9\n", "{}");
}

/* Types that are neither a number nor a string. */
static void test_json_event_of_structured_types(void **state)
{
    (void)state;
    record_begin(&record, "connect");
    record_bytes(&record, "addr", "\x02\x00\x00\x50\x7f\x00\x00\x01\0\0\0\0\0\0\0\0", 16, ITEM_COMPLETE);
    record_integer(&record, "addrlen", 16);
    const struct event_context *context = world_send(&world, &record);
    const char address[] = "sockfd int32 0\naddr SockAddr "
                           "{\"sa_family\":\"AF_INET\",\"sin_addr\":\"127.0.0.1\",\"sin_port\":\"80\"}\n"
                           "addrlen int32 16\n";
    assert_args(context, JSON_NUMBERS, address, NULL);
    assert_args(context, JSON_WORDS, address, "{\"addr\":\"AgAAUH8AAAEAAAAAAAAAAA==\"}");
    record_begin(&record, "connect"); /* the address could not be read */
    context = world_send(&world, &record);
    assert_args(context, JSON_WORDS, "sockfd int32 0\naddr SockAddr null\naddrlen int32 0\n", "{\"addr\":null}");

    record_begin(&record, "nanosleep");
    record_integer(&record, "req", 1500000000);
    record_integer(&record, "rem", -250000000);
    context = world_send(&world, &record);
    assert_args(context, JSON_NUMBERS, "req float64 1.5\nrem float64 -0.25\n", NULL);

    record_begin(&record, "pipe");
    record_integer(&record, "pipefd", (int64_t)(UINT64_C(0xffffffff) << 32 | 3));
    context = world_send(&world, &record);
    assert_args(context, JSON_WORDS, "pipefd [2]int32 [3,-1]\n", "{}");

    record_begin(&record, "security_bpf_prog");
    record_bytes(&record, "helpers", "\x02\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\x40", 16, ITEM_COMPLETE);
    context = world_send(&world, &record);
    assert_args(context, JSON_WORDS,
                "type string \"BPF_PROG_TYPE_UNSPEC\"\nname string \"\"\n"
                "helpers []string [\"map_lookup_elem\",\"probe_write_user\",\"seq_printf\"]\n"
                "id uint32 0\nload bool false\n",
                "{\"type\":0,\"helpers\":[68719476738,4611686018427387904]}");
}

/* A parent with a known command line, and a gap in the stream while the process lived. */
static void prepare_history(void)
{
    record_begin(&record, "sched_process_exec");
    record_path(&record, "pathname", "/usr/bin/bash", ITEM_COMPLETE);
    record_list(&record, "argv", STRINGS("bash", "-l"), ITEM_COMPLETE);
    record_comm(&record, "bash");
    record.header.tgid = record.header.tid = 4200;
    record.header.leader_start_ns = record.header.thread_start_ns = 500000000u;
    record.header.ppid = 0;
    record.header.parent_start_ns = 0;
    record.header.time_ns = 600000000u;
    record.header.flags = RECORD_SCOPE_ROOT;
    world_send(&world, &record);
    state_apply_loss(world.state, &(const struct loss){.stage = VEDETTE__V1__LOSS_STAGE__LOSS_RING,
                                                       .class = CLASS_BULK,
                                                       .cpu = 1,
                                                       .from_ns = 2000000000u,
                                                       .to_ns = 3000000000u,
                                                       .count = 17,
                                                       .count_exact = true});
    state_apply_loss(world.state, &(const struct loss){.stage = VEDETTE__V1__LOSS_STAGE__LOSS_ABSENCE,
                                                       .class = 255,
                                                       .cpu = UINT32_MAX,
                                                       .from_ns = 1,
                                                       .to_ns = 2,
                                                       .count = 0}); /* before its time */
}

static void test_json_finding(void **state)
{
    (void)state;
    prepare_history();
    record_begin(&record, "sched_process_exec");
    fill_exec();
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 2); /* fileless, and an environment that is not whole */
    world.event.seq = 7;
    struct text text = {0};
    const char *const policies[] = {"default-policy"};
    assert_string_equal(found.list[0].detection->name, "fileless_execution");
    assert_int_equal(json_finding(&text, &found.list[0], "00112233445566778899aabbccddeeff", policies, 1, JSON_NUMBERS),
                     0);
    assert_fixture(&text, "analyzer/alert/testdata/finding.json");
}

static void test_json_finding_with_data_of_a_failed_attempt(void **state)
{
    (void)state;
    record_begin(&record, "sched_process_exec");
    record_list(&record, "env", STRINGS("LD_PRELOAD=/x\xff.so"), ITEM_COMPLETE);
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 1);
    struct text text = {0};
    assert_int_equal(json_finding(&text, &found.list[0], "id", NULL, 0, JSON_NUMBERS), 0);
    json_t *finding = parse(&text);
    assert_int_equal(json_integer_value(json_object_get(finding, "argsNum")), 2);
    const json_t *data = json_array_get(json_object_get(finding, "args"), 0);
    assert_string_equal(json_string_value(json_object_get(data, "name")), "LD_PRELOAD");
    assert_string_equal(json_string_value(json_object_get(data, "type")), "string");
    assert_string_equal(json_string_value(json_object_get(data, "value")), "LD_PRELOAD=/x\xef\xbf\xbd.so");
    json_decref(finding);

    record_begin(&record, "ptrace");
    record_integer(&record, "request", 5);
    record.header.ret = -3;
    found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 1);
    assert_int_equal(json_finding(&text, &found.list[0], "id", NULL, 0, JSON_NUMBERS), 0);
    finding = parse(&text);
    assert_true(json_is_false(json_object_get(json_object_get(finding, "vedette"), "succeeded")));
    const json_t *properties = json_object_get(json_object_get(finding, "metadata"), "Properties");
    assert_int_equal(json_integer_value(json_object_get(properties, "Severity")), SEVERITY_MEDIUM);
    assert_int_equal(json_integer_value(json_object_get(finding, "returnValue")), -3);
    json_decref(finding);

    /* The detection judged the number; only what is told of it is in words. */
    assert_int_equal(json_finding(&text, &found.list[0], "id", NULL, 0, JSON_WORDS), 0);
    finding = parse(&text);
    const json_t *trigger = json_object_get(json_array_get(json_object_get(finding, "args"), 0), "value");
    const json_t *request = json_array_get(json_object_get(trigger, "args"), 0);
    assert_string_equal(json_string_value(json_object_get(request, "value")), "PTRACE_POKEDATA");
    const json_t *raw = json_object_get(json_object_get(finding, "vedette"), "raw");
    assert_int_equal(json_integer_value(json_object_get(raw, "request")), 5);
    json_decref(finding);
}

/* An environment that no outbox should hold thousands of times. */
static void test_json_finding_is_bounded(void **state)
{
    (void)state;
    static char huge[20000], wide[6000];
    memset(huge, 'x', sizeof(huge) - 1);
    memcpy(huge, "LD_PRELOAD=", strlen("LD_PRELOAD="));
    for (size_t i = 0; i + 2 < sizeof(wide); i += 2)
        memcpy(wide + i, "\xc3\xa9", 2); /* two bytes a character, after one of one byte: a cut could fall inside */
    wide[0] = 'e';
    memmove(wide + 1, wide + 2, sizeof(wide) - 2);
    record_begin(&record, "sched_process_exec");
    record_string(&record, "pathname", wide, ITEM_COMPLETE);
    record_list(&record, "env", STRINGS("A=b", huge), ITEM_COMPLETE);
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 1);
    struct text text = {0};
    assert_int_equal(json_finding(&text, &found.list[0], "id", NULL, 0, JSON_NUMBERS), 0);
    assert_in_range(text.size, 3 * FINDING_MAX_STRING_BYTES, 5 * FINDING_MAX_STRING_BYTES);
    assert_null(strstr(text.data, "\xef\xbf\xbd")); /* no half of a character */
    json_t *finding = parse(&text);
    const json_t *states = json_object_get(json_object_get(finding, "vedette"), "states");
    assert_string_equal(json_string_value(json_object_get(states, "pathname")), "truncated");
    assert_string_equal(json_string_value(json_object_get(states, "env")), "truncated");
    assert_string_equal(json_string_value(json_object_get(states, "LD_PRELOAD")), "truncated");
    const json_t *data = json_array_get(json_object_get(finding, "args"), 0);
    assert_int_equal(json_string_length(json_object_get(data, "value")), FINDING_MAX_STRING_BYTES);
    json_decref(finding);

    /* The event itself is whole. */
    assert_int_equal(json_event(&text, &world.context, NULL, 0, JSON_NUMBERS), 0);
    assert_true(text.size > sizeof(huge) + sizeof(wide) - 8);
    json_decref(parse(&text));
}

/* Many items, each of them small; what is escaped counts as it is written. */
static void test_json_finding_list_is_bounded(void **state)
{
    (void)state;
    const char *items[2001] = {"LD_PRELOAD=/x"};
    for (size_t i = 1; i < 2000; i++)
        items[i] = "\x01\x01\x01\x01";
    record_begin(&record, "sched_process_exec");
    record_list(&record, "env", items, ITEM_COMPLETE);
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 1);
    struct text text = {0};
    assert_int_equal(json_finding(&text, &found.list[0], "id", NULL, 0, JSON_NUMBERS), 0);
    assert_in_range(text.size, FINDING_MAX_LIST_BYTES, FINDING_MAX_LIST_BYTES + FINDING_MAX_STRING_BYTES);
    json_t *finding = parse(&text);
    const json_t *states = json_object_get(json_object_get(finding, "vedette"), "states");
    assert_string_equal(json_string_value(json_object_get(states, "env")), "truncated");
    assert_null(json_object_get(states, "LD_PRELOAD"));
    json_decref(finding);
}

/* SHA-256 of "node1\0boot-1\0", the session and the sequence 7 as 8 bytes each, "fileless_execution\0", index 0 as 4;
 * by coreutils. */
static void test_json_alert_id(void **state)
{
    (void)state;
    struct event_view event = {.seq = 7};
    struct event_context context = {
        .node = "node1", .boot_id = "boot-1", .session = 0x1122334455667788u, .event = &event};
    struct finding finding = {.context = &context, .detection = detection_by_name("fileless_execution")};
    char id[ALERT_ID_BYTES], other[ALERT_ID_BYTES];
    alert_id(&finding, id);
    assert_string_equal(id, "4ca54a1397a10478e34a9bbf2c8581fe");
    finding.output_index = 1;
    alert_id(&finding, other);
    assert_string_not_equal(id, other);
    finding.output_index = 0;
    context.node = "node1b";
    context.boot_id = "oot-1"; /* the border between two strings counts */
    alert_id(&finding, other);
    assert_string_not_equal(id, other);
}

static void test_json_entity_ids(void **state)
{
    (void)state;
    assert_int_equal(entity_id(1000, 42), entity_id(1000, 42));
    assert_int_not_equal(entity_id(1000, 42), entity_id(1000, 43));
    assert_int_not_equal(entity_id(1000, 42), entity_id(1001, 42));
    assert_int_not_equal(entity_id(42, 1000), entity_id(1000, 42));
}

static void test_json_seconds(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *words;
    } cases[] = {{0, "0"},
                 {1, "0.000000001"},
                 {-1, "-0.000000001"},
                 {1500000001, "1.500000001"},
                 {10000000000, "10"},
                 {INT64_MAX, "9223372036.854775807"},
                 {INT64_MIN, "-9223372036.854775808"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text text = {0};
        json_seconds(&text, cases[i].ns);
        text_append(&text, "", 1);
        assert_string_equal(text.data, cases[i].words);
        text_fini(&text);
    }
}

static void test_table_rows(void **state)
{
    (void)state;
    struct text text = {0};
    assert_int_equal(table_heading(&text), 0);
    text_literal(&text, "\n");
    record_begin(&record, "ptrace");
    record_integer(&record, "request", 5);
    record_integer(&record, "addr", 0xfff0);
    record_comm(&record, "\x1b[31mevil");
    record.header.ret = -3;
    record.header.time_ns = 12345678901234u;
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(table_event(&text, &world.context), 0);
    text_literal(&text, "\n");
    assert_int_equal(table_finding(&text, &found.list[0]), 0);
    text_literal(&text, "\n");
    record_begin(&record, "execve");
    record_string(&record, "pathname", "/x\r", ITEM_TRUNCATED);
    record_list(&record, "argv", STRINGS("a b", "\a"), ITEM_TRUNCATED);
    world_send(&world, &record);
    assert_int_equal(table_event(&text, &world.context), 0);
    text_literal(&text, "\n");
    record_begin(&record, "socket_accept");
    record_bytes(&record, "local_addr", "\x01\0/\x1b[31m", 8, ITEM_COMPLETE);
    world_send(&world, &record);
    assert_int_equal(table_event(&text, &world.context), 0);
    text_append(&text, "", 1);
    assert_string_equal(
        text.data,
        "TIME             UID    COMM             PID     TID     RET              EVENT                     ARGS\n"
        "01:39:05.678901  1000   \\x1b[31mevil     4242    4243    -3               ptrace                    "
        "request: PTRACE_POKEDATA, pid: 0, addr: 0xfff0, data: 0x0\n"
        "01:39:05.678901  1000   \\x1b[31mevil     4242    4243    -3               ptrace_code_injection     "
        "MEDIUM (attempt failed): Code written into a process with ptrace; ptrace: request: PTRACE_POKEDATA, pid: 0, "
        "addr: 0xfff0, "
        "data: 0x0\n"
        "22:13:30.000000  1000   cat              4242    4243    0                execve                    "
        "pathname: /x\\r..., argv: [a b \\x07 ...], envp: [?]\n"
        "22:13:30.000000  1000   cat              4242    4243    0                socket_accept             "
        "sockfd: 0, local_addr: {sa_family: AF_UNIX, sun_path: /\\x1b[31m}, remote_addr: ?");
    text_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_event),
        cmocka_unit_test(test_json_event_of_a_shared_table),
        cmocka_unit_test(test_json_event_without_policies_or_values),
        cmocka_unit_test(test_json_event_in_words),
        cmocka_unit_test(test_json_event_of_structured_types),
        cmocka_unit_test(test_json_finding),
        cmocka_unit_test(test_json_finding_with_data_of_a_failed_attempt),
        cmocka_unit_test(test_json_finding_is_bounded),
        cmocka_unit_test(test_json_finding_list_is_bounded),
        cmocka_unit_test(test_json_alert_id),
        cmocka_unit_test(test_json_entity_ids),
        cmocka_unit_test(test_json_seconds),
        cmocka_unit_test(test_table_rows),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
