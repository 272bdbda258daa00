/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdint.h>

#include "launcher/options.h"

/* A literal where the interface, like execv(3), has char * and changes nothing. */
#define T(text) ((char *)(uintptr_t)(text))

#define PARSE(options, error, ...) parse((char *[]){T("vedette-run"), __VA_ARGS__, NULL}, options, error)

static int parse(char **argv, struct run_options *options, char *error)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    return run_options_parse(argc, argv, options, error);
}

static char word[][32] = {"--json", "--policy", "a.yaml", "--policy=b.yaml", "--events=openat,ptrace",
                          "--",     "sh",       "-c",     "--json"};

static void test_options_everything_before_command(void **state)
{
    (void)state;
    struct run_options options;
    char error[RUN_ERROR_BYTES];
    assert_int_equal(
        PARSE(&options, error, word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7], word[8]), 0);
    assert_true(options.json);
    assert_int_equal(options.policies.count, 2);
    assert_string_equal(options.policies.item[0], "a.yaml");
    assert_string_equal(options.policies.item[1], "b.yaml");
    assert_string_equal(options.events, "openat,ptrace");
    assert_string_equal(options.command[0], "sh");
    assert_string_equal(options.command[2], "--json");
    assert_null(options.command[3]);
}

static void test_options_bare(void **state)
{
    (void)state;
    struct run_options options;
    char error[RUN_ERROR_BYTES];
    char tree[] = "--tree=42";
    assert_int_equal(PARSE(&options, error, tree), 0);
    assert_null(options.command);
    assert_int_equal(options.tree, 42);
    assert_false(options.json);
}

static void test_options_refused(void **state)
{
    (void)state;
    char *const lines[][5] = {
        {T("--nosuch")},
        {T("--json=yes")},
        {T("--policy")},
        {T("--policy=")},
        {T("--tree"), T("0")},
        {T("--tree"), T("12x")},
        {T("--tree"), T("99999999999")},
        {T("--tree"), T("1"), T("--cgroup"), T("/a")},
        {T("--tree"), T("1"), T("--"), T("true")},
        {T("--cgroup=/a"), T("--"), T("true")},
        {T("--collector"), T("novalue")},
        {T("--analyzer=novalue")},
        {T("true")},
        {T("--")},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char *argv[8] = {T("vedette-run")};
        for (size_t j = 0; j < 5 && lines[i][j] != NULL; j++)
            argv[j + 1] = lines[i][j];
        struct run_options options = {.tree = 7};
        char error[RUN_ERROR_BYTES] = "";
        assert_int_equal(parse(argv, &options, error), -EINVAL);
        assert_non_null(strstr(error, "--help"));
        assert_int_equal(options.tree, 7); /* outputs stay untouched on failure */
    }
}

static void test_options_list_is_bounded(void **state)
{
    (void)state;
    char policy[] = "--policy=x";
    char *argv[RUN_LIST_ITEMS + 3] = {T("vedette-run")};
    for (int i = 1; i <= RUN_LIST_ITEMS; i++)
        argv[i] = policy;
    struct run_options options;
    char error[RUN_ERROR_BYTES];
    assert_int_equal(parse(argv, &options, error), 0);
    argv[RUN_LIST_ITEMS + 1] = policy;
    assert_int_equal(parse(argv, &options, error), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_everything_before_command),
        cmocka_unit_test(test_options_bare),
        cmocka_unit_test(test_options_refused),
        cmocka_unit_test(test_options_list_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
