// SPDX-License-Identifier: Apache-2.0
#include "analyzer/state/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyzer/state/processes.h"

#define SECOND 1000000000ull
#define ID     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* An event as the decoder would give it. */
struct builder {
    struct event_view view;
    struct task_view task;
};

struct fixture {
    struct schema *schema;
    struct state *state;
};

static int setup(void **test)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->schema = schema_new_builtin();
    f->state = state_new();
    assert_non_null(f->schema);
    assert_non_null(f->state);
    *test = f;
    return 0;
}

static int teardown(void **test)
{
    struct fixture *f = *test;
    state_free(f->state);
    schema_free(f->schema);
    free(f);
    return 0;
}

static struct string_view text(const char *words)
{
    return (struct string_view){.data = words, .length = (uint32_t)strlen(words), .state = ITEM_COMPLETE};
}

static struct builder event(struct fixture *f, uint32_t id, uint64_t time_ns, uint32_t tgid, uint64_t start_ns)
{
    struct builder b = {0};
    b.view.schema = schema_event_by_id(f->schema, id);
    assert_non_null(b.view.schema);
    b.view.time_ns = time_ns;
    b.task = (struct task_view){
        .tgid = tgid, .tid = tgid, .ppid = 1, .leader_start_ns = start_ns, .thread_start_ns = start_ns};
    b.task.comm = text("comm");
    b.task.uts = text("");
    for (size_t i = 0; i < b.view.schema->n_args; i++)
        if (b.view.schema->args[i].type == ARG_STRING)
            b.view.args[i].string = (struct string_view){.data = "", .state = ITEM_UNREADABLE};
    return b;
}

static struct value *arg(struct builder *b, const char *name)
{
    int i = event_arg_index(b->view.schema->known, name);
    assert_true(i >= 0);
    return &b->view.args[i];
}

static const struct process *apply(struct fixture *f, struct builder *b)
{
    b->view.task = &b->task;
    return state_apply(f->state, &b->view);
}

static const struct process *apply_fork(struct fixture *f, uint64_t time_ns, uint32_t tgid, uint64_t start_ns,
                                        uint32_t child, uint64_t child_ns)
{
    struct builder b = event(f, EVENT_sched_process_fork, time_ns, tgid, start_ns);
    arg(&b, "child_pid")->i = arg(&b, "child_tid")->i = child;
    arg(&b, "start_time")->u = child_ns;
    arg(&b, "parent_process_pid")->i = tgid;
    arg(&b, "parent_process_start_time")->u = start_ns;
    return apply(f, &b);
}

static const struct process *apply_exec(struct fixture *f, uint64_t time_ns, uint32_t tgid, uint64_t start_ns,
                                        const char *path)
{
    struct builder b = event(f, EVENT_sched_process_exec, time_ns, tgid, start_ns);
    arg(&b, "pathname")->string = text(path);
    arg(&b, "prev_comm")->string = text("before");
    return apply(f, &b);
}

static void apply_exit(struct fixture *f, uint64_t time_ns, uint32_t tgid, uint32_t tid, uint64_t start_ns, bool group)
{
    struct builder b = event(f, EVENT_sched_process_exit, time_ns, tgid, start_ns);
    b.task.tid = tid;
    arg(&b, "process_group_exit")->u = group;
    apply(f, &b);
}

static void test_state_fork_and_exec(void **test)
{
    struct fixture *f = *test;
    apply_exec(f, 2 * SECOND, 10, SECOND, "/bin/sh");
    apply_fork(f, 3 * SECOND, 10, SECOND, 11, 3 * SECOND);
    const struct process *child = state_process(f->state, 11, 3 * SECOND);
    assert_non_null(child);
    assert_string_equal(child->executable, "/bin/sh");
    assert_int_equal(child->exec_ns, 0);
    assert_int_equal(child->ppid, 10);

    apply_exec(f, 4 * SECOND, 11, 3 * SECOND, "/bin/id");
    child = state_process(f->state, 11, 0);
    assert_string_equal(child->executable, "/bin/id");
    assert_string_equal(child->prev_comm, "before");
    assert_int_equal(child->exec_ns, 4 * SECOND);
    assert_int_equal(child->ppid, 10);
    assert_string_equal(state_process(f->state, 10, SECOND)->executable, "/bin/sh");
    assert_int_equal(atomic_load(&state_counters(f->state)->processes), 2);
}

static void test_state_thread_is_no_process(void **test)
{
    struct fixture *f = *test;
    struct builder b = event(f, EVENT_sched_process_fork, 2 * SECOND, 10, SECOND);
    arg(&b, "child_pid")->i = 10;
    arg(&b, "child_tid")->i = 12;
    arg(&b, "start_time")->u = 2 * SECOND;
    apply(f, &b);
    assert_null(state_process(f->state, 12, 0));
    assert_int_equal(state_process(f->state, 10, 0)->start_ns, SECOND);
}

static void test_state_clone_parent(void **test)
{
    struct fixture *f = *test;
    struct builder b = event(f, EVENT_sched_process_fork, 2 * SECOND, 10, SECOND);
    arg(&b, "child_pid")->i = arg(&b, "child_tid")->i = 12;
    arg(&b, "start_time")->u = 2 * SECOND;
    arg(&b, "parent_process_pid")->i = 5;
    arg(&b, "parent_process_start_time")->u = 500;
    apply(f, &b);
    assert_int_equal(state_process(f->state, 12, 0)->ppid, 5);
    assert_int_equal(state_process(f->state, 12, 0)->parent_start_ns, 500);
}

static void test_state_exit_lingers_by_event_time(void **test)
{
    struct fixture *f = *test;
    apply_exec(f, 2 * SECOND, 10, SECOND, "/bin/sh");
    apply_exit(f, 3 * SECOND, 10, 10, SECOND, false); /* the leader, while threads live on */
    assert_int_equal(state_process(f->state, 10, 0)->exit_ns, 0);
    apply_exit(f, 4 * SECOND, 10, 13, SECOND, true); /* the last one is no leader */
    assert_int_equal(state_process(f->state, 10, 0)->exit_ns, 4 * SECOND);

    apply_exec(f, (4 + STATE_EXIT_LINGER_S) * SECOND, 20, SECOND, "/bin/x");
    assert_non_null(state_process(f->state, 10, 0));
    apply_exec(f, (5 + STATE_EXIT_LINGER_S) * SECOND, 20, SECOND, "/bin/x");
    assert_null(state_process(f->state, 10, 0));
    assert_null(state_process(f->state, 10, SECOND));
    assert_non_null(state_process(f->state, 20, SECOND));
}

static void test_state_pid_is_reused(void **test)
{
    struct fixture *f = *test;
    apply_exec(f, 2 * SECOND, 10, SECOND, "/bin/old");
    apply_fork(f, 9 * SECOND, 7, SECOND, 10, 9 * SECOND); /* its exit was lost */
    assert_int_equal(state_process(f->state, 10, 0)->start_ns, 9 * SECOND);
    assert_string_equal(state_process(f->state, 10, SECOND)->executable, "/bin/old");
    assert_int_equal(state_process(f->state, 10, SECOND)->exit_ns, 9 * SECOND);
    /* A late event of the old one meets the old one. */
    struct builder late = event(f, EVENT_openat, 9 * SECOND + 1, 10, SECOND);
    assert_string_equal(apply(f, &late)->executable, "/bin/old");
    assert_int_equal(state_process(f->state, 10, 0)->start_ns, 9 * SECOND);
}

static void test_state_unknown_process_from_any_event(void **test)
{
    struct fixture *f = *test;
    struct builder b = event(f, EVENT_openat, 5 * SECOND, 30, 2 * SECOND);
    b.task.uid = 1000;
    b.task.ppid = 29;
    const struct process *process = apply(f, &b);
    assert_non_null(process);
    assert_null(process->executable);
    assert_int_equal(process->uid, 1000);
    assert_int_equal(process->ppid, 29);
    assert_string_equal(process->comm, "comm");

    /* Adopted later: who started it stays. */
    b.task.ppid = 1;
    assert_int_equal(apply(f, &b)->ppid, 29);
}

static void test_state_snapshot(void **test)
{
    struct fixture *f = *test;
    struct builder b = event(f, EVENT_existing_process, 5 * SECOND, 40, SECOND);
    arg(&b, "pathname")->string = text("/usr/sbin/sshd");
    arg(&b, "cgroup_path")->string = text("/docker/" ID);
    b.task.cgroup_id = 77;
    const struct process *process = apply(f, &b);
    assert_true(process->from_snapshot);
    assert_string_equal(process->executable, "/usr/sbin/sshd");
    assert_string_equal(state_container(f->state, 77)->id, ID);

    /* An exec that was seen is newer than what a later snapshot repeats. */
    apply_exec(f, 6 * SECOND, 41, SECOND, "/bin/a");
    struct builder again = event(f, EVENT_existing_process, 7 * SECOND, 41, SECOND);
    arg(&again, "pathname")->string = text("/bin/b");
    process = apply(f, &again);
    assert_false(process->from_snapshot);
    assert_string_equal(process->executable, "/bin/a");
}

static void test_state_identity(void **test)
{
    struct fixture *f = *test;
    struct record_credentials was = {.uid = 5, .egid = 6, .user_ns = 7, .cap_effective = 8},
                              is = {.uid = 9, .user_ns = 10};
    struct builder b = event(f, EVENT_existing_process, 5 * SECOND, 40, SECOND);
    b.task.mnt_ns = 100;
    b.task.pid_ns = 101;
    arg(&b, "cred")->string = (struct string_view){.data = (const char *)&was, .length = sizeof(was)};
    arg(&b, "net_ns")->u = 102;
    arg(&b, "uts_ns")->u = 103;
    const struct process *process = apply(f, &b);
    assert_true(process->credentials_known);
    assert_int_equal(process->credentials.cap_effective, 8);
    assert_int_equal(process->namespaces[NAMESPACE_USER], 7);
    assert_int_equal(process->namespaces[NAMESPACE_MNT], 100);
    assert_int_equal(process->namespaces[NAMESPACE_PID], 101);
    assert_int_equal(process->namespaces[NAMESPACE_NET], 102);
    assert_int_equal(process->namespaces[NAMESPACE_IPC], 0);

    b = event(f, EVENT_switch_task_ns, 6 * SECOND, 40, SECOND);
    arg(&b, "new_net")->u = 202;
    b.task.tid = 41; /* another thread's namespaces are its own */
    assert_int_equal(apply(f, &b)->namespaces[NAMESPACE_NET], 102);
    b.task.tid = 40;
    assert_int_equal(apply(f, &b)->namespaces[NAMESPACE_NET], 202);
    assert_int_equal(state_process(f->state, 40, SECOND)->namespaces[NAMESPACE_UTS], 103);

    b = event(f, EVENT_commit_creds, 7 * SECOND, 40, SECOND);
    arg(&b, "new_cred")->string = (struct string_view){.data = (const char *)&is, .length = sizeof(is) - 1};
    assert_int_equal(apply(f, &b)->credentials.uid, 5); /* of another length than ours */
    arg(&b, "new_cred")->string = (struct string_view){.data = (const char *)&is, .length = sizeof(is)};
    process = apply(f, &b);
    assert_int_equal(process->credentials.uid, 9);
    assert_int_equal(process->credentials.cap_effective, 0);

    apply_fork(f, 8 * SECOND, 40, SECOND, 42, 8 * SECOND);
    process = state_process(f->state, 42, 8 * SECOND);
    assert_int_equal(process->credentials.uid, 9);
    assert_int_equal(process->namespaces[NAMESPACE_NET], 202);
}

static void test_state_container_is_unlearned(void **test)
{
    struct fixture *f = *test;
    struct builder b = event(f, EVENT_sched_process_exec, SECOND, 40, SECOND);
    b.task.cgroup_id = 77;
    arg(&b, "cgroup_path")->string = text("/docker/" ID);
    apply(f, &b);
    assert_non_null(state_container(f->state, 77));
    arg(&b, "cgroup_path")->string = (struct string_view){.data = "", .state = ITEM_UNREADABLE};
    apply(f, &b);
    assert_non_null(state_container(f->state, 77)); /* nothing was said */
    arg(&b, "cgroup_path")->string = text("/user.slice");
    apply(f, &b);
    assert_null(state_container(f->state, 77));
}

static void test_state_ancestors(void **test)
{
    struct fixture *f = *test;
    const struct process *chain[STATE_MAX_ANCESTORS + 4];
    apply_exec(f, 1, 1, 1, "/sbin/init");
    for (uint32_t pid = 2; pid < 6; pid++)
        apply_fork(f, pid, pid - 1, pid - 1, pid, pid);
    const struct process *leaf = state_process(f->state, 5, 5);
    assert_int_equal(state_ancestors(f->state, leaf, chain, 8), 4);
    assert_int_equal(chain[0]->tgid, 4);
    assert_int_equal(chain[3]->tgid, 1);

    struct builder b = event(f, EVENT_openat, 9, 3, 3);
    b.view.flags = RECORD_SCOPE_ROOT;
    apply(f, &b);
    assert_int_equal(state_ancestors(f->state, leaf, chain, 8), 2);
    assert_true(chain[1]->scope_root);
    assert_int_equal(state_ancestors(f->state, chain[1], chain, 8), 0);

    /* Deeper than the limit. */
    for (uint32_t pid = 100; pid < 140; pid++)
        apply_fork(f, pid, pid - 1, pid - 1, pid, pid);
    assert_int_equal(state_ancestors(f->state, state_process(f->state, 139, 0), chain, 20), STATE_MAX_ANCESTORS);
}

static void test_state_parent_younger_than_child(void **test)
{
    struct fixture *f = *test;
    const struct process *chain[4];
    apply_exec(f, 90, 50, 80, "/bin/young"); /* took the pid of the parent, whose start is unknown */
    struct builder b = event(f, EVENT_openat, 95, 51, 60);
    b.task.ppid = 50;
    b.task.parent_start_ns = 0;
    assert_int_equal(state_ancestors(f->state, apply(f, &b), chain, 4), 0);
}

static void test_state_hostile_schema(void **test)
{
    struct fixture *f = *test;
    struct builder b = event(f, EVENT_sched_process_fork, 9, 3, 3);
    struct schema_event lying = *b.view.schema;
    lying.n_args = 2;
    static const struct event_arg swapped[] = {{.name = "child_pid", .type = ARG_STRING},
                                               {.name = "start_time", .type = ARG_UINT64}};
    lying.args = swapped;
    b.view.schema = &lying;
    b.view.args[0].string = text("x");
    b.view.args[1].u = 5;
    assert_non_null(apply(f, &b));
    assert_int_equal(atomic_load(&state_counters(f->state)->processes), 1);
}

static void test_state_losses(void **test)
{
    struct fixture *f = *test;
    struct loss found[4];
    struct loss loss = {
        .stage = VEDETTE__V1__LOSS_STAGE__LOSS_RING, .class = CLASS_BULK, .from_ns = 100, .to_ns = 200, .count = 3};
    state_apply_loss(f->state, &loss);
    assert_int_equal(state_losses_between(f->state, 0, 99, found, 4), 0);
    assert_int_equal(state_losses_between(f->state, 0, 100, found, 4), 1);
    assert_int_equal(state_losses_between(f->state, 200, 300, found, 4), 1);
    assert_int_equal(state_losses_between(f->state, 150, 150, found, 4), 1);
    assert_int_equal(state_losses_between(f->state, 201, 300, found, 4), 0);
    assert_int_equal(found[0].count, 3);
    for (uint64_t i = 0; i < STATE_MAX_LOSSES; i++) {
        loss.from_ns = loss.to_ns = 1000 + i;
        state_apply_loss(f->state, &loss);
    }
    assert_int_equal(state_losses_between(f->state, 0, 999, found, 4), 0);
    assert_int_equal(state_losses_between(f->state, 1000, 9999, found, 4), 4);
    assert_int_equal(atomic_load(&state_counters(f->state)->losses_forgotten), 1);
}

/* What a full table of the analyzer forgets, batch by batch, is one loss. */
static void test_state_losses_go_on(void **test)
{
    struct fixture *f = *test;
    struct loss found[4];
    struct loss loss = {
        .stage = VEDETTE__V1__LOSS_STAGE__LOSS_STATE, .class = 255, .cpu = UINT32_MAX, .count = 2, .count_exact = true};
    for (uint64_t i = 1; i <= 1000; i++) {
        loss.from_ns = i * SECOND / 2;
        loss.to_ns = loss.from_ns + SECOND / 4;
        state_apply_loss(f->state, &loss);
    }
    assert_int_equal(state_losses_between(f->state, 0, 1000 * SECOND, found, 4), 1);
    assert_int_equal(found[0].from_ns, SECOND / 2);
    assert_int_equal(found[0].to_ns, 500 * SECOND + SECOND / 4);
    assert_int_equal(found[0].count, 2000);
    assert_true(found[0].count_exact);
    loss.from_ns = loss.to_ns = 600 * SECOND; /* another one */
    state_apply_loss(f->state, &loss);
    loss.stage = VEDETTE__V1__LOSS_STAGE__LOSS_RING; /* each of these stands for itself */
    state_apply_loss(f->state, &loss);
    state_apply_loss(f->state, &loss);
    assert_int_equal(state_losses_between(f->state, 0, 1000 * SECOND, found, 4), 4);
    assert_int_equal(atomic_load(&state_counters(f->state)->losses_forgotten), 0);
}

static void test_state_path_is_cut(void **test)
{
    struct fixture *f = *test;
    static char path[STATE_MAX_PATH_BYTES + 2];
    memset(path, 'p', STATE_MAX_PATH_BYTES);
    const struct process *process = apply_exec(f, 2 * SECOND, 10, SECOND, path);
    assert_int_equal(strlen(process->executable), STATE_MAX_PATH_BYTES);
    assert_int_equal(process->executable_state, ITEM_COMPLETE);
    path[STATE_MAX_PATH_BYTES] = 'q';
    process = apply_exec(f, 3 * SECOND, 10, SECOND, path);
    assert_int_equal(strlen(process->executable), STATE_MAX_PATH_BYTES);
    assert_int_equal(process->executable_state, ITEM_TRUNCATED);
    apply_fork(f, 4 * SECOND, 10, SECOND, 11, 4 * SECOND);
    assert_int_equal(state_process(f->state, 11, 0)->executable_state, ITEM_TRUNCATED);
}

/* Start times that fall, then rise: no order makes the chain long, and what was just made is always there. */
static void test_processes_of_one_tgid(void **test)
{
    (void)test;
    bool made;
    struct process_table *table = processes_new(1000);
    assert_non_null(table);
    for (uint64_t start = 500; start > 400; start--) {
        assert_non_null(processes_get(table, 7, start, &made));
        assert_true(made);
        assert_non_null(processes_find(table, 7, start));
    }
    assert_int_equal(processes_count(table), STATE_MAX_SAME_TGID);
    assert_int_equal(processes_evicted(table), 100 - STATE_MAX_SAME_TGID);
    assert_int_equal(processes_find(table, 7, 0)->start_ns, 500);
    assert_null(processes_find(table, 7, 402)); /* the oldest but the new one went each time */
    for (uint64_t start = 501; start <= 600; start++)
        assert_non_null(processes_get(table, 7, start, &made));
    assert_int_equal(processes_count(table), STATE_MAX_SAME_TGID);
    assert_int_equal(processes_find(table, 7, 0)->start_ns, 600);
    assert_non_null(processes_find(table, 7, 600 - STATE_MAX_SAME_TGID + 1));
    assert_null(processes_find(table, 7, 600 - STATE_MAX_SAME_TGID));
    processes_free(table);
}

static void test_processes_eviction(void **test)
{
    (void)test;
    bool made;
    struct process_table *table = processes_new(4);
    assert_non_null(table);
    for (uint32_t pid = 1; pid <= 4; pid++)
        assert_non_null(processes_get(table, pid, pid, &made));
    processes_exit(table, processes_find(table, 3, 3), 50);
    assert_non_null(processes_get(table, 5, 5, &made));
    assert_null(processes_find(table, 3, 0)); /* exited before older ones that live */
    assert_non_null(processes_get(table, 6, 6, &made));
    assert_null(processes_find(table, 1, 0)); /* then the oldest */
    assert_non_null(processes_find(table, 2, 2));
    assert_int_equal(processes_count(table), 4);
    assert_int_equal(processes_evicted(table), 2);
    processes_free(table);
}

#define WITH_STATE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STATE(test_state_fork_and_exec),
        WITH_STATE(test_state_thread_is_no_process),
        WITH_STATE(test_state_clone_parent),
        WITH_STATE(test_state_exit_lingers_by_event_time),
        WITH_STATE(test_state_pid_is_reused),
        WITH_STATE(test_state_unknown_process_from_any_event),
        WITH_STATE(test_state_identity),
        WITH_STATE(test_state_snapshot),
        WITH_STATE(test_state_container_is_unlearned),
        WITH_STATE(test_state_ancestors),
        WITH_STATE(test_state_parent_younger_than_child),
        WITH_STATE(test_state_hostile_schema),
        WITH_STATE(test_state_losses),
        WITH_STATE(test_state_losses_go_on),
        WITH_STATE(test_state_path_is_cut),
        cmocka_unit_test(test_processes_of_one_tgid),
        cmocka_unit_test(test_processes_eviction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
