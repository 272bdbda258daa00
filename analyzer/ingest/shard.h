/* SPDX-License-Identifier: Apache-2.0 */
/* One thread and the nodes it owns. A node's requests are all handled by its thread, one after another, so its state
 * needs no lock. */
#ifndef VEDETTE_ANALYZER_INGEST_SHARD_H
#define VEDETTE_ANALYZER_INGEST_SHARD_H

#include <nng/nng.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyzer/detect/engine.h"
#include "analyzer/metrics/metrics.h"

struct ingest;
struct node;
struct shard;

/* NULL with errno. The thread runs. */
struct shard *shard_start(struct ingest *ingest, unsigned index);

/* Hands a request over; false when the queue is full, and the message stays the caller's. `forwarded`: another shard
 * saw that it belongs here. */
bool shard_put(struct shard *shard, nng_msg *message, bool forwarded);

/* Handles what is queued, commits every node, logs the balances, ends the thread. 0 or -errno of a commit. NULL is
 * fine. */
int shard_stop(struct shard *shard);
/* After shard_stop. NULL is fine. */
void shard_free(struct shard *shard);

/* CLOCK_BOOTTIME since when it is at one request, 0: at none. Any thread. */
uint64_t shard_busy_since_ns(const struct shard *shard);
/* What waits for it now. Any thread. */
struct shard_queue {
    size_t requests, bytes;
    uint64_t age_ns;  /* of the oldest request, 0 without one */
    uint64_t busy_ns; /* at its request, 0: at none */
};
struct shard_queue shard_queue(struct shard *shard, uint64_t now_ns);
/* Asks the thread whether it moves, unless it still owes an answer. Any thread. */
void shard_pulse(struct shard *shard, uint64_t now_ns);
/* For how long it has owed one, 0: it has answered. Any thread. */
uint64_t shard_pulse_age_ns(struct shard *shard, uint64_t now_ns);
/* Visits every node, until `visit` answers false; any thread. No node comes or goes meanwhile. */
void shard_walk(struct shard *shard, bool (*visit)(struct node *node, void *arg), void *arg);
void shard_collect(struct shard *shard, struct metrics_writer *writer);
void shard_add_costs(struct shard *shard, struct engine_cost *costs, size_t n_costs);

#endif
