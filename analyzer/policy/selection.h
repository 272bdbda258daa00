/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the person asked for: which events are shown, which detections run, and which policies' names each carries. Made
 * once, then constant: every shard reads it.
 */
#ifndef VEDETTE_ANALYZER_POLICY_SELECTION_H
#define VEDETTE_ANALYZER_POLICY_SELECTION_H

#include <stdbool.h>

#include "analyzer/policy/policy.h"

struct selection;

/*
 * With policies: their union. Without: the events of `words` (names or sets, each word may be a comma list) and all
 * detections. NULL with words and errno: -EINVAL for a name that does not exist or for both policies and words.
 */
struct selection *selection_new(const struct policies *policies, const char *const *words, size_t n_words,
                                char error[POLICY_ERROR_BYTES]);
void selection_free(struct selection *selection);

bool selection_has_event(const struct selection *selection, uint32_t event_id);
/* Names for engine_new; NULL means all. */
const char *const *selection_detections(const struct selection *selection, size_t *ret_count);

/* Names for matchedPolicies; without policies one empty name, as Tracee prints it. */
const char *const *selection_event_policies(const struct selection *selection, uint32_t event_id, size_t *ret_count);
const char *const *selection_detection_policies(const struct selection *selection, const struct detection *detection,
                                                size_t *ret_count);

#endif
