/* SPDX-License-Identifier: Apache-2.0 */
/* sched_process_fork: fires in the parent before the child runs. io_uring's workers do not pass here. */
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"

#include <bpf/bpf_tracing.h>

enum { FORK_BYTES = 512 };

/* Five arguments of one task, in the row's order: tid, ns tid, tgid, ns tgid, start. */
static __always_inline void store_task(struct record_header *header, __u32 first, struct task_struct *task)
{
    struct task_struct *leader = BPF_CORE_READ(task, group_leader);
    store_integer(header, FORK_BYTES, first, BPF_CORE_READ(task, pid));
    store_integer(header, FORK_BYTES, first + 1, task_ns_pid(task));
    store_integer(header, FORK_BYTES, first + 2, BPF_CORE_READ(task, tgid));
    store_integer(header, FORK_BYTES, first + 3, task_ns_pid(leader));
    store_integer(header, FORK_BYTES, first + 4, BPF_CORE_READ(task, start_boottime));
}

/* The parent in the process tree may be another than the caller (CLONE_PARENT), and is a process even if the child is a
 * thread. */
static __always_inline void fork_fill(struct record_header *header, struct task_struct *parent,
                                      struct task_struct *child, bool parent_in_scope)
{
    struct task_struct *leader = BPF_CORE_READ(child, group_leader);
    record_stamp(header, EVENT_sched_process_fork, 0);
    if (parent_in_scope)
        header_current(header), header_call(header);
    else
        header_of(header, (__u64)leader); /* a process: a thread of an outsider is one too */
    store_task(header, 0, parent);
    store_task(header, 5, child);
    store_task(header, 10, BPF_CORE_READ(leader, real_parent, group_leader));
    store_task(header, 15, leader);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(tp_btf__sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
    self_test_note(HOOK_FORK);
    bool parent_in_scope = scope_has(parent);
    bool child_in_scope = parent_in_scope;
    if (scope_kind == KIND_TREE || scope_kind == KIND_CHILDREN) {
        /* The first child of SCOPE_CHILDREN's root: its parent is outside. A thread of the root stays outside. */
        child_in_scope = (parent_in_scope && !scope_canary(parent)) || scope_walk(child);
        if (child_in_scope)
            scope_mark(child);
    } else if (scope_kind == KIND_CGROUP) {
        child_in_scope = scope_cgroup(child); /* CLONE_INTO_CGROUP */
    }
    if ((!parent_in_scope && !child_in_scope) || !plan.selected[EVENT_sched_process_fork])
        return 0;
    struct sink sink;
    if (!sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) fork_fill(header_, parent, child, parent_in_scope)
    EMIT_1(&sink, FORK_BYTES, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
