/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the person asked for: which events are shown and which detections run, by policies or by words. Made once, then
 * constant: every shard reads it.
 */
#ifndef VEDETTE_ANALYZER_POLICY_SELECTION_H
#define VEDETTE_ANALYZER_POLICY_SELECTION_H

#include <stdbool.h>

#include "analyzer/policy/policy.h"

struct selection;

/*
 * With policies: their union. Without: the events of `words` (names or sets, each word may be a comma list) and all
 * detections. NULL with the error and errno: -EINVAL for a name that does not exist or for both policies and words. The
 * policies must outlive it.
 */
struct selection *selection_new(const struct policies *policies, const char *const *words, size_t n_words,
                                struct policy_error *error);
void selection_free(struct selection *selection);

const struct policies *selection_policies(const struct selection *selection);

/* Whether some policy, or a word, asks for it. */
bool selection_has_event(const struct selection *selection, uint32_t event_id);
/* Whether the policies' conditions need the event, shown or not. */
bool selection_needs_event(const struct selection *selection, uint32_t event_id);
/* Those that run, in the order of detections_all. */
const struct detection *const *selection_detections(const struct selection *selection, size_t *ret_count);

#endif
