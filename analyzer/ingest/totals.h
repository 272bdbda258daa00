/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted for all nodes together; any thread. */
#ifndef VEDETTE_ANALYZER_INGEST_TOTALS_H
#define VEDETTE_ANALYZER_INGEST_TOTALS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyzer/policy/tuner.h"
#include "proto/vedette.pb-c.h"

/* Refusals: the contract's codes, then what never gets a reply. */
enum refused {
    REFUSED_CODES = VEDETTE__V1__REFUSAL_CODE__REFUSED_SEQUENCE + 1,
    REFUSED_PEER = REFUSED_CODES, /* a peer's uid that may not speak on the bus */
    REFUSED_PIPES,                /* too many connections */
    REFUSED_ENROLMENT,            /* no token of that node, or something else than a hello before one */
    REFUSED_HANDSHAKE,            /* a connection of TLS that was never verified */
    REFUSED_FLOOD,                /* more requests in flight than a collector ever has */
    REFUSED_COUNT,
};

enum { TOTALS_DETECTIONS = 256, TOTALS_LATENCIES = 13 /* the last: beyond all bounds */ };
/* The largest latency of each bucket but the last, in seconds. */
extern const double totals_latency_bounds[TOTALS_LATENCIES - 1];

struct ingest_totals {
    atomic_uint_fast64_t refused[REFUSED_COUNT];
    atomic_uint_fast64_t findings_lost; /* no memory or no room: LOSS_OUTBOX */
    atomic_uint_fast64_t commits, commit_failures;
    atomic_uint_fast64_t suppressed[TOTALS_DETECTIONS][SUPPRESSED_COUNT]; /* by place in detections_all */
    atomic_uint_fast64_t listener_restarts;
    atomic_uint_fast64_t alerts, alert_latency_ns; /* from the event's time to its commit, summed */
    atomic_uint_fast64_t alert_latency[TOTALS_LATENCIES];
    atomic_bool outbox_failing;
};

static inline void totals_count(atomic_uint_fast64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

#endif
