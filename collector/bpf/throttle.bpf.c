/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/bpf/throttle.h"

#include "collector/bpf/facts.h"

/* How many came in this round, this one included. Two CPUs may begin a round at once: it then begins with one less. */
static __always_inline __u32 count_in_round(__u32 *round, __u32 *seen, __u32 now)
{
    if (*round != now) {
        *round = now;
        *(volatile __u32 *)seen = 0;
    }
    __sync_fetch_and_add(seen, 1);
    return *(volatile __u32 *)seen;
}

/*
 * The cgroup's slot, or one that nobody needs any more. Two CPUs may take one for two cgroups: what the first counts
 * until it looks again is then told of the second.
 */
static __always_inline struct throttled *throttle_slot(__u64 cgroup_id, __u32 round)
{
    struct throttled *unused = NULL;
    __u32 at = (__u32)((cgroup_id * 0x9e3779b97f4a7c15ull) >> 32);
    for (__u32 i = 0; i < THROTTLE_PROBES; i++, at++) {
        struct throttled *slot = &throttle.cgroup[at & (THROTTLE_SLOTS - 1)];
        if (slot->cgroup_id == cgroup_id)
            return slot;
        if (unused == NULL && slot->round != round && slot->count == slot->acknowledged)
            unused = slot;
    }
    if (unused != NULL) {
        unused->cgroup_id = cgroup_id;
        unused->round = round - 1;
    }
    return unused;
}

__noinline int throttle_holds(void)
{
    __u32 round = *(volatile __u32 *)&throttle.round;
    __u32 of_all = count_in_round(&throttle.seen_round, &throttle.seen, round);
    __u64 cgroup;
    task_cgroup((void *)bpf_get_current_task(), &cgroup);
    struct throttled *slot = throttle_slot(cgroup, round);
    if (slot == NULL)
        return 0;
    __u32 own = count_in_round(&slot->round, &slot->seen, round);
    if (own <= THROTTLE_FREE || (__u64)own * THROTTLE_SHARE <= of_all)
        return 0;
    __u64 now = bpf_ktime_get_boot_ns();
    if (slot->count == *(volatile __u64 *)&slot->acknowledged)
        slot->first_ns = now;
    slot->last_ns = now;
    __sync_fetch_and_add(&slot->count, 1);
    __sync_fetch_and_add(&throttle.count, 1);
    return 1;
}
