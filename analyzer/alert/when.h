/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as people write them. */
#ifndef VEDETTE_ANALYZER_ALERT_WHEN_H
#define VEDETTE_ANALYZER_ALERT_WHEN_H

#include <stdint.h>

/*
 * RFC 3339 ("2026-01-02T03:04:05Z", with a fraction, an offset, a blank in place of the T, a date alone; UTC without an
 * offset), or how long ago ("90s", "15m", "1h", "2d"; several together as in "1h30m"). Nanoseconds since the epoch; 0
 * or -EINVAL.
 */
int when_parse(const char *text, uint64_t now_ns, uint64_t *ret_ns);

#endif
