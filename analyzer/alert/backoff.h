/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_ANALYZER_ALERT_BACKOFF_H
#define VEDETTE_ANALYZER_ALERT_BACKOFF_H

#include <stdint.h>

/*
 * How long to wait after the failure of attempt 0, 1, ...: anywhere between the minimum and a bound that doubles with
 * every attempt up to the maximum ("full jitter"), so that many analyzers do not come back to a receiver at the same
 * moment. A receiver's own wish is kept, but never beyond SINK_RETRY_AFTER_MAX_MS. `random` is any 64 bits; min_ms <=
 * max_ms.
 */
uint32_t sink_backoff_ms(uint32_t min_ms, uint32_t max_ms, uint64_t attempt, uint32_t retry_after_ms, uint64_t random);

#endif
