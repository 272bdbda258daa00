// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/quota.h"

static const uint64_t SECOND_NS = 1000000000;

static int64_t full(uint64_t limit)
{
    return limit > INT64_MAX / QUOTA_BURST_S / 2 ? INT64_MAX / 2 : (int64_t)limit * QUOTA_BURST_S;
}

static int64_t refill(int64_t level, uint64_t limit, uint64_t passed_ns)
{
    int64_t most = full(limit);
    double grown = (double)level + (double)limit * (double)passed_ns / (double)SECOND_NS;
    return grown >= (double)most ? most : (int64_t)grown;
}

/* Milliseconds until something is left again. */
static uint64_t debt_ms(int64_t level, uint64_t limit)
{
    return limit == 0 || level > 0 ? 0 : (uint64_t)((double)-level * 1000 / (double)limit) + 1;
}

uint32_t quota_take(struct quota *quota, const struct quota_limits *limits, uint64_t bytes, uint64_t now_ns)
{
    if (quota->filled_ns == 0) {
        quota->bytes = full(limits->bytes);
        quota->events = full(limits->events);
    } else if (now_ns > quota->filled_ns) {
        quota->bytes = refill(quota->bytes, limits->bytes, now_ns - quota->filled_ns);
        quota->events = refill(quota->events, limits->events, now_ns - quota->filled_ns);
    }
    quota->filled_ns = now_ns;
    uint64_t wait = debt_ms(quota->bytes, limits->bytes), other = debt_ms(quota->events, limits->events);
    wait = other > wait ? other : wait;
    if (wait == 0) {
        if (limits->bytes != 0)
            quota->bytes -= (int64_t)bytes;
        return 0;
    }
    return wait < QUOTA_WAIT_MIN_MS ? QUOTA_WAIT_MIN_MS : wait > QUOTA_WAIT_MAX_MS ? QUOTA_WAIT_MAX_MS : (uint32_t)wait;
}

void quota_charge_events(struct quota *quota, const struct quota_limits *limits, uint64_t events)
{
    if (limits->events != 0)
        quota->events -= (int64_t)events;
}
