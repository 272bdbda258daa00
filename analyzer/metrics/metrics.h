/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus text exposition (0.0.4) and OpenMetrics (1.0.0). A module keeps its own atomic counters and registers a
 * function that writes them at scrape time, so nothing on the hot path knows about metrics. Names are vedette_*, base
 * units, counters end in _total.
 */
#ifndef VEDETTE_ANALYZER_METRICS_METRICS_H
#define VEDETTE_ANALYZER_METRICS_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct metrics;
struct metrics_writer;

enum metric_type {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM, /* by metrics_write_histogram */
};

/* METRIC_NODE_UP and so on: all there are, by metrics.def. */
enum metric {
#define METRIC(symbol, name, type, labels, help) METRIC_##symbol,
#include "analyzer/metrics/metrics.def"
#undef METRIC
    METRICS,
};

struct metric_row {
    const char *name;
    enum metric_type type;
    const char *labels; /* their names in the order in which they are written, a space between them */
    const char *help;
};
extern const struct metric_row metric_table[METRICS];

struct metric_label {
    const char *name;
    const char *value; /* any bytes; escaped by the writer */
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* `collect` is called by the HTTP thread at each scrape, in order of registration. */
void metrics_register(struct metrics *metrics, void (*collect)(void *arg, struct metrics_writer *writer), void *arg);

/*
 * One sample of a metric of the table. `labels` ends with a NULL name, or is NULL; their names are those that the table
 * says, in its order: integration-tests/observability finds others.
 */
void metrics_put(struct metrics_writer *writer, enum metric metric, const struct metric_label *labels, double value);

/*
 * The same of a metric that the table does not have. Samples of one family may come from several collectors: the writer
 * groups them and prints HELP and TYPE once.
 */
void metrics_write(struct metrics_writer *writer, const char *family, enum metric_type type, const char *help,
                   const struct metric_label *labels, double value);

/* Observations by size. */
struct metric_histogram {
    const double *bounds;   /* n of them, ascending: the largest of each bucket */
    const uint64_t *counts; /* n + 1 of them, each bucket's own; the last: beyond all bounds */
    size_t n;
    double sum;
};
enum { METRIC_MAX_LABELS = 8 };
void metrics_put_histogram(struct metrics_writer *writer, enum metric metric, const struct metric_label *labels,
                           const struct metric_histogram *histogram);
void metrics_write_histogram(struct metrics_writer *writer, const char *family, const char *help,
                             const struct metric_label *labels, const struct metric_histogram *histogram);

/*
 * For metrics_register, `arg` unused: process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds and
 * the others of the names that every Prometheus client library exports. What /proc does not show is left out.
 */
void metrics_collect_process(void *arg, struct metrics_writer *writer);

/*
 * How a page is written. OpenMetrics names a counter's family without its "_total", and a counter whose name does not
 * end so is "unknown"; it escapes quotes in HELP, and ends with "# EOF".
 */
enum metrics_format { METRICS_TEXT, METRICS_OPENMETRICS };

/* The whole page, heap, NUL terminated; NULL with errno. */
char *metrics_render_as(struct metrics *metrics, enum metrics_format format, size_t *ret_size);
/* The same as text. */
char *metrics_render(struct metrics *metrics, size_t *ret_size);

/*
 * Which format a client asked for (RFC 9110 section 12.5.1: the media range that names it best decides, the highest q
 * wins, text when both are wanted alike). `accept` is hostile; NULL: text.
 */
enum metrics_format metrics_negotiate(const char *accept);
const char *metrics_content_type(enum metrics_format format);

#endif
