/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the loaded set over events. An engine is compiled for one schema and belongs to one shard thread; the set it was compiled from
 * is constant and shared.
 */
#ifndef VEDETTE_ANALYZER_DETECT_ENGINE_H
#define VEDETTE_ANALYZER_DETECT_ENGINE_H

#include <stdint.h>

#include "analyzer/detect/detection.h"
#include "analyzer/state/state.h"
#include "common/wire/decode.h"

/* What the predicates may look at. */
struct event_context {
    const char *node;
    const char *boot_id;
    uint64_t session;
    int64_t wall_minus_boot_ns;
    const struct decoder *decoder;
    const struct event_view *event;
    const struct state *state;
    const struct process *process;     /* never NULL after state_apply */
    const struct container *container; /* NULL on the host */
};

struct finding {
    const struct detection *detection;
    const struct trigger *trigger;
    const struct event_context *context;
    enum severity severity; /* lowered when the attempt failed */
    bool succeeded;
    uint32_t output_index;
    const char *data_name;        /* NULL when the trigger names none */
    struct string_view data;      /* its value */
    uint64_t window_from_ns, window_to_ns; /* for the overlap with losses */
};

struct engine;

/* `selected`: detection names, NULL for all. NULL with errno; *ret_error names what does not compile. */
struct engine *engine_new(const struct schema *schema, const char *const *selected, size_t n_selected, const char **ret_error);
void engine_free(struct engine *engine);

/* A new batch begins: caches that hold per distinct string of a batch are emptied. */
void engine_begin_batch(struct engine *engine, uint32_t n_strings);

/* Judges one event that the state has applied; calls `emit` for every finding, in table order. */
void engine_judge(struct engine *engine, const struct event_context *context, void (*emit)(void *arg, const struct finding *finding), void *arg);

/* Marks in want[EVENT_ID_LIMIT] the events that the set needs: what the plan asks for. */
void engine_wanted_events(const struct engine *engine, uint8_t *want);

/* Per detection: events judged, findings, nanoseconds spent; readable from any thread. */
struct engine_cost {
    const struct detection *detection;
    uint64_t judged, findings, nanoseconds;
};
size_t engine_costs(const struct engine *engine, struct engine_cost *ret, size_t limit);

#endif
