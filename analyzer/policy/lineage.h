/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `tree` and `follow` remember of processes: a mark for each such scope, which children inherit at fork, so that
 * no change of parent, session or namespace takes it away. Belongs to one node's thread. Bounded as the state is: when
 * full, exited processes go first, then the oldest.
 */
#ifndef VEDETTE_ANALYZER_POLICY_LINEAGE_H
#define VEDETTE_ANALYZER_POLICY_LINEAGE_H

#include "analyzer/detect/engine.h"
#include "analyzer/policy/policy.h"

enum lineage_mark {
    MARK_NONE,
    MARK_IN,  /* of `tree`: the nearest listed process is to be in; of `follow`: the scope held once */
    MARK_OUT, /* of `tree`: the nearest listed process is excluded */
};

/* Of one policy: its roots, or none for `follow`. The name says which of a former set's marks go on. */
struct lineage_slot {
    const struct scope_root *roots;
    size_t n_roots;
    const char *policy;
    const char *scope; /* its text */
};

struct lineage;

/* The slots are copied, what they point to must outlive it. NULL with errno. */
struct lineage *lineage_new(const struct lineage_slot *slots, size_t n_slots);
void lineage_free(struct lineage *lineage);
/* Processes whose marks went because there were too many. Any thread. */
uint64_t lineage_evicted(const struct lineage *lineage);

/*
 * Takes over what `from` (NULL is fine) knows; slots are the same when policy and scope are. Trees that are new are
 * worked out from the state's parents, what is followed begins anew.
 */
void lineage_inherit(struct lineage *lineage, struct lineage *from, const struct state *state);

/* The marks of the event's process, one a slot, inherited from its parents when it is new. NULL without memory; valid
 * until the next call. */
uint8_t *lineage_marks(struct lineage *lineage, const struct event_context *context);

/* The event is a fork or an exit: the child's marks are its parent's; what exited may be forgotten after a while. */
void lineage_event(struct lineage *lineage, const struct event_context *context);

#endif
