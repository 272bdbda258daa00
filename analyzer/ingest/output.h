/* SPDX-License-Identifier: Apache-2.0 */
/* Selected events on standard output or in a file, whole lines. Shared by the shards. */
#ifndef VEDETTE_ANALYZER_INGEST_OUTPUT_H
#define VEDETTE_ANALYZER_INGEST_OUTPUT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "analyzer/alert/json.h"
#include "analyzer/alert/shape.h"
#include "analyzer/ingest/event_file.h"

struct output {
    bool table;                /* rows for people; else JSON */
    enum json_shape shape;     /* of JSON */
    uint32_t sample;           /* one event in so many is shown; 0 and 1: each */
    struct event_file *file;   /* where events go; NULL: standard output */
    atomic_uint_fast32_t turn; /* of the sampling */
    atomic_uint_fast64_t unwritten;
    enum json_arguments arguments; /* in JSON */
    int cancel_fd;                 /* an eventfd: readable, a reader that stands still is waited for no longer */
    atomic_bool broken;            /* nobody reads any more: events are still judged, only not shown */
};

/* Whether the next event is one to be shown: the first, and then one in `sample`. */
bool output_samples(struct output *output);
/* Appends one event's line. False without memory: the event is not shown. */
bool output_event(const struct output *output, struct text *text, const struct event_context *context,
                  const char *const *policies, size_t n_policies);
/* Writes the lines and empties the text. */
void output_flush(struct output *output, struct text *text);

#endif
