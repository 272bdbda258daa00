/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of correlations: what correlation_new.c makes and correlation.c runs. */
#ifndef VEDETTE_ANALYZER_DETECT_CORRELATION_INTERNAL_H
#define VEDETTE_ANALYZER_DETECT_CORRELATION_INTERNAL_H

#include "analyzer/detect/correlation.h"
#include "analyzer/detect/field.h"

struct feed {
    uint8_t n_keys, step; /* the step counts from 1 */
    bool has_value;
    struct field keys[CORRELATION_MAX_KEYS], value; /* value: to be told apart, or remembered */
};

/* What is kept for a key, by kind. Times are never 0. */
struct counted {
    uint64_t next, times[]; /* a ring of `threshold`, 0 free */
};
struct distinct {
    uint64_t value, time; /* the value's digest */
};
struct reached {
    uint64_t first_ns, last_ns; /* of the steps up to this one; 0 not reached */
};
struct kept {
    uint64_t number;
    uint32_t length;
    uint8_t state, kind, pad[2];
    char bytes[CORRELATION_VALUE_BYTES];
};

struct correlator {
    const struct detection *detection;
    struct keyed *keyed;
    size_t size; /* of a key's bytes */
    uint64_t definition;
    unsigned n_steps; /* of a sequence */
    uint64_t now_ns;  /* the newest event's */
    struct field_room room;
    struct kept recalled;
    struct remembered remembered;
};

#endif
