// SPDX-License-Identifier: Apache-2.0
/* What a scrape of a thousand nodes costs, in series, bytes and time: printed, and its series bounded. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/ingest/ingest.h"
#include "analyzer/ingest/test_collector.h"
#include "common/base/clock.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { NODES = 50 }; /* a sanitizer's memory is for finding defects, not for measuring */
#else
enum { NODES = 1000 };
#endif

enum {
    SERIES_A_NODE =
        64, /* docs/monitoring.md says what the most is; this world lacks one event and has few kinds of losses */
    SCRAPES = 11,
    REPLY_MS = 20000, /* only a hang takes so long */
};

struct fixture {
    struct temporary temporary;
    struct outbox *outbox;
    struct loaded_current *loaded;
    struct ingest *ingest;
    struct metrics *metrics;
};

static int setup(void **test)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct loaded_sources none = {0};
    struct policy_error error = {0};
    char words[INGEST_ERROR_BYTES];
    assert_non_null(f);
    temporary_make(&f->temporary);
    f->outbox = outbox_open_or_die(f->temporary.outbox);
    f->loaded = loaded_current_new(loaded_set_new(&none, &error));
    const struct ingest_settings settings = {
        .url = "tcp://127.0.0.1:0", .insecure = true, .shards = 2, .loaded = f->loaded, .outbox = f->outbox};
    if (ingest_start(&settings, &f->ingest, words) < 0)
        fail_msg("%s", words);
    f->metrics = metrics_new();
    metrics_register(f->metrics, ingest_collect, f->ingest);
    metrics_register(f->metrics, ingest_collect_tracee, f->ingest);
    *test = f;
    return 0;
}

static int teardown(void **test)
{
    struct fixture *f = *test;
    metrics_free(f->metrics);
    assert_int_equal(ingest_stop(f->ingest), 0);
    loaded_current_free(f->loaded);
    outbox_close(f->outbox);
    temporary_remove(&f->temporary);
    free(f);
    return 0;
}

static void exchange(nng_socket socket, struct test_request request, int wanted)
{
    nng_msg *message;
    assert_int_equal(nng_msg_alloc(&message, 0), 0);
    assert_int_equal(nng_msg_append(message, request.bytes, request.size), 0);
    assert_int_equal(nng_sendmsg(socket, message, 0), 0);
    assert_int_equal(nng_recvmsg(socket, &message, 0), 0);
    Vedette__V1__Reply *reply = test_reply(nng_msg_body(message), nng_msg_len(message));
    nng_msg_free(message);
    assert_int_equal(reply->body_case, wanted);
    test_reply_free(reply);
}

/* Says hello, sends a finding and losses of several stages, and goes. */
static void visit(const struct fixture *f, unsigned number)
{
    char name[64];
    nng_socket socket;
    snprintf(name, sizeof(name), "worker-%04u.cluster.example", number);
    struct test_collector *collector = test_collector_new(name, "boot", 1);
    assert_int_equal(nng_req0_open(&socket), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, REPLY_MS), 0);
    assert_int_equal(nng_dial(socket, ingest_url(f->ingest), NULL, 0), 0);
    exchange(socket, test_collector_hello(collector, 101 /* ptrace, which detections wait for */),
             VEDETTE__V1__REPLY__BODY_WELCOME);
    test_collector_begin(collector, 0);
    test_collector_exec(collector, 5000, "/dev/shm/x", 10);
    test_collector_loss(collector, VEDETTE__V1__LOSS_STAGE__LOSS_RING, CLASS_BULK, 1, 3);
    test_collector_loss(collector, VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE, CLASS_COUNT, 1, 3);
    test_collector_loss(collector, VEDETTE__V1__LOSS_STAGE__LOSS_ABSENCE, CLASS_COUNT, 1, 3);
    exchange(socket, test_collector_end(collector), VEDETTE__V1__REPLY__BODY_ACK);
    nng_close(socket);
    test_collector_free(collector);
}

struct scrape {
    size_t series, bytes;
    uint64_t ns;
};

static struct scrape scrape(const struct fixture *f, enum metrics_format format)
{
    struct scrape scrape = {0};
    uint64_t begin_ns = clock_boot_ns();
    char *page = metrics_render_as(f->metrics, format, &scrape.bytes);
    scrape.ns = clock_boot_ns() - begin_ns;
    assert_non_null(page);
    for (const char *line = page; *line != '\0'; line = strchr(line, '\n') + 1)
        scrape.series += *line != '#';
    free(page);
    return scrape;
}

static int by_time(const void *a, const void *b)
{
    const struct scrape *first = a, *second = b;
    return first->ns < second->ns ? -1 : first->ns > second->ns;
}

static void test_scrape_of_a_thousand_nodes(void **test)
{
    const struct fixture *f = *test;
    static const char *const names[] = {"text", "OpenMetrics"};
    const struct scrape before = scrape(f, METRICS_TEXT);
    for (unsigned i = 0; i < NODES; i++)
        visit(f, i);
    for (int format = METRICS_TEXT; format <= METRICS_OPENMETRICS; format++) {
        struct scrape all[SCRAPES];
        for (int i = 0; i < SCRAPES; i++)
            all[i] = scrape(f, (enum metrics_format)format);
        qsort(all, SCRAPES, sizeof(all[0]), by_time);
        double a_node = (double)(all[0].series - before.series) / NODES;
        printf(
            "scrape of %d nodes, %s: %zu series (%zu without a node, %.1f a node), %.2f MB, %.1f ms (%.1f to %.1f)\n",
            NODES, names[format], all[0].series, before.series, a_node, (double)all[0].bytes / 1e6,
            (double)all[SCRAPES / 2].ns / 1e6, (double)all[0].ns / 1e6, (double)all[SCRAPES - 1].ns / 1e6);
        assert_true(a_node > 20 && a_node <= SERIES_A_NODE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scrape_of_a_thousand_nodes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
