/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Falcosidekick sink against integration-tests/receiver/receiver.py, which judges as the real one does and
 * misbehaves as told. Runs from the repository's root; needs python3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/inotify.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/alert/receiver_testing.h"
#include "analyzer/alert/sink.h"
#include "common/base/log.h"

enum { HOUR_MS = 3600000, MAX_ALERTS = 64 };

/* How often the receiver accepted each alert. */
static void count_accepted(const struct receiver *receiver, unsigned counts[MAX_ALERTS])
{
    json_t *lines = lines_of(receiver->out);
    memset(counts, 0, MAX_ALERTS * sizeof(counts[0]));
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const char *id = json_string_value(
            json_object_get(json_object_get(json_array_get(lines, i), "output_fields"), "vedette.id"));
        assert_non_null(id);
        unsigned long number = strtoul(id, NULL, 16);
        assert_true(number < MAX_ALERTS);
        counts[number]++;
    }
    json_decref(lines);
}

static size_t count_requests(const struct receiver *receiver, const char *step, int *ret_connections)
{
    json_t *lines = lines_of(receiver->log);
    size_t count = 0;
    *ret_connections = 0;
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *line = json_array_get(lines, i);
        int connection = (int)json_integer_value(json_object_get(line, "connection"));
        *ret_connections = connection > *ret_connections ? connection : *ret_connections;
        count += strcmp(json_string_value(json_object_get(line, "step")), step) == 0;
    }
    json_decref(lines);
    return count;
}

/* Of one request. Short only where a receiver hangs: elsewhere a busy machine must not count as one. */
enum { PATIENT_MS = 60000, IMPATIENT_MS = 300 };
static uint32_t total_ms;

static atomic_uint attempts;

static enum sink_result count_and_deliver(void *sink, const struct alert *alert, uint32_t *retry_after_ms,
                                          char error[SINK_ERROR_BYTES])
{
    enum sink_result result = sink_kind_by_name("falcosidekick")->deliver(sink, alert, retry_after_ms, error);
    atomic_fetch_add(&attempts, 1);
    if (*retry_after_ms)
        *retry_after_ms = 1; /* kept, but not waited for in a test */
    return result;
}

struct fixture {
    struct temporary temporary;
    struct outbox *outbox;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    temporary_make(&fixture->temporary);
    fixture->outbox = outbox_open_or_die(fixture->temporary.outbox);
    atomic_store(&attempts, 0);
    total_ms = PATIENT_MS;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    outbox_close(fixture->outbox);
    temporary_remove(&fixture->temporary);
    free(fixture);
    return 0;
}

static struct sink_runner *start(struct outbox *outbox, const char *url)
{
    static struct sink_kind kind;
    kind = *sink_kind_by_name("falcosidekick");
    kind.deliver = count_and_deliver;
    char error[SINK_ERROR_BYTES] = "";
    static struct sink_settings settings;
    settings = (struct sink_settings){.kind = &kind, .retry_min_ms = 1, .retry_max_ms = 50, .timeout_ms = total_ms};
    snprintf(settings.url, sizeof(settings.url), "%s", url);
    struct sink_runner *runner = sink_runner_start(outbox, &settings, error);
    if (!runner)
        fail_msg("%s", error);
    return runner;
}

/* Delivers `count` alerts through what the script does; each must be accepted exactly once. */
static void deliver_through(struct fixture *fixture, const char *script, unsigned count, struct receiver *ret_receiver)
{
    struct receiver receiver = receiver_start(&fixture->temporary, "falcosidekick", script);
    struct sink_runner *runner = start(fixture->outbox, receiver.url);
    unsigned accepted[MAX_ALERTS];
    assert_int_equal(commit_alerts(fixture->outbox, 0, count), 0);
    assert_int_equal(sink_runner_stop(runner, HOUR_MS), 0);
    receiver_stop(&receiver);
    count_accepted(&receiver, accepted);
    for (unsigned i = 0; i < MAX_ALERTS; i++)
        assert_int_equal(accepted[i], i < count);
    *ret_receiver = receiver;
}

static void test_falcosidekick_accepts_over_one_connection(void **state)
{
    struct receiver receiver;
    int connections;
    deliver_through(*state, "ok", 20, &receiver);
    assert_int_equal(count_requests(&receiver, "ok", &connections), 20);
    assert_int_equal(connections, 1);
}

static void test_falcosidekick_server_errors(void **state)
{
    struct receiver receiver;
    int connections;
    deliver_through(
        *state, "status 500 2, status 429 1 retry-after=2, status 503 1 retry-after=1, status 302 1, status 404 1, ok",
        3, &receiver);
    assert_int_equal(count_requests(&receiver, "status", &connections), 6);
    assert_int_equal(atomic_load(&attempts), 9);
}

static void test_falcosidekick_hangs(void **state)
{
    struct receiver receiver;
    int connections;
    total_ms = IMPATIENT_MS;
    deliver_through(*state, "ok 1, hang 2, ok", 3, &receiver);
    assert_int_equal(count_requests(&receiver, "hang", &connections), 2);
}

static void test_falcosidekick_closes(void **state)
{
    struct receiver receiver;
    int connections;
    deliver_through(*state, "ok 1, close 2, half 2, ok", 4, &receiver);
    assert_true(count_requests(&receiver, "close", &connections) == 2);
    assert_int_equal(count_requests(&receiver, "half", &connections), 2);
}

static void test_falcosidekick_reads_slowly(void **state)
{
    struct receiver receiver;
    deliver_through(*state, "slow 0.1 2, ok", 3, &receiver);
    assert_int_equal(atomic_load(&attempts), 3);
}

/* An outage in short: a closed port, then errors, then well: each at least once, and none again after it was accepted.
 */
static void test_falcosidekick_outage(void **state)
{
    struct receiver receiver;
    int connections;
    deliver_through(*state, "refuse 0.4, status 500 3, ok 5, refuse 0.2, status 503 2, close 1, ok", 40, &receiver);
    assert_int_equal(count_requests(&receiver, "ok", &connections), 40);
    assert_true(atomic_load(&attempts) > 40 + 6);
}

/* What the receiver will never take goes to the dead letters, and the next ones pass. */
static void test_falcosidekick_dead_letter(void **state)
{
    struct fixture *fixture = *state;
    struct receiver receiver = receiver_start(&fixture->temporary, "falcosidekick", "status 400 1, ok");
    struct sink_runner *runner = start(fixture->outbox, receiver.url);
    unsigned accepted[MAX_ALERTS];
    struct alert broken = alert_of(9);
    broken.json = "no JSON";
    assert_int_equal(commit_alerts(fixture->outbox, 0, 2), 0);
    assert_int_equal(outbox_commit(fixture->outbox, &broken, 1, NULL, 0), 0);
    assert_int_equal(commit_alerts(fixture->outbox, 2, 1), 0);
    assert_int_equal(sink_runner_stop(runner, HOUR_MS), 0);
    receiver_stop(&receiver);
    count_accepted(&receiver, accepted);
    assert_int_equal(accepted[0] + accepted[9], 0);
    assert_int_equal(accepted[1] + accepted[2], 2);
    assert_int_equal(
        outside_integer(
            fixture->temporary.outbox,
            "SELECT COUNT(*) FROM dead_letters WHERE (row = 1 AND reason LIKE '%answers 400 (as scripted)%') "
            "OR (row = 3 AND reason LIKE '%no JSON object%')"),
        2);
}

/* A stop does not wait for the time-outs. */
static void test_falcosidekick_stop_while_it_hangs(void **state)
{
    struct fixture *fixture = *state;
    struct receiver receiver = receiver_start(&fixture->temporary, "falcosidekick", "hang");
    char error[SINK_ERROR_BYTES];
    static struct sink_settings settings;
    settings = (struct sink_settings){.kind = sink_kind_by_name("falcosidekick"), .timeout_ms = PATIENT_MS};
    snprintf(settings.url, sizeof(settings.url), "%s", receiver.url);
    int notify = inotify_init1(IN_CLOEXEC);
    assert_true(inotify_add_watch(notify, receiver.log, IN_MODIFY) >= 0);
    struct sink_runner *runner = sink_runner_start(fixture->outbox, &settings, error);
    assert_non_null(runner);
    assert_int_equal(commit_alerts(fixture->outbox, 0, 2), 0);
    char event[sizeof(struct inotify_event) + 256];
    assert_true(read(notify, event, sizeof(event)) > 0); /* the request is there, and hangs */
    close(notify);
    assert_int_equal(sink_runner_stop(runner, 0), 2);
    receiver_stop(&receiver);
}

/* A URL that is none is told; a password in it is refused, and never shown. */
static void test_falcosidekick_urls(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",        "ftp://host/",        "file:///etc/passwd",
                                        "http://", "http://host:99999/", "http://user:secret@127.0.0.1:1/path"};
    static struct sink_settings settings;
    settings = (struct sink_settings){.kind = sink_kind_by_name("falcosidekick"), .timeout_ms = 1000};
    char error[SINK_ERROR_BYTES];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        error[0] = '\0';
        snprintf(settings.url, sizeof(settings.url), "%s", wrong[i]);
        assert_null(settings.kind->open(&settings, error));
        assert_non_null(strstr(error, "sink falcosidekick: no usable URL"));
        assert_null(strstr(error, "secret"));
    }
    snprintf(settings.url, sizeof(settings.url), "http://127.0.0.1:1/token-in-path");
    void *sink = settings.kind->open(&settings, error);
    assert_non_null(sink);
    struct alert alert = alert_of(1);
    uint32_t retry_after;
    assert_int_equal(settings.kind->deliver(sink, &alert, &retry_after, error), SINK_RETRY);
    assert_non_null(strstr(error, "http://127.0.0.1:1:"));
    assert_null(strstr(error, "token"));
    settings.kind->close(sink);
    snprintf(settings.url, sizeof(settings.url), "https://falcosidekick.example:2801/");
    sink = settings.kind->open(&settings, error);
    assert_non_null(sink);
    settings.kind->close(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_falcosidekick_accepts_over_one_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_falcosidekick_server_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_falcosidekick_hangs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_falcosidekick_closes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_falcosidekick_reads_slowly, setup, teardown),
        cmocka_unit_test_setup_teardown(test_falcosidekick_outage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_falcosidekick_dead_letter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_falcosidekick_stop_while_it_hangs, setup, teardown),
        cmocka_unit_test(test_falcosidekick_urls),
    };
    signal(SIGPIPE, SIG_IGN);
    log_init("sink_falcosidekick_test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
