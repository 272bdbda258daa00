/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "common/events/events.h"

/* Ids are in people's stored JSON: append a line for a new event, change none. */
static const struct {
    const char *name;
    uint16_t id;
} frozen[] = {
    {"open", 2},
    {"execve", 59},
    {"rename", 82},
    {"creat", 85},
    {"ptrace", 101},
    {"openat", 257},
    {"renameat", 264},
    {"renameat2", 316},
    {"memfd_create", 319},
    {"execveat", 322},
    {"openat2", 437},
    {"sched_process_fork", 700},
    {"sched_process_exit", 701},
    {"security_file_open", 702},
    {"security_inode_rename", 703},
    {"existing_process", 705},
    {"mem_prot_alert", 704},
    {"mmap", 9},
    {"mprotect", 10},
    {"pkey_mprotect", 329},
    {"sched_process_exec", 715},
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
        if (row->source.kind == SOURCE_SYSCALL) {
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
    assert_null(event_by_id(0));
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
    assert_int_equal(syscall_from_i386(100000), -1);
    assert_null(syscall_by_name("openatx", 7));
    assert_null(syscall_name(-1));
    assert_null(syscall_name(SYSCALL_LIMIT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_ids_are_frozen),  cmocka_unit_test(test_events_rows_are_well_formed),
        cmocka_unit_test(test_events_unknown),         cmocka_unit_test(test_events_sets_match_whole_words),
        cmocka_unit_test(test_events_syscall_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
