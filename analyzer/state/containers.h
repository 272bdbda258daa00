/* SPDX-License-Identifier: Apache-2.0 */
/* The containers of a node, by cgroup id. Bounded: the one known longest goes first. */
#ifndef VEDETTE_ANALYZER_STATE_CONTAINERS_H
#define VEDETTE_ANALYZER_STATE_CONTAINERS_H

#include "analyzer/state/state.h"

struct container_table;

struct container_table *containers_new(size_t limit);
void containers_free(struct container_table *table);

const struct container *containers_find(const struct container_table *table, uint64_t cgroup_id);
/* What the path says of that cgroup: it is remembered, or forgotten when the path is no container's. */
void containers_learn(struct container_table *table, uint64_t cgroup_id, const char *path, size_t length);

size_t containers_count(const struct container_table *table);
uint64_t containers_evicted(const struct container_table *table);

#endif
