/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink is one file that ends in one `const struct sink_kind`, listed in analyzer/alert/sinks.def. The runner gives
 * each sink a thread, a cursor in the outbox, retry with backoff and jitter; a sink only delivers one alert and says
 * how it went.
 */
#ifndef VEDETTE_ANALYZER_ALERT_SINK_H
#define VEDETTE_ANALYZER_ALERT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/alert/outbox.h"
#include "analyzer/metrics/metrics.h"

enum sink_result {
    SINK_DELIVERED,
    SINK_RETRY,   /* the receiver is away or asks for patience (*retry_after_ms, 0 if it did not say) */
    SINK_REFUSED, /* this alert will never be accepted: a dead letter */
};

enum { SINK_ERROR_BYTES = 256 };

struct sink_kind {
    const char *name;
    /* `target` is the kind's own setting (a URL, or NULL). NULL with words on failure. */
    void *(*open)(const char *target, char error[SINK_ERROR_BYTES]);
    enum sink_result (*deliver)(void *sink, const struct alert *alert, uint32_t *retry_after_ms,
                                char error[SINK_ERROR_BYTES]);
    void (*close)(void *sink);
    /* Makes a deliver that runs, and any later one, return soon with SINK_RETRY. Another thread's call. NULL: deliver
     * never blocks for long. */
    void (*interrupt)(void *sink);
};

const struct sink_kind *sink_kind_by_name(const char *name);
/* All kinds, alphabetical; *ret_count of them. */
const struct sink_kind *const *sink_kinds(size_t *ret_count);

struct sink_runner;

struct sink_settings {
    const struct sink_kind *kind;
    const char *target;
    uint32_t backoff_min_ms, backoff_max_ms; /* 0: 500 and 30,000 */
    const char *name; /* of the cursor and in metrics; NULL: the kind's name. Two sinks of a kind need two names */
};

enum {
    SINK_BACKOFF_MIN_MS = 500,
    SINK_BACKOFF_MAX_MS = 30000,
    SINK_RETRY_AFTER_MAX_MS = 300000, /* a receiver cannot send us away for longer */
    SINK_NAME_BYTES = 64,
};

/*
 * Starts the sink's thread. NULL with words. A sink that the outbox does not know begins with the next alert. The first
 * problem of an outage and its end are logged once each, so is the first of several refusals.
 */
struct sink_runner *sink_runner_start(struct outbox *outbox, const struct sink_settings *settings,
                                      char error[SINK_ERROR_BYTES]);
/*
 * Delivers what is in the outbox for up to drain_ms, then stops; returns how many alerts were left. A wait between
 * attempts ends at once, a delivery that still runs when the time is up is interrupted. The sink is closed, `runner`
 * (NULL is allowed) freed: not while collect may run.
 */
uint64_t sink_runner_stop(struct sink_runner *runner, uint32_t drain_ms);
/* Whether an outage lasts. Any thread. */
bool sink_runner_is_away(const struct sink_runner *runner);
void sink_runner_collect(void *runner, struct metrics_writer *writer);

#endif
