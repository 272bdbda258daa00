/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a node, by identity (tgid, start). Bounded: when full, the process that exited first goes, else the
 * oldest; of one tgid STATE_MAX_SAME_TGID are kept.
 */
#ifndef VEDETTE_ANALYZER_STATE_PROCESSES_H
#define VEDETTE_ANALYZER_STATE_PROCESSES_H

#include "analyzer/state/state.h"

struct process_table;

struct process_table *processes_new(size_t limit);
void processes_free(struct process_table *table);

/* start_ns 0: the newest of that tgid. */
struct process *processes_find(const struct process_table *table, uint32_t tgid, uint64_t start_ns);

/*
 * The process of that identity, made if unknown (*ret_made). A younger process with a tgid proves that the older one is
 * gone: it is marked as exited at the younger one's start. NULL without memory.
 */
struct process *processes_get(struct process_table *table, uint32_t tgid, uint64_t start_ns, bool *ret_made);

/* Marks the exit; the process stays findable until processes_expire passes its time. */
void processes_exit(struct process_table *table, struct process *process, uint64_t exit_ns);

/* Forgets what exited before `before_ns`. */
void processes_expire(struct process_table *table, uint64_t before_ns);

size_t processes_count(const struct process_table *table);
uint64_t processes_evicted(const struct process_table *table);

#endif
