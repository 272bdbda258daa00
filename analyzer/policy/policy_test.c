// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/policy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "analyzer/policy/selection.h"

#define HEAD  "apiVersion: tracee.aquasec.com/v1beta1\nkind: Policy\nmetadata:\n  name: mine\n"
#define SPEC  "spec:\n  scope:\n  - global\n  rules:\n"
#define PLAIN "type: policy\nname: plain\n"

static const char good[] = HEAD SPEC "  - event: openat\n  - event: fileless_execution\n  - event: proc_life\n";

static void test_policy_crd(void **test)
{
    (void)test;
    char error[POLICY_ERROR_BYTES] = "";
    struct policy *policy = policy_parse("p.yaml", good, strlen(good), error);
    assert_string_equal(error, "");
    assert_non_null(policy);
    assert_string_equal(policy->name, "mine");
    assert_int_equal(policy->events[EVENT_openat], 1);
    assert_int_equal(policy->events[EVENT_sched_process_fork], 1); /* by its set */
    assert_int_equal(policy->events[EVENT_ptrace], 0);
    assert_int_equal(policy->n_detections, 1);
    assert_string_equal(policy->detections[0]->name, "fileless_execution");
    policy_free(policy);
}

static const char *const accepted[] = {
    PLAIN "description: words\nscope: [global]\nrules: [{event: ptrace}]\n",
    HEAD "  annotations:\n    description: words\n" SPEC "  - event: ptrace\n",
    "{\"type\": \"policy\", \"name\": \"a.b-c\", \"scope\": [\"global\"], \"rules\": [{\"event\": \"ptrace\"}]}",
    "---\n" PLAIN "scope: [global]\nrules: [{event: ptrace}]\n...\n",
};

static void test_policy_accepted_forms(void **test)
{
    (void)test;
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        char error[POLICY_ERROR_BYTES] = "";
        struct policy *policy = policy_parse("p.yaml", accepted[i], strlen(accepted[i]), error);
        if (policy == NULL)
            fail_msg("%s", error);
        assert_int_equal(policy->events[EVENT_ptrace], 1);
        policy_free(policy);
    }
}

static const struct {
    const char *text, *words;
} bad[] = {
    {"", "p.yaml:1:1: empty"},
    {"just words\n", "p.yaml:1:1: a policy: must be a mapping"},
    {"a: [\n", "not YAML"},
    {"\tx: y\n", "not YAML"},
    {"kind: Policy\n", "p.yaml:1:1: a policy: lacks the key apiVersion"},
    {"apiVersion: tracee.aquasec.com/v1\n", "p.yaml:1:13: apiVersion: must be tracee.aquasec.com/v1beta1"},
    {HEAD, "lacks the key spec"},
    {HEAD SPEC "  - event: opnat\n",
     "p.yaml:9:12: event: no event, set or detection is called 'opnat': did you mean 'openat'; see"},
    {HEAD SPEC "  - event: openat\n    filters:\n    - data.pathname=/etc/*\n",
     "p.yaml:10:5: filters: not supported in a rule yet"},
    {HEAD SPEC "  - event: openat\n    actions: [log]\n", "p.yaml:10:5: actions: not supported"},
    {HEAD SPEC "  - event: openat\n  defaultActions: [log]\n", "p.yaml:10:3: defaultActions: not supported"},
    {HEAD "spec:\n  scope: [container]\n  rules: [{event: openat}]\n",
     "p.yaml:6:11: scope: 'container' is not supported yet: only global"},
    {HEAD "spec:\n  scope: []\n  rules: [{event: openat}]\n", "p.yaml:6:10: scope: must not be empty"},
    {HEAD "spec:\n  scope: global\n  rules: [{event: openat}]\n", "scope: must be a list"},
    {HEAD "spec:\n  scope: [global]\n  rules: []\n", "rules: must not be empty"},
    {HEAD "spec:\n  scope: [global]\n", "spec: lacks the key rules"},
    {HEAD "spec:\n  scope: [global]\n  rules: [{}]\n", "a rule: lacks the key event"},
    {HEAD "spec:\n  scope: [global]\n  rules: [openat]\n", "a rule: must be a mapping"},
    {HEAD "spec:\n  scope: [global]\n  rules: [{event: [openat]}]\n", "event: must be the name"},
    {HEAD SPEC "  - event: openat\n  - event: openat\n", "p.yaml:10:12: event: openat is in this policy twice"},
    {HEAD SPEC "  - event: ptrace\n    event: openat\n", "p.yaml:10:5: event: given twice"},
    {HEAD SPEC "  - event: -openat\n", "no event, set or detection is called '-openat'"},
    {HEAD "  labels: {}\n" SPEC "  - event: openat\n", "labels: not supported"},
    {PLAIN "scope: [global]\n", "lacks the key rules"},
    {PLAIN "scope: [global]\nrules: [{event: openat}]\nversion: 1\n", "version: not supported"},
    {"type: detector\n", "type: must be policy"},
    {"type: policy\nname: Upper\n", "name: must be lower-case"},
    {"type: policy\nname: -x\n", "name: must be lower-case"},
    {"type: policy\nname: ''\n", "name: must be lower-case"},
    {"type: policy\nname: {a: b}\n", "name: must be lower-case"},
    {"? [a]\n: b\n", "a key must be a plain word"},
    {PLAIN "scope: [global]\nrules: [{event: openat}]\n---\n" PLAIN, "---: one policy a file"},
    {"&a [*a]\n", "a policy: must be a mapping"},
    {"&a {type: policy, name: x, scope: *a, rules: *a}\n", "scope: must be a list"},
};

static void test_policy_refused(void **test)
{
    (void)test;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char error[POLICY_ERROR_BYTES] = "";
        struct policy *policy = policy_parse("p.yaml", bad[i].text, strlen(bad[i].text), error);
        if (policy != NULL)
            fail_msg("accepted: %s", bad[i].text);
        if (strncmp(error, "p.yaml:", 7) != 0 || strstr(error, bad[i].words) == NULL)
            fail_msg("%s\n-> %s\nwanted %s", bad[i].text, error, bad[i].words);
    }
}

/* Whatever byte is changed or cut, there is a policy or there are words. */
static void test_policy_damaged_anywhere(void **test)
{
    (void)test;
    for (size_t at = 0; at < sizeof(good); at++) {
        char text[sizeof(good)], error[POLICY_ERROR_BYTES] = "";
        memcpy(text, good, sizeof(good));
        text[at] = (char)(text[at] ^ 0x95);
        struct policy *policy = policy_parse("p.yaml", text, sizeof(good) - 1, error);
        assert_true(policy != NULL || error[0] != '\0');
        policy_free(policy);
        error[0] = '\0';
        policy = policy_parse("p.yaml", good, at, error);
        assert_true(policy != NULL || error[0] != '\0');
        policy_free(policy);
    }
}

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void remove_file(const char *directory, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    unlink(path);
}

static void test_policies_directory(void **test)
{
    (void)test;
    char directory[] = "/tmp/vedette-policies.XXXXXX", error[POLICY_ERROR_BYTES] = "";
    struct policies policies = {0};
    assert_non_null(mkdtemp(directory));
    assert_int_equal(policies_load(&policies, directory, error), -ENOENT);
    assert_non_null(strstr(error, "holds no policy"));

    write_file(directory, "b.yaml", good);
    write_file(directory, "a.yml", PLAIN "scope: [global]\nrules: [{event: ptrace}]\n");
    write_file(directory, "notes.txt", "not a policy");
    write_file(directory, ".hidden.yaml", "not a policy");
    assert_int_equal(policies_load(&policies, directory, error), 0);
    assert_int_equal(policies.count, 2);
    assert_string_equal(policies.policy[0]->name, "plain");

    /* All or nothing, and no name twice. */
    assert_int_equal(policies_load(&policies, directory, error), -EINVAL);
    assert_non_null(strstr(error, "is already the name of the policy in"));
    assert_int_equal(policies.count, 2);
    assert_true(policies_load(&policies, "/nonexistent/p.yaml", error) < 0);
    assert_non_null(strstr(error, "/nonexistent/p.yaml"));

    policies_fini(&policies);
    remove_file(directory, "a.yml");
    remove_file(directory, "b.yaml");
    remove_file(directory, "notes.txt");
    remove_file(directory, ".hidden.yaml");
    rmdir(directory);
}

static struct policies parse_two(void)
{
    static const char other[] = PLAIN "scope: [global]\nrules: [{event: openat}, {event: fileless_execution}]\n";
    char error[POLICY_ERROR_BYTES];
    struct policies policies = {.policy = calloc(2, sizeof(struct policy *)), .count = 2};
    assert_non_null(policies.policy);
    policies.policy[0] = policy_parse("a", good, strlen(good), error);
    policies.policy[1] = policy_parse("b", other, strlen(other), error);
    assert_non_null(policies.policy[0]);
    assert_non_null(policies.policy[1]);
    return policies;
}

static void test_selection_of_policies(void **test)
{
    (void)test;
    char error[POLICY_ERROR_BYTES];
    size_t n;
    struct policies policies = parse_two();
    struct selection *selection = selection_new(&policies, NULL, 0, error);
    assert_non_null(selection);
    assert_true(selection_has_event(selection, EVENT_openat));
    assert_false(selection_has_event(selection, EVENT_ptrace));
    assert_false(selection_has_event(selection, UINT32_MAX));
    const char *const *names = selection_event_policies(selection, EVENT_openat, &n);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "mine");
    assert_string_equal(names[1], "plain");
    names = selection_detections(selection, &n);
    assert_int_equal(n, 1);
    assert_string_equal(names[0], "fileless_execution");
    names = selection_detection_policies(selection, detection_by_name("fileless_execution"), &n);
    assert_int_equal(n, 2);
    names = selection_detection_policies(selection, detection_by_name("ld_preload"), &n);
    assert_int_equal(n, 1);
    assert_string_equal(names[0], "");
    selection_free(selection);

    const char *const words[] = {"ptrace"};
    assert_null(selection_new(&policies, words, 1, error));
    assert_non_null(strstr(error, "not both"));
    policies_fini(&policies);
}

static void test_selection_of_words(void **test)
{
    (void)test;
    char error[POLICY_ERROR_BYTES];
    size_t n;
    const struct policies none = {0};
    const char *const words[] = {"openat,ptrace", "proc_life"};
    struct selection *selection = selection_new(&none, words, 2, error);
    assert_non_null(selection);
    assert_true(selection_has_event(selection, EVENT_ptrace));
    assert_true(selection_has_event(selection, EVENT_sched_process_exit));
    assert_null(selection_detections(selection, &n)); /* all */
    assert_string_equal(selection_event_policies(selection, EVENT_ptrace, &n)[0], "");
    assert_int_equal(n, 1);
    selection_free(selection);

    const char *const wrong[] = {"openat,ptrase"};
    assert_null(selection_new(&none, wrong, 1, error));
    assert_non_null(strstr(error, "did you mean 'ptrace'"));
    const char *const detection[] = {"fileless_execution"};
    assert_null(selection_new(&none, detection, 1, error));
    assert_non_null(strstr(error, "is a detection"));

    selection = selection_new(&none, NULL, 0, error);
    assert_non_null(selection);
    assert_false(selection_has_event(selection, EVENT_ptrace));
    selection_free(selection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_crd),         cmocka_unit_test(test_policy_accepted_forms),
        cmocka_unit_test(test_policy_refused),     cmocka_unit_test(test_policy_damaged_anywhere),
        cmocka_unit_test(test_policies_directory), cmocka_unit_test(test_selection_of_policies),
        cmocka_unit_test(test_selection_of_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
