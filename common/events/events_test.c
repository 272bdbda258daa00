/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "common/events/events.h"

static const struct {
    const char *name;
    uint16_t id;
} frozen[] = {
#define FROZEN(name_, id_) {#name_, id_},
#include "common/events/frozen_ids.def"
};

static void test_events_ids_are_frozen(void **state)
{
    (void)state;
    size_t count;
    events_all(&count);
    assert_int_equal(count, sizeof(frozen) / sizeof(frozen[0]));
    for (size_t i = 0; i < count; i++) {
        const struct event *event = event_by_name(frozen[i].name);
        assert_non_null(event);
        assert_int_equal(event->id, frozen[i].id);
        assert_ptr_equal(event_by_id(frozen[i].id), event);
    }
}

static void test_events_rows_are_well_formed(void **state)
{
    (void)state;
    size_t count;
    const struct event *rows = events_all(&count);
    for (size_t i = 0; i < count; i++) {
        const struct event *row = &rows[i];
        assert_true(row->id < EVENT_ID_LIMIT);
        assert_true(row->n_args <= EVENT_MAX_ARGS);
        assert_true(row->class < CLASS_COUNT);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(rows[j].id, row->id);
        for (int a = 0; a < row->n_args; a++)
            assert_int_equal(event_arg_index(row, row->args[a].name), a);
        assert_true(row->n_sources > 0);
        if (event_is_syscall(row)) {
            assert_true(row->n_args <= SYSCALL_ARGS);
            assert_string_equal(syscall_name(row->id), row->name);
            assert_true(event_in_set(row, "syscalls"));
        }
    }
}

static void test_events_unknown(void **state)
{
    (void)state;
    assert_null(event_by_name("no_such_event"));
    assert_null(event_by_id(EVENT_ID_LIMIT));
    assert_null(event_by_id(UINT32_MAX));
    assert_null(event_by_id(EVENT_ID_LIMIT - 1));
    assert_int_equal(event_arg_index(event_by_name("ptrace"), "pathname"), -1);
}

static void test_events_sets_match_whole_words(void **state)
{
    (void)state;
    const struct event *row = event_by_name("security_file_open");
    assert_true(event_in_set(row, "lsm_hooks"));
    assert_true(event_in_set(row, "fs"));
    assert_false(event_in_set(row, "lsm"));
    assert_false(event_in_set(row, ""));
    assert_false(event_in_set(row, "file_ops"));
}

static void test_events_syscall_numbers(void **state)
{
    (void)state;
    const struct syscall_numbers *openat = syscall_by_name("openat renameat", 6);
    assert_non_null(openat);
    assert_int_equal(openat->x86_64, 257);
    assert_int_equal(openat->i386, 295);
    assert_int_equal(openat->arm64, 56);
    assert_int_equal(syscall_from_i386(26), 101);
    assert_int_equal(syscall_from_i386(-1), -1);
    assert_int_equal(syscall_from_eabi(5), 2);     /* open, as on i386 */
    assert_int_equal(syscall_from_eabi(322), 257); /* openat, i386's 295 */
    assert_int_equal(syscall_from_eabi(437), 437); /* openat2, everywhere */
    assert_int_equal(syscall_from_eabi(289), -1);  /* send */
    assert_int_equal(syscall_from_i386(100000), -1);
    assert_null(syscall_by_name("openatx", 7));
    assert_null(syscall_name(-1));
    assert_null(syscall_name(SYSCALL_LIMIT));
}

static void test_events_every_call_has_a_row(void **state)
{
    (void)state;
    for (int number = 0; number < SYSCALL_LIMIT; number++) {
        const char *name = syscall_name(number);
        if (name == NULL)
            continue;
        const struct event *row = event_by_id((uint32_t)number);
        assert_non_null(row);
        assert_string_equal(row->name, name);
        assert_true(event_is_syscall(row));
    }
}

static void test_events_derived_ones_name_an_event(void **state)
{
    (void)state;
    size_t count;
    const struct event *rows = events_all(&count);
    for (size_t i = 0; i < count; i++)
        for (uint8_t s = 0; s < rows[i].n_sources; s++)
            if (rows[i].sources[s].kind == SOURCE_DERIVED)
                assert_non_null(event_by_name(rows[i].sources[s].name));
}

/* Who tells it is always on, so that nothing is off that nobody else says. */
static void test_events_that_are_off_are_told(void **state)
{
    (void)state;
    size_t count, told = 0;
    const struct event *rows = events_all(&count);
    for (size_t i = 0; i < count; i++) {
        const struct event *by = event_told_by(&rows[i]);
        if (rows[i].class != CLASS_CRITICAL)
            assert_false(event_is_always_on(&rows[i]));
        if (by == NULL)
            continue;
        told++;
        assert_int_equal(rows[i].class, CLASS_CRITICAL);
        assert_false(event_is_always_on(&rows[i]));
        assert_true(event_is_always_on(by));
    }
    assert_true(told > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_ids_are_frozen),
        cmocka_unit_test(test_events_rows_are_well_formed),
        cmocka_unit_test(test_events_unknown),
        cmocka_unit_test(test_events_sets_match_whole_words),
        cmocka_unit_test(test_events_syscall_numbers),
        cmocka_unit_test(test_events_every_call_has_a_row),
        cmocka_unit_test(test_events_derived_ones_name_an_event),
        cmocka_unit_test(test_events_that_are_off_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
