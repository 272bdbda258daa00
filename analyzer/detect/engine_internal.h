/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the engine: what engine.c makes and engine_judge.c runs.
 */
#ifndef VEDETTE_ANALYZER_DETECT_ENGINE_INTERNAL_H
#define VEDETTE_ANALYZER_DETECT_ENGINE_INTERNAL_H

#include <stdatomic.h>

#include "analyzer/detect/correlation.h"
#include "analyzer/detect/engine.h"
#include "analyzer/detect/guard.h"
#include "analyzer/detect/matcher.h"

enum { ENGINE_ERROR_BYTES = 768 };
extern _Thread_local char engine_error[ENGINE_ERROR_BYTES];

struct loaded_trigger {
    const struct trigger *trigger;
    const struct condition *when, *lower_when;
    struct feed *feed;  /* NULL: it fires by itself */
    uint32_t slot;      /* the event's id, or EVENT_ID_LIMIT and the index of the detection whose findings it judges */
    uint32_t detection; /* index in `table`, `costs` and `correlators` */
};

/* Triggers of one event id: triggers[first] and the `count` - 1 after it. */
struct span {
    uint32_t first, count;
    struct guard *guard; /* NULL: every one of them is to be asked */
};

/* Written by the engine's thread alone. */
struct cost {
    atomic_uint_fast64_t judged, findings, nanoseconds, timed[ENGINE_COST_BUCKETS], timed_ns, patterns_given_up;
};

/* The last finding of a detection: events that are made of one event share its sequence. */
struct output {
    uint64_t session, seq;
    uint32_t index;
};

struct gap {
    uint32_t detection;
    const struct trigger *trigger;
    char *reason;
};

struct engine {
    struct matcher *matcher;
    const struct detection **table;
    struct cost *costs;
    struct output *outputs;
    struct schema_event **rows;      /* of the findings of each detection that a trigger names */
    struct span *by_finding;         /* triggers on findings of each detection */
    struct correlator **correlators; /* NULL: a detection that knows nothing of earlier events */
    size_t n_table;
    struct loaded_trigger *triggers; /* by event id, then in table order */
    size_t n_triggers;
    struct guard **guards; /* all there are, for each batch */
    size_t n_guards;
    struct gap *gaps;
    size_t n_gaps;
    uint64_t seen_given_up; /* matcher_given_up as it was counted last */
    struct span by_event[EVENT_ID_LIMIT];
};

#endif
