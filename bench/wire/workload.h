/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring records of a mixed workload, from a seed: 60 % opens of 300 paths (a few of them most of the time), 15 % exec,
 * fork and exit in equal parts, 25 % calls with few or no strings; 200 tasks, of which some are busy. Events are about
 * 8 us apart.
 */
#ifndef VEDETTE_BENCH_WIRE_WORKLOAD_H
#define VEDETTE_BENCH_WIRE_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "common/events/record.h"

struct workload {
    uint8_t *bytes;
    const struct record_header **records;
    size_t count;
};

/* NULL with errno. `uniform`: no path or task is more likely than another, and there are 20 times as many paths. */
struct workload *workload_new(size_t count, uint64_t seed, int uniform);
void workload_free(struct workload *workload);

#endif
