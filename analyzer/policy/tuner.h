/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applies the operator's tuning to findings: which are told. Compiled for one node's schema; belongs to its shard
 * thread. Event time only. What an exception cannot answer because bytes were cut off is no exception.
 */
#ifndef VEDETTE_ANALYZER_POLICY_TUNER_H
#define VEDETTE_ANALYZER_POLICY_TUNER_H

#include <stdatomic.h>

#include "analyzer/detect/engine.h"
#include "analyzer/policy/tuning.h"

enum { TUNER_MAX_KEYS = 16384 /* a node; the oldest go first, and are counted */ };

/* Why a finding is not told. */
enum suppression {
    SUPPRESSED_NOT, /* it is told */
    SUPPRESSED_EXCEPTION,
    SUPPRESSED_BELOW_THRESHOLD,
    SUPPRESSED_DUPLICATE,
    SUPPRESSED_RATE_LIMIT,
    SUPPRESSED_COUNT,
};

/* "exception", "threshold", "duplicate", "rate_limit". */
const char *suppression_name(enum suppression suppression);

struct tuner;

/* The tuning must outlive it. NULL with errno; -EINVAL with words in *ret_error (the thread's own, until its next
 * call). */
struct tuner *tuner_new(const struct tuning *tuning, const struct schema *schema, enum architecture architecture,
                        const char **ret_error);
void tuner_free(struct tuner *tuner);

/* Takes the counts within windows over from the tuner of a former set. `from` NULL is fine. */
void tuner_inherit(struct tuner *tuner, struct tuner *from);

enum suppression tuner_judge(struct tuner *tuner, const struct finding *finding);

/* Keys that went because there were too many. Any thread. */
uint64_t tuner_evicted(const struct tuner *tuner);

#endif
