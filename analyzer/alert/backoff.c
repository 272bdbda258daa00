/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/backoff.h"

#include "analyzer/alert/sink.h"

uint32_t sink_backoff_ms(uint32_t min_ms, uint32_t max_ms, uint64_t attempt, uint32_t retry_after_ms, uint64_t random)
{
    uint64_t bound = min_ms;
    for (uint64_t i = 0; i < attempt && bound && bound < max_ms; i++)
        bound *= 2;
    if (bound > max_ms)
        bound = max_ms;
    uint64_t wait = min_ms + random % (bound - min_ms + 1);
    if (retry_after_ms > SINK_RETRY_AFTER_MAX_MS)
        retry_after_ms = SINK_RETRY_AFTER_MAX_MS;
    return (uint32_t)(wait > retry_after_ms ? wait : retry_after_ms);
}
