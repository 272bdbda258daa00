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

static struct policy *parse(const char *text)
{
    struct policy_error error = {0};
    char words[POLICY_ERROR_BYTES];
    struct policy *policy = policy_parse("p.yaml", text, strlen(text), &error);
    policy_error_words(&error, words);
    if (policy == NULL)
        fail_msg("%s\n-> %s", text, words);
    return policy;
}

static void test_policy_crd(void **test)
{
    (void)test;
    struct policy *policy = parse(good);
    assert_string_equal(policy->name, "mine");
    assert_int_equal(policy->events[EVENT_openat], 1);
    assert_int_equal(policy->events[EVENT_sched_process_fork], 1); /* by its set */
    assert_int_equal(policy->events[EVENT_ptrace], 0);
    assert_int_equal(policy->n_detections, 1);
    assert_string_equal(policy->detections[0]->name, "fileless_execution");
    assert_string_equal(policy->scope.text, "global");
    policy_free(policy);
}

/* Each selects ptrace. */
static const char *const accepted[] = {
    PLAIN "description: words\nscope: [global]\nrules: [{event: ptrace}]\n",
    PLAIN "version: 1\nscope: [global]\nrules: [{event: ptrace}]\ndefaultActions: [log, print]\n",
    HEAD "  annotations:\n    description: words\n    other: thing\n" SPEC "  - event: ptrace\n",
    /* as `kubectl get -o yaml` gives it back */
    HEAD "  labels: {a: b}\n  creationTimestamp: \"2026-01-01T00:00:00Z\"\n  generation: 1\n  resourceVersion: \"7\"\n"
         "  uid: x\n" SPEC "  - event: ptrace\n",
    "{\"type\": \"policy\", \"name\": \"a.b-c\", \"scope\": [\"global\"], \"rules\": [{\"event\": \"ptrace\"}]}",
    "---\n" PLAIN "scope: [global]\nrules: [{event: ptrace}]\n...\n",
    HEAD SPEC "  - event: ptrace\n    actions: [log]\n    filters:\n",
    HEAD SPEC "  - event: ptrace\n    filters: []\n",
    HEAD SPEC "  - event: openat, ptrace,security_file_open\n",
    HEAD SPEC "  - event: proc,-sched_process_exec\n  - event: syscalls\n",
    HEAD SPEC "  - event: syscalls\n  - event: -openat\n",
    HEAD SPEC "  - event: tag=syscalls\n",
    HEAD SPEC "  - event: '*'\n",
    PLAIN "scope: [comm=bash, 'comm!=zsh', uid>=0, follow]\nrules: [{event: ptrace}]\n",
    PLAIN "scope: [u=0, p=1, tree=7, pid=new, mntns=4026531841, pidns!=1, uts=host*]\nrules: [{event: ptrace}]\n",
    PLAIN "scope: ['exec=/bin/a,host:/bin/b,4026531841:/bin/c', bin!=/x]\nrules: [{event: ptrace}]\n",
    PLAIN "scope: [container]\nrules: [{event: ptrace}]\n",
    PLAIN "scope: ['!container']\nrules: [{event: ptrace}]\n",
    PLAIN "scope: [not-container]\nrules: [{event: ptrace}]\n",
    PLAIN "scope: ['container!=0123abcd', container=new]\nrules: [{event: ptrace}]\n",
    PLAIN "scope: [container=started]\nrules: [{event: ptrace}]\n",
    /* anchors may stand for what they stand for */
    PLAIN
    "scope: &everything [global]\nrules: [{event: ptrace, filters: &f ['args.request=PTRACE_ATTACH']}, {event: setns, "
    "filters: ['retval!=0']}]\n",
};

static void test_policy_accepted_forms(void **test)
{
    (void)test;
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        struct policy *policy = parse(accepted[i]);
        if (policy->events[EVENT_ptrace] != 1)
            fail_msg("ptrace is not selected: %s", accepted[i]);
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
    {"a: \xff\n", "p.yaml:1:4: not UTF-8: byte 0xff"},
    {"type: policy\n\xed\xa0\x80: x\n", "p.yaml:2:1: not UTF-8: byte 0xed"},
    {"\xff\xfe"
     "a\0:\0",
     "p.yaml:1:1: not UTF-8"},
    {"kind: Policy\n", "p.yaml:1:1: a policy: lacks the key apiVersion"},
    {"apiVersion: tracee.aquasec.com/v1\n", "p.yaml:1:13: apiVersion: must be tracee.aquasec.com/v1beta1"},
    {HEAD, "lacks the key spec"},
    {"apiVersoin: x\n",
     "p.yaml:1:1: apiVersoin: a policy has no such key: did you mean 'apiVersion'; it takes: apiVersion,"},
    {HEAD SPEC "  - event: opnat\n",
     "p.yaml:9:12: event: no event, set or detection is called 'opnat': did you mean 'openat'; see"},
    {HEAD SPEC "  - event: openat\n    filter: [a=b]\n",
     "p.yaml:10:5: filter: a rule has no such key: did you mean 'filters'"},
    {HEAD SPEC "  - event: openat\n    actions: [webhook]\n",
     "p.yaml:10:15: actions: there is no action 'webhook'; the actions"},
    {HEAD SPEC "  - event: openat\n    actions: [prnt]\n", "there is no action 'prnt': did you mean 'print'"},
    {HEAD SPEC "  - event: openat\n  defaultActions: []\n", "p.yaml:10:19: defaultActions: must not be empty"},
    {HEAD "spec:\n  scope: []\n  rules: [{event: openat}]\n", "p.yaml:6:10: scope: must not be empty"},
    {HEAD "spec:\n  scope: global\n  rules: [{event: openat}]\n", "scope: must be a list"},
    {HEAD "spec:\n  scope: [global]\n  rules: []\n", "rules: must not be empty"},
    {HEAD "spec:\n  scope: [global]\n", "spec: lacks the key rules"},
    {HEAD "spec:\n  scope: [global]\n  rules: [{}]\n", "a rule: lacks the key event"},
    {HEAD "spec:\n  scope: [global]\n  rules: [openat]\n", "a rule: must be a mapping"},
    {HEAD "spec:\n  scope: [global]\n  rules: [{event: [openat]}]\n", "event: must be the name"},
    {HEAD SPEC "  - event: openat\n  - event: openat\n", "p.yaml:10:12: event: openat is in this policy twice"},
    {HEAD SPEC "  - event: openat\n  - event: ptrace,openat\n", "p.yaml:10:12: event: openat is in this policy twice"},
    {HEAD SPEC "  - event: fileless_execution\n  - event: TRC-105\n",
     "event: fileless_execution is in this policy twice"},
    {HEAD SPEC "  - event: openat\n  - event: -openat\n", "p.yaml:9:12: event: openat is named and excluded"},
    {HEAD SPEC "  - event: ptrace\n    event: openat\n", "p.yaml:10:5: event: given twice"},
    {HEAD SPEC "  - event: -opnat\n", "no event, set or detection is called 'opnat'"},
    {HEAD SPEC "  - event: -openat\n    filters: [retval=0]\n", "a rule that only excludes takes no filters"},
    {HEAD SPEC "  - event: threat.sevrity=high\n",
     "there is no selector 'threat.sevrity': did you mean 'threat.severity'"},
    {HEAD SPEC "  - event: threat.severity=hihg\n", "'hihg' is no severity"},
    {HEAD SPEC "  - event: threat.name>x\n", "threat.name takes = and !="},
    {HEAD SPEC "  - event: threat.mitre.technique=T0000\n", "no detection has that threat.mitre.technique"},
    {HEAD SPEC "  - event: tag=nothing\n", "tag= takes the name of a set; 'nothing' is none"},
    /* scope */
    {PLAIN "scope: [global, uid=0]\nrules: [{event: openat}]\n",
     "'global' means everything: it must be the only entry"},
    {PLAIN "scope: [golbal]\nrules: [{event: openat}]\n",
     "p.yaml:3:9: scope: there is no field 'golbal': did you mean 'global'"},
    {PLAIN "scope: [global=1]\nrules: [{event: openat}]\n", "'global' takes no value"},
    {PLAIN "scope: ['!follow']\nrules: [{event: openat}]\n", "'follow' takes no value and no '!'"},
    {PLAIN "scope: [uid]\nrules: [{event: openat}]\n", "'uid' lacks an operator and a value, as in uid=VALUE"},
    {PLAIN "scope: [uid=root]\nrules: [{event: openat}]\n", "p.yaml:3:9: scope: uid=root: 'root' is no number"},
    {PLAIN "scope: [uid=-1]\nrules: [{event: openat}]\n", "'-1' is out of the range"},
    {PLAIN "scope: [uid=]\nrules: [{event: openat}]\n", "a value is missing"},
    {PLAIN "scope: ['uid=1,,2']\nrules: [{event: openat}]\n", "a value is missing"},
    {PLAIN "scope: [comm>a]\nrules: [{event: openat}]\n", "'comm' takes = and !=, not >"},
    {PLAIN "scope: [mntns>=1]\nrules: [{event: openat}]\n", "'mntns' takes = and !=, not >="},
    {PLAIN "scope: ['uid>1,2']\nrules: [{event: openat}]\n", "a comparison takes one value"},
    {PLAIN "scope: [tree=init]\nrules: [{event: openat}]\n", "tree: 'init' is not the number of a process"},
    {PLAIN "scope: [exec=ls]\nrules: [{event: openat}]\n", "'ls' is no absolute path"},
    {PLAIN "scope: ['exec=guest:/x']\nrules: [{event: openat}]\n", "'guest' before ':' is neither 'host' nor"},
    {PLAIN "scope: ['container!=started']\nrules: [{event: openat}]\n", "container!=started is no scope"},
    {PLAIN "scope: ['container=a/b']\nrules: [{event: openat}]\n", "'a/b' is no id, nor 'new' or 'started'"},
    {PLAIN "scope: [[a]]\nrules: [{event: openat}]\n", "scope: each entry must be text"},
    /* filters */
    {HEAD SPEC "  - event: openat\n    filters: [data.pathnme=/x]\n",
     "p.yaml:10:15: filters: data.pathnme=/x: event openat has no field 'data.pathnme': did you mean 'data.pathname'"},
    {HEAD SPEC "  - event: openat\n    filters:\n    - retval=0\n    - data.pathname=/x\n    - data.pathnme=/y\n",
     "p.yaml:13:7: filters: data.pathnme=/y: event openat has no field 'data.pathnme'"},
    {HEAD SPEC "  - event: openat\n    filters: [pathname=/x]\n", "there is no field 'pathname'"},
    {HEAD SPEC "  - event: openat\n    filters: [data.pathname]\n", "there is no field 'data.pathname'"},
    {HEAD SPEC "  - event: openat\n    filters: [data.pathname>/x]\n", "it takes = and !="},
    {HEAD SPEC "  - event: openat\n    filters: [data.flags=O_RDONYL]\n",
     "'O_RDONYL' is neither a number nor one of the names of open_flags"},
    {HEAD SPEC "  - event: openat\n    filters: [data.flags=1*]\n", "'1*' is neither a number"},
    {HEAD SPEC "  - event: openat\n    filters: [retval=0x1ffffffffffffffff]\n", "no number"},
    {HEAD SPEC "  - event: openat\n    filters: [container=maybe]\n", "the value must be true, started or false"},
    {HEAD SPEC "  - event: openat\n    filters: [=x]\n", "names no field before its operator"},
    {HEAD SPEC "  - event: openat\n    filters: retval=0\n", "filters: must be a list"},
    {HEAD SPEC "  - event: openat\n    filters: [{a: b}]\n", "filters: each entry must be text"},
    {HEAD SPEC "  - event: openat,ptrace\n    filters: [data.pathname=/x]\n",
     "event ptrace has no field 'data.pathname'"},
    {HEAD SPEC "  - event: proc_life\n    filters: [data.nothing=/x]\n", "has no field 'data.nothing'"},
    {HEAD SPEC "  - event: dropped_executable\n    filters: [data.pth=/x]\n", "has no field 'data.pth'"},
    {HEAD SPEC "  - event: openat\n    filters: [retvl=0]\n", "there is no field 'retvl': did you mean 'retval'"},
    /* forms */
    {PLAIN "scope: [global]\n", "lacks the key rules"},
    {PLAIN "scope: [global]\nrules: [{event: openat}]\nstatus: 1\n", "status: a policy has no such key"},
    {"type: detector\n", "type: must be policy"},
    {"type: policy\nname: Upper\n", "name: must be lower-case"},
    {"type: policy\nname: -x\n", "name: must be lower-case"},
    {"type: policy\nname: ''\n", "name: must be lower-case"},
    {"type: policy\nname: {a: b}\n", "name: must be lower-case"},
    {"? [a]\n: b\n", "a key must be a plain word"},
    {PLAIN "scope: [global]\nrules: [{event: openat}]\n---\n" PLAIN, "---: one document a file"},
    {"&a [*a]\n", "a policy: must be a mapping"},
    {"&a {type: policy, name: x, scope: *a, rules: *a}\n", "scope: must be a list"},
    {PLAIN "scope: &a [*a]\nrules: *a\n", "scope: each entry must be text"},
};

static void test_policy_refused(void **test)
{
    (void)test;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct policy_error error = {0};
        char words[POLICY_ERROR_BYTES];
        struct policy *policy = policy_parse("p.yaml", bad[i].text, strlen(bad[i].text), &error);
        if (policy != NULL)
            fail_msg("accepted: %s", bad[i].text);
        policy_error_words(&error, words);
        if (strncmp(words, "p.yaml:", 7) != 0 || strstr(words, bad[i].words) == NULL)
            fail_msg("%s\n-> %s\nwanted %s", bad[i].text, words, bad[i].words);
    }
    print_message("%zu forms of bad input refused, each with its place\n", sizeof(bad) / sizeof(bad[0]));
}

/* `before`, `count` times the line with its number for an '@', `after`: heap. */
static char *repeated(const char *before, const char *line, size_t count, const char *after)
{
    size_t size = strlen(before) + count * (strlen(line) + 16) + strlen(after) + 1, used;
    char *text = malloc(size);
    assert_non_null(text);
    used = (size_t)snprintf(text, size, "%s", before);
    const char *at = strchr(line, '@');
    for (size_t i = 0; i < count; i++)
        used += at == NULL ? (size_t)snprintf(text + used, size - used, "%s", line)
                           : (size_t)snprintf(text + used, size - used, "%.*s%zu%s", (int)(at - line), line, i, at + 1);
    snprintf(text + used, size - used, "%s", after);
    return text;
}

static void expect(char *text, const char *wanted)
{
    struct policy_error error = {0};
    char words[POLICY_ERROR_BYTES] = "";
    struct policy *policy = policy_parse("p.yaml", text, strlen(text), &error);
    if (policy == NULL)
        policy_error_words(&error, words);
    if (wanted == NULL ? policy == NULL : strstr(words, wanted) == NULL)
        fail_msg("%.200s... -> %s, wanted %s", text, words, wanted == NULL ? "it" : wanted);
    policy_free(policy);
    free(text);
}

static void test_policy_large(void **test)
{
    (void)test;
    /* Ten thousand lines are no fault. */
    expect(repeated(HEAD SPEC, "# comment @\n", 10000, "  - event: openat\n"), NULL);
    expect(repeated(HEAD SPEC, "  - event: openat # @\n", 10000, ""), "rules: more than 2048 entries");
    expect(repeated(HEAD SPEC "  - event: openat\n    filters:\n", "    - data.pathname=/a/@\n", 257, ""),
           "filters: more than 256 entries");
    expect(repeated(HEAD SPEC "  - event: openat\n    filters:\n", "    - data.pathname=/a/@\n", 256, ""), NULL);
    expect(repeated(HEAD SPEC "  - event: openat\n    filters:\n    - data.pathname=/x", ",/@", 1024, "\n"),
           "more than 1024 values");
    expect(repeated(HEAD "spec:\n  rules: [{event: openat}]\n  scope:\n", "  - uid!=@\n", 65, ""),
           "more than 64 entries");
    /* What a few lines stand for is bounded too. */
    expect(repeated(PLAIN "scope: [global]\nrules:\n- &r {event: syscalls, filters: &f ['uid!=1', 'uid!=2', 'uid!=3', "
                          "'uid!=4', 'uid!=5', 'uid!=6', 'uid!=7', 'uid!=8']}\n",
                    "- *r # @\n", 100, ""),
           "times the events that they are for, are too many");
    expect(repeated(PLAIN "scope: [global]\nrules:\n- &r {event: -openat, actions: &a [", "log, # @\n", 250,
                    "log]}\n- *r\n"),
           NULL);
    char *nested = repeated("", "[", 20000, "");
    expect(nested, "not YAML");
    expect(repeated("a: ", "{b: ", 20000, ""), "not YAML");
}

/* "Billion laughs": nine levels of nine references each. */
static void test_policy_alias_bomb(void **test)
{
    (void)test;
    char bomb[2048];
    size_t used = (size_t)snprintf(bomb, sizeof(bomb), "a0: &a0 [lol]\n");
    for (int i = 1; i < 10; i++)
        used +=
            (size_t)snprintf(bomb + used, sizeof(bomb) - used, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n",
                             i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    expect(strdup(bomb), "a0: a policy has no such key");
    snprintf(bomb + used, sizeof(bomb) - used, "%s", "");
    /* Where lists are read: every rule again the same long list of actions. */
    char *text = repeated(PLAIN "scope: [global]\nrules:\n- {event: -openat, actions: &a [", "log, ", 255, "log]}\n");
    char *rules = repeated("", "- {event: -openat, actions: *a} # @\n", 2000, "");
    char *both = malloc(strlen(text) + strlen(rules) + 1);
    assert_non_null(both);
    snprintf(both, strlen(text) + strlen(rules) + 1, "%s%s", text, rules);
    free(text);
    free(rules);
    expect(both, "this file stands for more than 65536 values");
}
/* Whatever byte is changed or cut, there is a policy or there are words. */
static void test_policy_damaged_anywhere(void **test)
{
    (void)test;
    for (size_t at = 0; at < sizeof(good); at++) {
        char text[sizeof(good)];
        struct policy_error error = {0};
        memcpy(text, good, sizeof(good));
        text[at] = (char)(text[at] ^ 0x95);
        struct policy *policy = policy_parse("p.yaml", text, sizeof(good) - 1, &error);
        assert_true(policy != NULL || error.message[0] != '\0');
        policy_free(policy);
        error.message[0] = '\0';
        policy = policy_parse("p.yaml", good, at, &error);
        assert_true(policy != NULL || error.message[0] != '\0');
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
    char directory[] = "/tmp/vedette-policies.XXXXXX";
    struct policy_error error = {0};
    struct policies policies = {0};
    assert_non_null(mkdtemp(directory));
    assert_int_equal(policies_load(&policies, directory, &error), -ENOENT);
    assert_non_null(strstr(error.message, "holds no policy"));

    write_file(directory, "b.yaml", good);
    write_file(directory, "a.yml", PLAIN "scope: [global]\nrules: [{event: ptrace}]\n");
    write_file(directory, "notes.txt", "not a policy");
    write_file(directory, ".hidden.yaml", "not a policy");
    assert_int_equal(policies_load(&policies, directory, &error), 0);
    assert_int_equal(policies.count, 2);
    assert_string_equal(policies.policy[0]->name, "plain");

    /* All or nothing, and no name twice. */
    assert_int_equal(policies_load(&policies, directory, &error), -EINVAL);
    assert_non_null(strstr(error.message, "is already the name of the policy in"));
    assert_int_equal(policies.count, 2);
    assert_true(policies_load(&policies, "/nonexistent/p.yaml", &error) < 0);
    assert_string_equal(error.path, "/nonexistent/p.yaml");

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
    struct policy_error error = {0};
    struct policies policies = {.policy = calloc(2, sizeof(struct policy *)), .count = 2};
    assert_non_null(policies.policy);
    policies.policy[0] = policy_parse("a", good, strlen(good), &error);
    policies.policy[1] = policy_parse("b", other, strlen(other), &error);
    assert_non_null(policies.policy[0]);
    assert_non_null(policies.policy[1]);
    return policies;
}

static void test_selection_of_policies(void **test)
{
    (void)test;
    struct policy_error error = {0};
    size_t n;
    struct policies policies = parse_two();
    struct selection *selection = selection_new(&policies, NULL, 0, &error);
    assert_non_null(selection);
    assert_true(selection_has_event(selection, EVENT_openat));
    assert_false(selection_has_event(selection, EVENT_ptrace));
    assert_false(selection_has_event(selection, UINT32_MAX));
    const struct detection *const *detections = selection_detections(selection, &n);
    assert_int_equal(n, 1);
    assert_string_equal(detections[0]->name, "fileless_execution");
    selection_free(selection);

    const char *const words[] = {"ptrace"};
    assert_null(selection_new(&policies, words, 1, &error));
    assert_non_null(strstr(error.message, "not both"));
    policies_fini(&policies);
}

static void test_selection_of_words(void **test)
{
    (void)test;
    struct policy_error error = {0};
    size_t n;
    const struct policies none = {0};
    const char *const words[] = {"openat,ptrace", "proc_life"};
    struct selection *selection = selection_new(&none, words, 2, &error);
    assert_non_null(selection);
    assert_true(selection_has_event(selection, EVENT_ptrace));
    assert_true(selection_has_event(selection, EVENT_sched_process_exit));
    size_t n_all;
    detections_all(&n_all);
    selection_detections(selection, &n);
    assert_int_equal(n, n_all);
    selection_free(selection);

    const char *const wrong[] = {"openat,ptrase"};
    assert_null(selection_new(&none, wrong, 1, &error));
    assert_non_null(strstr(error.message, "did you mean 'ptrace'"));
    const char *const detection[] = {"fileless_execution"};
    assert_null(selection_new(&none, detection, 1, &error));
    assert_non_null(strstr(error.message, "is a detection"));

    selection = selection_new(&none, NULL, 0, &error);
    assert_non_null(selection);
    assert_false(selection_has_event(selection, EVENT_ptrace));
    selection_free(selection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_crd),         cmocka_unit_test(test_policy_accepted_forms),
        cmocka_unit_test(test_policy_refused),     cmocka_unit_test(test_policy_damaged_anywhere),
        cmocka_unit_test(test_policy_large),       cmocka_unit_test(test_policy_alias_bomb),
        cmocka_unit_test(test_policies_directory), cmocka_unit_test(test_selection_of_policies),
        cmocka_unit_test(test_selection_of_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
