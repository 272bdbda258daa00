// SPDX-License-Identifier: Apache-2.0
/* What detections know of earlier events outlives the analyzer: lives of it are processes that are killed. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/ingest/node.h"
#include "analyzer/ingest/test_collector.h"

static const uint64_t SECOND_NS = 1000000000;

enum { SESSION = 77 };

static const struct detection run_then_open = {
    .id = "X-1",
    .name = "run_then_open",
    .event_id = 9001,
    .title = "t",
    .description = "d",
    .category = "c",
    .technique = "t",
    .technique_id = "T1",
    .technique_stix = "",
    .severity = SEVERITY_HIGH,
    .correlation = {.kind = CORRELATE_SEQUENCE, .keys = {"process.id"}, .window_ms = 60000},
    .triggers = {{.event = "sched_process_exec", .when = PREFIX("data.pathname", "/tmp/"), .step = 1},
                 {.event = "openat", .when = PREFIX("data.pathname", "/secret"), .step = 2}},
};

/* One event a batch; the path "" says hello again. */
struct sent {
    uint64_t seq;
    bool is_open; /* else an exec */
    const char *path;
};

/* A life of the analyzer: a hello, the batches, and its end by SIGKILL, or by itself after a last commit. */
struct life {
    const char *outbox, *boot_id;
    const struct detection *detection;
    struct sent sent[4]; /* ends with a path of NULL */
    bool is_killed;
    uint64_t wants_next; /* the sequence that the welcome must ask for, 0: none known */
};

struct living {
    struct node *node;
    struct decoder *decoder;
    struct reply reply;
};

static void ask(struct living *living, struct test_request from)
{
    const Vedette__V1__Request *request;
    if (decoder_unpack(living->decoder, from.bytes, from.size, &request) != 0)
        _exit(3);
    if (request->body_case == VEDETTE__V1__REQUEST__BODY_HELLO)
        node_hello(living->node, request->hello, 100 * SECOND_NS, &living->reply);
    else
        node_batch(living->node, living->decoder, request, request->batch, 100 * SECOND_NS, &living->reply);
}

static void check_welcome(const struct living *living, uint64_t wants_next)
{
    Vedette__V1__Reply *reply = test_reply(living->reply.bytes, living->reply.size);
    bool right =
        reply->body_case == VEDETTE__V1__REPLY__BODY_WELCOME &&
        (wants_next == 0 ? reply->welcome->n_cursor == 0
                         : reply->welcome->n_cursor == 1 && reply->welcome->cursor[0]->processed_seq == wants_next);
    test_reply_free(reply);
    if (!right)
        _exit(4);
}

static void live_here(const struct life *life)
{
    const struct loaded_sources none = {0};
    struct policy_error error;
    static struct ingest_totals totals;
    const struct node_environment environment = {.loaded = loaded_current_new(loaded_set_new(&none, &error)),
                                                 .detections = &life->detection,
                                                 .n_detections = 1,
                                                 .outbox = outbox_open_or_die(life->outbox),
                                                 .first_epoch = 1,
                                                 .totals = &totals};
    struct living living = {.node = node_new(&environment, "node1"), .decoder = decoder_new(WIRE_REQUEST_BYTES)};
    struct test_collector *collector = test_collector_new("node1", life->boot_id, SESSION);
    ask(&living, test_collector_hello(collector, 0));
    check_welcome(&living, life->wants_next);
    for (const struct sent *sent = life->sent; sent->path != NULL; sent++) {
        if (sent->path[0] == '\0') {
            ask(&living, test_collector_hello(collector, 0));
            continue;
        }
        test_collector_begin(collector, sent->seq);
        if (sent->is_open)
            test_collector_open(collector, 5000, sent->path, 10 + sent->seq);
        else
            test_collector_exec(collector, 5000, sent->path, 10 + sent->seq);
        ask(&living, test_collector_end(collector));
    }
    if (life->is_killed)
        raise(SIGKILL);
    node_settle(living.node, 101 * SECOND_NS);
    test_collector_free(collector);
    node_free(living.node);
    decoder_free(living.decoder);
    loaded_current_free(environment.loaded);
    outbox_close(environment.outbox);
}

static void live(const struct life *life)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        live_here(life);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (life->is_killed)
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    else
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The id of the one alert there is; "" when there is none. */
static void only_alert(const char *path, char ret_id[ALERT_ID_BYTES])
{
    struct outbox *outbox = outbox_open_or_die(path);
    struct alert alert;
    assert_true(outbox_count_after(outbox, 0) <= 1);
    ret_id[0] = '\0';
    if (outbox_read(outbox, 0, &alert) == 0) {
        memcpy(ret_id, alert.id, ALERT_ID_BYTES);
        assert_string_equal(alert.detection, "run_then_open");
        alert_fini(&alert);
    }
    outbox_close(outbox);
}

static void count_keys(void *arg, const struct outbox_memory *of, uint64_t n_keys)
{
    (void)of;
    *(uint64_t *)arg += n_keys;
}

static uint64_t keys_kept(const char *path)
{
    struct outbox *outbox = outbox_open_or_die(path);
    uint64_t n = 0;
    assert_int_equal(outbox_memory_kept(outbox, "node1", count_keys, &n), 0);
    outbox_close(outbox);
    return n;
}

static int setup(void **test)
{
    struct temporary *temporary = calloc(1, sizeof(*temporary));
    assert_non_null(temporary);
    temporary_make(temporary);
    *test = temporary;
    return 0;
}

static int teardown(void **test)
{
    temporary_remove(*test);
    free(*test);
    return 0;
}

static const struct sent run = {1, false, "/tmp/x"}, open_secret = {2, true, "/secret"}, noise = {0, true, "/x"};

/* The id that the finding has in a life without an end between. */
static void uninterrupted(char ret_id[ALERT_ID_BYTES])
{
    struct temporary temporary;
    temporary_make(&temporary);
    live(&(struct life){.outbox = temporary.outbox,
                        .boot_id = "boot-1",
                        .detection = &run_then_open,
                        .sent = {noise, run, open_secret}});
    only_alert(temporary.outbox, ret_id);
    temporary_remove(&temporary);
    assert_string_not_equal(ret_id, "");
}

/* The first batch of a life is committed at once, the ones after it only with an alert. */
static void test_memory_killed_after_the_commit(void **test)
{
    const struct temporary *temporary = *test;
    char expected[ALERT_ID_BYTES], id[ALERT_ID_BYTES];
    struct life life = {.outbox = temporary->outbox, .boot_id = "boot-1", .detection = &run_then_open};
    uninterrupted(expected);

    life.sent[0] = run;
    life.is_killed = true;
    live(&life);
    only_alert(life.outbox, id);
    assert_string_equal(id, "");
    assert_int_equal(keys_kept(life.outbox), 1);

    life.wants_next = 2;
    life.sent[0] = open_secret;
    live(&life); /* killed once more, behind the alert's commit */
    only_alert(life.outbox, id);
    assert_string_equal(id, expected);

    life.wants_next = 3;
    life.is_killed = false;
    life.sent[0] = (struct sent){3, true, "/secret"}; /* the way was used up */
    live(&life);
    only_alert(life.outbox, id);
    assert_string_equal(id, expected);
}

static void test_memory_killed_before_the_commit(void **test)
{
    const struct temporary *temporary = *test;
    char expected[ALERT_ID_BYTES], id[ALERT_ID_BYTES];
    struct life life = {.outbox = temporary->outbox, .boot_id = "boot-1", .detection = &run_then_open};
    uninterrupted(expected);

    life.sent[0] = noise;
    life.sent[1] = run;
    life.is_killed = true;
    live(&life);
    assert_int_equal(keys_kept(life.outbox), 0);

    life.wants_next = 1; /* what was not committed comes again */
    life.sent[0] = run;
    life.sent[1] = open_secret;
    life.is_killed = false;
    live(&life);
    only_alert(life.outbox, id);
    assert_string_equal(id, expected);
}

static void test_memory_is_dropped(void **test)
{
    const struct temporary *temporary = *test;
    char id[ALERT_ID_BYTES];
    struct detection other = run_then_open;
    struct life life = {.outbox = temporary->outbox, .boot_id = "boot-1", .detection = &run_then_open, .sent = {run}};
    live(&life);
    assert_int_equal(keys_kept(life.outbox), 1);

    /* Another definition of the same name does not read it. */
    other.correlation.window_ms = 50000;
    life.detection = &other;
    life.wants_next = 2;
    life.sent[0] = open_secret;
    live(&life);
    only_alert(life.outbox, id);
    assert_string_equal(id, "");
    assert_int_equal(keys_kept(life.outbox), 0);

    /* Nor does the same after the node has booted: its times and processes are others. */
    life.wants_next = 3;
    life.sent[0] = (struct sent){3, false, "/tmp/x"};
    live(&life);
    assert_int_equal(keys_kept(life.outbox), 1);
    life.boot_id = "boot-2";
    life.wants_next = 4;
    life.sent[0] = (struct sent){4, true, "/secret"};
    live(&life);
    only_alert(life.outbox, id);
    assert_string_equal(id, "");
    assert_int_equal(keys_kept(life.outbox), 0);
}

/* A collector that comes back makes a new engine, which goes on where the old one was. */
static void test_memory_survives_a_hello(void **test)
{
    const struct temporary *temporary = *test;
    char expected[ALERT_ID_BYTES], id[ALERT_ID_BYTES];
    uninterrupted(expected);
    live(&(struct life){.outbox = temporary->outbox,
                        .boot_id = "boot-1",
                        .detection = &run_then_open,
                        .sent = {run, {0, false, ""}, open_secret}});
    only_alert(temporary->outbox, id);
    assert_string_equal(id, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_memory_killed_after_the_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_killed_before_the_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_survives_a_hello, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
