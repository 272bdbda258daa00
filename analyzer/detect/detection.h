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
};

/* One way a detection fires. */
struct trigger {
    const char *event;            /* name in the event table */
    const struct predicate *when; /* NULL: always */
    const char *data;             /* name of the finding's extra argument, or NULL */
    const char *data_field;       /* field whose value it takes; for a list the first item that the predicate matched */
    const struct predicate *lower_when; /* NULL: never; else one severity lower when it holds */
    bool attempt; /* the hook sees attempts: fires whatever the result, a failure one severity lower */
};

enum { DETECTION_MAX_TRIGGERS = 8 };

struct detection {
    const char *id;    /* "TRC-105" */
    const char *name;  /* "fileless_execution": the finding's eventName */
    uint16_t event_id; /* from 6000, append only */
    const char *title; /* signatureName */
    const char *description;
    enum severity severity;
    const char *category;                            /* tactic in kebab-case */
    const char *technique;                           /* MITRE name */
    const char *technique_id;                        /* "T1620" */
    const char *technique_stix;                      /* attack-pattern--..., "" if not known */
    struct trigger triggers[DETECTION_MAX_TRIGGERS]; /* ends at the first without an event */
};

/* All detections, alphabetical by name; *ret_count of them. */
const struct detection *const *detections_all(size_t *ret_count);
const struct detection *detection_by_name(const char *name_or_id);

#endif
