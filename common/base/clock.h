/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_COMMON_BASE_CLOCK_H
#define VEDETTE_COMMON_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_BOOTTIME: what bpf_ktime_get_boot_ns stamps events with. */
uint64_t clock_boot_ns(void);

/* Nanoseconds to add to boot time for time since the epoch; moves when the wall clock is set. */
int64_t clock_wall_minus_boot_ns(void);

#endif
