/* SPDX-License-Identifier: Apache-2.0 */
/* From a task to the header of its record. */
#ifndef VEDETTE_COLLECTOR_BPF_FACTS_H
#define VEDETTE_COLLECTOR_BPF_FACTS_H

#include "collector/bpf/core_compat.h"
#include "collector/bpf/maps.h"

enum {
    X32_BIT = 0x40000000,
    /* Ids of different hierarchies would collide: those of cgroup v1 carry a mark that no kernel's id has. */
    CGROUP_V1_SHIFT = 63,
    PROC_PID_INIT_INO = 0xEFFFFFFC, /* inum of the initial pid namespace: include/linux/proc_ns.h */
};

/* x86-64's number of the call that the registers show, NO_SYSCALL if there is none. */
static __always_inline __u32 call_number(unsigned long orig_ax, bool compat)
{
    __u64 raw = orig_ax & ~(__u64)X32_BIT;
    if (compat) {
        raw = (__u32)raw;
        return raw < SYSCALL_LIMIT ? calls.from_i386[raw] : NO_SYSCALL;
    }
    if (raw < X32_FIRST)
        return raw;
    raw -= X32_FIRST;
    return raw < X32_LIMIT ? calls.from_x32[raw] : NO_SYSCALL;
}

static __always_inline bool task_is_compat(struct task_struct *task)
{
    return (task->thread_info.status & TS_COMPAT) != 0;
}

/*
 * Global functions of facts.bpf.c, which the verifier looks at once (it searches the kernel's BTF by name, about a
 * millisecond each, for every pointer that is loaded plainly). Everything but event_id, ret, size and time_ns, which
 * the caller knows: of the current task, in plain loads, and of any task by its address.
 */
int header_current(struct record_header *header);
/* Adds what the current task's saved registers tell: the syscall in progress. Known without it at sys_exit. */
int header_call(struct record_header *header);
int header_of(struct record_header *header, __u64 task);

/* The number of a task in the innermost pid namespace that it lives in. */
static __always_inline __u32 task_ns_pid(struct task_struct *task)
{
    struct pid *pid = BPF_CORE_READ(task, thread_pid);
    __u32 level = BPF_CORE_READ(pid, level);
    return BPF_CORE_READ(pid, numbers[level].nr);
}

/*
 * The cgroup that tells containers apart: of the unified hierarchy, or of v1's pids controller on a node where the
 * former is not used.
 */
static __always_inline struct kernfs_node *task_cgroup(struct task_struct *task, __u64 *ret_id)
{
    struct css_set *set = BPF_CORE_READ(task, cgroups);
    struct kernfs_node *node = BPF_CORE_READ(set, dfl_cgrp, kn);
    if (kernfs_parent_read(node) == NULL && bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) {
        struct cgroup_subsys_state *state =
            BPF_CORE_READ(set, subsys[bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id)]);
        struct kernfs_node *v1 = BPF_CORE_READ(state, cgroup, kn);
        if (kernfs_parent_read(v1) != NULL) {
            *ret_id = BPF_CORE_READ(v1, id) | 1ULL << CGROUP_V1_SHIFT;
            return v1;
        }
    }
    *ret_id = BPF_CORE_READ(node, id);
    return node;
}

static __always_inline void copy_16(char *to, const char *from)
{
    *(__u64 *)to = *(const __u64 *)from;
    *(__u64 *)(to + 8) = *(const __u64 *)(from + 8);
}

#endif
