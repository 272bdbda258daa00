/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdbool.h>

#include "analyzer/metrics/metrics.h"

static void collect_first(void *arg, struct metrics_writer *writer)
{
    const struct metric_label a[] = {{"node", "a"}, {NULL, NULL}},
                              b[] = {{"node", "b"}, {"class", "bulk"}, {NULL, NULL}};
    metrics_write(writer, "vedette_events_total", METRIC_COUNTER, "Events.", a, *(const double *)arg);
    metrics_write(writer, "vedette_nodes", METRIC_GAUGE, "Nodes,\nwith a \\ and a \"quote\".", NULL, 2.5);
    metrics_write(writer, "vedette_events_total", METRIC_COUNTER, "Events.", b, 18446744073709551615.0);
}

static void collect_second(void *arg, struct metrics_writer *writer)
{
    (void)arg;
    const struct metric_label labels[] = {{"path", "a\"b\\c\nd\xff\xc3\xa9\xed\xa0\x80"}, {NULL, NULL}};
    metrics_write(writer, "vedette_events_total", METRIC_COUNTER, "Another text, that comes too late.", labels, 1);
    metrics_write(writer, "vedette_odd", METRIC_GAUGE, "Odd.", NULL, NAN);
    metrics_write(writer, "vedette_large", METRIC_GAUGE, "Large.", NULL, INFINITY);
    metrics_write(writer, "vedette_small", METRIC_GAUGE, "Small.", NULL, -INFINITY);
}

static void collect_histogram(void *arg, struct metrics_writer *writer)
{
    (void)arg;
    static const double bounds[] = {0.000001, 0.25};
    static const uint64_t counts[] = {5, 0, 2};
    const struct metric_label labels[] = {{"a", "b"}, {NULL, NULL}};
    const struct metric_histogram histogram = {.bounds = bounds, .counts = counts, .n = 2, .sum = 1.5};
    metrics_write_histogram(writer, "vedette_seconds", "Seconds.", labels, &histogram);
    metrics_write_histogram(writer, "vedette_seconds", "Seconds.", NULL, &histogram);
}

static char *render(struct metrics *metrics)
{
    size_t size = 0;
    char *page = metrics_render(metrics, &size);
    assert_non_null(page);
    assert_int_equal(strlen(page), size);
    return page;
}

static void test_metrics_histogram(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    metrics_register(metrics, collect_histogram, NULL);
    char *page = render(metrics);
    assert_string_equal(page, "# HELP vedette_seconds Seconds.\n"
                              "# TYPE vedette_seconds histogram\n"
                              "vedette_seconds_bucket{a=\"b\",le=\"1e-06\"} 5\n"
                              "vedette_seconds_bucket{a=\"b\",le=\"0.25\"} 5\n"
                              "vedette_seconds_bucket{a=\"b\",le=\"+Inf\"} 7\n"
                              "vedette_seconds_sum{a=\"b\"} 1.5\n"
                              "vedette_seconds_count{a=\"b\"} 7\n"
                              "vedette_seconds_bucket{le=\"1e-06\"} 5\n"
                              "vedette_seconds_bucket{le=\"0.25\"} 5\n"
                              "vedette_seconds_bucket{le=\"+Inf\"} 7\n"
                              "vedette_seconds_sum 1.5\n"
                              "vedette_seconds_count 7\n");
    free(page);
    metrics_free(metrics);
}

static void test_metrics_page(void **state)
{
    (void)state;
    double value = 3;
    struct metrics *metrics = metrics_new();
    metrics_register(metrics, collect_first, &value);
    metrics_register(metrics, collect_second, NULL);
    char *page = render(metrics);
    assert_string_equal(
        page,
        "# HELP vedette_events_total Events.\n"
        "# TYPE vedette_events_total counter\n"
        "vedette_events_total{node=\"a\"} 3\n"
        "vedette_events_total{node=\"b\",class=\"bulk\"} 1.8446744073709552e+19\n"
        "vedette_events_total{path=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"} 1\n"
        "# HELP vedette_nodes Nodes,\\nwith a \\\\ and a \"quote\".\n"
        "# TYPE vedette_nodes gauge\n"
        "vedette_nodes 2.5\n"
        "# HELP vedette_odd Odd.\n# TYPE vedette_odd gauge\nvedette_odd NaN\n"
        "# HELP vedette_large Large.\n# TYPE vedette_large gauge\nvedette_large +Inf\n"
        "# HELP vedette_small Small.\n# TYPE vedette_small gauge\nvedette_small -Inf\n");
    free(page);
    value = 4;
    page = render(metrics);
    assert_non_null(strstr(page, "vedette_events_total{node=\"a\"} 4\n"));
    free(page);
    metrics_free(metrics);
}

static void collect_of_the_table(void *arg, struct metrics_writer *writer)
{
    (void)arg;
    static const double bounds[] = {1};
    static const uint64_t counts[] = {2, 1};
    const struct metric_label labels[] = {{"node", "a"}, {"class", "bulk"}, {NULL, NULL}};
    const struct metric_histogram histogram = {.bounds = bounds, .counts = counts, .n = 1, .sum = 4};
    metrics_put(writer, METRIC_EVENTS_RECEIVED, labels, 3);
    metrics_put(writer, METRIC_TRACEE_FILTERED, NULL, 4);
    metrics_put(writer, METRIC_OUTBOX_BYTES, NULL, 5);
    metrics_put_histogram(writer, METRIC_ALERT_LATENCY, NULL, &histogram);
    metrics_put(writer, METRIC_EVENTS_RECEIVED, labels, 6);
    metrics_write(writer, "vedette_other", METRIC_GAUGE, "With a \"quote\".", NULL, 7);
}

static void test_metrics_openmetrics(void **state)
{
    (void)state;
    size_t size;
    struct metrics *metrics = metrics_new();
    metrics_register(metrics, collect_of_the_table, NULL);
    char *page = metrics_render_as(metrics, METRICS_OPENMETRICS, &size);
    assert_non_null(page);
    assert_int_equal(strlen(page), size);
    assert_string_equal(page, "# HELP vedette_events_received Events applied, without those sent twice.\n"
                              "# TYPE vedette_events_received counter\n"
                              "vedette_events_received_total{node=\"a\",class=\"bulk\"} 3\n"
                              "vedette_events_received_total{node=\"a\",class=\"bulk\"} 6\n"
                              "# HELP tracee_events_filtered Tracee's name: events that nothing selected to be shown.\n"
                              "# TYPE tracee_events_filtered unknown\n"
                              "tracee_events_filtered 4\n"
                              "# HELP vedette_outbox_bytes Database pages in use when last pruned or opened.\n"
                              "# TYPE vedette_outbox_bytes gauge\n"
                              "vedette_outbox_bytes 5\n"
                              "# HELP vedette_alert_latency_seconds From an event to the commit of its alert.\n"
                              "# TYPE vedette_alert_latency_seconds histogram\n"
                              "vedette_alert_latency_seconds_bucket{le=\"1\"} 2\n"
                              "vedette_alert_latency_seconds_bucket{le=\"+Inf\"} 3\n"
                              "vedette_alert_latency_seconds_sum 4\n"
                              "vedette_alert_latency_seconds_count 3\n"
                              "# HELP vedette_other With a \\\"quote\\\".\n"
                              "# TYPE vedette_other gauge\n"
                              "vedette_other 7\n"
                              "# EOF\n");
    free(page);
    page = render(metrics);
    assert_non_null(strstr(page, "# TYPE vedette_events_received_total counter\n"));
    assert_non_null(strstr(page, "# TYPE tracee_events_filtered counter\n"));
    assert_null(strstr(page, "# EOF"));
    free(page);
    metrics_free(metrics);
}

static void test_metrics_negotiation(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        enum metrics_format format;
    } cases[] = {
        {NULL, METRICS_TEXT},
        {"", METRICS_TEXT},
        {"*/*", METRICS_TEXT},
        {"text/plain", METRICS_TEXT},
        {"application/json", METRICS_TEXT},
        {"application/openmetrics-text", METRICS_OPENMETRICS},
        {"application/*", METRICS_OPENMETRICS},
        {"APPLICATION/OpenMetrics-Text ; Version=1.0.0", METRICS_OPENMETRICS},
        {"application/openmetrics-text; version=2.0.0", METRICS_TEXT},
        {"application/openmetrics-text;q=0, */*", METRICS_TEXT},
        {"application/openmetrics-text;q=0.3,text/plain;q=0.4", METRICS_TEXT},
        {"application/openmetrics-text;q=0.5,text/plain;q=0.4", METRICS_OPENMETRICS},
        {"application/openmetrics-text;q=nonsense", METRICS_TEXT},
        {"application/openmetrics-text;q=1.5,text/plain;q=0.9", METRICS_OPENMETRICS},
        {"application/openmetrics-text;q=.9,text/plain;q=0.1", METRICS_TEXT},
        {";;,,==,q=1,application/openmetrics-text", METRICS_OPENMETRICS},
        /* Prometheus 2.42's own, and that of one that prefers its protobuf. */
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         METRICS_OPENMETRICS},
        {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
         "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.6,*/*;q=0.1",
         METRICS_OPENMETRICS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (metrics_negotiate(cases[i].accept) != cases[i].format)
            fail_msg("%s", cases[i].accept ? cases[i].accept : "(none)");
}

/* What promtool and OpenMetrics ask of names, but for those that are Tracee's. */
static void test_metrics_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < METRICS; i++) {
        const struct metric_row *row = &metric_table[i];
        size_t length = strlen(row->name), help = strlen(row->help), labels = row->labels[0] != '\0';
        bool total = length > 6 && strcmp(row->name + length - 6, "_total") == 0;
        for (const char *at = row->labels; (at = strchr(at, ' ')); at++)
            labels++;
        assert_true(help > 0 && row->help[help - 1] == '.');
        assert_true(labels <= METRIC_MAX_LABELS);
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(row->name, metric_table[other].name);
        if (strncmp(row->name, "tracee_", 7) != 0)
            assert_true(total == (row->type == METRIC_COUNTER));
    }
}

static void test_metrics_empty(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    char *page = render(metrics);
    assert_string_equal(page, "");
    free(page);
    metrics_free(metrics);
    metrics_free(NULL);
}

/* A sample of `name` without labels. */
static double value_of(const char *page, const char *name)
{
    for (const char *line = page; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ' ')
            return strtod(line + strlen(name) + 1, NULL);
    fail_msg("no sample %s in:\n%s", name, page);
    return 0;
}

static void test_metrics_process(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    metrics_register(metrics, metrics_collect_process, NULL);
    char *page = render(metrics);
    assert_true(value_of(page, "process_cpu_seconds_total") > 0);
    assert_true(value_of(page, "process_resident_memory_bytes") > 100000);
    assert_true(value_of(page, "process_virtual_memory_bytes") >= value_of(page, "process_resident_memory_bytes"));
    double open = value_of(page, "process_open_fds"), start = value_of(page, "process_start_time_seconds");
    assert_true(open >= 3 && open <= value_of(page, "process_max_fds"));
    assert_true(start <= (double)time(NULL) + 1 && start > (double)time(NULL) - 3600);
    free(page);
    int fd = dup(STDERR_FILENO);
    page = render(metrics);
    assert_true(value_of(page, "process_open_fds") == open + 1);
    close(fd);
    free(page);
    metrics_free(metrics);
}

static void collect_many(void *arg, struct metrics_writer *writer)
{
    (void)arg;
    char name[64], help[64];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "vedette_family_%d_total", i);
        snprintf(help, sizeof(help), "Family %d.", i);
        metrics_write(writer, name, METRIC_COUNTER, help, NULL, i);
    }
}

static void *render_often(void *metrics)
{
    for (int i = 0; i < 20; i++)
        free(render(metrics));
    return NULL;
}

static void test_metrics_many_families_and_threads(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    metrics_register(metrics, collect_many, NULL);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, render_often, metrics), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    char *page = render(metrics);
    assert_true(value_of(page, "vedette_family_0_total") == 0);
    assert_true(value_of(page, "vedette_family_299_total") == 299);
    free(page);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics_histogram),   cmocka_unit_test(test_metrics_page),
        cmocka_unit_test(test_metrics_openmetrics), cmocka_unit_test(test_metrics_negotiation),
        cmocka_unit_test(test_metrics_table),       cmocka_unit_test(test_metrics_empty),
        cmocka_unit_test(test_metrics_process),     cmocka_unit_test(test_metrics_many_families_and_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
