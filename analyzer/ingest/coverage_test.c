// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyzer/ingest/coverage.h"

static char *borrow(const char *text)
{
    union {
        const char *in;
        char *out;
    } pointer = {.in = text};
    return pointer.out;
}

/* A hello of three rows: one honest, one that drives terminals, one of an event that the schema lacks. */
static struct coverage *make(const char *reason)
{
    Vedette__V1__EventSchema open, ptrace, *schema_at[] = {&open, &ptrace};
    Vedette__V1__Coverage rows[3], *rows_at[] = {&rows[0], &rows[1], &rows[2]};
    Vedette__V1__Hello hello;
    vedette__v1__event_schema__init(&open);
    vedette__v1__event_schema__init(&ptrace);
    open.id = EVENT_open;
    open.name = borrow("open");
    open.sets = borrow("syscalls,fs");
    ptrace.id = EVENT_ptrace;
    ptrace.name = borrow("ptrace");
    for (size_t i = 0; i < 3; i++)
        vedette__v1__coverage__init(&rows[i]);
    rows[0].event_id = EVENT_open;
    rows[0].covered = true;
    rows[0].source = borrow("tp_btf/sys_exit");
    rows[0].losses = borrow("io_uring");
    rows[0].better = borrow("lsm/file_open: not attached");
    rows[0].self_test = VEDETTE__V1__SELF_TEST__SELF_TEST_PASSED;
    rows[1].event_id = EVENT_ptrace;
    rows[1].reason = borrow(reason);
    rows[2].event_id = EVENT_execve;
    vedette__v1__hello__init(&hello);
    Vedette__V1__Hook hooks[2], *hooks_at[] = {&hooks[0], &hooks[1]};
    vedette__v1__hook__init(&hooks[0]);
    vedette__v1__hook__init(&hooks[1]);
    hooks[0].name = borrow("tp_btf/sys_exit");
    hooks[0].attached = hooks[0].misses_counted = true;
    hooks[0].misses = 17;
    hooks[0].preemptible = VEDETTE__V1__PREEMPTIBLE__PREEMPTIBLE_YES;
    hooks[1].name = borrow("\x1b[2J");
    hooks[1].reason = borrow("refused\n");
    hello.n_hook = 2;
    hello.hook = hooks_at;
    hello.n_schema = 2;
    hello.schema = schema_at;
    hello.n_coverage = 3;
    hello.coverage = rows_at;
    struct schema *schema = schema_new(&hello);
    assert_non_null(schema);
    struct coverage *coverage = coverage_new(&hello, schema);
    schema_free(schema); /* nothing of it is kept */
    assert_non_null(coverage);
    return coverage;
}

static void assert_text(struct text *text, const char *expected)
{
    assert_false(text->failed);
    assert_int_equal(text->size, strlen(expected));
    assert_memory_equal(text->data, expected, text->size);
    text_fini(text);
}

static void test_coverage_json(void **state)
{
    (void)state;
    struct text text = {0};
    struct coverage *coverage = make("no \"hook\"\n");
    coverage_json(coverage, &text);
    assert_text(&text,
                "[{\"name\":\"open\",\"sets\":[\"syscalls\",\"fs\"],\"covered\":true,"
                "\"source\":\"tp_btf/sys_exit\",\"self_test\":\"passed\",\"losses\":\"io_uring\",\"reason\":\"\","
                "\"better\":\"lsm/file_open: not attached\"},\n"
                "{\"name\":\"ptrace\",\"sets\":[],\"covered\":false,\"source\":\"\",\"self_test\":\"unknown\","
                "\"losses\":\"\",\"reason\":\"no \\\"hook\\\"\\n\",\"better\":\"\"}]\n");
    free(coverage);
}

static void test_coverage_table_drives_no_terminal(void **state)
{
    (void)state;
    struct text text = {0};
    struct coverage *coverage = make("\x1b[2Jgone");
    coverage_table(coverage, &text);
    text_append(&text, "", 1);
    assert_non_null(strstr(text.data, "1 of 2 events are covered"));
    assert_non_null(strstr(text.data, "losses: io_uring; better: lsm/file_open: not attached\n"));
    assert_non_null(strstr(text.data, "why not: \\x1b[2Jgone\n"));
    assert_non_null(strstr(text.data, "tp_btf/sys_exit                      yes      unknown   yes         17\n"));
    assert_non_null(
        strstr(text.data, "\\x1b[2J                              no       unknown   unknown     refused\\n\n"));
    assert_null(strchr(text.data, '\x1b'));
    text_fini(&text);
    free(coverage);
}

static void test_coverage_find(void **state)
{
    (void)state;
    struct coverage *coverage = make("");
    assert_int_equal(coverage_count(coverage), 1);
    assert_true(coverage_find(coverage, EVENT_open)->covered);
    assert_false(coverage_find(coverage, EVENT_ptrace)->covered);
    assert_null(coverage_find(coverage, EVENT_execve));
    free(coverage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coverage_json),
        cmocka_unit_test(test_coverage_table_drives_no_terminal),
        cmocka_unit_test(test_coverage_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
