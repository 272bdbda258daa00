// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/node.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/ingest/balance.h"
#include "analyzer/ingest/test_collector.h"

static const uint64_t SECOND_NS = 1000000000;

enum { SESSION = 77 };

struct fixture {
    struct temporary temporary;
    struct outbox *outbox;
    struct loaded_current *loaded;
    struct ingest_totals totals;
    struct node_environment environment;
    struct node *node;
    struct decoder *decoder;
    struct test_collector *collector;
    struct reply reply;
    Vedette__V1__Reply *answer;
    uint64_t now_ns;
};

static int setup(void **test)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct loaded_sources none = {0};
    struct policy_error error = {0};
    assert_non_null(f);
    temporary_make(&f->temporary);
    f->outbox = outbox_open_or_die(f->temporary.outbox);
    f->loaded = loaded_current_new(loaded_set_new(&none, &error));
    f->environment =
        (struct node_environment){.loaded = f->loaded, .outbox = f->outbox, .first_epoch = 1000, .totals = &f->totals};
    f->node = node_new(&f->environment, "node1");
    f->decoder = decoder_new(WIRE_REQUEST_BYTES);
    f->collector = test_collector_new("node1", "boot-1", SESSION);
    f->now_ns = 100 * SECOND_NS;
    assert_true(f->loaded && f->node && f->decoder);
    *test = f;
    return 0;
}

static int teardown(void **test)
{
    struct fixture *f = *test;
    if (f->answer != NULL)
        test_reply_free(f->answer);
    test_collector_free(f->collector);
    node_free(f->node);
    decoder_free(f->decoder);
    loaded_current_free(f->loaded);
    outbox_close(f->outbox);
    temporary_remove(&f->temporary);
    free(f);
    return 0;
}

/* Takes the request in as a shard would. */
static const Vedette__V1__Reply *ask(struct fixture *f, struct test_request from)
{
    const Vedette__V1__Request *request;
    assert_int_equal(decoder_unpack(f->decoder, from.bytes, from.size, &request), 0);
    if (request->body_case == VEDETTE__V1__REQUEST__BODY_HELLO) {
        assert_int_equal(decoder_check_hello(f->decoder, request->hello), 0);
        node_hello(f->node, request->hello, f->now_ns, &f->reply);
    } else {
        node_batch(f->node, f->decoder, request, request->batch, f->now_ns, &f->reply);
    }
    if (f->answer != NULL)
        test_reply_free(f->answer);
    f->answer = test_reply(f->reply.bytes, f->reply.size);
    return f->answer;
}

static const Vedette__V1__Welcome *greet(struct fixture *f)
{
    const Vedette__V1__Reply *reply = ask(f, test_collector_hello(f->collector, 0));
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_WELCOME);
    return reply->welcome;
}

static const Vedette__V1__Ack *send(struct fixture *f)
{
    const Vedette__V1__Reply *reply = ask(f, test_collector_end(f->collector));
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_ACK);
    return reply->ack;
}

static const Vedette__V1__Ack *send_execs(struct fixture *f, uint64_t first_seq, uint32_t count, const char *path)
{
    test_collector_begin(f->collector, first_seq);
    for (uint32_t i = 0; i < count; i++)
        test_collector_exec(f->collector, 5000 + i, path, 10);
    return send(f);
}

static char *figures(struct fixture *f)
{
    struct metrics *metrics = metrics_new();
    size_t size;
    assert_non_null(metrics);
    union {
        void (*node)(struct node *, struct metrics_writer *);
        void (*any)(void *, struct metrics_writer *);
    } collect = {.node = node_collect};
    metrics_register(metrics, collect.any, f->node);
    char *page = metrics_render(metrics, &size);
    metrics_free(metrics);
    assert_non_null(page);
    return page;
}

static void assert_figure(struct fixture *f, const char *line)
{
    char *page = figures(f);
    if (strstr(page, line) == NULL)
        fail_msg("no %s in\n%s", line, page);
    free(page);
}

static void assert_no_figure(struct fixture *f, const char *begin)
{
    char *page = figures(f);
    if (strstr(page, begin) != NULL)
        fail_msg("%s is in\n%s", begin, page);
    free(page);
}

static int64_t alerts(struct fixture *f)
{
    struct outbox_figures figure;
    outbox_figures(f->outbox, &figure);
    return (int64_t)figure.alerts;
}

static uint64_t durable(struct fixture *f, uint64_t session);

static bool plan_has(const Vedette__V1__Plan *plan, uint32_t id)
{
    for (size_t i = 0; i < plan->n_event_id; i++)
        if (plan->event_id[i] == id)
            return true;
    return false;
}

static void test_node_hello(void **test)
{
    struct fixture *f = *test;
    const Vedette__V1__Welcome *welcome = greet(f);
    assert_int_equal(welcome->wire, WIRE_VERSION_MAX);
    assert_int_equal(welcome->n_cursor, 0);
    assert_true(welcome->need_snapshot);
    assert_int_equal(welcome->plan->epoch, 1000);
    assert_true(plan_has(welcome->plan, EVENT_sched_process_fork));
    assert_true(plan_has(welcome->plan, EVENT_sched_process_exit));
    assert_true(plan_has(welcome->plan, EVENT_ptrace)); /* a detection wants it */
    assert_false(plan_has(welcome->plan, EVENT_creat)); /* nobody does */
    assert_no_figure(f, "vedette_event_missing{node=\"node1\",event=\"ptrace\"}");
    assert_figure(f, "vedette_events_covered{node=\"node1\"} ");
    assert_figure(f, "vedette_node_plan_epoch{node=\"node1\"} 1000\n");

    /* The same collector comes back: its state is known. */
    send_execs(f, 0, 3, "/bin/x");
    welcome = greet(f);
    assert_false(welcome->need_snapshot);
    assert_int_equal(welcome->n_cursor, 1);
    assert_int_equal(welcome->cursor[0]->session, SESSION);
    assert_int_equal(welcome->cursor[0]->processed_seq, 3);
    assert_figure(f, "vedette_state_processes{node=\"node1\"} 3\n");

    /* After a boot nothing of it holds. */
    test_collector_free(f->collector);
    f->collector = test_collector_new("node1", "boot-2", SESSION + 1);
    assert_true(greet(f)->need_snapshot);
    assert_figure(f, "vedette_state_processes{node=\"node1\"} 0\n");
}

static void test_node_uncovered_is_exported(void **test)
{
    struct fixture *f = *test;
    ask(f, test_collector_hello(f->collector, EVENT_ptrace));
    assert_figure(f, "vedette_event_missing{node=\"node1\",event=\"ptrace\"} 1\n");
    ask(f, test_collector_hello(f->collector, EVENT_creat)); /* which nobody asks for */
    assert_no_figure(f, "vedette_event_missing{node=\"node1\",event=\"ptrace\"}");
    assert_no_figure(f, "vedette_event_missing{node=\"node1\",event=\"creat\"}");
}

static void test_node_alert_is_committed_with_its_cursor(void **test)
{
    struct fixture *f = *test;
    greet(f);
    const Vedette__V1__Ack *ack = send_execs(f, 0, 2, "/bin/true");
    assert_int_equal(ack->cursor->processed_seq, 2);
    assert_int_equal(ack->cursor->durable_seq, 2); /* the first commit of a node is due */
    ack = send_execs(f, 2, 2, "/bin/true");
    assert_int_equal(ack->cursor->processed_seq, 4);
    assert_int_equal(ack->cursor->durable_seq, 2); /* too early for another */
    ack = send_execs(f, 4, 1, "/dev/shm/x");
    assert_int_equal(ack->cursor->durable_seq, 5); /* an alert is not kept waiting */
    assert_int_equal(alerts(f), 1);
    assert_int_equal(durable(f, SESSION), 5);
    ack = send_execs(f, 5, 1, "/bin/true");
    assert_int_equal(ack->cursor->durable_seq, 5);
    f->now_ns += SECOND_NS;
    test_collector_begin(f->collector, 6);
    ack = send(f);
    assert_int_equal(ack->cursor->durable_seq, 6); /* a heartbeat a second later */
    assert_null(ack->plan);
}

struct found {
    uint64_t session, seq;
};

static void find(void *arg, uint64_t session, uint64_t seq)
{
    struct found *found = arg;
    if (session == found->session)
        found->seq = seq;
}

static uint64_t durable(struct fixture *f, uint64_t session)
{
    struct found found = {.session = session};
    assert_int_equal(outbox_cursors(f->outbox, "node1", find, &found), 0);
    return found.seq;
}

static void test_node_batch_sent_again(void **test)
{
    struct fixture *f = *test;
    greet(f);
    test_collector_begin(f->collector, 0);
    test_collector_loss(f->collector, VEDETTE__V1__LOSS_STAGE__LOSS_RING, CLASS_BULK, 5, 9);
    test_collector_exec(f->collector, 5000, "/dev/shm/x", 10);
    struct test_request request = test_collector_end(f->collector);
    ask(f, request);
    assert_int_equal(ask(f, request)->ack->cursor->processed_seq, 1);
    assert_int_equal(alerts(f), 1);
    assert_figure(f, "vedette_events_received_total{node=\"node1\",class=\"critical\"} 1\n");
    assert_figure(f, "vedette_events_lost_total{node=\"node1\",stage=\"ring\",class=\"bulk\"} 9\n");
    assert_figure(f, "vedette_node_duplicate_events_total{node=\"node1\"} 1\n");

    /* Half of it is new. */
    test_collector_begin(f->collector, 0);
    test_collector_exec(f->collector, 5000, "/dev/shm/x", 10);
    test_collector_exec(f->collector, 5000, "/dev/shm/y", 10);
    assert_int_equal(send(f)->cursor->processed_seq, 2);
    assert_int_equal(alerts(f), 2);
}

/*
 * A link that sends again, swaps, holds back for an hour, replays from the beginning and cuts short: each event once,
 * and what a later one overtook is a loss of exactly so many.
 */
static void test_node_unreliable_link(void **test)
{
    enum { BATCHES = 200, EVENTS = 3, STEPS = 2000 };
    struct fixture *f = *test;
    unsigned random = 20261124;
    uint64_t processed = 0, applied = 0, missing = 0, again = 0, next = 0;
    char line[128];
    greet(f);
    send_execs(f, 0, EVENTS, "/bin/true");
    processed = applied = EVENTS;
    for (int step = 0; step < STEPS; step++) {
        int draw = rand_r(&random) % 16;
        uint64_t batch = draw < 8    ? next + 1
                         : draw < 12 ? (uint64_t)rand_r(&random) % (next + 1)
                         : draw < 14 ? next + (uint64_t)rand_r(&random) % 3
                                     : 0;
        if (batch >= BATCHES)
            continue;
        f->now_ns += draw == 13 ? UINT64_C(3600000000000) : 1000000;
        const Vedette__V1__Ack *ack = send_execs(f, batch * EVENTS, EVENTS, "/bin/true");
        if (batch * EVENTS >= processed) {
            missing += batch * EVENTS - processed;
            applied += EVENTS;
            processed = (batch + 1) * EVENTS;
        } else {
            again += EVENTS;
        }
        next = batch > next ? batch : next;
        assert_int_equal(ack->cursor->processed_seq, processed);
        assert_in_range(ack->cursor->durable_seq, 0, processed);
    }
    assert_true(missing > 0 && again > 0 && processed == (uint64_t)BATCHES * EVENTS);
    assert_int_equal(applied + missing, processed);
    snprintf(line, sizeof(line), "vedette_events_received_total{node=\"node1\",class=\"critical\"} %llu\n",
             (unsigned long long)applied);
    assert_figure(f, line);
    snprintf(line, sizeof(line), "vedette_events_lost_total{node=\"node1\",stage=\"ingest\",class=\"all\"} %llu\n",
             (unsigned long long)missing);
    assert_figure(f, line);
    snprintf(line, sizeof(line), "vedette_node_duplicate_events_total{node=\"node1\"} %llu\n",
             (unsigned long long)again);
    assert_figure(f, line);

    test_collector_begin(f->collector, processed);
    test_collector_exec(f->collector, 5000, "/bin/true", 10);
    struct test_request whole = test_collector_end(f->collector);
    for (size_t size = 1; size < whole.size; size++) {
        const Vedette__V1__Request *request;
        assert_true(decoder_unpack(f->decoder, whole.bytes, size, &request) < 0);
    }
    assert_int_equal(ask(f, whole)->ack->cursor->processed_seq, processed + 1);
}

static void test_node_gap_is_a_loss(void **test)
{
    struct fixture *f = *test;
    greet(f);
    send_execs(f, 0, 1, "/bin/true");
    const Vedette__V1__Ack *ack = send_execs(f, 11, 1, "/bin/true");
    assert_int_equal(ack->cursor->processed_seq, 12);
    assert_figure(f, "vedette_events_lost_total{node=\"node1\",stage=\"ingest\",class=\"all\"} 10\n");

    /* The courier accounts for what was refused: no second loss. */
    test_collector_begin(f->collector, 20);
    test_collector_loss(f->collector, VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE, 255, 5, 8);
    assert_int_equal(send(f)->cursor->processed_seq, 20);
    assert_figure(f, "vedette_events_lost_total{node=\"node1\",stage=\"ingest\",class=\"all\"} 10\n");
    assert_figure(f, "vedette_events_lost_total{node=\"node1\",stage=\"queue\",class=\"all\"} 8\n");

    /* A heartbeat says nothing about a place. */
    test_collector_begin(f->collector, 500);
    assert_int_equal(send(f)->cursor->processed_seq, 20);
}

static void test_node_older_session_comes_late(void **test)
{
    struct fixture *f = *test;
    greet(f);
    send_execs(f, 0, 4, "/bin/true");
    test_collector_free(f->collector);
    f->collector = test_collector_new("node1", "boot-1", SESSION + 1);
    const Vedette__V1__Welcome *welcome = greet(f);
    assert_true(welcome->need_snapshot);
    assert_int_equal(welcome->n_cursor, 1);

    struct test_collector *before = test_collector_new("node1", "boot-1", SESSION);
    test_collector_begin(before, 4);
    test_collector_exec(before, 6000, "/bin/true", 11);
    const Vedette__V1__Reply *reply = ask(f, test_collector_end(before));
    assert_int_equal(reply->ack->cursor->session, SESSION);
    assert_int_equal(reply->ack->cursor->processed_seq, 5);
    test_collector_free(before);
    assert_int_equal(send_execs(f, 0, 1, "/bin/true")->cursor->processed_seq, 1);
    assert_figure(f, "vedette_events_received_total{node=\"node1\",class=\"critical\"} 6\n");
}

/* A new life of the analyzer: the batches that were not durable come again, and their alerts with the same ids. */
static void test_node_after_a_crash(void **test)
{
    struct fixture *f = *test;
    greet(f);
    send_execs(f, 0, 2, "/bin/true");
    send_execs(f, 2, 1, "/dev/shm/x");
    send_execs(f, 3, 1, "/bin/true"); /* processed, not durable */
    node_free(f->node);
    f->node = node_new(&f->environment, "node1");
    const Vedette__V1__Welcome *welcome = greet(f);
    assert_true(welcome->need_snapshot);
    assert_int_equal(welcome->n_cursor, 1);
    assert_int_equal(welcome->cursor[0]->processed_seq, 3);
    assert_int_equal(welcome->cursor[0]->durable_seq, 3);
    assert_int_equal(send_execs(f, 2, 1, "/dev/shm/x")->cursor->processed_seq, 3);
    assert_int_equal(send_execs(f, 3, 1, "/bin/true")->cursor->processed_seq, 4);
    assert_int_equal(outside_integer(f->temporary.outbox, "SELECT count(*) FROM alerts"), 1);
}

static void test_node_newer_plan_is_outbid(void **test)
{
    struct fixture *f = *test;
    greet(f);
    struct test_request request;
    test_collector_begin(f->collector, 0);
    test_collector_exec(f->collector, 5000, "/bin/true", 10);
    request = test_collector_end(f->collector);
    Vedette__V1__Request *raised = vedette__v1__request__unpack(NULL, request.size, request.bytes);
    assert_non_null(raised);
    assert_true(raised->batch->n_plan_epoch > 0);
    raised->batch->plan_epoch[0] = 5000;
    uint8_t *bytes = malloc(vedette__v1__request__get_packed_size(raised));
    assert_non_null(bytes);
    const Vedette__V1__Reply *reply = ask(f, (struct test_request){bytes, vedette__v1__request__pack(raised, bytes)});
    assert_non_null(reply->ack->plan);
    assert_int_equal(reply->ack->plan->epoch, 5001);
    free(bytes);
    vedette__v1__request__free_unpacked(raised, NULL);
    assert_null(send_execs(f, 1, 1, "/bin/true")->plan); /* once is enough */
}

static void test_node_malformed_batch(void **test)
{
    struct fixture *f = *test;
    greet(f);
    test_collector_begin(f->collector, UINT64_MAX);
    test_collector_exec(f->collector, 5000, "/bin/true", 10);
    const Vedette__V1__Reply *reply = ask(f, test_collector_end(f->collector));
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_REFUSAL);
    assert_int_equal(reply->refusal->code, VEDETTE__V1__REFUSAL_CODE__REFUSED_MALFORMED);
    assert_int_equal(atomic_load(&f->totals.refused[VEDETTE__V1__REFUSAL_CODE__REFUSED_MALFORMED]), 1);
    assert_int_equal(send_execs(f, 0, 1, "/bin/true")->cursor->processed_seq, 1);
}

/* The database is locked away: alerts wait, the cursor does not move, and all of it is stored when it works again. */
static void test_node_outbox_fails(void **test)
{
    struct fixture *f = *test;
    greet(f);
    send_execs(f, 0, 1, "/bin/true");
    outside_execute(f->temporary.outbox,
                    "CREATE TRIGGER full BEFORE INSERT ON alerts BEGIN SELECT RAISE(ABORT, 'no room'); END");
    const Vedette__V1__Ack *ack = send_execs(f, 1, 1, "/dev/shm/x");
    assert_int_equal(ack->cursor->processed_seq, 2);
    assert_int_equal(ack->cursor->durable_seq, 1);
    assert_true(atomic_load(&f->totals.outbox_failing));
    assert_int_equal(alerts(f), 0);
    ack = send_execs(f, 2, 1, "/bin/true"); /* not tried again at once */
    assert_int_equal(ack->cursor->durable_seq, 1);
    assert_int_equal(atomic_load(&f->totals.commit_failures), 1);

    outside_execute(f->temporary.outbox, "DROP TRIGGER full");
    f->now_ns += SECOND_NS;
    assert_int_equal(send_execs(f, 3, 1, "/bin/true")->cursor->durable_seq, 4);
    assert_int_equal(alerts(f), 1);
    assert_false(atomic_load(&f->totals.outbox_failing));
}

static void test_node_final_commits(void **test)
{
    struct fixture *f = *test;
    greet(f);
    send_execs(f, 0, 1, "/bin/true");
    test_collector_begin(f->collector, 1);
    test_collector_exec(f->collector, 5000, "/bin/true", 10);
    test_collector_statistics(f->collector, 2, 0);
    test_collector_final(f->collector);
    assert_int_equal(send(f)->cursor->durable_seq, 2);
    assert_figure(f, "vedette_events_reserved_total{node=\"node1\",class=\"critical\"} 2\n");
}

static void test_node_critical_loss_asks_for_a_snapshot(void **test)
{
    struct fixture *f = *test;
    greet(f);
    test_collector_begin(f->collector, 0);
    test_collector_loss(f->collector, VEDETTE__V1__LOSS_STAGE__LOSS_RING, CLASS_CRITICAL, 5, 1);
    assert_false(send(f)->need_snapshot); /* one was asked for just now */
    f->now_ns += 2 * NODE_SNAPSHOT_INTERVAL_S * SECOND_NS;
    assert_true(send_execs(f, 0, 1, "/bin/true")->need_snapshot);
    assert_false(send_execs(f, 1, 1, "/bin/true")->need_snapshot);
}

/* What the log says meanwhile. */
struct listening {
    int file, before;
};

static struct listening listen_to_log(void)
{
    struct listening log = {.file = memfd_create("log", MFD_CLOEXEC), .before = dup(STDERR_FILENO)};
    assert_true(log.file >= 0 && log.before >= 0);
    assert_int_equal(dup2(log.file, STDERR_FILENO), STDERR_FILENO);
    return log;
}

/* All that was said; the caller frees it. */
static char *stop_listening(struct listening log)
{
    char *said = calloc(1, 65536);
    assert_int_equal(dup2(log.before, STDERR_FILENO), STDERR_FILENO);
    assert_non_null(said);
    assert_true(pread(log.file, said, 65535, 0) >= 0);
    close(log.file);
    close(log.before);
    return said;
}

static unsigned times_said(const char *said, const char *words)
{
    unsigned n = 0;
    for (const char *at = strstr(said, words); at != NULL; at = strstr(at + 1, words))
        n++;
    return n;
}

static void lose(struct fixture *f, Vedette__V1__LossStage stage, uint32_t class, uint64_t from_ns, uint64_t count)
{
    test_collector_begin(f->collector, 0);
    test_collector_loss(f->collector, stage, class, from_ns, count);
    send(f);
    node_tell_due(f->node, f->now_ns);
}

/* What the spool gave up leaves a gap of sequence numbers that its record explains, and stands in the balance of its
 * class.
 */
static void test_node_gap_of_the_spool(void **test)
{
    struct fixture *f = *test;
    uint64_t attempts[] = {3, 0, 40}, queued[] = {3, 0, 40};
    Vedette__V1__Statistics statistics = VEDETTE__V1__STATISTICS__INIT;
    greet(f);
    send_execs(f, 0, 1, "/bin/true");
    for (int time = 0; time < 2; time++) { /* a kill of the drain may bring it twice */
        test_collector_begin(f->collector, 41);
        test_collector_loss(f->collector, VEDETTE__V1__LOSS_STAGE__LOSS_SPOOL, CLASS_BULK, 5, 40);
        assert_int_equal(send(f)->cursor->processed_seq, 41);
    }
    statistics.n_attempts = statistics.n_queued = CLASS_COUNT;
    statistics.attempts = attempts;
    statistics.queued = queued;
    statistics.spool_bytes = 1000;
    statistics.spool_used = 100;
    statistics.spool_evicted = 40;
    test_collector_begin(f->collector, 41);
    test_collector_exec(f->collector, 5000, "/bin/true", 10);
    test_collector_exec(f->collector, 5000, "/bin/true", 10);
    test_collector_totals(f->collector, &statistics);
    test_collector_final(f->collector);
    struct listening log = listen_to_log();
    assert_int_equal(send(f)->cursor->processed_seq, 43);
    assert_int_equal(node_settle(f->node, f->now_ns), 0);
    char *said = stop_listening(log);
    assert_figure(f, "vedette_events_lost_total{node=\"node1\",stage=\"spool\",class=\"bulk\"} 40\n");
    assert_no_figure(f, "stage=\"ingest\"");
    assert_figure(f, "vedette_node_spool_used_bytes{node=\"node1\"} 100\n");
    assert_figure(f, "vedette_node_spool_evicted_events_total{node=\"node1\"} 40\n");
    assert_int_equal(times_said(said, "class=bulk: reserved=40 delivered=0 lost=40 in_flight=0"), 1);
    assert_int_equal(times_said(said, "class=critical: reserved=3 delivered=3 lost=0 in_flight=0"), 1);
    free(said);
}

static void test_node_loss_lines_are_joined(void **test)
{
    struct fixture *f = *test;
    greet(f);
    struct listening log = listen_to_log();
    for (uint64_t i = 0; i < 100; i++)
        lose(f, VEDETTE__V1__LOSS_STAGE__LOSS_RING, CLASS_BULK, 1000000000 + i * 1000000, 10);
    lose(f, VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE, CLASS_BULK, 5, 7); /* another stage has its own first line */
    assert_true(node_tell_due(f->node, f->now_ns));
    f->now_ns += SECOND_NS;
    assert_false(node_tell_due(f->node, f->now_ns));
    lose(f, VEDETTE__V1__LOSS_STAGE__LOSS_RING, CLASS_BULK, 9000000000, 3);
    assert_int_equal(node_settle(f->node, f->now_ns), 0); /* nothing stays unsaid */
    char *said = stop_listening(log);
    assert_int_equal(times_said(said, ": ring full\n"), 3);
    assert_int_equal(times_said(said, "lost 10 events of class bulk on node node1 between "), 1);
    assert_int_equal(times_said(said, "lost 990 events of class bulk on node node1 between "), 1);
    assert_int_equal(times_said(said, "lost 3 events of class bulk on node node1 between "), 1);
    assert_int_equal(times_said(said, "lost 7 events of class bulk on node node1 between "), 1);
    /* The joined line covers its ranges, from the second to the last. */
    const char *joined = strstr(said, "lost 990 ");
    assert_non_null(strstr(joined, "01.001Z and "));
    assert_in_range(strstr(joined, "01.099Z: ring full") - joined, 1, 200);
    free(said);
    assert_figure(f, "vedette_events_lost_total{node=\"node1\",stage=\"ring\",class=\"bulk\"} 1003\n");
}

static void test_node_hello_lines(void **test)
{
    struct fixture *f = *test;
    struct listening log = listen_to_log();
    for (int i = 0; i < 50; i++)
        ask(f, test_collector_hello(f->collector, EVENT_ptrace));
    f->now_ns += 61 * SECOND_NS;
    ask(f, test_collector_hello(f->collector, EVENT_ptrace));
    ask(f, test_collector_hello(f->collector, EVENT_sched_process_exec));
    char *said = stop_listening(log);
    assert_int_equal(times_said(said, "node node1: collector "), 2);
    assert_int_equal(times_said(said, "ptrace (no such hook)"), 1); /* once, however often it comes */
    assert_int_equal(times_said(said, "sched_process_exec (no such hook)"),
                     1); /* at once, however soon it comes again */
    free(said);
}

static void test_node_balance_lines(void **test)
{
    struct fixture *f = *test;
    greet(f);
    struct listening log = listen_to_log();
    for (uint64_t i = 1; i <= 50; i++) {
        test_collector_begin(f->collector, 0);
        test_collector_statistics(f->collector, i, i);
        test_collector_final(f->collector);
        send(f);
    }
    assert_true(node_tell_due(f->node, f->now_ns));
    f->now_ns += SECOND_NS;
    assert_false(node_tell_due(f->node, f->now_ns));
    assert_int_equal(node_settle(f->node, f->now_ns), 0); /* all was said */
    char *said = stop_listening(log);
    assert_int_equal(times_said(said, "class=critical: "), 2);
    assert_int_equal(times_said(said, "class=critical: reserved=50 delivered=0 lost=50 in_flight=0"), 1);
    free(said);
}

/* The outbox is new and the collector is not: what it delivered to the one before is no loss, a gap afterwards is. */
static void test_node_fresh_outbox(void **test)
{
    struct fixture *f = *test;
    greet(f);
    test_collector_begin(f->collector, 990);
    send(f); /* a heartbeat says nothing about a place */
    assert_int_equal(send_execs(f, 1000, 2, "/bin/true")->cursor->processed_seq, 1002);
    assert_figure(f, "vedette_events_received_total{node=\"node1\",class=\"critical\"} 2\n");
    char *page = figures(f);
    assert_null(strstr(page, "stage=\"ingest\""));
    free(page);
    assert_int_equal(send_execs(f, 1005, 1, "/bin/true")->cursor->processed_seq, 1006);
    assert_figure(f, "vedette_events_lost_total{node=\"node1\",stage=\"ingest\",class=\"all\"} 3\n");

    test_collector_begin(f->collector, 1006);
    test_collector_statistics(f->collector, 1006, 0);
    test_collector_final(f->collector);
    struct listening log = listen_to_log();
    send(f);
    char *said = stop_listening(log);
    assert_int_equal(times_said(said, "missing=3 before_this_start=1000"), CLASS_COUNT);
    free(said);
}

/* The first that is heard of a session is that the courier lost its beginning: that is a loss, not a former life. */
static void test_node_first_batches_refused(void **test)
{
    struct fixture *f = *test;
    greet(f);
    test_collector_begin(f->collector, 8);
    test_collector_loss(f->collector, VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE, 255, 5, 8);
    assert_int_equal(send(f)->cursor->processed_seq, 8);
    assert_figure(f, "vedette_events_lost_total{node=\"node1\",stage=\"queue\",class=\"all\"} 8\n");
    test_collector_begin(f->collector, 8);
    test_collector_statistics(f->collector, 8, 0);
    test_collector_final(f->collector);
    struct listening log = listen_to_log();
    send(f);
    char *said = stop_listening(log);
    assert_int_equal(times_said(said, "missing=8 before_this_start=0"), CLASS_COUNT);
    free(said);
}

static void test_balance(void **test)
{
    (void)test;
    uint64_t attempts[] = {100, 0, 7}, ring[] = {3}, queue[] = {2, 0, 1}, more[CLASS_COUNT];
    char line[BALANCE_LINE_BYTES];
    Vedette__V1__Statistics statistics = VEDETTE__V1__STATISTICS__INIT;
    statistics.n_attempts = 3;
    statistics.attempts = attempts;
    statistics.n_lost_ring = 1;
    statistics.lost_ring = ring;
    statistics.n_lost_queue = 3;
    statistics.lost_queue = queue;
    struct balance balance = {.session = 0xab, .delivered = {95, 0, 5}};
    balance_take_statistics(&balance, &statistics, more);
    assert_int_equal(more[CLASS_CRITICAL], 100);
    assert_int_equal(balance_in_flight(&balance, CLASS_CRITICAL), 0);
    assert_int_equal(balance_in_flight(&balance, CLASS_BULK), 1);
    balance_line(&balance, "n", CLASS_CRITICAL, line);
    assert_string_equal(
        line, "balance node=n session=00000000000000ab class=critical: reserved=100 delivered=95 lost=5 in_flight=0");

    attempts[0] = 90; /* an older batch comes again */
    balance_take_statistics(&balance, &statistics, more);
    assert_int_equal(more[CLASS_CRITICAL], 0);
    assert_int_equal(balance.reserved[CLASS_CRITICAL], 100);
    balance.delivered[CLASS_CRITICAL] = 96; /* too much is an error, and is shown */
    assert_int_equal(balance_in_flight(&balance, CLASS_CRITICAL), -1);
}

static void test_balance_fault(void **test)
{
    (void)test;
    struct balance balance = {.has_statistics = true, .reserved = {10, 5}, .delivered = {7, 5}, .lost = {1}};
    assert_int_equal(balance_rest(&balance), 2);
    assert_null(balance_fault(&balance, true, false));      /* in flight */
    assert_null(balance_fault(&balance, false, true));      /* in the rings of a collector that was killed */
    assert_non_null(balance_fault(&balance, false, false)); /* gone without a word */
    balance.missing = 1;
    balance.told_later = 1;
    assert_null(balance_fault(&balance, false, false));
    balance.ended = true;
    assert_non_null(balance_fault(&balance, false, true)); /* a loss that no record tells of */
    balance.recorded[CLASS_CRITICAL] = 1;
    assert_null(balance_fault(&balance, false, false));
    balance.missing = 0;
    assert_non_null(balance_fault(&balance, false, true)); /* it has ended, and one is nowhere */
    balance.missing = 2;
    assert_non_null(balance_fault(&balance, false, true)); /* more than there were */
    balance.missing = 1;
    balance.recorded[CLASS_CRITICAL] = 2;
    assert_non_null(balance_fault(&balance, false, false));
    balance.recorded[CLASS_CRITICAL] = 1;
    balance.delivered[CLASS_WATCHED] = 6; /* of another class, even where the sum is right */
    balance.delivered[CLASS_CRITICAL] = 6;
    assert_int_equal(balance_rest(&balance), 0);
    assert_non_null(balance_fault(&balance, true, true));
    balance = (struct balance){.from_seq = 9, .reserved = {12}, .delivered = {3}};
    assert_null(balance_fault(&balance, false, false)); /* no statistics yet */
    balance.has_statistics = true;
    assert_null(balance_fault(&balance, false, false));
}

static char *balance_of(struct fixture *f, bool balanced)
{
    struct text text = {0};
    assert_int_equal(node_balance_json(f->node, &text), balanced);
    text_append(&text, "", 1);
    assert_non_null(text.data);
    return text.data; /* freed by the caller */
}

static void assert_has(char *text, const char *words)
{
    if (strstr(text, words) == NULL)
        fail_msg("no %s in: %s", words, text);
}

static void test_node_balance_json(void **test)
{
    struct fixture *f = *test;
    char *json = balance_of(f, true);
    assert_has(json, "{\"node\":\"node1\",\"connected\":false,\"queue_fill_permille\":0,\"duplicates\":0,\"sessions\":["
                     "],\"losses\":[],\"ranges\":[],"
                     "\"records_forgotten\":0,\"balanced\":true}");
    free(json);
    greet(f);
    test_collector_begin(f->collector, 0);
    test_collector_exec(f->collector, 5000, "/bin/true", 10);
    test_collector_loss(f->collector, VEDETTE__V1__LOSS_STAGE__LOSS_RING, CLASS_CRITICAL, 1000000000, 2);
    test_collector_loss(f->collector, VEDETTE__V1__LOSS_STAGE__LOSS_RING, CLASS_CRITICAL, 1500000000, 1);
    test_collector_loss(f->collector, VEDETTE__V1__LOSS_STAGE__LOSS_RING, CLASS_CRITICAL, 9000000000, 1);
    test_collector_statistics(f->collector, 7, 4);
    send(f);
    json = balance_of(f, true);
    assert_has(
        json,
        "\"state\":\"running\",\"balanced\":true,\"fault\":\"\",\"before_this_start\":0,\"missing\":0,\"in_flight\":2,"
        "\"classes\":[{\"class\":\"critical\",\"produced\":7,\"delivered\":1,\"lost\":4,\"left\":2}");
    assert_has(json, "\"losses\":[{\"stage\":\"ring\",\"class\":\"critical\",\"count\":4}]");
    assert_has(json, "\"count\":3,\"exact\":true,\"records\":2,"); /* half a second apart: one range */
    assert_has(json, "\"count\":1,\"exact\":true,\"records\":1,");
    free(json);
    /* The last batch, and one of the two is nowhere. */
    test_collector_begin(f->collector, 1);
    test_collector_exec(f->collector, 5000, "/bin/true", 11);
    test_collector_statistics(f->collector, 7, 4);
    test_collector_final(f->collector);
    send(f);
    json = balance_of(f, false);
    assert_has(
        json, "\"state\":\"ended\",\"balanced\":false,\"fault\":\"the session has ended, and events of it are neither");
    free(json);
}

/* What the outbox and a sink have lost becomes a loss record with the next batch: counted, logged, in later findings.
 */
static void test_node_alerts_lost_outside(void **test)
{
    struct fixture *f = *test;
    struct outbox_loss loss = {.refused = true, .sink = "s", .node = "node1", .from_ns = 5, .to_ns = 7, .count = 3};
    greet(f);
    for (int i = 0; i < 20; i++) /* more than are remembered one by one */
        node_take_outside(f->node, &loss);
    loss.refused = false;
    struct listening log = listen_to_log();
    send_execs(f, 0, 1, "/bin/true");
    assert_int_equal(node_settle(f->node, f->now_ns), 0);
    char *said = stop_listening(log);
    assert_non_null(strstr(said, " alerts of class any on node node1 between "));
    assert_non_null(strstr(said, ": a sink gave up\n"));
    free(said);
    assert_figure(f, "vedette_events_lost_total{node=\"node1\",stage=\"sink\",class=\"all\"} 60\n");
    char *json = balance_of(f, true);
    assert_has(json, "{\"stage\":\"sink\",\"class\":\"all\",\"count\":60}");
    free(json);
}

#define WITH_NODE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* How many events the findings of that cgroup name. */
static int64_t told_of(struct fixture *f, unsigned cgroup_id)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "SELECT SUM(json_extract(json, '$.args[3].value')) FROM alerts WHERE json_extract(json, '$.eventName') = "
             "'vedette_cgroup_throttled' AND json_extract(json, '$.args[0].value') = %u",
             cgroup_id);
    return outside_integer(f->temporary.outbox, sql);
}

/* A finding at once, then one a minute of each cgroup, with all that came in between. */
static void test_node_throttled_cgroups_are_told(void **test)
{
    struct fixture *f = *test;
    greet(f);
    test_collector_begin(f->collector, 0);
    test_collector_throttled(f->collector, 77, SECOND_NS, 10);
    test_collector_throttled(f->collector, 88, SECOND_NS, 3);
    send(f);
    assert_int_equal(told_of(f, 77), 10);
    assert_int_equal(told_of(f, 88), 3);
    f->now_ns += 2 * SECOND_NS;
    test_collector_begin(f->collector, 0);
    test_collector_throttled(f->collector, 77, 2 * SECOND_NS, 20);
    send(f);
    assert_int_equal(alerts(f), 2);
    f->now_ns += 60 * SECOND_NS;
    test_collector_begin(f->collector, 0);
    test_collector_throttled(f->collector, 77, 62 * SECOND_NS, 5);
    send(f);
    assert_int_equal(alerts(f), 3);
    assert_int_equal(told_of(f, 77), 10 + 25);
    assert_int_equal(told_of(f, 88), 3);
    assert_figure(f, "vedette_events_lost_total{node=\"node1\",stage=\"throttle\",class=\"bulk\"} 38");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_NODE(test_node_hello),
        WITH_NODE(test_node_uncovered_is_exported),
        WITH_NODE(test_node_alert_is_committed_with_its_cursor),
        WITH_NODE(test_node_batch_sent_again),
        WITH_NODE(test_node_unreliable_link),
        WITH_NODE(test_node_gap_is_a_loss),
        WITH_NODE(test_node_throttled_cgroups_are_told),
        WITH_NODE(test_node_gap_of_the_spool),
        WITH_NODE(test_node_older_session_comes_late),
        WITH_NODE(test_node_after_a_crash),
        WITH_NODE(test_node_newer_plan_is_outbid),
        WITH_NODE(test_node_malformed_batch),
        WITH_NODE(test_node_outbox_fails),
        WITH_NODE(test_node_final_commits),
        WITH_NODE(test_node_critical_loss_asks_for_a_snapshot),
        WITH_NODE(test_node_loss_lines_are_joined),
        WITH_NODE(test_node_hello_lines),
        WITH_NODE(test_node_balance_lines),
        WITH_NODE(test_node_fresh_outbox),
        WITH_NODE(test_node_first_batches_refused),
        WITH_NODE(test_node_balance_json),
        WITH_NODE(test_node_alerts_lost_outside),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_balance_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
