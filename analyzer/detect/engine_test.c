/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "analyzer/detect/world.h"

static struct record record;

static const struct detection opens = {
    .id = "X-1",
    .name = "opens",
    .event_id = 9001,
    .title = "t",
    .description = "d",
    .severity = SEVERITY_MEDIUM,
    .triggers = {{.event = "security_file_open",
                  .when = PREFIX("data.pathname", "/secret/"),
                  .data = {{.name = "path", .field = "data.pathname"}}},
                 {.event = "security_file_open", .when = SUFFIX("data.pathname", "/key")},
                 {.event = "security_inode_rename"}},
};
static const struct detection pokes = {
    .id = "X-2",
    .name = "pokes",
    .event_id = 9002,
    .title = "t",
    .description = "d",
    .severity = SEVERITY_INFO,
    .triggers = {{.event = "ptrace", .attempt = true}},
};
static const struct detection preloads = {
    .id = "X-3",
    .name = "preloads",
    .event_id = 9003,
    .title = "t",
    .description = "d",
    .severity = SEVERITY_HIGH,
    .triggers = {{.event = "sched_process_exec",
                  .when = ANY_OF(PREFIX("data.env", "LD_B="), PREFIX("data.env", "LD_A=")),
                  .data = {{.name = "variable", .field = "data.env"}}}},
};
static const struct detection keys = {
    .id = "X-4",
    .name = "keys",
    .event_id = 9004,
    .title = "t",
    .description = "d",
    .severity = SEVERITY_HIGH,
    .triggers = {{.event = "security_file_open", .when = SUFFIX("data.pathname", "/key")}},
};

static const struct detection *const table[] = {&opens, &pokes, &preloads, &keys};

static struct engine *make(const struct schema *schema)
{
    const char *error = NULL;
    struct engine *engine = engine_new_from(schema, table, sizeof(table) / sizeof(table[0]), &error);
    if (engine == NULL)
        print_error("%s\n", error);
    assert_non_null(engine);
    return engine;
}

static void begin_open(const char *path)
{
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", path, ITEM_COMPLETE);
}

static void test_engine_one_finding_per_detection_and_event(void **state)
{
    (void)state;
    struct engine *engine = make(world.schema);
    begin_open("/secret/key");
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 2);
    assert_ptr_equal(found.list[0].detection, &opens);
    assert_ptr_equal(found.list[0].trigger, &opens.triggers[0]);
    assert_ptr_equal(found.list[1].detection, &keys);
    assert_int_equal(found.list[0].output_index, 0);
    assert_int_equal(found.list[0].n_data, 1);
    assert_string_equal(found.list[0].data[0].name, "path");
    assert_int_equal(found.list[0].data[0].string.length, strlen("/secret/key"));
    assert_memory_equal(found.list[0].data[0].string.data, "/secret/key", found.list[0].data[0].string.length);
    assert_int_equal(found.list[1].n_data, 0);

    begin_open("/home/key");
    found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 2);
    assert_ptr_equal(found.list[0].trigger, &opens.triggers[1]);

    begin_open("/home/other");
    assert_int_equal(world_judge(&world, engine, &record).n, 0);
    record_begin(&record, "memfd_create");
    assert_int_equal(world_judge(&world, engine, &record).n, 0);
    engine_free(engine);
}

static void test_engine_failed_calls(void **state)
{
    (void)state;
    struct engine *engine = make(world.schema);
    /* Without `attempt` a failure is none of its business. */
    begin_open("/secret/x");
    record.header.ret = -13;
    assert_int_equal(world_judge(&world, engine, &record).n, 0);
    record.header.ret = 0;
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 1);
    assert_true(found.list[0].succeeded);
    assert_int_equal(found.list[0].severity, SEVERITY_MEDIUM);
    /* An address is no error, though it is negative. */
    record.header.ret = -4096;
    assert_int_equal(world_judge(&world, engine, &record).n, 1);

    /* With it, a failure is one lower, but never below the lowest. */
    record_begin(&record, "ptrace");
    record.header.ret = -3;
    found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 1);
    assert_false(found.list[0].succeeded);
    assert_int_equal(found.list[0].severity, SEVERITY_INFO);
    engine_free(engine);
}

static void test_engine_data_is_the_item_that_matched(void **state)
{
    (void)state;
    struct engine *engine = make(world.schema);
    record_begin(&record, "sched_process_exec");
    record_list(&record, "env", STRINGS("HOME=/", "LD_A=1", "LD_A=2"), ITEM_COMPLETE);
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.list[0].data[0].string.length, 6);
    assert_memory_equal(found.list[0].data[0].string.data, "LD_A=1", 6);

    /* It fires because something is missing, so there is no item to show. */
    record_begin(&record, "sched_process_exec");
    record_list(&record, "env", STRINGS("HOME=/"), ITEM_TRUNCATED);
    found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.list[0].n_data, 0);
    engine_free(engine);
}

static void test_engine_window(void **state)
{
    (void)state;
    struct engine *engine = make(world.schema);
    begin_open("/secret/x");
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(found.list[0].window_from_ns, record.header.leader_start_ns);
    assert_int_equal(found.list[0].window_to_ns, record.header.time_ns);
    record.header.time_ns = 100000000000u;
    found = world_judge(&world, engine, &record);
    assert_int_equal(found.list[0].window_from_ns, 40000000000u);
    engine_free(engine);
}

static void test_engine_wanted_events_and_costs(void **state)
{
    (void)state;
    struct engine *engine = make(world.schema);
    uint8_t want[EVENT_ID_LIMIT] = {0};
    engine_wanted_events(engine, want);
    size_t count = 0;
    for (size_t i = 0; i < EVENT_ID_LIMIT; i++)
        count += want[i];
    assert_int_equal(count, 4);
    assert_true(want[EVENT_security_file_open] && want[EVENT_security_inode_rename] && want[EVENT_ptrace] &&
                want[EVENT_sched_process_exec]);

    begin_open("/secret/x");
    for (int i = 0; i < 200; i++)
        world_judge(&world, engine, &record);
    struct engine_cost costs[4];
    assert_int_equal(engine_costs(engine, costs, 4), 4);
    assert_ptr_equal(costs[0].detection, &opens);
    assert_int_equal(costs[0].judged, 200);
    assert_int_equal(costs[0].findings, 200);
    assert_true(costs[0].nanoseconds > 0);
    uint64_t timed = 0;
    for (size_t i = 0; i < ENGINE_COST_BUCKETS; i++)
        timed += costs[0].timed[i];
    assert_int_equal(timed, 4); /* of 200 the first and each 64th after it */
    assert_int_equal(costs[0].nanoseconds, costs[0].timed_ns * 64);
    assert_int_equal(costs[1].judged, 0);
    assert_int_equal(costs[3].judged, 0); /* its path rules it out */
    assert_int_equal(costs[3].findings, 0);
    assert_int_equal(engine_costs(engine, NULL, 0), 4);
    engine_free(engine);
}

static const struct detection explodes = {
    .name = "explodes",
    .triggers = {{.event = "security_file_open", .when = REGEX("data.pathname", "^/((a|aa)+)+[bc]$")}},
};

/* A pattern that is given up fires, and is counted. */
static void test_engine_counts_patterns_given_up(void **state)
{
    (void)state;
    const struct detection *const list[] = {&keys, &explodes};
    const char *error = NULL;
    struct engine *engine = engine_new_from(world.schema, list, 2, &error);
    assert_non_null(engine);
    begin_open("/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_int_equal(world_judge(&world, engine, &record).n, 1);
    struct engine_cost costs[2];
    engine_costs(engine, costs, 2);
    assert_int_equal(costs[0].patterns_given_up, 0);
    assert_int_equal(costs[1].patterns_given_up, 1);
    engine_free(engine);
}

static void test_engine_selects_by_name_and_id(void **state)
{
    (void)state;
    const char *error = NULL;
    const char *const selected[] = {"TRC-103", "fileless_execution", "ptrace_code_injection"};
    struct engine *engine = engine_new(world.schema, selected, 3, &error);
    assert_non_null(engine);
    struct engine_cost costs[8];
    assert_int_equal(engine_costs(engine, costs, 8), 2);
    assert_string_equal(costs[0].detection->name, "fileless_execution");
    assert_string_equal(costs[1].detection->name, "ptrace_code_injection");
    engine_free(engine);

    const char *const wrong[] = {"fileless_exection"};
    assert_null(engine_new(world.schema, wrong, 1, &error));
    assert_int_equal(errno, ENOENT);
    assert_string_equal(error, "there is no detection \"fileless_exection\"; did you mean \"fileless_execution\"?");
    const char *const far[] = {"q"};
    assert_null(engine_new(world.schema, far, 1, &error));
    assert_string_equal(error, "there is no detection \"q\"");
}

static const struct detection wrong_field = {.name = "wrong",
                                             .triggers = {{.event = "ptrace", .when = NUMBER("data.reqest", 1)}}};
static const struct detection wrong_data = {
    .name = "wrong", .triggers = {{.event = "ptrace", .data = {{.name = "r", .field = "data.reqest"}}}}};

static void test_engine_refuses_a_wrong_detection(void **state)
{
    (void)state;
    const struct detection *const list[] = {&wrong_field, &wrong_data};
    const char *error = NULL;
    assert_null(engine_new_from(world.schema, &list[0], 1, &error));
    assert_int_equal(errno, EINVAL);
    assert_string_equal(
        error, "detection \"wrong\": event ptrace has no field \"data.reqest\"; did you mean \"data.request\"?");
    assert_null(engine_new_from(world.schema, &list[1], 1, &error));
    assert_string_equal(
        error, "detection \"wrong\": event ptrace has no field \"data.reqest\"; did you mean \"data.request\"?");
}

/* A hello of another version of the collector. */
static struct schema *schema_of(const char *event, uint32_t id, const char *arg, enum arg_type type)
{
    Vedette__V1__Hello hello;
    Vedette__V1__EventSchema row, *rows[] = {&row};
    vedette__v1__hello__init(&hello);
    vedette__v1__event_schema__init(&row);
    char name[64], arg_name[64];
    snprintf(name, sizeof(name), "%s", event);
    snprintf(arg_name, sizeof(arg_name), "%s", arg);
    char *names[] = {arg_name};
    uint32_t types[] = {(uint32_t)type};
    row.id = id;
    row.name = name;
    row.arg_name = names;
    row.n_arg_name = 1;
    row.arg_type = types;
    row.n_arg_type = 1;
    hello.schema = rows;
    hello.n_schema = 1;
    return schema_new(&hello);
}

static void assert_gaps(struct schema *schema, size_t n_gaps, const char *reason_of_first)
{
    assert_non_null(schema);
    struct engine *engine = make(schema);
    struct engine_gap gaps[8];
    assert_int_equal(engine_gaps(engine, gaps, 8), n_gaps);
    assert_ptr_equal(gaps[0].detection, &opens);
    assert_ptr_equal(gaps[0].trigger, &opens.triggers[0]);
    assert_string_equal(gaps[0].reason, reason_of_first);
    engine_free(engine);
    schema_free(schema);
}

static void test_engine_leaves_out_what_the_collector_lacks(void **state)
{
    (void)state;
    assert_gaps(schema_of("ptrace", 101, "request", ARG_INT64), 5, "the collector has no event security_file_open");
    assert_gaps(
        schema_of("security_file_open", 702, "path", ARG_STRING), 6,
        "the collector's events are of another version: detection \"opens\": event security_file_open has no field "
        "\"data.pathname\"; did you mean \"data.path\"?");
    assert_gaps(schema_of("security_file_open", 702, "pathname", ARG_UINT64), 6,
                "the collector's events are of another version: detection \"opens\": field data.pathname of event "
                "security_file_open is an unsigned integer, and prefix wants a string");
    struct engine *engine = make(world.schema);
    assert_int_equal(engine_gaps(engine, NULL, 0), 0);
    engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_one_finding_per_detection_and_event),
        cmocka_unit_test(test_engine_failed_calls),
        cmocka_unit_test(test_engine_data_is_the_item_that_matched),
        cmocka_unit_test(test_engine_window),
        cmocka_unit_test(test_engine_wanted_events_and_costs),
        cmocka_unit_test(test_engine_counts_patterns_given_up),
        cmocka_unit_test(test_engine_selects_by_name_and_id),
        cmocka_unit_test(test_engine_refuses_a_wrong_detection),
        cmocka_unit_test(test_engine_leaves_out_what_the_collector_lacks),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
