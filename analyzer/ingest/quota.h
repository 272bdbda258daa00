/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one node may cost: bytes and events a second, each with a burst of QUOTA_BURST_S seconds' worth. A request is
 * taken while something is left, and may overdraw; what comes then is refused unread until the debt is paid, so that a
 * node cannot take more than its share however it cuts its requests. Nothing is lost by a refusal: it says when to
 * come again.
 */
#ifndef VEDETTE_ANALYZER_INGEST_QUOTA_H
#define VEDETTE_ANALYZER_INGEST_QUOTA_H

#include <stdint.h>

enum {
    QUOTA_BURST_S = 4,
    QUOTA_HELLO_BYTES = 1 << 20, /* a hello makes all detections anew: it costs as much as this many bytes of batches */
    QUOTA_WAIT_MIN_MS = 10,
    QUOTA_WAIT_MAX_MS = 30000,
};

struct quota_limits {
    uint64_t bytes, events; /* a second; 0: no limit */
};

/* Zero-initialised it is full. */
struct quota {
    uint64_t filled_ns; /* 0: never used */
    int64_t bytes, events;
};

/* 0 when a request may be taken now, whose bytes are then charged, else milliseconds to wait. */
uint32_t quota_take(struct quota *quota, const struct quota_limits *limits, uint64_t bytes, uint64_t now_ns);
/* What a request turned out to hold. */
void quota_charge_events(struct quota *quota, const struct quota_limits *limits, uint64_t events);

#endif
