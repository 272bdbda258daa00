/* SPDX-License-Identifier: Apache-2.0 */
/* What a collector is asked for: the events that the selection shows, the detections judge and the state lives on. */
#ifndef VEDETTE_ANALYZER_INGEST_PLAN_H
#define VEDETTE_ANALYZER_INGEST_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/policy/selection.h"
#include "common/wire/decode.h"
#include "common/wire/limits.h"

struct plan {
    uint32_t epoch;
    uint32_t event_id[WIRE_PLAN_EVENTS];
    size_t count;
};

/* An epoch that rises from one life of the analyzer to the next: quarters of a second since 2024, enough for 34 years.
 */
uint32_t plan_first_epoch(uint64_t wall_ns);

/*
 * Adds to what engine_wanted_events marked what the selection shows, what the state lives on, and what derived events
 * are made of.
 */
void plan_mark(const struct selection *selection, uint8_t wanted[EVENT_ID_LIMIT]);

/* Fills the ids; the epoch stays. */
void plan_build(struct plan *plan, const struct schema *schema, const uint8_t wanted[EVENT_ID_LIMIT]);

#endif
