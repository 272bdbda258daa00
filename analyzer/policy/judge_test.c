// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyzer/detect/world.h"

static struct record record;

/* A set of policies, and its judge for the world. */
struct judged {
    struct policies policies;
    struct selection *selection;
    struct policy_judge *judge;
    struct engine *engine;
};

static void judged_open(struct judged *judged, const char *const *texts)
{
    struct policy_error error = {0};
    const char *words = "";
    *judged = (struct judged){0};
    for (; *texts != NULL; texts++) {
        struct policy *policy = policy_parse("p.yaml", *texts, strlen(*texts), &error);
        if (policy == NULL)
            fail_msg("%s: %s: %s", *texts, error.key, error.message);
        assert_int_equal(policies_add(&judged->policies, policy, &error), 0);
    }
    judged->selection = selection_new(&judged->policies, NULL, 0, &error);
    assert_non_null(judged->selection);
    judged->judge = policy_judge_new(judged->selection, world.schema, ARCHITECTURE_X86_64, &words);
    if (judged->judge == NULL)
        fail_msg("%s", words);
    size_t n;
    const struct detection *const *table = selection_detections(judged->selection, &n);
    judged->engine = engine_new_from(world.schema, table, n, &words);
    assert_non_null(judged->engine);
}

static void judged_close(struct judged *judged)
{
    engine_free(judged->engine);
    policy_judge_free(judged->judge);
    selection_free(judged->selection);
    policies_fini(&judged->policies);
}

/* The names of the policies that the record belongs to, joined. */
static const char *ask(struct judged *judged, const struct record *event)
{
    static char joined[256];
    size_t n;
    const struct event_context *context = world_send(&world, event);
    policy_judge_begin_batch(judged->judge, decoder_string_count(context->decoder));
    policy_judge_begin_event(judged->judge, context);
    const char *const *names = policy_judge_event(judged->judge, context, &n);
    joined[0] = '\0';
    for (size_t i = 0; i < n; i++)
        snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%s", i == 0 ? "" : ",", names[i]);
    return joined;
}

#define RULE "rules: [{event: security_file_open, filters: ["

/* security_file_open of /etc/shadow with O_WRONLY|O_CREAT (0101), by pid 4242 (42 in its namespace), uid 1000, comm
 * "cat", on host node1, from openat. */
static const struct {
    const char *scope, *filters;
    bool matches;
} cases[] = {
    {"global", "", true},
    /* text */
    {"global", "data.pathname=/etc/shadow", true},
    {"global", "args.pathname=/etc/shadow", true},
    {"global", "data.pathname=/etc/passwd", false},
    {"global", "data.pathname=/etc/shado", false},
    {"global", "data.pathname=/etc/*", true},
    {"global", "data.pathname=*shadow", true},
    {"global", "data.pathname=*etc*", true},
    {"global", "data.pathname=*nothing*", false},
    {"global", "data.pathname=*", true},
    {"global", "'data.pathname=/a,/b,/etc/shadow'", true},
    {"global", "'data.pathname=/a, /etc/*'", true},
    {"global", "'data.pathname!=/a'", true},
    {"global", "'data.pathname!=/etc/*'", false},
    {"global", "'data.pathname!=/a,/etc/shadow'", false},
    /* repeated: one of the =, all of the !=, both together */
    {"global", "data.pathname=/a, data.pathname=/etc/shadow", true},
    {"global", "data.pathname!=/a, data.pathname!=/b", true},
    {"global", "data.pathname!=/a, data.pathname!=/etc/shadow", false},
    {"global", "data.pathname=/etc/*, data.pathname!=/etc/shadow", false},
    {"global", "data.pathname=/etc/*, data.pathname!=/etc/passwd", true},
    {"global", "data.pathname=/var/*, data.pathname!=/etc/passwd", false},
    /* numbers, and names for them */
    {"global", "data.flags=65", true},
    {"global", "data.flags=0x41", true},
    {"global", "data.flags=O_WRONLY|O_CREAT", true},
    {"global", "data.flags=O_CREAT|O_WRONLY", true},
    {"global", "data.flags=O_WRONLY", false},
    {"global", "'data.flags=O_RDONLY,O_WRONLY|O_CREAT'", true},
    {"global", "data.flags!=65", false},
    {"global", "data.flags!=64", true},
    {"global", "data.flags>64", true},
    {"global", "data.flags>65", false},
    {"global", "data.flags<66, data.flags>=65", true},
    {"global", "data.flags<=64", false},
    {"global", "data.flags=65, data.flags>100", false},
    /* the result: a lone != is what its words say */
    {"global", "retval!=1", true},
    {"global", "retval!=0", false},
    {"global", "retval=0", true},
    {"global", "retval<0", false},
    {"global", "retval>=0", true},
    {"global", "retval>-1, retval<1", true},
    /* different fields all hold */
    {"global", "data.pathname=/etc/*, retval<0", false},
    {"global", "data.pathname=/etc/*, retval=0, comm=cat, uid=1000", true},
    /* fields of the task, and their other names */
    {"global", "comm=cat", true},
    {"global", "processName=c*", true},
    {"global", "comm!=cat", false},
    {"global", "uid=0", false},
    {"global", "userId>=1000", true},
    {"global", "hostPid=4242", true},
    {"global", "hostProcessId=42", false},
    {"global", "hostTid=4243", true},
    {"global", "hostThreadId<4243", false},
    {"global", "hostParentProcessId=4200", true},
    {"global", "hostParentProcessId=4242", false},
    {"global", "hostName=node1", true},
    {"global", "mntns!=1", true},
    {"global", "mountNamespace>0", true},
    {"global", "pidns!=1, pidNamespace>0", true},
    {"global", "container", false},
    {"global", "'!container'", true},
    {"global", "container=started", false},
    {"global", "host", true},
    {"global", "not-host", false},
    {"global", "container=false, host=true", true},
    {"global", "pid=42, p=42, processId=42", true},
    {"global", "tid=43, threadId!=4243", true},
    {"global", "ppid=4200", false},
    {"global", "processorId=2", true},
    {"global", "cgroupId>0", true},
    {"global", "timestamp>1700000000000000000", true},
    {"global", "syscall=openat", true},
    {"global", "syscall!=openat", false},
    {"global", "containerId=abc", false},
    {"global", "containerId!=abc", true},
    {"global", "podUid!=abc", true},
    /* what nobody tells yet is empty */
    {"global", "containerImage=nginx", false},
    {"global", "podName!=web", true},
    {"global", "podNamespace=default", false},
    {"global", "podSandbox", false},
    {"global", "'!podSandbox'", true},
    /* scopes */
    {"uid=1000", "", true},
    {"uid=0", "", false},
    {"'uid=0,1000'", "", true},
    {"uid!=1000", "", false},
    {"uid>999", "", true},
    {"uid<1000", "", false},
    {"u<=1000, u>=1000", "", true},
    {"uid=0, uid=1000", "", true},
    {"pid=4242", "", true},
    {"p=42", "", false},
    {"pid!=4242", "", false},
    {"pid!=1", "", true},
    {"pid>4000", "", true},
    {"pid=new", "", true},
    {"pid!=new", "", false},
    {"comm=cat", "", true},
    {"comm=c*", "", true},
    {"comm=bash", "", false},
    {"'comm=bash,cat'", "", true},
    {"comm!=cat", "", false},
    {"uts=node1", "", true},
    {"uts=node2", "", false},
    {"mntns=1", "", false},
    {"mntns!=1", "", true},
    {"pidns!=1", "", true},
    {"container", "", false},
    {"'!container'", "", true},
    {"not-container", "", true},
    {"container=0123", "", false},
    {"container!=0123", "", true},
    {"container=new", "", false},
    {"container=started", "", false},
    {"tree=4242", "", true},
    {"tree=4243", "", false},
    {"tree!=4242", "", false},
    {"tree!=4243", "", true},
    {"exec=/bin/true", "", false},
    {"exec!=/bin/true", "", true},
    {"follow", "", true},
    {"uid=0, follow", "", false},
    {"uid=1000, comm=bash", "", false},
    {"uid=1000, comm=cat, not-container", "", true},
};

static void test_judge_semantics(void **test)
{
    (void)test;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        struct judged judged;
        snprintf(text, sizeof(text), "type: policy\nname: p\nscope: [%s]\n" RULE "%s]}]\n", cases[i].scope,
                 cases[i].filters);
        judged_open(&judged, (const char *const[]){text, NULL});
        record_begin(&record, "security_file_open");
        record_path(&record, "pathname", "/etc/shadow", ITEM_COMPLETE);
        record_integer(&record, "flags", 0101);
        record.header.syscall = EVENT_openat;
        record.header.cgroup_id = 7;
        bool matches = strcmp(ask(&judged, &record), "p") == 0;
        if (matches != cases[i].matches)
            fail_msg("%s -> %s", text, matches ? "matches" : "does not match");
        judged_close(&judged);
    }
    print_message("%zu conditions judged\n", sizeof(cases) / sizeof(cases[0]));
}

/* Bytes that are gone hide nothing. */
static void test_judge_truncated(void **test)
{
    (void)test;
    struct judged judged;
    judged_open(&judged,
                (const char *const[]){"type: policy\nname: p\nscope: [global]\n" RULE "data.pathname!=/x/*]}]\n",
                                      "type: policy\nname: q\nscope: [global]\n" RULE "data.pathname=/x/*]}]\n", NULL});
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", "/cut/off/here", ITEM_TRUNCATED);
    assert_string_equal(ask(&judged, &record), "p,q");
    judged_close(&judged);
}

static void test_judge_rules_together(void **test)
{
    (void)test;
    struct judged judged;
    judged_open(&judged, (const char *const[]){
                             /* named: the set's rule is not asked about it */
                             "type: policy\nname: named\nscope: [global]\nrules:\n- event: fs\n- event: "
                             "security_file_open\n  filters: [data.pathname=/x]\n",
                             "type: policy\nname: sets\nscope: [global]\nrules:\n- event: fs\n  filters: "
                             "[data.pathname=/x]\n- event: lsm_hooks\n  filters: [data.pathname=/etc/*]\n",
                             "type: policy\nname: without\nscope: [global]\nrules:\n- event: fs,-security_file_open\n",
                             "type: policy\nname: others\nscope: [uid=0]\nrules:\n- event: security_file_open\n",
                             "type: policy\nname: beginnings\nscope: [global]\nrules:\n- event: security_*\n", NULL});
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", "/etc/shadow", ITEM_COMPLETE);
    assert_string_equal(ask(&judged, &record), "sets,beginnings");
    record_begin(&record, "ptrace");
    assert_string_equal(ask(&judged, &record), "");
    judged_close(&judged);
}

static void keep(void *arg, const struct finding *finding)
{
    struct judged *judged = ((void **)arg)[0];
    char *joined = ((void **)arg)[1];
    size_t n;
    const char *const *names = policy_judge_finding(judged->judge, finding, &n);
    for (size_t i = 0; i < n; i++)
        snprintf(joined + strlen(joined), 128 - strlen(joined), "%s%s", i == 0 ? "" : ",", names[i]);
}

/* A finding is judged by the event that triggered it, and by its own data where they are named. */
static void test_judge_findings(void **test)
{
    (void)test;
    struct judged judged;
    char joined[128] = "";
    void *arg[] = {&judged, joined};
#define CERT(name, conditions)                                                                                         \
    "type: policy\nname: " name "\nscope: [global]\nrules: [{event: k8s_cert_theft, filters: [" conditions "]}]\n"
    judged_open(&judged, (const char *const[]){CERT("any", ""), CERT("path", "data.pathname=/etc/kubernetes/*"),
                                               CERT("other", "data.pathname=/home/*"), CERT("comm", "comm=cat"),
                                               CERT("not", "comm!=cat"), CERT("flags", "data.flags=O_RDONLY"), NULL});
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", "/etc/kubernetes/pki/token", ITEM_COMPLETE);
    record_integer(&record, "flags", 0);
    const struct event_context *context = world_send(&world, &record);
    engine_begin_batch(judged.engine, decoder_string_count(context->decoder));
    policy_judge_begin_batch(judged.judge, decoder_string_count(context->decoder));
    policy_judge_begin_event(judged.judge, context);
    engine_judge(judged.engine, context, keep, arg);
    assert_string_equal(joined, "any,path,comm,flags");
    judged_close(&judged);
}

static void act(struct record *event, const char *name, uint32_t pid, uint32_t parent, const char *comm)
{
    record_begin(event, name);
    event->header.tgid = event->header.tid = pid;
    event->header.ppid = parent;
    event->header.leader_start_ns = event->header.thread_start_ns = pid * UINT64_C(1000000);
    event->header.parent_start_ns = parent * UINT64_C(1000000);
    record_comm(event, comm);
}

static void forks(struct judged *judged, uint32_t parent, uint32_t child, const char *comm)
{
    act(&record, "sched_process_fork", parent, 1, comm);
    record_integer(&record, "child_pid", child);
    record_integer(&record, "child_tid", child);
    record_integer(&record, "start_time", child * INT64_C(1000000));
    record_integer(&record, "parent_process_pid", parent);
    record_integer(&record, "parent_process_start_time", parent * INT64_C(1000000));
    ask(judged, &record);
}

static const char *opens(struct judged *judged, uint32_t pid, const char *comm)
{
    act(&record, "security_file_open", pid, 1, comm); /* its parent has gone: init has it */
    record_path(&record, "pathname", "/etc/shadow", ITEM_COMPLETE);
    return ask(judged, &record);
}

static const char *const remembering[] = {
    "type: policy\nname: follow\nscope: [comm=sshd, follow]\nrules: [{event: security_file_open}]\n",
    "type: policy\nname: tree\nscope: [tree=100]\nrules: [{event: security_file_open}]\n",
    "type: policy\nname: but\nscope: ['tree=100', 'tree!=102']\nrules: [{event: security_file_open}]\n",
    NULL,
};

static void test_judge_lineage(void **test)
{
    (void)test;
    struct judged judged;
    judged_open(&judged, remembering);
    forks(&judged, 100, 101, "bash");
    forks(&judged, 101, 102, "bash");
    forks(&judged, 102, 103, "bash");
    forks(&judged, 103, 100000, "bash");
    assert_string_equal(opens(&judged, 100, "x"), "tree,but");
    assert_string_equal(opens(&judged, 101, "x"), "tree,but");
    assert_string_equal(opens(&judged, 102, "x"), "tree");
    assert_string_equal(opens(&judged, 103, "x"), "tree");
    assert_string_equal(opens(&judged, 100000, "x"), "tree");
    assert_string_equal(opens(&judged, 999, "x"), "");
    /* follow: the process itself under another name, and what it makes; not what it made before */
    forks(&judged, 200, 201, "bash");
    assert_string_equal(opens(&judged, 200, "sshd"), "follow");
    assert_string_equal(opens(&judged, 200, "other"), "follow");
    assert_string_equal(opens(&judged, 201, "other"), "");
    forks(&judged, 200, 202, "other");
    forks(&judged, 202, 203, "other");
    assert_string_equal(opens(&judged, 203, "other"), "follow");
    /* A fork by a process that the scope holds for, without any selected event. */
    forks(&judged, 300, 301, "sshd");
    assert_string_equal(opens(&judged, 301, "other"), "follow");
    /* A new set keeps what the same policies remember, and works out a tree that is new. */
    struct judged next;
    judged_open(&next, (const char *const[]){
                           remembering[0], remembering[2],
                           "type: policy\nname: new\nscope: [tree=101]\nrules: [{event: security_file_open}]\n", NULL});
    policy_judge_inherit(next.judge, judged.judge, world.state);
    judged_close(&judged);
    assert_string_equal(opens(&next, 203, "other"), "follow");
    assert_string_equal(opens(&next, 101, "x"), "but,new");
    judged_close(&next);
}

static void test_judge_programs(void **test)
{
    (void)test;
    struct judged judged;
    judged_open(
        &judged,
        (const char *const[]){
            "type: policy\nname: any\nscope: [exec=/usr/bin/cat]\nrules: [{event: security_file_open}]\n",
            "type: policy\nname: host\nscope: ['exec=host:/usr/bin/cat']\nrules: [{event: security_file_open}]\n",
            "type: policy\nname: ns\nscope: ['exec=77:/usr/bin/cat,/x']\nrules: [{event: security_file_open}]\n",
            "type: policy\nname: not\nscope: [exec!=/usr/bin/cat]\nrules: [{event: security_file_open}]\n", NULL});
    act(&record, "sched_process_exec", 500, 1, "cat");
    record_path(&record, "pathname", "/usr/bin/cat", ITEM_COMPLETE);
    ask(&judged, &record);
    act(&record, "security_file_open", 500, 1, "cat");
    record.header.mnt_ns = 77;
    assert_string_equal(ask(&judged, &record), "any,ns");
    act(&record, "init_namespaces", 1, 0, "init");
    record_integer(&record, "mnt", 77);
    ask(&judged, &record);
    act(&record, "security_file_open", 500, 1, "cat");
    record.header.mnt_ns = 77;
    assert_string_equal(ask(&judged, &record), "any,host,ns");
    act(&record, "security_file_open", 501, 1, "cat");
    assert_string_equal(ask(&judged, &record), "not"); /* its program is not known, so it is not that one */
    judged_close(&judged);
}

/* A set that nobody restricts asks nothing. */
static void test_judge_without_policies(void **test)
{
    (void)test;
    struct policy_error error = {0};
    const struct policies none = {0};
    const char *words[] = {"security_file_open"}, *why;
    struct judged judged = {.selection = selection_new(&none, words, 1, &error)};
    judged.judge = policy_judge_new(judged.selection, world.schema, ARCHITECTURE_X86_64, &why);
    size_t n;
    record_begin(&record, "security_file_open");
    const struct event_context *context = world_send(&world, &record);
    policy_judge_begin_event(judged.judge, context);
    assert_string_equal(policy_judge_event(judged.judge, context, &n)[0], "");
    assert_int_equal(n, 1);
    record_begin(&record, "ptrace");
    policy_judge_event(judged.judge, world_send(&world, &record), &n);
    assert_int_equal(n, 0);
    judged_close(&judged);
}

/* As many as Tracee takes, and more. */
static void test_judge_many(void **test)
{
    (void)test;
    enum { MANY = 200 };
    static char text[MANY][160];
    static const char *list[MANY + 1];
    struct judged judged;
    for (int i = 0; i < MANY; i++) {
        snprintf(text[i], sizeof(text[i]), "type: policy\nname: p%d\nscope: [%s]\n" RULE "]}]\n", i,
                 i % 2 == 0 ? "uid=1000" : "uid=0");
        list[i] = text[i];
    }
    judged_open(&judged, list);
    size_t n;
    record_begin(&record, "security_file_open");
    const struct event_context *context = world_send(&world, &record);
    policy_judge_begin_event(judged.judge, context);
    const char *const *names = policy_judge_event(judged.judge, context, &n);
    assert_int_equal(n, MANY / 2);
    assert_string_equal(names[n - 1], "p198");
    judged_close(&judged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge_semantics),        cmocka_unit_test(test_judge_truncated),
        cmocka_unit_test(test_judge_rules_together),   cmocka_unit_test(test_judge_findings),
        cmocka_unit_test(test_judge_lineage),          cmocka_unit_test(test_judge_programs),
        cmocka_unit_test(test_judge_without_policies), cmocka_unit_test(test_judge_many),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
