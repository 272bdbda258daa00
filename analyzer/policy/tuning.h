/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator sets for single detections, under `detections.NAME` in the configuration file and in the files of
 * a directory. Constant once read; docs/tuning.md is the language for people.
 */
#ifndef VEDETTE_ANALYZER_POLICY_TUNING_H
#define VEDETTE_ANALYZER_POLICY_TUNING_H

#include "analyzer/policy/policy.h"

enum {
    TUNING_MAX_EXCEPTIONS = 256, /* of one detection */
    TUNING_MAX_KEY = 8,          /* fields of a key */
    TUNING_MAX_WINDOW_S = 30 * 24 * 3600,
};

/* Findings that are not told. All filters of one hold. */
struct tuning_exception {
    const char *reason;
    const char *path; /* where it stands, for the log */
    size_t line;
    int64_t expires_ns; /* wall clock; 0: never */
    struct filter *filters;
    size_t n_filters;
};

/* So many findings of one key within a window. */
struct tuning_window {
    uint64_t window_ns; /* 0: not set */
    uint64_t count;
    const char *key[TUNING_MAX_KEY]; /* fields of predicate.h */
    size_t n_key;
};

struct tuned {
    const struct detection *detection; /* NULL: nothing is set */
    bool disabled, any_scope, has_severity;
    enum severity severity;
    struct tuning_exception *exceptions;
    size_t n_exceptions;
    struct tuning_window deduplicate, rate_limit, threshold;
    uint32_t set; /* which keys were given: none is given twice */
};

struct tuning {
    struct pool pool;    /* owns all below */
    struct tuned *tuned; /* by place in detections_all */
    size_t n_tuned;
};

/* 0 or -ENOMEM. */
int tuning_init(struct tuning *tuning);
void tuning_fini(struct tuning *tuning);

/*
 * Adds what the text says below its key `detections`; without `whole_file` other keys are not looked at, and a text
 * without that key is none. 0, or -EINVAL / -ENOMEM with the error; the tuning is then to be given up.
 */
int tuning_parse(struct tuning *tuning, const char *path, const char *text, size_t size, bool whole_file,
                 struct policy_error *error);

/*
 * What runs: the detections given, without those that are switched off; where a severity or a scope is set a changed
 * copy, which the pool owns. *ret_table is heap. 0; -ENOMEM; -EINVAL with the error.
 */
int tuning_apply(struct tuning *tuning, const struct detection *const *detections, size_t n_detections,
                 const struct detection ***ret_table, size_t *ret_count, struct policy_error *error);

/* Whether a text has a key `detections`, so that it is no policy. */
bool tuning_is_meant(const char *text);

#endif
