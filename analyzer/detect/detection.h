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

/* An extra argument of the finding. */
struct trigger_data {
    const char *name;  /* NULL ends them */
    const char *field; /* whose value it takes: a number, a string, or of a list the first item that matched */
};

enum { TRIGGER_MAX_DATA = 4 };

/* One way a detection fires. */
struct trigger {
    const char *event;            /* name in the event table */
    const struct predicate *when; /* NULL: always */
    struct trigger_data data[TRIGGER_MAX_DATA];
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
    const char *category;       /* tactic in kebab-case */
    const char *technique;      /* MITRE name */
    const char *technique_id;   /* "T1620" */
    const char *technique_stix; /* attack-pattern--..., "" if not known */
    const char *const *mends;   /* what Tracee's of that name gets wrong and this does not, NULL ends them */
    struct trigger triggers[DETECTION_MAX_TRIGGERS]; /* ends at the first without an event */
};

/* All detections, alphabetical by name; *ret_count of them. */
const struct detection *const *detections_all(size_t *ret_count);
const struct detection *detection_by_name(const char *name_or_id);

#endif
