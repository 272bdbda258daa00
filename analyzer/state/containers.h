/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers of a node, by cgroup id: a container's own cgroup and those below it lead to the same container.
 * Bounded by cgroups: when full, those that were removed go first, then the one that was quiet longest.
 */
#ifndef VEDETTE_ANALYZER_STATE_CONTAINERS_H
#define VEDETTE_ANALYZER_STATE_CONTAINERS_H

#include "analyzer/state/state.h"

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

/* What the path says of that cgroup: it is remembered, or forgotten when the path is no container's. Returns the
 * container, NULL if it is none or there is no memory. */
struct container *containers_learn(struct container_table *table, uint64_t cgroup_id, const char *path, size_t length,
                                   enum container_source source, uint64_t time_ns);

/* The cgroup is gone; it stays findable until containers_expire passes its time. */
void containers_remove(struct container_table *table, uint64_t cgroup_id, uint64_t time_ns);

/* Forgets the cgroups that were removed before `before_ns`. */
void containers_expire(struct container_table *table, uint64_t before_ns);

/* Cgroups known as containers'. */
size_t containers_count(const struct container_table *table);
uint64_t containers_evicted(const struct container_table *table);

#endif
