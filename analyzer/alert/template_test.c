/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a finding, and templates of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/alert/template.h"

static void assert_made(const char *source, bool json, const char *expected)
{
    char error[TEMPLATE_ERROR_BYTES] = "";
    const struct alert alert = alert_rich();
    struct finding_view view;
    struct text text = {0};
    struct template *template = template_parse("t", source, strlen(source), json, error);
    if (template == NULL)
        fail_msg("%s", error);
    assert_int_equal(finding_view_init(&view, &alert), 0);
    template_write(template, &view, &text);
    assert_false(text.failed);
    text_literal(&text, "\0");
    assert_string_equal(text.data, expected);
    text_fini(&text);
    finding_view_fini(&view);
    template_free(template);
}

static void test_template_fields(void **state)
{
    (void)state;
    assert_made("", false, "");
    assert_made("no field", false, "no field");
    assert_made("{{detection}}/{{ signature }}/{{severity}}/{{severity_number}}", false,
                "fileless_execution/TRC-105/high/3");
    assert_made("{{pid}} {{ppid}} {{uid}} {{process}}", false, "4242 4200 1000 a\"]\\b");
    assert_made("{{command}}|{{file}}|{{policies}}", false, "x -a b \"c\"|/memfd:x|night,all");
    assert_made("{{container}},{{container_name}},{{image}},{{namespace}},{{pod}}", false,
                "0123abc,web,nginx:1,shop,web-1");
    assert_made("{{time}} {{event}} {{tactic}} {{technique}}", false,
                "2023-11-14T22:13:20.000002748Z sched_process_exec defense-evasion T1620");
    assert_made("{{succeeded}} {{incomplete}} {{node}}", false, "true false node1");
    assert_made("{{{{detection}} {x} }}", false, "{{detection}} {x} }}");
}

/* Between quotes no value can end the string, or the line. */
static void test_template_json(void **state)
{
    (void)state;
    assert_made("{\"p\": \"{{process}}\", \"e\": \"{{executable}}\"}", true,
                "{\"p\": \"a\\\"]\\\\b\", \"e\": \"/memfd:\xc3\xa4\\n\"}");
    const struct alert alert = alert_rich();
    assert_made("{{finding}}", true, alert.json);
}

static void test_template_refused(void **state)
{
    (void)state;
    static const struct {
        const char *source, *words;
    } cases[] = {
        {"a\nb {{detecton}}", "t:2: no field is called 'detecton'; did you mean 'detection'?"},
        {"{{}}", "t:1: no field is called ''"},
        {"\n\n{{detection", "t:3: '{{' without its '}}'"},
        {"{{detection\n}}", "t:1: '{{' without its '}}'"},
        {"{{detection}", "t:1: '{{' without its '}}'"},
        {"{{a}b}}", "t:1: '{{' without its '}}'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char error[TEMPLATE_ERROR_BYTES] = "";
        assert_null(template_parse("t", cases[i].source, strlen(cases[i].source), true, error));
        if (strstr(error, cases[i].words) == NULL)
            fail_msg("\"%s\"", error);
    }
    char error[TEMPLATE_ERROR_BYTES] = "";
    assert_null(template_parse("t", "a\0b", 3, true, error));
    assert_non_null(strstr(error, "NUL"));
    assert_null(template_load("/nonexistent/template", true, error));
    assert_non_null(strstr(error, "/nonexistent/template: cannot be read: No such file"));
}

static void test_field_lists(void **state)
{
    (void)state;
    static const char *const usual[] = {"id", "node", NULL};
    static struct option_list names;
    struct finding_field_list list;
    char why[256] = "";
    assert_int_equal(finding_field_list_read(&list, "labels", &names, usual, why, sizeof(why)), 0);
    assert_int_equal(list.count, 2);
    names.count = 1;
    snprintf(names.item[0], sizeof(names.item[0]), "none");
    assert_int_equal(finding_field_list_read(&list, "labels", &names, usual, why, sizeof(why)), 0);
    assert_int_equal(list.count, 0);
    snprintf(names.item[0], sizeof(names.item[0]), "nod");
    assert_true(finding_field_list_read(&list, "labels", &names, usual, why, sizeof(why)) < 0);
    assert_string_equal(why, "labels: no field is called 'nod'; did you mean 'node'?");
    names.count = 2;
    snprintf(names.item[0], sizeof(names.item[0]), "node");
    snprintf(names.item[1], sizeof(names.item[1]), "node");
    assert_true(finding_field_list_read(&list, "labels", &names, usual, why, sizeof(why)) < 0);
    assert_non_null(strstr(why, "twice"));
}

/* A finding that lacks everything, or is none, is no reason to fall. */
static void test_fields_of_nothing(void **state)
{
    (void)state;
    size_t count;
    const struct finding_field *fields = finding_fields(&count);
    struct finding_view view;
    struct alert alert = alert_of(1);
    alert.json = "{\"args\":7,\"metadata\":[],\"vedette\":null,\"hostProcessId\":\"x\",\"matchedPolicies\":{}}";
    assert_int_equal(finding_view_init(&view, &alert), 0);
    for (size_t i = 0; i < count; i++)
        free(finding_field_text(&fields[i], &view));
    finding_view_fini(&view);
    alert.json = "no JSON";
    assert_int_equal(finding_view_init(&view, &alert), -EBADMSG);
    finding_view_fini(&view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template_fields),   cmocka_unit_test(test_template_json),
        cmocka_unit_test(test_template_refused),  cmocka_unit_test(test_field_lists),
        cmocka_unit_test(test_fields_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
