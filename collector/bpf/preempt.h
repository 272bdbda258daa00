/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the kernel may preempt the program that asks, measured where it runs. It matters because a program that runs
 * again on the same CPU before it has ended is skipped, which is a miss.
 */
#ifndef VEDETTE_COLLECTOR_BPF_PREEMPT_H
#define VEDETTE_COLLECTOR_BPF_PREEMPT_H

#include "collector/bpf/core_compat.h"
#include "collector/bpf/maps.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cfs_rq___grouped {
    void *rq;
};
struct sched_entity___grouped {
    struct cfs_rq___grouped *cfs_rq; /* CONFIG_FAIR_GROUP_SCHED */
};
struct task_struct___grouped {
    struct sched_entity___grouped se;
};
struct thread_info___arm64 {
    __u64 preempt_count; /* the count in its low half, beside the inverted request to be scheduled */
};
/* Kernels that count preemption have it: CONFIG_PREEMPT_RCU. Without it a count of 0 says nothing. */
struct task_struct___counted {
    int rcu_read_lock_nesting;
};

#pragma clang attribute pop

/* x86 keeps the inverted request to be scheduled in the highest bit. */
enum { PREEMPT_COUNT_MASK = 0x7fffffff };

/*
 * x86: the count is a per-CPU variable. Asking for it by name (__ksym) would refuse the program where kallsyms lacks
 * data symbols, so it is found from this CPU's run queue, which the task points to, by the distances that the loader
 * took from BTF; and it is believed only if the same reckoning finds the current task. False where it cannot be read.
 */
static __always_inline bool preempt_count_of_cpu(struct task_struct *task, __u32 *ret_count)
{
    struct task_struct___grouped *grouped = (void *)task;
    void *current = NULL;
    if (!preempt_places.known || !bpf_core_field_exists(grouped->se.cfs_rq))
        return false;
    __u64 rq = (__u64)BPF_CORE_READ(grouped, se.cfs_rq, rq);
    if (bpf_probe_read_kernel(&current, sizeof(current), (void *)(rq + preempt_places.to_current)) != 0 ||
        current != task)
        return false;
    return bpf_probe_read_kernel(ret_count, sizeof(*ret_count), (void *)(rq + preempt_places.to_count)) == 0;
}

static __always_inline bool preempt_count_read(struct task_struct *task, __u32 *ret_count)
{
#ifdef __TARGET_ARCH_x86
    return preempt_count_of_cpu(task, ret_count);
#else
    struct thread_info___arm64 *info = (void *)task; /* CONFIG_THREAD_INFO_IN_TASK: its first member */
    if (!bpf_core_field_exists(info->preempt_count))
        return false;
    *ret_count = (__u32)BPF_CORE_READ(info, preempt_count);
    return true;
#endif
}

/* SEEN_* of the moment; `task` is the current one. Once a hook, during the self-test. */
SUBPROGRAM __u32 preempt_seen(struct task_struct *task)
{
    struct task_struct___counted *counted = (void *)task;
    __u32 count = 0;
    if (!preempt_count_read(task, &count))
        return SEEN_RUNNING;
    if ((count & PREEMPT_COUNT_MASK) != 0)
        return SEEN_RUNNING | SEEN_NOT_PREEMPTIBLE;
    return bpf_core_field_exists(counted->rcu_read_lock_nesting) ? SEEN_RUNNING | SEEN_PREEMPTIBLE : SEEN_RUNNING;
}

#endif
