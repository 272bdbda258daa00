/* SPDX-License-Identifier: Apache-2.0 */
/* Detections on the findings of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "analyzer/detect/world.h"

static struct record record;

static struct engine *load(const struct detection *const *table, size_t n)
{
    const char *error = NULL;
    struct engine *engine = engine_new_from(world.schema, table, n, &error);
    if (engine == NULL)
        fail_msg("%s", error);
    return engine;
}

static const struct detection opens = {
    .name = "opens",
    .severity = SEVERITY_MEDIUM,
    .triggers = {{.event = "security_file_open",
                  .when = PREFIX("data.pathname", "/secret/"),
                  .data = {{.name = "path", .field = "data.pathname"}, {.name = "flags", .field = "data.flags"}},
                  .attempt = true},
                 {.event = "security_inode_rename"}},
};
static const struct detection keys_opened = {
    .name = "keys_opened",
    .severity = SEVERITY_HIGH,
    .triggers = {{.event = "opens",
                  .when = ALL_OF(SUFFIX("data.path", "/key"), NUMBER("data.severity", SEVERITY_MEDIUM),
                                 STRING("data.event", "security_file_open"), NUMBER("data.flags", 2),
                                 STRING("task.comm", "cat")),
                  .data = {{.name = "name", .field = "basename(data.path)"}}}},
};
static const struct detection many = {
    .name = "many",
    .severity = SEVERITY_CRITICAL,
    .correlation = {.kind = CORRELATE_COUNT, .keys = {"process.id"}, .window_ms = 1000, .threshold = 2},
    .triggers = {{.event = "keys_opened", .data = {{.name = "last", .field = "data.name"}}}},
};
static const struct detection failures = {
    .name = "failures",
    .triggers = {{.event = "opens", .when = NUMBER("data.succeeded", 0)}},
};

static struct world_findings judge(struct engine *engine, const char *path, uint64_t at_ms, int64_t ret)
{
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", path, ITEM_COMPLETE);
    record_integer(&record, "flags", 2);
    record.header.time_ns = at_ms * 1000000;
    record.header.ret = ret;
    return world_judge(&world, engine, &record);
}

static void test_chain_of_findings(void **state)
{
    (void)state;
    /* The order in the table does not matter. */
    const struct detection *const table[] = {&many, &keys_opened, &failures, &opens};
    struct engine *engine = load(table, 4);
    uint8_t want[EVENT_ID_LIMIT] = {0};
    engine_wanted_events(engine, want);
    assert_true(want[EVENT_security_file_open] != 0);
    assert_int_equal(engine_gaps(engine, NULL, 0), 0);

    assert_int_equal(judge(engine, "/secret/other", 10000, 0).n, 1);
    struct world_findings found = judge(engine, "/secret/key", 20000, 0);
    assert_int_equal(found.n, 2);
    assert_ptr_equal(found.list[0].detection, &opens);
    assert_ptr_equal(found.list[1].detection, &keys_opened);
    assert_int_equal(found.list[1].severity, SEVERITY_HIGH);
    assert_true(found.list[1].succeeded);
    assert_memory_equal(found.list[1].data[0].string.data, "key", 3);
    /* What is told is the event, however many findings lie between. */
    assert_ptr_equal(found.list[1].context->event->schema->known, event_by_name("security_file_open"));

    found = judge(engine, "/secret/key", 20100, 0);
    assert_int_equal(found.n, 3);
    assert_ptr_equal(found.list[2].detection, &many);
    assert_int_equal(found.list[2].window_from_ns, UINT64_C(20000000000));
    assert_memory_equal(found.list[2].data[0].string.data, "key", 3);

    /* A failed attempt is lowered once, and what is made of it says that it failed. */
    found = judge(engine, "/secret/key", 30000, -13);
    assert_int_equal(found.n, 2);
    assert_int_equal(found.list[0].severity, SEVERITY_LOW);
    assert_ptr_equal(found.list[1].detection, &failures);
    assert_false(found.list[1].succeeded);
    engine_free(engine);
}

/* Two findings of a detection on one event are two: their ids must differ. */
static const struct detection twice_a = {.name = "twice_a", .triggers = {{.event = "ptrace"}}};
static const struct detection twice_b = {.name = "twice_b", .triggers = {{.event = "ptrace"}}};
static const struct detection of_both = {.name = "of_both", .triggers = {{.event = "twice_a"}, {.event = "twice_b"}}};

static void test_chain_numbers_outputs(void **state)
{
    (void)state;
    const struct detection *const table[] = {&of_both, &twice_a, &twice_b};
    struct engine *engine = load(table, 3);
    for (int i = 0; i < 2; i++) {
        record_begin(&record, "ptrace");
        struct world_findings found = world_judge(&world, engine, &record);
        assert_int_equal(found.n, 4);
        assert_ptr_equal(found.list[1].detection, &of_both);
        assert_int_equal(found.list[1].output_index, 0);
        assert_ptr_equal(found.list[3].detection, &of_both);
        assert_int_equal(found.list[3].output_index, 1);
    }
    engine_free(engine);
}

static const struct detection named = {
    .name = "named",
    .triggers = {{.event = "security_file_open",
                  .data = {{.name = "name", .field = "lower(basename(data.pathname))"}}}},
};
static const struct detection reader = {
    .name = "reader",
    .triggers = {{.event = "named",
                  .when = STRING("data.name", "key"),
                  .data = {{.name = "event", .field = "lower(data.event)"},
                           {.name = "name", .field = "lower(data.name)"}}}},
};

/* Each reads what the first found, whatever those before it have read since. */
static void test_chain_keeps_values(void **state)
{
    (void)state;
    enum { READERS = 40 };
    const struct detection *table[READERS + 1] = {&named};
    for (int i = 0; i < READERS; i++)
        table[i + 1] = &reader;
    struct engine *engine = load(table, READERS + 1);
    judge(engine, "/x/KEY", 1000, 0);
    struct engine_cost costs[READERS + 1];
    engine_costs(engine, costs, READERS + 1);
    for (int i = 0; i <= READERS; i++)
        assert_int_equal(costs[i].findings, 1);
    engine_free(engine);
}

static void refused(const struct detection *const *table, size_t n, const char *words)
{
    const char *error = NULL;
    assert_null(engine_new_from(world.schema, table, n, &error));
    assert_int_equal(errno, EINVAL);
    assert_string_equal(error, words);
}

#define ON(own, source)                                                                                                \
    &(const struct detection)                                                                                          \
    {                                                                                                                  \
        .name = own, .triggers = { {.event = source} }                                                                 \
    }

static void test_chain_is_bounded(void **state)
{
    (void)state;
    const struct detection *const deep[] = {ON("d0", "ptrace"), ON("d1", "d0"), ON("d2", "d1"), ON("d3", "d2"),
                                            ON("d4", "d3"),     ON("d5", "d4"), ON("d6", "d5")};
    struct engine *engine = load(deep, 6);
    record_begin(&record, "ptrace");
    assert_int_equal(world_judge(&world, engine, &record).n, 6);
    engine_free(engine);
    refused(deep, 7, "detection \"d6\": it is made of findings of findings, more than 5 deep or in a circle");
    const struct detection *const itself[] = {ON("self", "self")};
    refused(itself, 1, "detection \"self\": it is made of findings of findings, more than 5 deep or in a circle");
    const struct detection *const circle[] = {ON("a", "b"), ON("b", "c"), ON("c", "a")};
    refused(circle, 3, "detection \"a\": it is made of findings of findings, more than 5 deep or in a circle");
}

static const struct detection asks_more = {.name = "asks_more",
                                           .triggers = {{.event = "opens", .when = EXISTS("data.pth")}}};
static const struct detection of_two_types = {
    .name = "of_two_types",
    .triggers = {{.event = "ptrace", .data = {{.name = "x", .field = "task.comm"}}},
                 {.event = "openat", .data = {{.name = "x", .field = "task.uid"}}}}};

static void test_chain_refuses_what_is_not_told(void **state)
{
    (void)state;
    const struct detection *const table[] = {&asks_more, &opens};
    refused(table, 2, "detection \"asks_more\": event opens has no field \"data.pth\"; did you mean \"data.path\"?");
    const struct detection *const types[] = {ON("y", "of_two_types"), &of_two_types};
    refused(types, 2, "of_two_types: its data \"x\" are of two types");
    const struct detection *const alone[] = {ON("z", "fileless_execution")};
    struct engine *engine = load(alone, 1);
    struct engine_gap gap;
    assert_int_equal(engine_gaps(engine, &gap, 1), 1);
    assert_string_equal(gap.reason, "detection fileless_execution is not selected");
    engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_of_findings),
        cmocka_unit_test(test_chain_numbers_outputs),
        cmocka_unit_test(test_chain_keeps_values),
        cmocka_unit_test(test_chain_is_bounded),
        cmocka_unit_test(test_chain_refuses_what_is_not_told),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
