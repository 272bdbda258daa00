/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a detection is: one constant per file in analyzer/detections/, listed in analyzer/detections/detections.def.
 * Its conditions are predicates (data); C only where they cannot say the thing.
 */
#ifndef VEDETTE_ANALYZER_DETECT_DETECTION_H
#define VEDETTE_ANALYZER_DETECT_DETECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/detect/predicate.h"

enum severity {
    SEVERITY_INFO,
    SEVERITY_LOW,
    SEVERITY_MEDIUM,
    SEVERITY_HIGH,
    SEVERITY_CRITICAL,
    SEVERITIES,
};

/* "info" to "critical", NULL ends them. */
extern const char *const severity_names[SEVERITIES + 1];

/*
 * What a detection knows of earlier events. The engine keeps it for each key, in event time, bounded: when a table is
 * full, the key that was quiet longest is given up, which is counted and told as a loss.
 */
enum correlation_kind {
    CORRELATE_NOTHING,  /* each event by itself */
    CORRELATE_COUNT,    /* `threshold` events within the window; then the count begins anew */
    CORRELATE_DISTINCT, /* events with `threshold` different values of `value` within the window; then anew */
    CORRELATE_SEQUENCE, /* the triggers' steps one after another, from the first to the last within the window */
    CORRELATE_REMEMBER, /* a value of an earlier event, for conditions and data: remembered.string, .number */
};

enum {
    CORRELATION_MAX_KEYS = 4,
    CORRELATION_KEYS = 4096,           /* kept at once unless a detection says otherwise */
    CORRELATION_MAX_KEYS_KEPT = 65536, /* it may not say more */
    CORRELATION_MAX_THRESHOLD = 1000,
    CORRELATION_VALUE_BYTES = 256,    /* of a remembered string; a longer one is truncated */
    CORRELATION_MAX_BYTES = 16 << 20, /* of one detection on one node, but for what the tables themselves take */
};

struct correlation {
    enum correlation_kind kind;
    const char *keys[CORRELATION_MAX_KEYS]; /* fields, numbers or strings; none: one state for the node */
    uint64_t window_ms; /* 0, only with REMEMBER: for as long as there is room, those asked for last longest */
    uint32_t threshold;
    uint32_t limit;    /* keys kept at once, 0: CORRELATION_KEYS */
    const char *value; /* of DISTINCT: a field */
};

/* An extra argument of the finding. */
struct trigger_data {
    const char *name;  /* NULL ends them */
    const char *field; /* whose value it takes: a number, a string, or of a list the first item that matched */
    bool as_string;    /* the number is written as a string, as Tracee's argument of that name is */
};

enum { TRIGGER_MAX_DATA = 4 };

/* One way a detection fires. */
struct trigger {
    const char *event;            /* name in the event table, or of another detection: its findings (finding_event.h) */
    const struct predicate *when; /* NULL: always */
    struct trigger_data data[TRIGGER_MAX_DATA];
    const struct predicate *lower_when; /* NULL: never; else one severity lower when it holds */
    bool attempt; /* the hook sees attempts: fires whatever the result, a failure one severity lower */
    /* For the detection's correlation. What holds for an event feeds it, and it decides about the finding. */
    const char *keys[CORRELATION_MAX_KEYS]; /* where this event names them otherwise, else none */
    const char *remember;                   /* of REMEMBER: the field whose value is kept once the condition held */
    uint8_t step;                           /* of SEQUENCE: 1, 2, ...; triggers stand in this order */
    bool silent;                            /* of REMEMBER: it is kept, and that is no finding */
};

enum {
    DETECTION_MAX_TRIGGERS = 8,
    DETECTION_MAX_DEPTH = 5, /* detections on findings of detections on ... events; none on its own, at any depth */
};

struct detection {
    const char *id;    /* "TRC-105" */
    const char *name;  /* "fileless_execution": the finding's eventName */
    uint16_t event_id; /* from 6000, append only */
    const char *title; /* signatureName */
    const char *description;
    enum severity severity;
    const char *category;       /* tactic in kebab-case */
    const char *technique;      /* MITRE name */
    const char *technique_id;   /* "T1620" */
    const char *technique_stix; /* attack-pattern--..., "" if not known */
    const char *const *mends;   /* what Tracee's of that name gets wrong and this does not, NULL ends them */
    struct correlation correlation;
    struct trigger triggers[DETECTION_MAX_TRIGGERS]; /* ends at the first without an event */
};

/* All detections, alphabetical by name; *ret_count of them. */
const struct detection *const *detections_all(size_t *ret_count);
const struct detection *detection_by_name(const char *name_or_id);

#endif
