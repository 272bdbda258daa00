/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sinks that POST, against receivers that judge by the API documents (integration-tests/sinks/judges.py); what
 * answers mean; credentials. Runs from the repository's root; needs python3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>

#include "analyzer/alert/receiver_testing.h"
#include "analyzer/alert/sink.h"

struct fixture {
    struct temporary temporary;
    struct sink_settings *settings;
    void *sink;
    char error[SINK_ERROR_BYTES];
    uint32_t retry_after_ms;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    temporary_make(&f->temporary);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->settings != NULL)
        f->settings->kind->close(f->sink);
    sink_settings_free(f->settings);
    temporary_remove(&f->temporary);
    free(f);
    return 0;
}

static void set(struct fixture *f, const char *key, const char *text)
{
    char why[SINK_WHY_BYTES] = "";
    if (sink_settings_set(f->settings, key, text, why) < 0)
        fail_msg("%s: %s", key, why);
}

static void choose(struct fixture *f, const char *kind, const char *url)
{
    f->settings = sink_settings_new(sink_kind_by_name(kind), "it");
    assert_non_null(f->settings);
    set(f, "url", url);
    set(f, "timeout", "60s");
}

static void open_sink(struct fixture *f)
{
    f->sink = f->settings->kind->open(f->settings, f->error);
    if (!f->sink)
        fail_msg("%s", f->error);
}

static enum sink_result deliver(struct fixture *f, const struct alert *alert)
{
    return f->settings->kind->deliver(f->sink, alert, &f->retry_after_ms, f->error);
}

static void test_http_answers(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *step;
        enum sink_result result;
        uint32_t retry_after_ms;
    } cases[] = {
        {"status 204 1", SINK_DELIVERED, 0},
        {"status 302 1", SINK_RETRY, 0},
        {"status 400 1", SINK_REFUSED, 0},
        {"status 401 1", SINK_RETRY, 0},
        {"status 403 1", SINK_RETRY, 0},
        {"status 404 1", SINK_RETRY, 0},
        {"status 405 1", SINK_RETRY, 0},
        {"status 407 1", SINK_RETRY, 0},
        {"status 408 1", SINK_RETRY, 0},
        {"status 410 1", SINK_REFUSED, 0},
        {"status 413 1", SINK_REFUSED, 0},
        {"status 422 1", SINK_REFUSED, 0},
        {"status 425 1", SINK_RETRY, 0},
        {"status 429 1 retry-after=7", SINK_RETRY, 7000},
        {"status 429 1 retry-after=99999999", SINK_RETRY, SINK_RETRY_AFTER_MAX_MS},
        {"status 500 1", SINK_RETRY, 0},
        {"status 503 1 retry-after=2", SINK_RETRY, 2000},
        {"half 1", SINK_RETRY, 0},
        {"close 1", SINK_RETRY, 0},
        {"ok", SINK_DELIVERED, 0},
    };
    char script[1024] = "";
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t used = strlen(script);
        snprintf(script + used, sizeof(script) - used, "%s%s", i ? "," : "", cases[i].step);
    }
    struct receiver receiver = receiver_start(&f->temporary, "falcosidekick", script);
    choose(f, "falcosidekick", receiver.url);
    open_sink(f);
    const struct alert alert = alert_rich();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum sink_result result = deliver(f, &alert);
        if (result != cases[i].result || f->retry_after_ms != cases[i].retry_after_ms)
            fail_msg("%s: %d, %u ms: %s", cases[i].step, result, f->retry_after_ms, f->error);
    }
    receiver_stop(&receiver);
}

/* The rows that the receiver wrote of what it took. */
static json_t *deliver_to(struct fixture *f, struct receiver *receiver, const struct alert *alert)
{
    if (deliver(f, alert) != SINK_DELIVERED)
        fail_msg("%s", f->error);
    receiver_stop(receiver);
    json_t *rows = lines_of(receiver->out);
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "id")), alert->id);
    return rows;
}

static void test_http_webhook(void **state)
{
    struct fixture *f = *state;
    const struct alert alert = alert_rich();
    struct receiver receiver = receiver_start(&f->temporary, "webhook", "ok");
    choose(f, "webhook", receiver.url);
    open_sink(f);
    json_decref(deliver_to(f, &receiver, &alert));
}

static void test_http_loki(void **state)
{
    struct fixture *f = *state;
    const struct alert alert = alert_rich();
    struct receiver receiver = receiver_start(&f->temporary, "loki", "ok");
    choose(f, "loki", receiver.url);
    set(f, "static_labels", "cluster=a");
    open_sink(f);
    json_t *rows = deliver_to(f, &receiver, &alert);
    const json_t *labels = json_object_get(json_array_get(rows, 0), "labels");
    static const char *const expected[][2] = {
        {"job", "vedette"}, {"cluster", "a"},     {"detection", "fileless_execution"},
        {"node", "node1"},  {"severity", "high"}, {"namespace", "shop"}};
    assert_int_equal(json_object_size(labels), 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(json_string_value(json_object_get(labels, expected[i][0])), expected[i][1]);
    json_decref(rows);
}

static void test_http_loki_labels_are_bounded(void **state)
{
    struct fixture *f = *state;
    choose(f, "loki", "http://127.0.0.1:1");
    set(f, "labels", "pid");
    assert_null(f->settings->kind->open(f->settings, f->error));
    assert_non_null(strstr(f->error, "'pid' has too many values"));
    sink_settings_clear(f->settings, "labels");
    set(f, "static_labels", "9x=1");
    assert_null(f->settings->kind->open(f->settings, f->error));
    assert_non_null(strstr(f->error, "is not NAME=VALUE"));
}

/* Fires, is sent again at each tick that is due, and one of the same labels takes its place. */
static void test_http_alertmanager(void **state)
{
    struct fixture *f = *state;
    struct receiver receiver = receiver_start(&f->temporary, "alertmanager", "ok");
    choose(f, "alertmanager", receiver.url);
    set(f, "resend", "1ms");
    open_sink(f);
    struct alert alert = alert_rich();
    uint32_t wait_ms = 0;
    assert_int_equal(f->settings->kind->tick(f->sink, &wait_ms, f->error), SINK_DELIVERED);
    assert_true(wait_ms > 1000); /* nothing fires */
    assert_int_equal(deliver(f, &alert), SINK_DELIVERED);
    snprintf(alert.id, sizeof(alert.id), "%032x", 0xdef); /* the same labels: one alert */
    assert_int_equal(deliver(f, &alert), SINK_DELIVERED);
    alert.node = "node2";
    assert_int_equal(deliver(f, &alert), SINK_DELIVERED);
    /* The time of the first resend comes by itself. */
    size_t size = 0;
    while (size < 5) {
        assert_int_equal(f->settings->kind->tick(f->sink, &wait_ms, f->error), SINK_DELIVERED);
        json_t *rows = lines_of(receiver.out);
        size = json_array_size(rows);
        json_decref(rows);
    }
    receiver_stop(&receiver);
    json_t *rows = lines_of(receiver.out);
    const json_t *labels = json_object_get(json_array_get(rows, 0), "labels");
    assert_string_equal(json_string_value(json_object_get(labels, "alertname")), "fileless_execution");
    assert_string_equal(json_string_value(json_object_get(labels, "namespace")), "shop");
    assert_null(json_object_get(labels, "id"));
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 3), "id")), alert.id);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 4), "id")), alert.id);
    /* Its end stays where the delivery put it. */
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "ends")),
                        json_string_value(json_object_get(json_array_get(rows, 3), "ends")));
    json_decref(rows);
    assert_int_equal(f->settings->kind->tick(f->sink, &wait_ms, f->error), SINK_RETRY); /* the receiver is gone */
}

/* A clock that is ahead must not make an alert end before it begins. */
static void test_http_alertmanager_future(void **state)
{
    struct fixture *f = *state;
    struct receiver receiver = receiver_start(&f->temporary, "alertmanager", "ok");
    choose(f, "alertmanager", receiver.url);
    open_sink(f);
    struct alert alert = alert_rich();
    alert.time_ns = 4000000000000000000u;
    json_decref(deliver_to(f, &receiver, &alert));
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* Missing at the start: an error that names key and file. Missing later: tried again, nothing is refused. */
static void test_http_credentials(void **state)
{
    struct fixture *f = *state;
    static const char *const keys[] = {"auth.bearer_file", "url_file", "hmac.key_file", "tls.ca"};
    const struct alert alert = alert_rich();
    char path[TESTING_PATH_BYTES];
    snprintf(path, sizeof(path), "%s/secret", f->temporary.folder);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        choose(f, "webhook", i == 1 ? "" : "http://127.0.0.1:1/");
        set(f, keys[i], path);
        assert_null(f->settings->kind->open(f->settings, f->error));
        assert_non_null(strstr(f->error, keys[i]));
        assert_non_null(strstr(f->error, path));
        write_file(path, i == 1 ? "http://127.0.0.1:1/hidden-hook" : "hidden");
        open_sink(f);
        assert_int_equal(deliver(f, &alert), SINK_RETRY);
        assert_null(strstr(f->error, "hidden"));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(deliver(f, &alert), SINK_RETRY);
        assert_non_null(strstr(f->error, path));
        f->settings->kind->close(f->sink);
        f->sink = NULL;
        sink_settings_free(f->settings);
        f->settings = NULL;
    }
}

/* What is no finding is refused by the sinks that look into it, and never sent. */
static void test_http_no_finding(void **state)
{
    struct fixture *f = *state;
    static const char *const kinds[] = {"falcosidekick", "loki", "alertmanager", "syslog"};
    struct alert alert = alert_of(1);
    alert.json = "no JSON";
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        choose(f, kinds[i], i == 3 ? "tcp://127.0.0.1:1" : "http://127.0.0.1:1/");
        open_sink(f);
        assert_int_equal(deliver(f, &alert), SINK_REFUSED);
        assert_non_null(strstr(f->error, "no JSON object"));
        f->settings->kind->close(f->sink);
        f->sink = NULL;
        sink_settings_free(f->settings);
        f->settings = NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_http_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_webhook, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_loki, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_loki_labels_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_alertmanager, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_alertmanager_future, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_credentials, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_no_finding, setup, teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
