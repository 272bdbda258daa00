// SPDX-License-Identifier: Apache-2.0
/* A thousand reloads while a node's stream goes on: what is judged is judged by one set, and nothing is lost. */
#include "analyzer/ingest/node_internal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/ingest/test_collector.h"
#include "common/base/clock.h"

enum { SESSION = 77, RELOADS = 1000, WARM = 100, EVENTS = 512, SETS = 2, WRONG_EVERY = 10 };

struct stream {
    struct temporary temporary;
    struct outbox *outbox;
    struct loaded_current *loaded;
    struct ingest_totals totals;
    struct node_environment environment;
    struct node *node;
    struct decoder *decoder;
    struct test_collector *collector;
    struct reply reply;
    char folder[SETS + 1][TESTING_PATH_BYTES]; /* the last is one that is refused */
    char version[SETS][LOADED_VERSION_BYTES];
    atomic_uint reloads, refused;
    atomic_bool done;
};

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[TESTING_PATH_BYTES + 32];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Set i has the policies X1 and X2, and gives its own severity. The last is wrong in its second file. */
static void write_set(struct stream *s, int i)
{
    char text[512];
    snprintf(s->folder[i], sizeof(s->folder[i]), "%s/%c", s->temporary.folder, 'a' + i);
    assert_int_equal(mkdir(s->folder[i], 0700), 0);
    for (int p = 1; p <= 2; p++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d.yaml", p);
        snprintf(
            text, sizeof(text),
            "type: policy\nname: %c%d\nscope: [global]\nrules:\n- event: fileless_execution\n- event: %s\n  filters: "
            "[data.pathname!=/x%d]\n",
            'a' + i, p,
            i == SETS && p == 2 ? "opnat"
            : i == 0            ? "openat"
                                : "openat,unlinkat",
            p);
        write_file(s->folder[i], name, text);
    }
    snprintf(text, sizeof(text), "detections:\n  fileless_execution: {severity: %s}\n", i == 0 ? "info" : "critical");
    snprintf(s->folder[i] + strlen(s->folder[i]), 8, ".d");
    assert_int_equal(mkdir(s->folder[i], 0700), 0);
    write_file(s->folder[i], "t.yaml", text);
    s->folder[i][strlen(s->folder[i]) - 2] = '\0';
}

static struct loaded_set *load(struct stream *s, int i)
{
    char tuning_path[TESTING_PATH_BYTES + 4];
    const char *policies[] = {s->folder[i]}, *tuning[] = {tuning_path};
    const struct loaded_sources sources = {.policies = policies, .n_policies = 1, .tuning = tuning, .n_tuning = 1};
    struct policy_error error = {0};
    snprintf(tuning_path, sizeof(tuning_path), "%s.d", s->folder[i]);
    struct loaded_set *set = loaded_set_new(&sources, &error);
    /* cmocka is the main thread's: this one ends the program when it is wrong. */
    if ((set == NULL) != (i == SETS) || (i == SETS && strstr(error.path, "p2.yaml") == NULL))
        abort();
    return set;
}

static void *reload_all(void *arg)
{
    struct stream *s = arg;
    for (unsigned n = 0; n < WARM + RELOADS; n++) {
        if (n % WRONG_EVERY == 0 && load(s, SETS) == NULL)
            atomic_fetch_add(&s->refused, 1);
        loaded_current_replace(s->loaded, load(s, (int)(n % SETS)));
        atomic_fetch_add(&s->reloads, 1);
    }
    atomic_store(&s->done, true);
    return NULL;
}

static long resident_kib(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static Vedette__V1__Reply *ask(struct stream *s, struct test_request from, bool hello)
{
    const Vedette__V1__Request *request;
    assert_int_equal(decoder_unpack(s->decoder, from.bytes, from.size, &request), 0);
    if (hello)
        assert_true(node_hello(s->node, request->hello, clock_boot_ns(), &s->reply));
    else
        node_batch(s->node, s->decoder, request, request->batch, clock_boot_ns(), &s->reply);
    return test_reply(s->reply.bytes, s->reply.size);
}

/* Opens, and one program from memory. */
static uint32_t send(struct stream *s, uint64_t *seq)
{
    test_collector_begin(s->collector, *seq);
    for (uint32_t i = 1; i < EVENTS; i++)
        test_collector_open(s->collector, 4000 + i % 16, "/etc/passwd", 10);
    test_collector_exec(s->collector, 5000, "memfd:x", 10);
    Vedette__V1__Reply *reply = ask(s, test_collector_end(s->collector), false);
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_ACK);
    *seq += EVENTS;
    assert_int_equal(reply->ack->cursor->processed_seq, *seq);
    uint32_t epoch = reply->ack->plan == NULL ? 0 : reply->ack->plan->epoch;
    test_reply_free(reply);
    return epoch;
}

static void setup(struct stream *s)
{
    temporary_make(&s->temporary);
    s->outbox = outbox_open_or_die(s->temporary.outbox);
    for (int i = 0; i <= SETS; i++)
        write_set(s, i);
    for (int i = 0; i < SETS; i++) {
        struct loaded_set *set = load(s, i);
        snprintf(s->version[i], LOADED_VERSION_BYTES, "%s", loaded_set_version(set));
        loaded_set_unref(set);
    }
    assert_string_not_equal(s->version[0], s->version[1]);
    s->loaded = loaded_current_new(load(s, 0));
    s->environment =
        (struct node_environment){.loaded = s->loaded, .outbox = s->outbox, .first_epoch = 1000, .totals = &s->totals};
    s->node = node_new(&s->environment, "node1");
    s->decoder = decoder_new(WIRE_REQUEST_BYTES);
    s->collector = test_collector_new("node1", "boot-1", SESSION);
    assert_true(s->loaded && s->node && s->decoder);
}

static void teardown(struct stream *s)
{
    test_collector_free(s->collector);
    node_free(s->node);
    decoder_free(s->decoder);
    loaded_current_free(s->loaded);
    outbox_close(s->outbox);
    temporary_remove(&s->temporary);
}

/* Which set judged it; all of it must say the same. */
static int judged_by(const struct stream *s, const char *json)
{
    static const char *const policies[SETS] = {"\"matchedPolicies\":[\"a1\",\"a2\"]",
                                               "\"matchedPolicies\":[\"b1\",\"b2\"]"};
    static const char *const severities[SETS] = {"\"Severity\":0", "\"Severity\":4"};
    for (int i = 0; i < SETS; i++) {
        char version[64];
        snprintf(version, sizeof(version), "\"set\":\"%s\"", s->version[i]);
        if (strstr(json, version) == NULL)
            continue;
        if (strstr(json, policies[i]) == NULL || strstr(json, severities[i]) == NULL)
            fail_msg("judged by half of %s: %s", s->version[i], json);
        return i;
    }
    fail_msg("judged by no set: %s", json);
    return -1;
}

static void test_reload_under_a_stream(void **test)
{
    (void)test;
    static struct stream s;
    uint64_t seq = 1, batches = 0, plans = 0, by[SETS] = {0};
    uint32_t epoch = 0;
    pthread_t thread;
    setup(&s);
    test_reply_free(ask(&s, test_collector_hello(s.collector, 0), true));
    assert_int_equal(pthread_create(&thread, NULL, reload_all, &s), 0);
    long before_kib = 0;
    uint64_t from_ns = clock_boot_ns();
    while (!atomic_load(&s.done)) {
        uint32_t told = send(&s, &seq);
        assert_true(told == 0 || told > epoch);
        epoch = told == 0 ? epoch : told;
        plans += told != 0;
        batches++;
        if (before_kib == 0 && atomic_load(&s.reloads) >= WARM)
            before_kib = resident_kib();
    }
    double seconds = (double)(clock_boot_ns() - from_ns) / 1e9;
    pthread_join(thread, NULL);
    send(&s, &seq);
    batches++;
    long after_kib = resident_kib();
    assert_int_equal(node_settle(s.node, clock_boot_ns()), 0);

    struct alert alert;
    uint64_t findings = 0;
    for (int64_t row = 0; outbox_read(s.outbox, row, &alert) == 0;) {
        row = alert.row;
        by[judged_by(&s, alert.json)]++;
        findings++;
        alert_fini(&alert);
    }
    assert_int_equal(findings, batches);
    assert_int_equal(atomic_load(&s.totals.findings_lost), 0);
    uint64_t received = 0;
    for (int class = 0; class < CLASS_COUNT; class ++)
        received += atomic_load(&s.node->received[class]);
    assert_int_equal(received, batches * EVENTS);
    print_message(
        "%u reloads and %u refusals in %.1f s under %.0f events/s: %llu events, %llu findings (%llu and %llu by "
        "the two sets), %llu plans, resident %ld KiB before and %ld after\n",
        atomic_load(&s.reloads), atomic_load(&s.refused), seconds, (double)received / seconds,
        (unsigned long long)received, (unsigned long long)findings, (unsigned long long)by[0],
        (unsigned long long)by[1], (unsigned long long)plans, before_kib, after_kib);
    assert_int_equal(atomic_load(&s.refused), (WARM + RELOADS) / WRONG_EVERY);
    assert_true(by[0] > 0 && by[1] > 0);
    assert_true(plans > 0);
#ifndef VEDETTE_NO_SECCOMP /* a sanitizer keeps what is freed */
    assert_true(after_kib - before_kib < 8 * 1024);
#endif
    teardown(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reload_under_a_stream)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
