/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/bpf/facts.h"

#ifndef VEDETTE_PLAIN
/*
 * 6fcd486b3a0a "bpf: Refactor RCU enforcement in the verifier." (6.4): of each pointer that is loaded from a task that
 * is surely alive the verifier asks whether it is so as well, and looks for the answer by name through all of the
 * kernel's BTF, up to four times, a millisecond in all. Of a pointer that was cast by a35b9af4ec2c "bpf: Add a kfunc
 * for generic type cast" (6.2) it does not ask, and the cast costs nothing when it runs. Here alone: libbpf before 1.6
 * does not link objects that name one kernel function twice.
 */
void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

static __always_inline struct task_struct *current_task(void)
{
    struct task_struct *task = bpf_get_current_task_btf();
    return can_cast ? bpf_rdonly_cast(task, bpf_core_type_id_kernel(struct task_struct)) : task;
}

static __always_inline __u32 ns_pid(struct task_struct *task)
{
    struct pid *pid = task->thread_pid;
    __u32 level = pid->level;
    if (level == 0)
        return task->pid;
    return BPF_CORE_READ(pid, numbers[level].nr);
}

static __always_inline __u64 cgroup_id(struct task_struct *task)
{
    struct css_set *set = task->cgroups;
    struct kernfs_node *node = set->dfl_cgrp->kn;
    if (kernfs_parent(node) == NULL && bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) {
        struct kernfs_node *v1 = set->subsys[bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id)]->cgroup->kn;
        if (kernfs_parent(v1) != NULL)
            return v1->id | 1ULL << CGROUP_V1_SHIFT;
    }
    return node->id;
}

/* A pointer that is no longer valid reads as zero. */
__noinline int header_current(struct record_header *header)
{
    struct task_struct *task = current_task();
    if (header == NULL)
        return 0;
    struct task_struct *leader = task->group_leader;
    struct task_struct *parent = task->real_parent->group_leader;
    struct nsproxy *nsproxy = task->nsproxy;
    struct pid *pid = task->thread_pid;
    __u32 level = pid->level;

    header->thread_start_ns = task->start_boottime;
    header->leader_start_ns = leader->start_boottime;
    header->parent_start_ns = parent->start_boottime;
    header->plan_epoch = plan.epoch;
    header->cpu = bpf_get_smp_processor_id();
    header->tgid = task->tgid;
    header->tid = task->pid;
    header->ppid = parent->tgid;
    header->ns_tgid = ns_pid(leader);
    header->ns_tid = ns_pid(task);
    header->ns_ppid = ns_pid(parent);
    header->uid = task->cred->euid.val;
    header->mnt_ns = nsproxy->mnt_ns->ns.inum;
    header->pid_ns = level == 0 ? PROC_PID_INIT_INO : BPF_CORE_READ(pid, numbers[level].ns, ns.inum);
    copy_16(header->comm, task->comm);
    copy_16(header->uts, nsproxy->uts_ns->name.nodename);
    header->uts[UTS_SIZE - 1] = '\0';
    header->cgroup_id = cgroup_id(task);

    header->syscall = -1;
    header->flags = is_scope_root(header) ? RECORD_SCOPE_ROOT : 0;
    return 0;
}

__noinline int header_call(struct record_header *header)
{
    return header_call_into(header);
}

__noinline int header_of(struct record_header *header, __u64 address)
{
    return header_of_into(header, (struct task_struct *)address);
}

__noinline int own_process(void)
{
    return own_process_of(current_task());
}

__noinline int self_test_seen(__u32 hook)
{
    return self_test_seen_by((void *)bpf_get_current_task(), hook);
}
#endif

char LICENSE[] SEC("license") = "GPL";
