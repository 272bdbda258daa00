/* SPDX-License-Identifier: Apache-2.0 */
/* Detections that know of earlier events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "analyzer/detect/keyed.h"
#include "analyzer/detect/world.h"

static struct record record;
static struct engine *engine;

static int close_world(void **state)
{
    (void)state;
    engine_free(engine);
    engine = NULL;
    world_close(&world);
    return 0;
}

static void load(const struct detection *detection)
{
    const char *error = NULL;
    engine = engine_new_from(world.schema, &detection, 1, &error);
    if (engine == NULL)
        fail_msg("%s", error);
}

static void refused(const struct detection *detection, const char *words)
{
    const char *error = NULL;
    assert_null(engine_new_from(world.schema, &detection, 1, &error));
    assert_int_equal(errno, EINVAL);
    assert_string_equal(error, words);
}

static const uint64_t ms = 1000000;

/* An open of `path` by that process, `at_ms` after boot; the findings. */
static struct world_findings opens(uint32_t pid, const char *path, uint64_t at_ms)
{
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", path, ITEM_COMPLETE);
    record.header.time_ns = at_ms * ms;
    record.header.tgid = record.header.tid = pid;
    record.header.leader_start_ns = pid;
    return world_judge(&world, engine, &record);
}

static struct world_findings executes(uint32_t pid, const char *path, uint64_t at_ms)
{
    record_begin(&record, "sched_process_exec");
    record_string(&record, "pathname", path, ITEM_COMPLETE);
    record.header.time_ns = at_ms * ms;
    record.header.tgid = record.header.tid = pid;
    record.header.leader_start_ns = pid;
    return world_judge(&world, engine, &record);
}

static void quiet(struct world_findings found)
{
    assert_int_equal(found.n, 0);
}

static void fires(struct world_findings found, uint64_t from_ms)
{
    assert_int_equal(found.n, 1);
    assert_int_equal(found.list[0].window_from_ns, from_ms * ms);
    assert_int_equal(found.list[0].window_to_ns, record.header.time_ns);
}

static const struct detection thrice = {
    .name = "thrice",
    .severity = SEVERITY_LOW,
    .correlation = {.kind = CORRELATE_COUNT, .keys = {"process.id"}, .window_ms = 1000, .threshold = 3},
    .triggers = {{.event = "security_file_open", .when = PREFIX("data.pathname", "/s/")},
                 {.event = "security_file_open", .when = SUFFIX("data.pathname", "/x")}},
};

static void test_correlation_counts(void **state)
{
    (void)state;
    load(&thrice);
    quiet(opens(1, "/s/x", 1000)); /* both triggers hold, and it is one event */
    quiet(opens(1, "/s/y", 1500));
    quiet(opens(1, "/other", 1600));
    quiet(opens(2, "/s/y", 1700)); /* another process */
    fires(opens(1, "/a/x", 2000), 1000);
    quiet(opens(1, "/s/x", 2001)); /* begins anew */
    quiet(opens(1, "/s/x", 2500));
    quiet(opens(1, "/s/x", 3002)); /* the first is a millisecond too old */
    fires(opens(1, "/s/x", 3003), 2500);
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", "/s/x", ITEM_COMPLETE);
    struct engine_cost cost;
    engine_costs(engine, &cost, 1);
    assert_int_equal(cost.findings, 2);
    assert_int_equal(cost.keys, 1); /* what process 2 left has expired */
}

static const struct detection three_files = {
    .name = "three_files",
    .correlation = {.kind = CORRELATE_DISTINCT,
                    .keys = {"process.id"},
                    .window_ms = 1000,
                    .threshold = 3,
                    .value = "dirname(data.pathname)"},
    .triggers = {{.event = "security_file_open"}},
};

static void test_correlation_counts_different_values(void **state)
{
    (void)state;
    load(&three_files);
    quiet(opens(1, "/a/1", 1000));
    quiet(opens(1, "/a/2", 1100));
    quiet(opens(1, "/b/1", 1200));
    quiet(opens(1, "/b/1", 1300));
    quiet(opens(2, "/c/1", 1400));
    fires(opens(1, "/c/1", 1500), 1100); /* /a was seen last then */
    quiet(opens(1, "/a/1", 1600));
    quiet(opens(1, "/b/1", 1700));
    quiet(opens(1, "/c/1", 2601)); /* /a is too old */
    fires(opens(1, "/d/1", 2602), 1700);
}

static const struct detection write_then_run = {
    .name = "write_then_run",
    .correlation = {.kind = CORRELATE_SEQUENCE, .keys = {"data.pathname"}, .window_ms = 1000},
    .triggers = {{.event = "security_file_open", .when = PREFIX("data.pathname", "/tmp/"), .step = 1},
                 {.event = "sched_process_exec", .step = 2}},
};

static void test_correlation_sequence_of_two(void **state)
{
    (void)state;
    load(&write_then_run);
    quiet(executes(1, "/tmp/a", 900)); /* before */
    quiet(opens(1, "/tmp/a", 1000));
    quiet(executes(2, "/tmp/b", 1100));
    fires(executes(2, "/tmp/a", 1200), 1000); /* another process, the same file */
    quiet(executes(2, "/tmp/a", 1300));       /* one begin, one finding */
    quiet(opens(1, "/tmp/a", 2000));
    quiet(executes(1, "/tmp/a", 3001)); /* too late */
    quiet(opens(1, "/tmp/a", 4000));
    quiet(opens(1, "/tmp/a", 4900)); /* the newest begin counts */
    fires(executes(1, "/tmp/a", 5800), 4900);
    quiet(opens(1, "/tmp/a", 7000));
    quiet(executes(1, "/tmp/a", 6999)); /* came later and happened before */
}

static const struct detection a_b_c = {
    .name = "a_b_c",
    .correlation = {.kind = CORRELATE_SEQUENCE, .keys = {"process.id"}, .window_ms = 1000},
    .triggers = {{.event = "security_file_open", .when = PREFIX("data.pathname", "/a"), .step = 1},
                 {.event = "security_file_open", .when = CONTAINS("data.pathname", "b"), .step = 2},
                 {.event = "security_file_open", .when = SUFFIX("data.pathname", "c"), .step = 3},
                 {.event = "sched_process_exec", .when = SUFFIX("data.pathname", "c"), .step = 3}},
};

static void test_correlation_sequence_of_three(void **state)
{
    (void)state;
    load(&a_b_c);
    quiet(opens(1, "/a", 1000));
    quiet(opens(1, "/c", 1100)); /* out of turn: says nothing */
    quiet(opens(1, "/b", 1200));
    fires(opens(1, "/c", 1300), 1000);
    quiet(opens(1, "/abc", 2000)); /* one event is not three */
    quiet(opens(1, "/abc", 2100));
    fires(executes(1, "/abc", 2200), 2000);
    quiet(opens(1, "/a", 3000));
    quiet(opens(1, "/b", 3900));
    quiet(opens(1, "/c", 4001)); /* within a second of the second step, not of the first */
}

/* A step may call the key otherwise: here a process's children are its own step. */
static const struct detection parent_then_child = {
    .name = "parent_then_child",
    .correlation = {.kind = CORRELATE_SEQUENCE, .keys = {"task.pid"}, .window_ms = 1000},
    .triggers = {{.event = "security_file_open", .step = 1},
                 {.event = "sched_process_exec", .keys = {"task.ppid"}, .step = 2}},
};

static void test_correlation_keys_by_other_names(void **state)
{
    (void)state;
    load(&parent_then_child);
    quiet(opens(4200, "/x", 1000));
    fires(executes(7, "/y", 1100), 1000); /* a child of 4200 */
}

static const struct detection known_host = {
    .name = "known_host",
    .correlation = {.kind = CORRELATE_REMEMBER, .keys = {"task.pid"}, .limit = 3},
    .triggers = {{.event = "sched_process_exec",
                  .when = EXISTS("data.env[HOST]"),
                  .remember = "data.env[HOST]",
                  .silent = true},
                 {.event = "security_socket_connect",
                  .when = FIELD_EQUAL("data.remote_addr.address", "remembered.string"),
                  .data = {{.name = "host", .field = "remembered.string"}}}},
};

static struct world_findings runs_with(uint32_t pid, const char *variable)
{
    record_begin(&record, "sched_process_exec");
    record_list(&record, "env", STRINGS(variable), ITEM_COMPLETE);
    record.header.tgid = record.header.tid = pid;
    return world_judge(&world, engine, &record);
}

static struct world_findings connects(uint32_t pid)
{
    record_begin(&record, "security_socket_connect");
    record_bytes(&record, "remote_addr", "\2\0\1\273\12\0\0\1\0\0\0\0\0\0\0\0", 16, ITEM_COMPLETE); /* 10.0.0.1:443 */
    record.header.tgid = record.header.tid = pid;
    return world_judge(&world, engine, &record);
}

static void test_correlation_remembers(void **state)
{
    (void)state;
    load(&known_host);
    quiet(connects(1));
    quiet(runs_with(1, "HOST=10.0.0.1"));
    struct world_findings found = connects(1);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.list[0].n_data, 1);
    assert_memory_equal(found.list[0].data[0].string.data, "10.0.0.1", 8);
    assert_int_equal(connects(1).n, 1); /* it is not used up */
    quiet(connects(2));
    quiet(runs_with(1, "HOST=10.0.0.2"));
    quiet(connects(1));
    quiet(runs_with(1, "HOST=10.0.0.1"));
    quiet(runs_with(1, "OTHER=10.0.0.2"));
    assert_int_equal(connects(1).n, 1);
}

static void test_correlation_is_bounded(void **state)
{
    (void)state;
    struct loss loss;
    struct engine_cost cost;
    load(&known_host);
    for (uint32_t pid = 1; pid <= 3; pid++)
        quiet(runs_with(pid, "HOST=10.0.0.1"));
    assert_false(engine_take_evicted(engine, &loss));
    quiet(runs_with(1, "HOST=10.0.0.1")); /* 2 is now the one that was quiet longest */
    quiet(runs_with(4, "HOST=10.0.0.1"));
    quiet(connects(2));
    assert_int_equal(connects(1).n, 1);
    assert_int_equal(connects(3).n, 1);
    assert_int_equal(connects(4).n, 1);
    assert_true(engine_take_evicted(engine, &loss));
    assert_int_equal(loss.stage, VEDETTE__V1__LOSS_STAGE__LOSS_STATE);
    assert_int_equal(loss.count, 1);
    assert_true(loss.from_ns > 0 && loss.from_ns <= loss.to_ns);
    assert_false(engine_take_evicted(engine, &loss));
    engine_costs(engine, &cost, 1);
    assert_int_equal(cost.keys, 3);
    assert_int_equal(cost.evicted, 1);
}

/* What is asked for stays, however long ago it was remembered. */
static void test_correlation_keeps_what_is_asked_for(void **state)
{
    (void)state;
    load(&known_host);
    for (uint32_t pid = 1; pid <= 3; pid++)
        quiet(runs_with(pid, "HOST=10.0.0.1"));
    record_begin(&record, "security_socket_connect");
    record_bytes(&record, "remote_addr", "\2\0\1\273\12\0\0\1\0\0\0\0\0\0\0\0", 16, ITEM_COMPLETE);
    record.header.tgid = record.header.tid = 1;
    record.header.time_ns += UINT64_C(60000000000);
    assert_int_equal(world_judge(&world, engine, &record).n, 1);
    quiet(runs_with(4, "HOST=10.0.0.1"));
    quiet(runs_with(5, "HOST=10.0.0.1"));
    assert_int_equal(connects(1).n, 1);
    quiet(connects(2));
    quiet(connects(3));
    assert_int_equal(connects(4).n, 1);
}

/* The last value of each key, told when it changes. */
static const struct detection changes = {
    .name = "changes",
    .correlation = {.kind = CORRELATE_REMEMBER, .keys = {"data.fd"}},
    .triggers = {{.event = "close",
                  .when = NOT(FIELD_EQUAL("returnValue", "remembered.number")),
                  .remember = "returnValue"}},
};

static struct world_findings closes(int64_t fd, int64_t ret)
{
    record_begin(&record, "close");
    record_integer(&record, "fd", fd);
    record.header.ret = ret;
    return world_judge(&world, engine, &record);
}

static void test_correlation_tells_changes(void **state)
{
    (void)state;
    load(&changes);
    assert_int_equal(closes(1, 5).n, 1);
    quiet(closes(1, 5));
    assert_int_equal(closes(1, 6).n, 1);
    quiet(closes(1, 6));
    assert_int_equal(closes(2, 6).n, 1);
    assert_int_equal(closes(2, -5000000000).n, 1); /* an address is no error */
    quiet(closes(2, -5000000000));
}

static const struct detection before = {
    .name = "before",
    .correlation = {.kind = CORRELATE_REMEMBER, .keys = {"data.fd"}},
    .triggers = {{.event = "close",
                  .remember = "returnValue",
                  .data = {{.name = "before", .field = "remembered.number"}}}},
};

/* What the finding tells is what was remembered before the event, also where the condition did not ask. */
static void test_correlation_tells_what_was_before(void **state)
{
    (void)state;
    load(&before);
    assert_int_equal(closes(1, 5).list[0].n_data, 0);
    struct world_findings found = closes(1, 6);
    assert_int_equal(found.list[0].n_data, 1);
    assert_int_equal(found.list[0].data[0].number, 5);
    assert_int_equal(closes(1, 7).list[0].data[0].number, 6);
}

/* Keys as another engine of the same set kept them. */
struct copy {
    size_t n;
    struct engine_memory memory[4];
    uint8_t keys[4][ENGINE_KEY_BYTES], bytes[4][512];
};

static void copy_key(void *arg, const struct engine_memory *memory)
{
    struct copy *copy = arg;
    assert_true(copy->n < 4 && memory->size <= sizeof(copy->bytes[0]));
    copy->memory[copy->n] = *memory;
    memcpy(copy->keys[copy->n], memory->key, ENGINE_KEY_BYTES);
    memcpy(copy->bytes[copy->n], memory->bytes, memory->size);
    copy->memory[copy->n].key = copy->keys[copy->n];
    copy->memory[copy->n].bytes = copy->bytes[copy->n];
    copy->n++;
}

static void reload(const struct detection *detection, struct copy *copy)
{
    copy->n = 0;
    engine_memory_changes(engine, copy_key, copy);
    engine_free(engine);
    load(detection);
}

static void test_correlation_is_restored(void **state)
{
    (void)state;
    static struct copy copy;
    load(&thrice);
    quiet(opens(1, "/s/x", 1000));
    quiet(opens(1, "/s/x", 1100));
    quiet(opens(2, "/s/x", 1200));
    reload(&thrice, &copy);
    assert_int_equal(copy.n, 2);
    for (size_t i = 0; i < copy.n; i++)
        assert_true(engine_restore(engine, &copy.memory[i]));
    fires(opens(1, "/s/x", 1300), 1000);
    quiet(opens(2, "/s/x", 1300));

    /* Not under another definition, another name, or with another size. */
    struct engine_memory other = copy.memory[0];
    other.definition++;
    assert_false(engine_restore(engine, &other));
    other = copy.memory[0];
    other.detection = "other";
    assert_false(engine_restore(engine, &other));
    other = copy.memory[0];
    other.size--;
    assert_false(engine_restore(engine, &other));
}

/* Somebody has written to the copy: whatever stands there does no harm. */
static void test_correlation_survives_a_wrong_copy(void **state)
{
    (void)state;
    static struct copy copy;
    static const struct detection *const all[] = {&thrice, &three_files, &a_b_c, &known_host};
    uint64_t seed = 1;
    for (size_t d = 0; d < 4; d++) {
        load(all[d]);
        quiet(opens(1, "/a", 1000));
        quiet(opens(1, "/s/b", 1001));
        quiet(runs_with(1, "HOST=10.0.0.1"));
        reload(all[d], &copy);
        assert_true(copy.n >= 1);
        for (int round = 0; round < 300; round++) {
            for (size_t i = 0; i < copy.memory[0].size; i++) {
                seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
                copy.bytes[0][i] = round % 3 == 0 ? 0xff : (uint8_t)(seed >> 33);
                if (round % 2 == 0 && i % 8 != 0)
                    copy.bytes[0][i] = 0;
            }
            (void)engine_restore(engine, &copy.memory[0]);
            opens(1, "/s/abc", 2000);
            executes(1, "/abc", 2001);
            runs_with(1, "HOST=10.0.0.1");
            connects(1);
        }
        engine_free(engine);
        engine = NULL;
    }
}

#define WRONG(...)                                                                                                     \
    &(const struct detection)                                                                                          \
    {                                                                                                                  \
        .name = "w", __VA_ARGS__                                                                                       \
    }

static void test_correlation_refuses_what_makes_no_sense(void **state)
{
    (void)state;
    refused(WRONG(.correlation = {.kind = CORRELATE_COUNT, .threshold = 2}, .triggers = {{.event = "ptrace"}}),
            "detection \"w\": its correlation has no window");
    refused(WRONG(.correlation = {.kind = CORRELATE_COUNT, .threshold = 1, .window_ms = 1},
                  .triggers = {{.event = "ptrace"}}),
            "detection \"w\": its threshold is not between 2 and 1000");
    refused(WRONG(.correlation = {.kind = CORRELATE_DISTINCT, .threshold = 2, .window_ms = 1},
                  .triggers = {{.event = "ptrace"}}),
            "detection \"w\": different values are counted of one field, and only then one is named");
    refused(WRONG(.correlation = {.kind = CORRELATE_SEQUENCE, .window_ms = 1},
                  .triggers = {{.event = "ptrace", .step = 2}, {.event = "ptrace", .step = 1}}),
            "detection \"w\": its triggers' steps are not 1, 2, ... in this order");
    refused(WRONG(.correlation = {.kind = CORRELATE_SEQUENCE, .window_ms = 1},
                  .triggers = {{.event = "ptrace", .step = 1}}),
            "detection \"w\": a sequence has at least two steps");
    refused(
        WRONG(.correlation =
                  {.kind = CORRELATE_DISTINCT, .threshold = 1000, .window_ms = 1, .limit = 65536, .value = "task.pid"},
              .triggers = {{.event = "ptrace"}}),
        "detection \"w\": its correlation would take more than 16 MiB");
    refused(WRONG(.correlation = {.kind = CORRELATE_REMEMBER}, .triggers = {{.event = "ptrace"}}),
            "detection \"w\": none of its triggers remembers a field");
    refused(WRONG(.correlation = {.kind = CORRELATE_COUNT, .threshold = 2, .window_ms = 1, .keys = {"task.pdi"}},
                  .triggers = {{.event = "ptrace"}}),
            "detection \"w\": event ptrace has no field \"task.pdi\"; did you mean \"task.pid\"?");
    refused(WRONG(.correlation = {.kind = CORRELATE_COUNT, .threshold = 2, .window_ms = 1, .keys = {"data.env"}},
                  .triggers = {{.event = "sched_process_exec"}}),
            "detection \"w\": field data.env of event sched_process_exec is a list, and one value is wanted");
    refused(WRONG(.triggers = {{.event = "ptrace", .when = FIELD_EQUAL("task.comm", "remembered.string")}}),
            "detection \"w\": remembered.string: no trigger remembers a value of that kind");
    refused(WRONG(.correlation = {.kind = CORRELATE_REMEMBER},
                  .triggers = {{.event = "ptrace",
                                .when = FIELD_EQUAL("task.comm", "remembered.string"),
                                .remember = "task.pid"}}),
            "detection \"w\": remembered.string: no trigger remembers a value of that kind");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_correlation_counts, world_setup, close_world),
        cmocka_unit_test_setup_teardown(test_correlation_counts_different_values, world_setup, close_world),
        cmocka_unit_test_setup_teardown(test_correlation_sequence_of_two, world_setup, close_world),
        cmocka_unit_test_setup_teardown(test_correlation_sequence_of_three, world_setup, close_world),
        cmocka_unit_test_setup_teardown(test_correlation_keys_by_other_names, world_setup, close_world),
        cmocka_unit_test_setup_teardown(test_correlation_remembers, world_setup, close_world),
        cmocka_unit_test_setup_teardown(test_correlation_is_bounded, world_setup, close_world),
        cmocka_unit_test_setup_teardown(test_correlation_keeps_what_is_asked_for, world_setup, close_world),
        cmocka_unit_test_setup_teardown(test_correlation_tells_changes, world_setup, close_world),
        cmocka_unit_test_setup_teardown(test_correlation_tells_what_was_before, world_setup, close_world),
        cmocka_unit_test_setup_teardown(test_correlation_is_restored, world_setup, close_world),
        cmocka_unit_test_setup_teardown(test_correlation_survives_a_wrong_copy, world_setup, close_world),
        cmocka_unit_test_setup_teardown(test_correlation_refuses_what_makes_no_sense, world_setup, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
