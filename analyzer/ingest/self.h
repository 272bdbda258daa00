/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings about Vedette itself: no event of the node made them, so they name no process, and policies, exceptions and
 * suppression do not apply. They go the way of every finding: outbox, sinks, stdout.
 */
#ifndef VEDETTE_ANALYZER_INGEST_SELF_H
#define VEDETTE_ANALYZER_INGEST_SELF_H

#include <stdint.h>

struct node;

enum self_finding {
    SELF_NODE_ON_TWO_CONNECTIONS,
    SELF_FINDINGS,
};

enum { SELF_INTERVAL_S = 60 }; /* between two of one kind of a node */

/* On the node's own thread, after its first hello. One that comes too soon after the last is left out: what is behind
 * it is counted elsewhere. Committed at once, or kept with the node's other findings while that is not possible. */
void node_raise(struct node *node, enum self_finding which, uint64_t now_ns);

#endif
