/* SPDX-License-Identifier: Apache-2.0 */
/* From a task to the header of its record. */
#ifndef VEDETTE_COLLECTOR_BPF_FACTS_H
#define VEDETTE_COLLECTOR_BPF_FACTS_H

#include "collector/bpf/preempt.h"
#include "collector/bpf/registers.h"

enum {
    /* Ids of different hierarchies would collide: those of cgroup v1 carry a mark that no kernel's id has. */
    CGROUP_V1_SHIFT = 63,
    PROC_PID_INIT_INO = 0xEFFFFFFC, /* inum of the initial pid namespace: include/linux/proc_ns.h */
};

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

static __always_inline bool is_scope_root(struct record_header *header)
{
    if (scope_kind == KIND_TREE)
        return header->tgid == scope.root_tgid && header->leader_start_ns == scope.root_start_ns;
    if (scope_kind == KIND_CHILDREN)
        return header->ppid == scope.root_tgid && header->parent_start_ns == scope.root_start_ns;
    return false;
}

static __always_inline int header_of_into(struct record_header *header, struct task_struct *task)
{
    if (header == NULL)
        return 0;
    struct task_struct *leader = BPF_CORE_READ(task, group_leader);
    struct task_struct *parent = BPF_CORE_READ(task, real_parent, group_leader);
    struct pid *pid = BPF_CORE_READ(task, thread_pid);
    __u32 level = BPF_CORE_READ(pid, level);
    struct nsproxy *nsproxy = BPF_CORE_READ(task, nsproxy);
    struct uts_namespace *uts = BPF_CORE_READ(nsproxy, uts_ns);

    header->thread_start_ns = BPF_CORE_READ(task, start_boottime);
    header->leader_start_ns = BPF_CORE_READ(leader, start_boottime);
    header->parent_start_ns = BPF_CORE_READ(parent, start_boottime);
    header->plan_epoch = plan.epoch;
    header->cpu = bpf_get_smp_processor_id();
    header->tgid = BPF_CORE_READ(task, tgid);
    header->tid = BPF_CORE_READ(task, pid);
    header->ppid = BPF_CORE_READ(parent, tgid);
    header->ns_tgid = task_ns_pid(leader);
    header->ns_tid = task_ns_pid(task);
    header->ns_ppid = task_ns_pid(parent);
    header->uid = BPF_CORE_READ(task, cred, euid.val);
    header->mnt_ns = BPF_CORE_READ(nsproxy, mnt_ns, ns.inum);
    header->pid_ns = BPF_CORE_READ(pid, numbers[level].ns, ns.inum);
    bpf_probe_read_kernel_str(header->comm, COMM_SIZE, task->comm);
    bpf_probe_read_kernel_str(header->uts, UTS_SIZE, uts->name.nodename);
    __u64 cgroup;
    task_cgroup(task, &cgroup);
    header->cgroup_id = cgroup;
    header->syscall = -1;
    header->flags = is_scope_root(header) ? RECORD_SCOPE_ROOT : 0;
    return 0;
}

static __always_inline int header_call_into(struct record_header *header)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct pt_regs *registers = task_registers(task);
    if (header == NULL || registers == NULL)
        return 0;
    bool compat = task_is_compat(task);
    __u32 number = call_number(call_raw_read(registers), compat);
    if (number != NO_SYSCALL)
        header->syscall = number;
    if (compat)
        header->flags |= RECORD_COMPAT;
    return 0;
}

/* Whether the current task is one of the collector's own processes, in whose pid namespace these are numbered. */
static __always_inline int own_process_of(struct task_struct *task)
{
    if (self.tgid[0] == 0)
        return 0;
    __u32 tgid = LOAD(task, tgid);
    if (identity.level > 0) {
        struct pid *pid = LOAD(task, group_leader, thread_pid);
        __u32 level = identity.level;
        if (LOAD(pid, level) < level || BPF_CORE_READ(pid, numbers[level].ns, ns.inum) != identity.pid_ns)
            return 0;
        tgid = BPF_CORE_READ(pid, numbers[level].nr);
    }
    __u64 start_ns = LOAD(task, group_leader, start_boottime);
    for (int i = 0; i < SELF_LIMIT && self.tgid[i] != 0; i++)
        if (self.tgid[i] == tgid && start_ns <= self.since_ns[i])
            return 1;
    return 0;
}

/* Before the first plan: whether the current task is the loader or its child, while they prove the hooks; notes that
 * the hook ran for it, and how. */
static __always_inline int self_test_seen_by(struct task_struct *task, __u32 hook)
{
    if (BPF_CORE_READ(task, tgid) != self_test && BPF_CORE_READ(task, real_parent, tgid) != self_test)
        return 0;
    if (hook < HOOK_COUNT)
        seen[hook] |= (__u8)preempt_seen(task);
    return 1;
}

/*
 * Everything but event_id, ret, size and time_ns, which the caller knows: of the current task, and of any task by its
 * address. header_call adds what the current task's saved registers tell: the syscall in progress; it is known without
 * at sys_exit. Global functions of facts.bpf.c, which the verifier looks at once: it searches the kernel's BTF by name,
 * about a millisecond each, for every pointer that is loaded plainly.
 */
#ifdef VEDETTE_PLAIN
SUBPROGRAM int header_of(struct record_header *header, __u64 task)
{
    return header_of_into(header, (struct task_struct *)task);
}

SUBPROGRAM int header_current(struct record_header *header)
{
    return header_of(header, bpf_get_current_task());
}

SUBPROGRAM int header_call(struct record_header *header)
{
    return header_call_into(header);
}

SUBPROGRAM int own_process(void)
{
    return own_process_of((void *)bpf_get_current_task());
}

SUBPROGRAM int self_test_seen(__u32 hook)
{
    return self_test_seen_by((void *)bpf_get_current_task(), hook);
}
#else
int header_current(struct record_header *header);
int header_call(struct record_header *header);
int header_of(struct record_header *header, __u64 task);
int own_process(void);
int self_test_seen(__u32 hook);
#endif

static __always_inline void self_test_note(__u32 hook)
{
    if (self_test != 0)
        self_test_seen(hook);
}

#endif
