/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of every event: totals since the session began, and the loss ranges that have not been reported yet. The
 * balance attempts = drained + lost_ring + in flight,   drained = queued + lost_queue + lost_encode holds for each
 * class at any time, and exactly when nothing is in flight.
 */
#ifndef VEDETTE_COLLECTOR_DRAIN_LEDGER_H
#define VEDETTE_COLLECTOR_DRAIN_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/probe/probe.h"
#include "collector/spool/spool.h"
#include "common/wire/encode.h"

struct ledger_range {
    uint64_t from_ns, to_ns, count;
};

struct ledger {
    struct probe *probe;
    uint64_t drained[CLASS_COUNT], queued[CLASS_COUNT], lost_queue[CLASS_COUNT], lost_encode[CLASS_COUNT];
    uint64_t snapshot[CLASS_COUNT]; /* existing_* records: attempted and drained at once, since they pass no ring */
    struct ledger_range pending_queue[CLASS_COUNT], pending_encode[CLASS_COUNT]; /* count 0: nothing pending */
    uint64_t throttled; /* of all cgroups, as far as it is told */
    uint64_t throttle_told_ns;
    uint64_t reported_misses;
    uint64_t misses_since_ns; /* up to then every miss is reported */
    uint64_t misses_read_ns;
    bool misses_counted; /* false where the kernel does not count them (before 5.12) */
};

void ledger_init(struct ledger *ledger, struct probe *probe, uint64_t now_ns);

/* `count` events of that class, stamped within [from, to], were dropped for want of room in the queue, or could not be
 * encoded. */
void ledger_lose_queue(struct ledger *ledger, enum event_class class, uint64_t from_ns, uint64_t to_ns, uint64_t count);
void ledger_lose_encode(struct ledger *ledger, enum event_class class, uint64_t time_ns);

/*
 * Moves every range not yet reported into the batch: rings, throttled cgroups, queue, encoder, skipped programs. The
 * second and the last of these once a second, unless `all`. Returns how many.
 */
unsigned ledger_report(struct ledger *ledger, struct batch_encoder *encoder, uint64_t now_ns, bool all);

/* The next round over the rings: each cgroup has a new share of what is bulk. */
void ledger_next_round(struct ledger *ledger);

/* Every loss so far is in a batch. Skipped programs, an upper bound told once a second, do not count here. */
bool ledger_is_told(const struct ledger *ledger);

/* A record that came from the snapshot; gives its class. */
enum event_class ledger_count_snapshot(struct ledger *ledger, const struct record_header *record);

/* Attempts of a class, and those that failed or were throttled, summed over CPUs and contexts. */
void ledger_ring_totals(const struct ledger *ledger, enum event_class class, uint64_t *ret_attempts,
                        uint64_t *ret_lost);

/* Puts the totals into the batch; its lost_queue holds what could not be encoded too. */
void ledger_attach_statistics(const struct ledger *ledger, struct batch_encoder *encoder, uint64_t queue_bytes,
                              uint64_t queue_used, const struct spool_figures *spool);

/* Nothing is in flight between the programs and the drain: every attempt was drained or counted as lost. */
bool ledger_rings_settled(const struct ledger *ledger);

#endif
