/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/arguments/arguments.h"

static size_t n_rows;
static uint8_t table_is_used[TABLE_COUNT], seen[EVENT_ID_LIMIT][EVENT_MAX_ARGS];

static void check_row(void *unused, enum table table, uint16_t event_id, const char *argument)
{
    (void)unused;
    const struct event *event = event_by_id(event_id);
    int index = event != NULL ? event_arg_index(event, argument) : -1;
    if (index < 0)
        fail_msg("%s has no argument %s", event != NULL ? event->name : "no event", argument);
    const enum arg_type type = event->args[index].type;
    /* Only numbers have words; of what is an array of them, its bits. */
    if ((arg_type_shape(type) >= SHAPE_TEXT) != (table == TABLE_bpf_helper) || type == ARG_POINTER ||
        type == ARG_TIMESPEC || type == ARG_BOOL || type == ARG_INT_PAIR)
        fail_msg("%s.%s: a %s has no words", event->name, argument, arg_type_name(type));
    if (seen[event_id][index]++ != 0)
        fail_msg("%s.%s stands twice", event->name, argument);
    assert_int_equal(argument_table(event, (size_t)index), table);
    table_is_used[table] = 1;
    n_rows++;
}

static void test_arguments_are_of_real_rows(void **state)
{
    (void)state;
    arguments_visit(check_row, NULL);
    assert_true(n_rows > 250);
    for (enum table table = TABLE_NONE + 1; table < TABLE_COUNT; table++) {
        const char *name = table_name(table);
        const size_t length = strlen(name);
        if (length > 6 && strcmp(name + length - 6, "_arm64") == 0)
            continue; /* by its twin */
        if (table == TABLE_tcp_option || table == TABLE_ip_option || table == TABLE_ipv6_option)
            continue; /* by the level: tested below */
        if (!table_is_used[table])
            fail_msg("no argument uses the table %s", name);
    }
}

/* Tracee's names of flags and modes in the system calls: a new row of the event table is not forgotten. */
static void test_arguments_of_flags_have_tables(void **state)
{
    (void)state;
    /* Linux defines no flag for these, or they are not flags of the kernel's interface. */
    static const char *const without[] = {
        "process_vm_readv", "process_vm_writev", "copy_file_range", "pidfd_getfd", "process_mrelease", "cachestat",
        "sched_setattr", "sched_getattr", "signalfd", "eventfd", "futex_requeue", "pkey_alloc", "mseal",
        "lsm_list_modules", "statmount", "listmount", "process_madvise", "landlock_add_rule", "set_mempolicy_home_node",
        /* Few use them; the number says enough. */
        "mbind", "get_mempolicy", "move_pages", "membarrier", "rseq", "landlock_create_ruleset",
        "landlock_restrict_self", "futex_waitv", "futex_wake", "futex_wait", "map_shadow_stack", "lsm_get_self_attr",
        "lsm_set_self_attr"};
    size_t n;
    const struct event *events = events_all(&n);
    for (size_t e = 0; e < n; e++) {
        int flags = event_is_syscall(&events[e]) ? event_arg_index(&events[e], "flags") : -1;
        if (flags < 0 || argument_table(&events[e], (size_t)flags) != TABLE_NONE)
            continue;
        size_t i = 0;
        while (i < sizeof(without) / sizeof(without[0]) && strcmp(without[i], events[e].name) != 0)
            i++;
        if (i == sizeof(without) / sizeof(without[0]))
            fail_msg("%s.flags has no table", events[e].name);
    }
}

static const char *words(struct text *text, const char *event, const char *argument, uint64_t value)
{
    const struct event *row = event_by_name(event);
    assert_non_null(row);
    int index = event_arg_index(row, argument);
    assert_true(index >= 0);
    text->size = 0;
    if (!argument_words(text, argument_table(row, (size_t)index), ARCHITECTURE_X86_64, row->args[index].type, value))
        return NULL;
    text_append(text, "", 1);
    return text->data;
}

static void test_argument_words_by_type(void **state)
{
    (void)state;
    struct text text = {0};
    assert_string_equal(words(&text, "openat", "dirfd", (uint64_t)-100), "AT_FDCWD");
    assert_null(words(&text, "openat", "dirfd", 3));
    assert_null(words(&text, "openat", "dirfd", (uint64_t)-1));
    assert_null(words(&text, "read", "fd", 3));
    assert_string_equal(words(&text, "kill", "sig", 15), "SIGTERM");
    assert_string_equal(words(&text, "kill", "sig", 34), "34");
    assert_string_equal(words(&text, "kill", "sig", (uint64_t)-1), "-1");
    assert_string_equal(words(&text, "openat", "flags", (uint64_t)INT64_C(-2147483648)), "O_RDONLY|0x80000000");
    assert_string_equal(words(&text, "ptrace", "request", (uint64_t)-2), "-2");
    assert_string_equal(words(&text, "security_path_notify", "obj_type", 4000000000), "4000000000");
    assert_string_equal(words(&text, "sys_enter", "syscall", 0), "read");
    assert_string_equal(words(&text, "sys_enter", "syscall", 9999), "9999");
    text_fini(&text);
    assert_int_equal(argument_table(NULL, 0), TABLE_NONE);
    assert_int_equal(argument_table(event_by_name("openat"), EVENT_MAX_ARGS), TABLE_NONE);
}

static void test_argument_table_of_an_option_is_its_levels(void **state)
{
    (void)state;
    static const struct {
        int64_t level;
        enum table set, get;
    } cases[] = {
        {1, TABLE_socket_option_set, TABLE_socket_option_get},
        {0, TABLE_ip_option, TABLE_ip_option},
        {6, TABLE_tcp_option, TABLE_tcp_option},
        {41, TABLE_ipv6_option, TABLE_ipv6_option},
        {270, TABLE_NONE, TABLE_NONE},
        {-1, TABLE_NONE, TABLE_NONE},
    };
    struct schema_event set = {.known = event_by_name("setsockopt")}, get = {.known = event_by_name("getsockopt")};
    struct event_view event = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        event.schema = &set;
        event.args[1].i = cases[i].level;
        assert_int_equal(argument_table_of(&event, 2), cases[i].set);
        assert_int_equal(argument_table_of(&event, 1), TABLE_socket_level);
        event.schema = &get;
        assert_int_equal(argument_table_of(&event, 2), cases[i].get);
    }
    set.known = NULL;
    event.schema = &set;
    assert_int_equal(argument_table_of(&event, 2), TABLE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_are_of_real_rows),
        cmocka_unit_test(test_arguments_of_flags_have_tables),
        cmocka_unit_test(test_argument_words_by_type),
        cmocka_unit_test(test_argument_table_of_an_option_is_its_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
