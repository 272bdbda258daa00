/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>

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
        cmocka_unit_test(test_metrics_histogram),
        cmocka_unit_test(test_metrics_page),
        cmocka_unit_test(test_metrics_empty),
        cmocka_unit_test(test_metrics_process),
        cmocka_unit_test(test_metrics_many_families_and_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
