/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers of a node, by cgroup id: a container's own cgroup and those below it lead to the same container.
 * Bounded by cgroups: when full, those that were removed go first, then the one that was quiet longest.
 */
#ifndef VEDETTE_ANALYZER_STATE_CONTAINERS_H
#define VEDETTE_ANALYZER_STATE_CONTAINERS_H

#include "analyzer/state/state.h"

/* In the id of a v1 cgroup: the bit that the collector sets (collector/bpf/facts.h), which no kernel's id has. */
#define CONTAINERS_V1 (UINT64_C(1) << 63)

enum { CONTAINERS_TWIN_S = 10 }; /* a runtime makes a container's cgroups of all hierarchies well within it */

struct container_table;

struct container_table *containers_new(size_t limit);
void containers_free(struct container_table *table);

/* The container of that cgroup, which is now the one heard of last; NULL if it is none or unknown. */
struct container *containers_find(struct container_table *table, uint64_t cgroup_id);

/* How a path became known, which says how old its container is. */
enum container_source {
    CONTAINER_MADE, /* the cgroup was made at `time_ns`: the container has not run yet */
    CONTAINER_MET,  /* a process was met in it: it was there before, or its making was not seen */
};

/*
 * What the path says of that cgroup: it is remembered, or forgotten when the path is no container's. Returns the
 * container, NULL if it is none or there is no memory. *ret_made (may be NULL): this made the container; it was its own
 * cgroup, and on a hybrid node the first of the two.
 */
struct container *containers_learn(struct container_table *table, uint64_t cgroup_id, const char *path, size_t length,
                                   enum container_source source, uint64_t time_ns, bool *ret_made);

/* The cgroup is gone; it stays findable until containers_expire passes its time. The container when that was its end.
 */
const struct container *containers_remove(struct container_table *table, uint64_t cgroup_id, const char *path,
                                          size_t length, uint64_t time_ns);

/* True once for each container that is there. */
bool containers_tell(struct container *container);

/* Forgets the cgroups that were removed before `before_ns`. */
void containers_expire(struct container_table *table, uint64_t before_ns);

/* Cgroups known as containers'. */
size_t containers_count(const struct container_table *table);
uint64_t containers_evicted(const struct container_table *table);

#endif
