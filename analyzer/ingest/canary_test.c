// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "analyzer/ingest/canary.h"
#include "analyzer/ingest/canary_plan.h"
#include "common/events/events.h"

enum { KEEPER = 100, INTERVAL_MS = 1000, HEARTBEAT_MS = 5000, ALL = (1 << CANARY_FAMILIES) - 1 };
static const uint64_t S = 1000000000, KEEPER_START = 7, SESSION = 1;

static const uint16_t event_of[CANARY_FAMILIES] = {
#define CANARY(family, event) EVENT_##event,
#include "common/events/canaries.def"
};

/* A node whose clock is this many seconds ahead of ours. */
enum { AHEAD = 1000 };

static struct canary_watch begun(uint64_t now_ns)
{
    struct canary_watch watch = {0};
    Vedette__V1__Canary canary;
    vedette__v1__canary__init(&canary);
    canary.tgid = KEEPER;
    canary.start_ns = KEEPER_START;
    canary.interval_ms = INTERVAL_MS;
    canary.families = ALL;
    canary_begin(&watch, &canary, HEARTBEAT_MS, SESSION, now_ns);
    canary_expect(&watch, ALL, now_ns);
    return watch;
}

/* A batch with canaries of these families, which happened when it comes. */
static void sing(struct canary_watch *watch, uint32_t families, uint64_t now_ns)
{
    canary_seen(watch, true, now_ns);
    for (unsigned family = 0; family < CANARY_FAMILIES; family++) {
        struct schema_event row = {.id = event_of[family], .known = event_by_id(event_of[family])};
        struct event_view event = {.schema = &row, .time_ns = now_ns + AHEAD * S};
        if ((families >> family & 1) != 0)
            canary_take(watch, &event, SESSION, now_ns);
    }
    canary_stream(watch, SESSION, now_ns + AHEAD * S);
}

static void expect_nothing(struct canary_watch *watch, uint64_t now_ns)
{
    struct canary_change changes[CANARY_PARTS];
    assert_int_equal(canary_check(watch, now_ns, changes), 0);
}

static struct canary_change expect_one(struct canary_watch *watch, uint64_t now_ns, enum canary_part part, bool over)
{
    struct canary_change changes[CANARY_PARTS];
    assert_int_equal(canary_check(watch, now_ns, changes), 1);
    assert_int_equal(changes[0].part, part);
    assert_int_equal(changes[0].over, over);
    return changes[0];
}

static void test_canaries_that_come(void **state)
{
    (void)state;
    struct canary_watch watch = begun(S);
    for (uint64_t now_ns = S; now_ns < 60 * S; now_ns += S) {
        sing(&watch, ALL, now_ns);
        expect_nothing(&watch, now_ns);
    }
}

/* One family alone, each of them; the others stay. */
static void test_a_family_that_stops(void **state)
{
    (void)state;
    for (unsigned family = 0; family < CANARY_FAMILIES; family++) {
        struct canary_watch watch = begun(S);
        uint64_t now_ns = S;
        sing(&watch, ALL, now_ns);
        for (; now_ns <= 5 * S; now_ns += S) { /* three intervals and the slack */
            sing(&watch, ALL & ~(1u << family), now_ns);
            expect_nothing(&watch, now_ns);
        }
        now_ns += S / 2;
        sing(&watch, ALL & ~(1u << family), now_ns);
        struct canary_change change = expect_one(&watch, now_ns, (enum canary_part)family, false);
        assert_int_equal(change.since_ns, (AHEAD + 1) * S);
        assert_int_equal(watch.blind, 1u << family);
        expect_nothing(&watch, now_ns); /* once */
        sing(&watch, ALL, now_ns + S);
        change = expect_one(&watch, now_ns + S, (enum canary_part)family, true);
        assert_int_equal(change.since_ns, (AHEAD + 1) * S);
        assert_int_equal(change.until_ns, now_ns + (AHEAD + 1) * S);
    }
}

/* One that never came is missed from the hello on. */
static void test_a_family_that_never_came(void **state)
{
    (void)state;
    struct canary_watch watch = begun(S);
    for (uint64_t now_ns = S; now_ns <= 5 * S; now_ns += S)
        sing(&watch, ALL & ~(1u << CANARY_open), now_ns);
    expect_nothing(&watch, 5 * S);
    sing(&watch, ALL & ~(1u << CANARY_open), 6 * S);
    expect_one(&watch, 6 * S, (enum canary_part)CANARY_open, false);
}

static void test_all_of_them_is_one_alert(void **state)
{
    (void)state;
    static const struct {
        bool batches, fails;
        enum canary_part part;
    } cases[] = {{true, false, CANARY_PART_RING}, {false, false, CANARY_PART_DRAIN}, {true, true, CANARY_PART_STATE}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct canary_watch watch = begun(S);
        sing(&watch, ALL, S);
        for (uint64_t now_ns = 2 * S; now_ns <= 5 * S; now_ns += S) {
            canary_seen(&watch, cases[i].batches, now_ns);
            if (cases[i].fails)
                canary_take_failed(&watch);
            expect_nothing(&watch, now_ns);
        }
        canary_seen(&watch, cases[i].batches, 6 * S);
        expect_one(&watch, 6 * S, cases[i].part, false);
        canary_seen(&watch, true, 7 * S);
        expect_nothing(&watch, 7 * S); /* what it is called does not change meanwhile */
        sing(&watch, ALL, 8 * S);
        expect_one(&watch, 8 * S, cases[i].part, true);
    }
}

/* Silence hides what else is missed, and what waited is given its time. */
static void test_silence(void **state)
{
    (void)state;
    struct canary_watch watch = begun(S);
    sing(&watch, ALL, S);
    struct canary_change changes[CANARY_PARTS];
    const uint64_t silent_ns = S + 3 * HEARTBEAT_MS * (S / 1000) + 2 * S;
    assert_int_equal(canary_check(&watch, silent_ns, changes), 1);
    assert_int_equal(changes[0].part, CANARY_PART_BUS);
    expect_nothing(&watch, silent_ns + 60 * S);
    canary_seen(&watch, false, silent_ns + 60 * S);
    expect_one(&watch, silent_ns + 60 * S, CANARY_PART_BUS, true);
    sing(&watch, ALL, silent_ns + 61 * S);
    /* The stream itself went on: nothing says that a family was gone, but its events jumped by a minute. */
    expect_nothing(&watch, silent_ns + 61 * S);
}

/* The analyzer was stopped for a minute: it is not the node that was silent. */
static void test_standing_still(void **state)
{
    (void)state;
    struct canary_watch watch = begun(S);
    sing(&watch, ALL, S);
    canary_forgive(&watch, 60 * S);
    expect_nothing(&watch, 60 * S);
    expect_nothing(&watch, 64 * S);
    struct canary_change changes[CANARY_PARTS];
    assert_int_equal(canary_check(&watch, 65 * S, changes), 1);
    assert_int_equal(changes[0].part, CANARY_PART_DRAIN);
}

/* A backlog is judged by when it happened: a minute without opens in the middle of it is told, though it comes at once.
 */
static void test_a_backlog(void **state)
{
    (void)state;
    struct canary_watch watch = begun(S);
    struct canary_change changes[CANARY_PARTS];
    size_t told = 0;
    for (uint64_t event_ns = 10 * S; event_ns < 200 * S; event_ns += S) {
        for (unsigned family = 0; family < CANARY_FAMILIES; family++) {
            struct schema_event row = {.id = event_of[family], .known = event_by_id(event_of[family])};
            struct event_view event = {.schema = &row, .time_ns = event_ns};
            if (family != CANARY_open || event_ns < 60 * S || event_ns > 120 * S)
                canary_take(&watch, &event, SESSION, S);
        }
        canary_stream(&watch, SESSION, event_ns);
        told += canary_check(&watch, S, changes);
    }
    assert_int_equal(told, 2);
    assert_int_equal(changes[0].part, CANARY_open);
    assert_true(changes[0].over);
    assert_int_equal(changes[0].since_ns, 59 * S);
}

static void test_goodbye(void **state)
{
    (void)state;
    struct canary_watch watch = begun(S);
    sing(&watch, ALL, S);
    canary_end(&watch, SESSION + 1); /* of another life: late, and nothing to this one */
    struct canary_change changes[CANARY_PARTS];
    assert_int_equal(canary_check(&watch, 100 * S, changes), 1);
    watch = begun(S);
    canary_end(&watch, SESSION);
    expect_nothing(&watch, 1000 * S);
    canary_begin(&watch, NULL, HEARTBEAT_MS, SESSION + 1, 1000 * S);
    canary_seen(&watch, true, 1000 * S);
    canary_stream(&watch, SESSION + 1, 2000 * S);
    expect_nothing(&watch, 1000 * S);
}

static void test_absence(void **state)
{
    (void)state;
    struct canary_watch watch = begun(S);
    struct canary_change change;
    sing(&watch, ALL, S);
    assert_false(canary_absence(&watch, 50 * S, 60 * S, true, &change)); /* it had been told to end */
    assert_true(canary_absence(&watch, 50 * S, 60 * S, false, &change));
    assert_int_equal(change.part, CANARY_PART_COLLECTOR);
    assert_int_equal(change.since_ns, 50 * S);
    assert_int_equal(change.until_ns, 60 * S);
    assert_false(change.over);
    /* Not twice: the silence was told. */
    struct canary_change changes[CANARY_PARTS];
    assert_int_equal(canary_check(&watch, 100 * S, changes), 1);
    assert_false(canary_absence(&watch, (AHEAD + 1) * S, (AHEAD + 99) * S, false, &change));
}

/* Another session and no word of the one before: its queue was taken away. */
static void test_a_life_without_a_past(void **state)
{
    (void)state;
    struct canary_watch watch = begun(S);
    sing(&watch, ALL, S);
    canary_begin(&watch, NULL, HEARTBEAT_MS, SESSION + 1, 2 * S);
    expect_nothing(&watch, 2 * S); /* its first batch may tell */
    canary_stream(&watch, SESSION + 1, (AHEAD + 3) * S);
    struct canary_change change = expect_one(&watch, 3 * S, CANARY_PART_COLLECTOR, false);
    assert_int_equal(change.since_ns, (AHEAD + 1) * S);
    assert_int_equal(change.until_ns, (AHEAD + 3) * S);
    expect_nothing(&watch, 3 * S);
}

static void test_whose_they_are(void **state)
{
    (void)state;
    struct canary_watch watch = begun(S);
    struct schema_event fork = {.id = EVENT_sched_process_fork, .known = event_by_id(EVENT_sched_process_fork)};
    struct schema_event ptrace = {.id = 101, .known = event_by_id(101)};
#define COMM(text)                                                                                                     \
    {                                                                                                                  \
        .data = text, .length = sizeof(text) - 1                                                                       \
    }
    const struct {
        struct task_view task;
        const struct schema_event *schema;
        bool own;
    } cases[] = {
        {{.tgid = KEEPER, .leader_start_ns = KEEPER_START, .comm = COMM("vedette-keeper")}, &fork, true},
        {{.tgid = KEEPER, .leader_start_ns = KEEPER_START, .comm = COMM("vedette-keeper")}, &ptrace, false},
        {{.tgid = KEEPER, .leader_start_ns = KEEPER_START + 1, .comm = COMM("vedette-keeper")}, &fork, false},
        {{.tgid = 5, .ppid = KEEPER, .parent_start_ns = KEEPER_START, .comm = COMM(CANARY_COMM)}, &ptrace, true},
        {{.tgid = 5, .ppid = KEEPER, .parent_start_ns = KEEPER_START + 1, .comm = COMM(CANARY_COMM)}, &ptrace, false},
        {{.tgid = 5, .ppid = KEEPER, .parent_start_ns = KEEPER_START, .comm = COMM("vedette-courier")}, &ptrace, false},
        {{.tgid = 5, .ppid = 6, .parent_start_ns = KEEPER_START, .comm = COMM(CANARY_COMM)}, &ptrace, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_view event = {.schema = cases[i].schema, .task = &cases[i].task};
        assert_int_equal(canary_is_own(&watch, &event), cases[i].own);
    }
}

/* A hostile collector cannot say that it is to be missed next year. */
static void test_intervals_are_bounded(void **state)
{
    (void)state;
    struct canary_watch watch = {0};
    Vedette__V1__Canary canary;
    vedette__v1__canary__init(&canary);
    canary.interval_ms = UINT32_MAX;
    canary.families = UINT32_MAX;
    canary_begin(&watch, &canary, UINT32_MAX, SESSION, S);
    assert_int_equal(watch.limit_ns, (3 * 60 + 1) * S);
    assert_int_equal(watch.silence_ns, (3 * 60 + 1) * S);
    assert_int_equal(watch.families, ALL);
    canary_begin(&watch, NULL, 0, SESSION, S);
    assert_int_equal(watch.silence_ns, (3 * 60 + 1) * S);
    assert_int_equal(watch.families, 0);
}

struct kernel {
    struct schema *schema;
    struct coverage *coverage;
};

/* All is covered but that event. */
static struct kernel kernel_without(uint16_t event)
{
    struct kernel kernel = {.schema = schema_new_builtin()};
    size_t n = schema_count(kernel.schema);
    kernel.coverage = calloc(1, sizeof(*kernel.coverage) + n * sizeof(kernel.coverage->row[0]));
    assert_non_null(kernel.coverage);
    kernel.coverage->count = n;
    for (size_t i = 0; i < n; i++) {
        const uint16_t id = schema_event_at(kernel.schema, i)->id;
        kernel.coverage->row[i] = (struct coverage_row){.event_id = id, .covered = id != event};
    }
    return kernel;
}

static void kernel_free(struct kernel *kernel)
{
    schema_free(kernel->schema);
    free(kernel->coverage);
}

static size_t find(const struct plan *plan, uint16_t event)
{
    size_t i = 0;
    while (i < plan->count && plan->event_id[i] != event)
        i++;
    return i;
}

static void add(struct plan *plan, uint16_t event)
{
    plan->event_id[plan->count++] = event;
}

static void test_what_a_plan_is_given(void **state)
{
    (void)state;
    struct kernel kernel = kernel_without(0);
    struct plan plan = {0};
    add(&plan, EVENT_sched_process_fork);
    add(&plan, EVENT_sched_process_exec);
    add(&plan, EVENT_sched_process_exit);
    /* Nobody wants opens and connects: they are not looked at for this. */
    uint32_t expected = canary_plan(&plan, kernel.schema, kernel.coverage, ALL);
    assert_int_equal(expected, ALL & ~(1u << CANARY_open | 1u << CANARY_connect));
    assert_int_equal(plan.count, 5);
    assert_int_equal(plan.n_watches, 0);
    const size_t call = find(&plan, EVENT_getpriority), end = find(&plan, EVENT_exit_group);
    assert_int_equal(plan.scopes.n, 1);
    assert_int_equal(plan.scopes_of[call], 1);
    assert_int_equal(plan.scopes_of[end], 1);
    assert_int_equal(plan.scopes.value[0].field, VEDETTE__V1__SCOPE_FIELD__SCOPE_COMM);
    assert_memory_equal(plan.scopes.value[0].text, CANARY_COMM, sizeof(CANARY_COMM) - 1);
    kernel_free(&kernel);
}

static void test_what_is_narrowed_is_widened_by_one(void **state)
{
    (void)state;
    struct kernel kernel = kernel_without(EVENT_exit_group);
    struct plan plan = {0};
    add(&plan, EVENT_security_file_open);
    add(&plan, EVENT_security_socket_connect);
    add(&plan, EVENT_getpriority); /* everybody's */
    plan.watch[plan.n_watches++] = (struct plan_watch){.event_id = EVENT_security_file_open};
    struct task_scope uid = {.n = 1, .value[0] = {.field = VEDETTE__V1__SCOPE_FIELD__SCOPE_UID, .from = 1, .to = 1}};
    plan.scopes_of[1] = task_scopes_bit(&plan.scopes, &uid);
    uint32_t expected = canary_plan(&plan, kernel.schema, kernel.coverage, ALL);
    assert_int_equal(expected, 1u << CANARY_open | 1u << CANARY_connect | 1u << CANARY_sys_exit);
    assert_int_equal(plan.n_watches, 2);
    assert_memory_equal(plan.watch[1].watch.text, CANARY_FILE_NAME, sizeof(CANARY_FILE_NAME) - 1);
    assert_int_equal(plan.watch[1].event_id, EVENT_security_file_open);
    assert_int_equal(plan.scopes_of[0], 0);
    assert_int_equal(plan.scopes_of[1], 3);
    assert_int_equal(plan.scopes_of[2], 0);
    kernel_free(&kernel);
}

static void test_a_plan_without_room(void **state)
{
    (void)state;
    struct kernel kernel = kernel_without(0);
    struct plan plan = {0};
    add(&plan, EVENT_security_file_open);
    plan.n_watches = WIRE_PLAN_WATCHES;
    plan.watch[0].event_id = EVENT_security_file_open;
    for (uint64_t i = 0; i < WIRE_PLAN_SCOPES; i++) {
        struct task_scope uid = {.n = 1,
                                 .value[0] = {.field = VEDETTE__V1__SCOPE_FIELD__SCOPE_UID, .from = i, .to = i}};
        assert_int_not_equal(task_scopes_bit(&plan.scopes, &uid), 0);
    }
    assert_int_equal(canary_plan(&plan, kernel.schema, kernel.coverage, ALL), 0);
    assert_int_equal(plan.count, 1);
    kernel_free(&kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canaries_that_come),
        cmocka_unit_test(test_a_family_that_stops),
        cmocka_unit_test(test_a_family_that_never_came),
        cmocka_unit_test(test_all_of_them_is_one_alert),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_standing_still),
        cmocka_unit_test(test_a_backlog),
        cmocka_unit_test(test_goodbye),
        cmocka_unit_test(test_absence),
        cmocka_unit_test(test_a_life_without_a_past),
        cmocka_unit_test(test_whose_they_are),
        cmocka_unit_test(test_intervals_are_bounded),
        cmocka_unit_test(test_what_a_plan_is_given),
        cmocka_unit_test(test_what_is_narrowed_is_widened_by_one),
        cmocka_unit_test(test_a_plan_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
