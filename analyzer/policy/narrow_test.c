// SPDX-License-Identifier: Apache-2.0
/* What the kernel is told of policies, and that it never says no to what a policy tells. */
#include "analyzer/policy/narrow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyzer/detect/world.h"
#include "analyzer/policy/judge.h"
#include "proto/vedette.pb-c.h"

static struct record record;

static void add_policy(struct policies *policies, const char *event, const char *scope, const char *filters)
{
    char text[1024];
    struct policy_error error = {0};
    snprintf(
        text, sizeof(text),
        "apiVersion: tracee.aquasec.com/v1beta1\nkind: Policy\nmetadata: {name: p%zu, annotations: {description: d}}\n"
        "spec: {scope: [%s], rules: [{event: %s, filters: [%s]}], defaultActions: [log]}\n",
        policies->count, scope, event, filters);
    struct policy *policy = policy_parse("p.yaml", text, strlen(text), &error);
    if (policy == NULL)
        fail_msg("%s: %s: %s", text, error.key, error.message);
    assert_int_equal(policies_add(policies, policy, &error), 0);
}

static const struct schema_event *row(const char *event)
{
    return schema_event_by_id(world.schema, event_by_name(event)->id);
}

/* -- what is told -- */

static const char *value_words(const struct task_value *value)
{
    static const char *const fields[] = {"?", "uid", "pid", "tid", "mntns", "pidns", "comm", "uts"};
    static char words[64];
    if (value->length > 0)
        snprintf(words, sizeof(words), "%s=%.*s%s", fields[value->field], value->length, value->text,
                 (value->flags & TASK_VALUE_PREFIX) != 0 ? "*" : "");
    else if (value->from == value->to)
        snprintf(words, sizeof(words), "%s=%lu", fields[value->field], value->from);
    else
        snprintf(words, sizeof(words), "%s=%lu..%lu", fields[value->field], value->from, value->to);
    return words;
}

/* Values of a key are joined by '|', behind "not" when none may hold; keys by " & ", scopes by " ; ". */
static const char *scope_words(const struct task_scopes *scopes, uint32_t mask)
{
    static char words[1024], key[512];
    words[0] = '\0';
    if (mask == 0)
        return "everybody";
    for (size_t i = 0; i < scopes->n; i++) {
        key[0] = '\0';
        const char *between = words[0] == '\0' ? "" : " ; ";
        for (size_t v = scopes->first[i]; (mask >> i & 1) != 0 && v < scopes->first[i + 1]; v++) {
            const struct task_value *value = &scopes->value[v];
            snprintf(key + strlen(key), sizeof(key) - strlen(key), "%s%s", key[0] == '\0' ? "" : "|",
                     value_words(value));
            if ((value->flags & TASK_VALUE_ENDS_KEY) == 0)
                continue;
            snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s%s", between,
                     (value->flags & TASK_VALUE_NONE_OF) != 0 ? "not " : "", key);
            key[0] = '\0';
            between = " & ";
        }
    }
    return words;
}

static const struct {
    const char *event, *scope, *filters, *tasks;
    const char *file; /* the first row's text; "" for all files */
} told[] = {
    {"openat", "global", "", "everybody", ""},
    {"openat", "uid=0", "", "uid=0", ""},
    {"openat", "'uid=0,1000', uid!=7", "", "uid=0|uid=1000 & not uid=7", ""},
    {"openat", "uid>=1000", "", "uid=1000..9223372036854775807", ""},
    {"openat", "uid<1000", "", "uid=0..999", ""},
    {"openat", "pid=42", "", "pid=42|tid=42", ""},
    {"openat", "pid!=42", "", "not pid=42|tid=42", ""},
    {"openat", "pid>42", "", "pid=43..9223372036854775807", ""},
    {"openat", "mntns=1, pidns!=2", "", "mntns=1 & not pidns=2", ""},
    {"openat", "'comm=ss*,bash'", "", "comm=bash|comm=ss*", ""},
    {"openat", "comm!=a-name-that-is-cut", "", "not comm=a-name-that-is-", ""},
    {"openat", "uts=web-*", "", "uts=web-*", ""},
    /* a value that cannot be told takes its key with it, and the key alone */
    {"openat", "'comm=*sh,bash', uid=0", "", "uid=0", ""},
    {"openat", "comm=*sh", "", "everybody", ""},
    {"openat", "container, uid=0", "", "uid=0", ""},
    {"openat", "container", "", "everybody", ""},
    {"openat", "pid=new, uid=0", "", "uid=0", ""},
    /* the host's namespace is not known here */
    {"openat", "'executable=host:/bin/sh', uid=0", "", "uid=0", ""},
    {"openat", "'executable=host:/bin/sh'", "", "everybody", ""},
    /* what remembers processes sees all of them, and all of their files */
    {"openat", "uid=0, follow", "", "everybody", ""},
    {"openat", "uid=0, tree=1", "", "everybody", ""},
    {"security_file_open", "uid=0, follow", "data.pathname=/etc/ssh/*", "everybody", ""},
    {"security_file_open", "uid=0, tree=1", "data.pathname=/etc/ssh/*", "everybody", ""},
    /* filters too */
    {"openat", "global", "uid=5, comm=x", "uid=5 & comm=x", ""},
    {"openat", "global", "retval<0", "everybody", ""},
    {"openat", "uid=0", "retval<0", "uid=0", ""},
    {"security_file_open", "uid=0", "data.pathname=/etc/ssh/*", "uid=0", "ssh"},
    {"security_file_open", "global", "data.pathname=/etc/shadow", "everybody", "shadow"},
    {"security_file_open", "global", "data.pathname!=/etc/shadow", "everybody", ""},
    {"vfs_write", "global", "data.pathname=/var/log/wtmp", "everybody", "wtmp"},
    {"vfs_read", "global", "'data.pathname=pipe:[1]'", "everybody", ""},
    {"vfs_readv", "global", "data.pathname=*/ssh/key", "everybody", "key"},
    {"vfs_writev", "global", "data.pathname=*de:bpf-map", "everybody", ""},
    {"security_mmap_file", "global", "data.pathname=*/libevil.so", "everybody", "libevil.so"},
    {"shared_object_loaded", "global", "data.pathname=/tmp/*", "everybody", "tmp"},
    /* what is always sent, and what no task causes */
    {"sched_process_exec", "uid=0", "", "everybody", ""},
    {"existing_process", "uid=0", "", "everybody", ""},
    {"net_tcp_connect", "uid=0", "", "everybody", ""},
};

static void test_narrow_tells(void **test)
{
    (void)test;
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        struct policies policies = {0};
        struct task_scopes scopes = {0};
        struct watches watches = {0};
        add_policy(&policies, told[i].event, told[i].scope, told[i].filters);
        uint32_t mask = narrow_tasks(&policies, row(told[i].event), ARCHITECTURE_X86_64, &scopes);
        narrow_files(&policies, row(told[i].event), ARCHITECTURE_X86_64, &watches);
        const char *words = scope_words(&scopes, mask);
        char file[32] = "";
        if (!watches.all)
            snprintf(file, sizeof(file), "%.*s", watches.list[0].length, watches.list[0].text);
        if (strcmp(words, told[i].tasks) != 0 || strcmp(file, told[i].file) != 0)
            fail_msg("%s [%s] [%s]: '%s' and '%s', not '%s' and '%s'", told[i].event, told[i].scope, told[i].filters,
                     words, file, told[i].tasks, told[i].file);
        policies_fini(&policies);
    }
}

/* Policies are alternatives; equal scopes are one; one that says nothing makes it everybody's, and leaves no scope
 * behind; what does not fit is everybody's. */
static void test_narrow_several(void **test)
{
    (void)test;
    struct policies policies = {0};
    struct task_scopes scopes = {0};
    add_policy(&policies, "openat", "uid=0", "");
    add_policy(&policies, "'openat,unlink'", "comm=a", "");
    add_policy(&policies, "unlink", "uid=0", "");
    add_policy(&policies, "'unlink,mkdir'", "uid=7, comm=b", "");
    assert_int_equal(narrow_tasks(&policies, row("openat"), ARCHITECTURE_X86_64, &scopes), 3);
    assert_int_equal(narrow_tasks(&policies, row("unlink"), ARCHITECTURE_X86_64, &scopes), 7);
    assert_int_equal(narrow_tasks(&policies, row("mkdir"), ARCHITECTURE_X86_64, &scopes), 4);
    assert_string_equal(scope_words(&scopes, 7), "uid=0 ; comm=a ; uid=7 & comm=b");
    add_policy(&policies, "rmdir", "uid=9", "");
    add_policy(&policies, "rmdir", "container", "");
    assert_int_equal(narrow_tasks(&policies, row("rmdir"), ARCHITECTURE_X86_64, &scopes), 0);
    assert_int_equal(scopes.n, 3);
    static const char *const calls[] = {"chdir",  "chmod",  "chown", "close",     "creat",  "dup",      "fchdir",
                                        "fchmod", "fchown", "fsync", "ftruncate", "getcwd", "getdents", "getpid"};
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        char scope[32];
        snprintf(scope, sizeof(scope), "uid=%u", 100 + i);
        add_policy(&policies, calls[i], scope, "");
        uint32_t mask = narrow_tasks(&policies, row(calls[i]), ARCHITECTURE_X86_64, &scopes);
        assert_int_equal(mask, 3 + i < WIRE_PLAN_SCOPES ? 1u << (3 + i) : 0);
    }
    assert_int_equal(scopes.n, WIRE_PLAN_SCOPES);
    policies_fini(&policies);
}

/* -- never too little -- */

static bool value_holds(const struct task_value *value, const struct record_header *task)
{
    const uint64_t numbers[] = {0, task->uid, task->tgid, task->tid, task->mnt_ns, task->pid_ns};
    if (value->length == 0)
        return value->from <= numbers[value->field] && numbers[value->field] <= value->to;
    const char *text = value->field == VEDETTE__V1__SCOPE_FIELD__SCOPE_COMM ? task->comm : task->uts;
    return strncmp(text, value->text, value->length) == 0 &&
           ((value->flags & TASK_VALUE_PREFIX) != 0 || text[value->length] == '\0');
}

/* As the programs do. */
static bool some_scope_holds(const struct task_scopes *scopes, uint32_t mask, const struct record_header *task)
{
    for (size_t i = 0; i < scopes->n; i++) {
        bool held = false, all = (mask >> i & 1) != 0;
        for (size_t v = scopes->first[i]; v < scopes->first[i + 1]; v++) {
            held = held || value_holds(&scopes->value[v], task);
            if ((scopes->value[v].flags & TASK_VALUE_ENDS_KEY) == 0)
                continue;
            all = all && held != ((scopes->value[v].flags & TASK_VALUE_NONE_OF) != 0);
            held = false;
        }
        if (all)
            return true;
    }
    return mask == 0;
}

/* The row's text is a component of the path: the last, or one before it; or its end. */
static bool row_holds(const struct watch *watch, const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    char wanted[WIRE_WATCH_TEXT + 3];
    snprintf(wanted, sizeof(wanted), "/%.*s/", watch->length, watch->text);
    switch (watch->part) {
    case VEDETTE__V1__WATCH_PART__WATCH_NAME:
        return strlen(name) == watch->length && memcmp(name, watch->text, watch->length) == 0;
    case VEDETTE__V1__WATCH_PART__WATCH_DIRECTORY:
        return strstr(path, wanted) != NULL;
    default:
        return strlen(name) >= watch->length &&
               memcmp(name + strlen(name) - watch->length, watch->text, watch->length) == 0;
    }
}

static bool some_row_holds(const struct watches *watches, const char *path)
{
    for (size_t i = 0; i < watches->n && !watches->all; i++)
        if (row_holds(&watches->list[i], path))
            return true;
    return watches->all;
}

static const char *const scopes_tried[] = {
    "global",
    "uid=0",
    "uid!=0",
    "'uid=0,1000'",
    "uid>0",
    "uid<=999, uid!=5",
    "pid=4242",
    "pid!=4243",
    "pid=4243",
    "pid<4242",
    "mntns=1",
    "mntns!=1",
    "pidns!=1",
    "comm=cat",
    "comm!=cat",
    "comm=c*",
    "'comm!=c*,ss*'",
    "comm=*at",
    "uts=node1",
    "uts!=node*",
    "container",
    "not-container",
    "pid=new",
    "comm=ca",
    "comm=c*, comm!=cat",
    "uid>=1000, comm=cat, uts=node1",
    "uid=0, comm=cat",
    "'executable=host:/bin/cat'",
};

static const char *const filters_tried[] = {
    "",
    "data.pathname=/etc/*",
    "data.pathname=/etc/ssh/*",
    "data.pathname=/etc/shadow",
    "'data.pathname=/etc/shadow,/var/log/*'",
    "data.pathname!=/etc/shadow",
    "data.pathname=*shadow",
    "data.pathname=*/ssh/ssh_config",
    "data.pathname=*.ssh*",
    "data.pathname=*/ssh/*",
    "data.pathname=*h_config",
    "data.pathname=/etc/*, uid=0",
    "comm=cat, data.pathname=/etc/ssh/*, data.pathname!=/etc/ssh/ssh_config",
};

static const char *const paths[] = {"/etc/shadow",     "/etc/ssh/ssh_config",
                                    "/etc/ssh/a/b",    "/var/log/wtmp",
                                    "/home/x/.ssh/k",  "/ssh/etc",
                                    "/srv/etc/shadow", "/"};

static const struct actor {
    uint32_t uid, tgid, tid, mnt_ns;
    const char *comm, *uts;
} actors[] = {
    {0, 4242, 4242, 1, "cat", "node1"}, {1000, 4242, 4243, 2, "cat", "node2"},
    {5, 4243, 4243, 1, "c", "node1"},   {1000, 7, 7, 2, "catalog", "web-1"},
    {0, 7, 8, 2, "sshd", "n"},          {UINT32_MAX, 1, 1, 1, "ca", "node1"},
};

static void send(const struct actor *actor, const char *path)
{
    record_begin(&record, "security_file_open");
    record.header.uid = actor->uid;
    record.header.tgid = actor->tgid;
    record.header.tid = actor->tid;
    record.header.mnt_ns = actor->mnt_ns;
    record_comm(&record, actor->comm);
    memset(record.header.uts, 0, sizeof(record.header.uts));
    memcpy(record.header.uts, actor->uts, strlen(actor->uts));
    record_path(&record, "pathname", path, ITEM_COMPLETE);
}

/* How many of the events the programs would have left out. */
static size_t try_all(const struct policies *policies, const char *about)
{
    size_t left_out = 0, n;
    struct task_scopes scopes = {0};
    struct watches watches = {0};
    struct policy_error error = {0};
    const char *words = "";
    struct selection *selection = selection_new(policies, NULL, 0, &error);
    struct policy_judge *judge = policy_judge_new(selection, world.schema, ARCHITECTURE_X86_64, &words);
    assert_non_null(judge);
    uint32_t mask = narrow_tasks(policies, row("security_file_open"), ARCHITECTURE_X86_64, &scopes);
    narrow_files(policies, row("security_file_open"), ARCHITECTURE_X86_64, &watches);
    for (size_t a = 0; a < sizeof(actors) / sizeof(actors[0]); a++)
        for (size_t p = 0; p < sizeof(paths) / sizeof(paths[0]); p++) {
            send(&actors[a], paths[p]);
            const bool let_through =
                some_scope_holds(&scopes, mask, &record.header) && some_row_holds(&watches, paths[p]);
            const struct event_context *context = world_send(&world, &record);
            policy_judge_begin_batch(judge, decoder_string_count(context->decoder));
            policy_judge_begin_event(judge, context);
            policy_judge_event(judge, context, &n);
            if (n > 0 && !let_through)
                fail_msg("%s: %s by %s, uid %u, is told and was left out", about, paths[p], actors[a].comm,
                         actors[a].uid);
            left_out += !let_through;
        }
    policy_judge_free(judge);
    selection_free(selection);
    return left_out;
}

enum {
    N_SCOPES = sizeof(scopes_tried) / sizeof(scopes_tried[0]),
    N_FILTERS = sizeof(filters_tried) / sizeof(filters_tried[0])
};

static void test_narrow_never_leaves_out_what_is_told(void **test)
{
    (void)test;
    size_t left_out = 0;
    for (size_t s = 0; s < N_SCOPES; s++)
        for (size_t f = 0; f < N_FILTERS; f++) {
            struct policies policies = {0};
            char about[256];
            snprintf(about, sizeof(about), "scope [%s], filters [%s]", scopes_tried[s], filters_tried[f]);
            add_policy(&policies, "security_file_open", scopes_tried[s], filters_tried[f]);
            left_out += try_all(&policies, about);
            /* And beside another. */
            add_policy(&policies, "security_file_open", scopes_tried[(s * 7 + f + 1) % N_SCOPES],
                       filters_tried[(f * 5 + s + 1) % N_FILTERS]);
            left_out += try_all(&policies, about);
            policies_fini(&policies);
        }
    assert_true(left_out > N_SCOPES * N_FILTERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_narrow_tells),
        cmocka_unit_test(test_narrow_several),
        cmocka_unit_test(test_narrow_never_leaves_out_what_is_told),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
