/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of an event the policies that name it leave to the kernel: rows of files and scopes of tasks, of which some hold
 * whenever a policy could tell the event. What arrives is judged by the whole conditions.
 */
#ifndef VEDETTE_ANALYZER_POLICY_NARROW_H
#define VEDETTE_ANALYZER_POLICY_NARROW_H

#include "analyzer/arguments/tables.h"
#include "analyzer/detect/scopes.h"
#include "analyzer/detect/watches.h"
#include "analyzer/policy/policy.h"

/* What the analyzer decides itself, for people: `what` is a field, or a key of the scope. */
struct narrow_left {
    void (*tell)(void *arg, const struct policy *policy, const char *what);
    void *arg;
};

/* Adds what they wait for of that event's files; `all` when some of them needs every file. */
void narrow_files(const struct policies *policies, const struct schema_event *event, enum architecture architecture,
                  struct watches *watches);

/*
 * Of whom they want it, as bits of `scopes`, to which those that are new are added. 0: everybody's, because some of
 * them says nothing of the task that a kernel can tell, or because there is no room; `scopes` stays as it was then.
 */
uint32_t narrow_tasks(const struct policies *policies, const struct schema_event *event, enum architecture architecture,
                      struct task_scopes *scopes);

/* Tells what neither of the two takes of the policies' conditions. */
void narrow_tell_left(const struct policies *policies, const struct schema_event *event, enum architecture architecture,
                      const struct narrow_left *left);

/* Why no scope is looked at for events of that row, for people; NULL when they are. */
const char *narrow_unable(const struct schema_event *event);

#endif
