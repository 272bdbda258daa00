/* SPDX-License-Identifier: Apache-2.0 */
/* Selected events on standard output, whole lines. Shared by the shards. */
#ifndef VEDETTE_ANALYZER_INGEST_OUTPUT_H
#define VEDETTE_ANALYZER_INGEST_OUTPUT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "analyzer/alert/json.h"

struct output {
    bool table;                    /* rows for people; else JSON */
    enum json_arguments arguments; /* in JSON */
    int cancel_fd;                 /* an eventfd: readable, a reader that stands still is waited for no longer */
    atomic_bool broken;            /* nobody reads any more: events are still judged, only not shown */
};

/* Appends one event's line. False without memory: the event is not shown. */
bool output_event(const struct output *output, struct text *text, const struct event_context *context,
                  const char *const *policies, size_t n_policies);
/* Writes the lines and empties the text. */
void output_flush(struct output *output, struct text *text);

#endif
