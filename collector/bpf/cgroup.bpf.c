/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroups made, removed and entered: cgroup_mkdir, cgroup_rmdir, cgroup_attach_task. On a node with v1 each container
 * is made once in every hierarchy; only the two that task_cgroup tells containers apart by are shown, the unified one
 * and that of v1's pids controller. The path is walked from the cgroup itself: the tracepoint's own is cut at 1 KiB,
 * and at its leaf.
 */
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/path.h"
#include "collector/bpf/scope.h"

#include <bpf/bpf_tracing.h>

enum {
    CGROUP_SMALL = 512, /* what a container's path needs */
    CGROUP_MIDDLE = 2048,
    CGROUP_LARGE = 8192,
};

static __always_inline bool tells_containers_apart(struct cgroup *cgroup)
{
    if (BPF_CORE_READ(cgroup, root, hierarchy_id) == 0)
        return true;
    return bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id) &&
           (BPF_CORE_READ(cgroup, root, subsys_mask) >> bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id) & 1);
}

/* A runtime's daemon works on the scope's cgroup from outside of it. */
static __always_inline bool in_scope(struct task_struct *task, struct cgroup *cgroup)
{
    return scope_has(task) || (scope_kind == KIND_CGROUP && scope_cgroup_node(BPF_CORE_READ(cgroup, kn)));
}

static __always_inline bool cgroup_fill(struct record_header *header, __u64 capacity, __u32 event_id,
                                        struct cgroup *cgroup)
{
    enum { ARG_cgroup_id, ARG_cgroup_path, ARG_hierarchy_id };
    struct kernfs_node *node = BPF_CORE_READ(cgroup, kn);
    record_begin(header, event_id, 0);
    store_integer(header, capacity, ARG_cgroup_id, BPF_CORE_READ(node, id));
    store_integer(header, capacity, ARG_hierarchy_id, BPF_CORE_READ(cgroup, root, hierarchy_id));
    store_cgroup(header, capacity, ARG_cgroup_path, node);
    return !store_take_cut(header);
}

static __always_inline int cgroup_event(struct cgroup *cgroup, __u32 event_id)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (!plan.selected[event_id] || !tells_containers_apart(cgroup) || !in_scope(task, cgroup))
        return 0;
    struct sink sink;
    if (!sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) cgroup_fill(header_, size_, event_id, cgroup)
    EMIT_3(&sink, CGROUP_SMALL, CGROUP_MIDDLE, CGROUP_LARGE, FILL);
#undef FILL
    return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(tp_btf__cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
    return cgroup_event(cgroup, EVENT_cgroup_mkdir);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(tp_btf__cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
    return cgroup_event(cgroup, EVENT_cgroup_rmdir);
}

static __always_inline bool attach_fill(struct record_header *header, __u64 capacity, struct cgroup *cgroup,
                                        struct task_struct *moved)
{
    enum { ARG_cgroup_path, ARG_comm, ARG_pid };
    record_begin(header, EVENT_cgroup_attach_task, 0);
    store_comm(header, capacity, ARG_comm, moved->comm);
    store_integer(header, capacity, ARG_pid, moved->pid);
    store_cgroup(header, capacity, ARG_cgroup_path, BPF_CORE_READ(cgroup, kn));
    return !store_take_cut(header);
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(tp_btf__cgroup_attach_task, struct cgroup *cgroup, const char *path, struct task_struct *moved)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (!plan.selected[EVENT_cgroup_attach_task] || !tells_containers_apart(cgroup) || !in_scope(task, cgroup))
        return 0;
    struct sink sink;
    if (!sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) attach_fill(header_, size_, cgroup, moved)
    EMIT_3(&sink, CGROUP_SMALL, CGROUP_MIDDLE, CGROUP_LARGE, FILL);
#undef FILL
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
