/* SPDX-License-Identifier: Apache-2.0 */
/* What a collector is asked for: the events that the selection shows, the detections judge and the state lives on. */
#ifndef VEDETTE_ANALYZER_INGEST_PLAN_H
#define VEDETTE_ANALYZER_INGEST_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/detect/engine.h"
#include "analyzer/policy/selection.h"
#include "common/wire/decode.h"
#include "common/wire/limits.h"

struct plan_watch {
    uint32_t event_id;
    struct watch watch;
};

struct plan {
    uint32_t epoch;
    uint32_t event_id[WIRE_PLAN_EVENTS];
    size_t count;
    struct plan_watch watch[WIRE_PLAN_WATCHES];
    size_t n_watches;
    uint32_t whole[WIRE_PLAN_EVENTS]; /* wanted whole although there are watches of them */
    size_t n_whole;
};

/* An epoch that rises from one life of the analyzer to the next: quarters of a second since 2024, enough for 34 years.
 */
uint32_t plan_first_epoch(uint64_t wall_ns);

/*
 * Adds to what engine_wanted_events marked what the selection shows, what the state lives on, and what derived events
 * are made of.
 */
void plan_mark(const struct selection *selection, uint8_t wanted[EVENT_ID_LIMIT]);

/* Fills the ids and watches, by the collector's numbers; the epoch stays. */
void plan_build(struct plan *plan, const struct schema *schema, const struct engine *engine,
                const uint8_t wanted[EVENT_ID_LIMIT]);

/* Whether they ask for the same, whatever their epochs. */
bool plan_equal(const struct plan *a, const struct plan *b);

#endif
