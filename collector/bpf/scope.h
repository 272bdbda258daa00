/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose events there are: decided first, before anything is reserved. Under SCOPE_HOST nothing is looked up and the
 * verifier removes it all. Under a tree a task carries a bit in its storage, inherited at fork, so that it survives the
 * death of its ancestors; a task without one is looked for among the ancestors (it was there before), and marked when
 * found. Outsiders are never marked.
 */
#ifndef VEDETTE_COLLECTOR_BPF_SCOPE_H
#define VEDETTE_COLLECTOR_BPF_SCOPE_H

#include "collector/bpf/task_facts.h"

enum {
    SCOPE_ANCESTORS = 64,
    SCOPE_CGROUPS = 24,
};

struct scope_step {
    void *at; /* a task or a kernfs node */
    __u64 found;
    __u64 ended;
};

static long ancestor_step(__u32 index, struct scope_step *step)
{
    struct task_struct *task = step->at;
    __u32 tgid = BPF_CORE_READ(task, tgid);
    if (tgid == scope.root_tgid && !(scope_kind == KIND_CHILDREN && index == 0)) {
        step->found = BPF_CORE_READ(task, start_boottime) == scope.root_start_ns;
        step->ended = 1;
        return 1;
    }
    if (tgid <= 1) {
        step->ended = 1;
        return 1;
    }
    step->at = BPF_CORE_READ(task, real_parent, group_leader);
    return 0;
}

/* Whether the scope's root is the process of `task` (not for SCOPE_CHILDREN) or one of its ancestors. Any address will
 * do. */
SUBPROGRAM int scope_walk(struct task_struct *task)
{
    if (task == NULL)
        return 0;
    struct scope_step step = {.at = BPF_CORE_READ(task, group_leader)};
    REPEAT(SCOPE_ANCESTORS, ancestor_step, &step);
    if (!step.ended)
        failure_count(FAILURE_SCOPE_DEPTH);
    return step.found != 0;
}

static long cgroup_ancestor_step(__u32 index, struct scope_step *step)
{
    struct kernfs_node *node = step->at;
    if (node == NULL)
        return 1;
    if (BPF_CORE_READ(node, id) == scope.cgroup_id) {
        step->found = 1;
        return 1;
    }
    step->at = kernfs_parent_read(node);
    return 0;
}

/* Whether that cgroup of the unified hierarchy is the scope's or lies below it. Any address will do. */
SUBPROGRAM int scope_cgroup_node(struct kernfs_node *node)
{
    struct scope_step step = {.at = node};
    REPEAT(SCOPE_CGROUPS, cgroup_ancestor_step, &step);
    return step.found != 0;
}

SUBPROGRAM int scope_cgroup(struct task_struct *task)
{
    return task == NULL ? 0 : scope_cgroup_node(BPF_CORE_READ(task, cgroups, dfl_cgrp, kn));
}

/* "vedette-canary" as a task's name is in memory, up to its NUL: CANARY_COMM of common/events/canaries.h. */
#define CANARY_NAME_BEGIN 0x2d65747465646576ULL
#define CANARY_NAME_END   0x7972616e6163ULL

/* Whether that is the keeper or a canary of its, which are in every scope, since they stand for everybody. Its worker,
 * which is its child too and has the keeper's name until it takes its own, is not; a canary that was executed by its
 * descriptor may have any name. Any address will do. */
SUBPROGRAM int scope_canary(struct task_struct *task)
{
    if (task == NULL || canary.tgid == 0)
        return 0;
    struct task_struct *leader = BPF_CORE_READ(task, group_leader);
    if (BPF_CORE_READ(leader, tgid) != canary.tgid) {
        __u64 name[2] = {0};
        bpf_probe_read_kernel(name, sizeof(name), leader->comm);
        if (name[0] == CANARY_NAME_BEGIN && name[1] << 8 != CANARY_NAME_END << 8)
            return 0;
        leader = BPF_CORE_READ(leader, real_parent, group_leader);
    }
    return BPF_CORE_READ(leader, tgid) == canary.tgid && BPF_CORE_READ(leader, start_boottime) == canary.start_ns;
}

static __always_inline void scope_mark(struct task_struct *task)
{
    struct task_facts *facts = task_facts_make(task);
    if (facts != NULL)
        facts->in_scope = 1;
}

static __always_inline bool scope_has(struct task_struct *task)
{
    if (scope_kind == KIND_HOST)
        return true;
    if (scope_kind == KIND_CGROUP)
        return scope_cgroup(task) || scope_canary(task);
    struct task_facts *facts = task_facts(task);
    if (facts != NULL && facts->in_scope)
        return true;
    if (!scope_walk(task))
        return scope_canary(task); /* never marked: it would be inherited */
    scope_mark(task);
    return true;
}

/* The same where nothing may be allocated. */
static __always_inline bool scope_has_unmarked(struct task_struct *task)
{
    if (scope_kind == KIND_HOST)
        return true;
    if (scope_kind == KIND_CGROUP)
        return scope_cgroup(task);
    struct task_facts *facts = task_facts(task);
    return (facts != NULL && facts->in_scope) || scope_walk(task);
}

#endif
