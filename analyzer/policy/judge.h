/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which policies an event or a finding belongs to. Compiled for one node's schema; belongs to its shard thread.
 *
 * A condition that cannot be answered because bytes were cut off counts as met, as in detections: nothing is hidden by
 * making it long.
 */
#ifndef VEDETTE_ANALYZER_POLICY_JUDGE_H
#define VEDETTE_ANALYZER_POLICY_JUDGE_H

#include "analyzer/detect/engine.h"
#include "analyzer/policy/selection.h"

struct policy_judge;

/* The selection must outlive it. NULL with errno, -EINVAL with words in *ret_error (the thread's own, until its next
 * call). */
struct policy_judge *policy_judge_new(const struct selection *selection, const struct schema *schema,
                                      enum architecture architecture, const char **ret_error);
void policy_judge_free(struct policy_judge *judge);

/* Takes over what the judge of a former set remembers of processes; before the first event. `from` NULL is fine. */
void policy_judge_inherit(struct policy_judge *judge, struct policy_judge *from, const struct state *state);

void policy_judge_begin_batch(struct policy_judge *judge, uint32_t n_strings);

/* Every event, applied by the state, before the two below are asked about it. */
void policy_judge_begin_event(struct policy_judge *judge, const struct event_context *context);

/*
 * Names of the policies that the event, or the finding, belongs to: *ret_count of them, 0 when it is not selected.
 * Without policies, and selected: one empty name, as Tracee prints it. Valid until the next call.
 */
const char *const *policy_judge_event(struct policy_judge *judge, const struct event_context *context,
                                      size_t *ret_count);
const char *const *policy_judge_finding(struct policy_judge *judge, const struct finding *finding, size_t *ret_count);

/* What the node's collector is too old for: words on a rule that is left out; returns how many there are, of which at
 * most `limit` are written. */
size_t policy_judge_gaps(const struct policy_judge *judge, const char **ret, size_t limit);

/* Processes whose marks of `tree` and `follow` went because there were too many. Any thread. */
uint64_t policy_judge_evicted(const struct policy_judge *judge);

#endif
