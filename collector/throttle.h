/* SPDX-License-Identifier: Apache-2.0 */
/* What of bulk events is held back, in mapped memory. Shared by BPF and the drain. */
#ifndef VEDETTE_COLLECTOR_THROTTLE_H
#define VEDETTE_COLLECTOR_THROTTLE_H

#include "common/events/record.h"

/*
 * While a bulk ring is more than half full, a cgroup that makes more than a quarter of what comes for such rings gets
 * no more of them, until the drain's next round: what is left is for the others. Each is counted on its own, as
 * ring_account counts losses: what the drain has told it stores as `acknowledged`. A slot may go to another cgroup once
 * all of it is told.
 */
enum {
    THROTTLE_SLOTS = 256,
    THROTTLE_PROBES = 8,
    THROTTLE_FREE = 64, /* events of a round that each has in any case */
    THROTTLE_SHARE = 4, /* more than one in so many is too much */
};

struct throttled {
    uint64_t cgroup_id; /* as a record's; 0: free */
    uint64_t count, acknowledged, first_ns, last_ns;
    uint32_t round; /* that `seen` counts, its events that were throttled too */
    uint32_t seen;
};

struct throttle {
    uint64_t count; /* of all cgroups */
    uint32_t round; /* the drain's: another one after each */
    uint32_t pad;
    uint32_t seen_round, seen; /* of all cgroups */
    struct throttled cgroup[THROTTLE_SLOTS];
};

_Static_assert(sizeof(struct throttled) == 48 && sizeof(struct throttle) == 24 + 48 * THROTTLE_SLOTS, "no padding");

#endif
