/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink is one file that ends in one `const struct sink_kind`, listed in analyzer/alert/sinks.def. The runner gives
 * each sink a thread, a cursor in the outbox, a filter, retry with backoff and jitter; a sink only delivers one alert
 * and says how it went.
 */
#ifndef VEDETTE_ANALYZER_ALERT_SINK_H
#define VEDETTE_ANALYZER_ALERT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/alert/outbox.h"
#include "analyzer/alert/sink_settings.h"
#include "analyzer/metrics/metrics.h"

enum sink_result {
    SINK_DELIVERED,
    SINK_RETRY,   /* the receiver is away or asks for patience (*retry_after_ms, 0 if it did not say) */
    SINK_REFUSED, /* this alert will never be accepted: a dead letter */
};

/* Which of the common keys a kind takes besides those of every sink. */
enum sink_group {
    SINK_NETWORK = 1 << 0, /* url, timeout, tls.* */
    SINK_HTTP = 1 << 1,    /* url_file, proxy, headers, auth.* */
};

struct sink_kind {
    const char *name;
    const char *summary;          /* one sentence, for `list outputs` and the documentation */
    unsigned groups;              /* of enum sink_group */
    const struct option *options; /* the kind's own keys; their offsets are in a struct of own_size */
    size_t n_options, own_size;

    /* `settings` outlive the sink. NULL with words on failure. */
    void *(*open)(const struct sink_settings *settings, char error[SINK_ERROR_BYTES]);
    enum sink_result (*deliver)(void *sink, const struct alert *alert, uint32_t *retry_after_ms,
                                char error[SINK_ERROR_BYTES]);
    void (*close)(void *sink);
    /* The others may be NULL. Makes a deliver that runs, and any later one, return soon with SINK_RETRY. Another
     * thread's call; NULL: deliver never blocks for long. */
    void (*interrupt)(void *sink);
    /* What is to be done again while there is nothing new to deliver, as Alertmanager's alerts: called when nothing
     * waits, and again after *ret_wait_ms. SINK_RETRY begins an outage. The runner's thread. */
    enum sink_result (*tick)(void *sink, uint32_t *ret_wait_ms, char error[SINK_ERROR_BYTES]);
    /* Files are to be opened anew (SIGHUP). Another thread's call: it only leaves a mark. */
    void (*reopen)(void *sink);
    /* Figures of the kind's own, with the labels given. Another thread's call. */
    void (*collect)(void *sink, const struct metric_label *labels, struct metrics_writer *writer);
};

const struct sink_kind *sink_kind_by_name(const char *name);
/* All kinds, alphabetical; *ret_count of them. */
const struct sink_kind *const *sink_kinds(size_t *ret_count);

struct sink_runner;

enum {
    SINK_BACKOFF_MIN_MS = 500,
    SINK_BACKOFF_MAX_MS = 30000,
    SINK_RETRY_AFTER_MAX_MS = 300000, /* a receiver cannot send us away for longer */
    SINK_FILTERED_MAX = 256,          /* alerts that a filter passes over before the cursor on disk follows */
};

/*
 * Starts the sink's thread. NULL with words. A sink that the outbox does not know begins with the next alert. The first
 * problem of an outage and its end are logged once each, so is the first of several refusals. `settings` outlive the
 * runner; where its times are 0 the usual ones hold.
 */
struct sink_runner *sink_runner_start(struct outbox *outbox, const struct sink_settings *settings,
                                      char error[SINK_ERROR_BYTES]);
/* Begins what sink_runner_stop ends, so that several sinks use the same time. */
void sink_runner_stop_soon(struct sink_runner *runner, uint32_t drain_ms);
/*
 * Delivers what is in the outbox for up to drain_ms (since sink_runner_stop_soon, where that was called), then stops;
 * returns how many alerts were left. A wait between attempts ends at once, a delivery that still runs when the time is
 * up is interrupted. The sink is closed, `runner` (NULL is allowed) freed: not while collect may run.
 */
uint64_t sink_runner_stop(struct sink_runner *runner, uint32_t drain_ms);
/* Whether an outage lasts. Any thread. */
bool sink_runner_is_away(const struct sink_runner *runner);
/* The sink opens its files anew before the next alert. Any thread. */
void sink_runner_reopen(struct sink_runner *runner);
void sink_runner_collect(void *runner, struct metrics_writer *writer);

#endif
