/* SPDX-License-Identifier: Apache-2.0 */
/* What a collector is asked for: the events that the selection shows, the detections judge and the state lives on. */
#ifndef VEDETTE_ANALYZER_INGEST_PLAN_H
#define VEDETTE_ANALYZER_INGEST_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/detect/engine.h"
#include "analyzer/policy/narrow.h"
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
    uint32_t scopes_of[WIRE_PLAN_EVENTS]; /* of each: a bit for each of `scopes`; 0: everybody's */
    size_t count;
    struct plan_watch watch[WIRE_PLAN_WATCHES];
    size_t n_watches;
    uint32_t whole[WIRE_PLAN_EVENTS]; /* wanted whole although there are watches of them */
    size_t n_whole;
    struct task_scopes scopes;
};

/* What a plan is made of. */
struct plan_needs {
    const struct engine *engine;
    const struct selection *selection;
    enum architecture architecture; /* of the node */
    uint8_t wanted[EVENT_ID_LIMIT]; /* WANT_..., by our ids */
};

/* Of one event. */
struct plan_event {
    bool whole;             /* all are wanted; rows only say what must not drown in the rest */
    struct watches watches; /* none when `all` is set or there is no row */
    uint32_t scopes;        /* 0: everybody's */
};

/* An epoch that rises from one life of the analyzer to the next: quarters of a second since 2024, enough for 34 years.
 */
uint32_t plan_first_epoch(uint64_t wall_ns);

/* Works out what is wanted: what the detections judge, the selection shows, the state lives on, and derived events are
 * made of. */
void plan_mark(struct plan_needs *needs);

/* What is asked for of one event that is wanted; new scopes are added to the plan's. */
void plan_narrow(const struct plan_needs *needs, const struct schema_event *event, struct task_scopes *scopes,
                 struct plan_event *ret);

/* Fills the ids, watches and scopes, by the collector's numbers; the epoch stays. */
void plan_build(struct plan *plan, const struct schema *schema, const struct plan_needs *needs);

/* Whether they ask for the same, whatever their epochs. */
bool plan_equal(const struct plan *a, const struct plan *b);

#endif
