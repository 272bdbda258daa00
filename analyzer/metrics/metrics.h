/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus text exposition (0.0.4). A module keeps its own atomic counters and registers a function that writes them
 * at scrape time, so nothing on the hot path knows about metrics. Names are vedette_*, base units, counters end in
 * _total.
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

struct metric_label {
    const char *name;
    const char *value; /* any bytes; escaped by the writer */
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* `collect` is called by the HTTP thread at each scrape, in order of registration. */
void metrics_register(struct metrics *metrics, void (*collect)(void *arg, struct metrics_writer *writer), void *arg);

/*
 * One sample. Samples of one family may come from several collectors: the writer groups them and prints HELP and TYPE
 * once. `labels` ends with a NULL name, or is NULL.
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
void metrics_write_histogram(struct metrics_writer *writer, const char *family, const char *help,
                             const struct metric_label *labels, const struct metric_histogram *histogram);

/*
 * For metrics_register, `arg` unused: process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds and
 * the others of the names that every Prometheus client library exports. What /proc does not show is left out.
 */
void metrics_collect_process(void *arg, struct metrics_writer *writer);

/* The whole page, heap, NUL terminated; NULL with errno. */
char *metrics_render(struct metrics *metrics, size_t *ret_size);

#endif
