/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/clock.h"

static uint64_t read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* cannot fail for the clocks used here */
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

uint64_t clock_boot_ns(void)
{
    return read_ns(CLOCK_BOOTTIME);
}

int64_t clock_wall_minus_boot_ns(void)
{
    /* The middle of two readings, of the narrowest of three pairs: a preemption between them would otherwise be taken
     * for an offset. */
    uint64_t narrowest = UINT64_MAX;
    int64_t offset = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t before = read_ns(CLOCK_BOOTTIME);
        uint64_t wall = read_ns(CLOCK_REALTIME);
        uint64_t width = read_ns(CLOCK_BOOTTIME) - before;
        if (width >= narrowest)
            continue;
        narrowest = width;
        offset = (int64_t)(wall - (before + width / 2));
    }
    return offset;
}
