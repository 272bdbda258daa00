/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept with a task from one hook to another. Tasks are those that a hook or bpf_get_current_task_btf gave:
 * storage wants a trusted pointer. In the plain flavour (core_compat.h) it is a table of TASK_ENTRIES: a full one is
 * counted as FAILURE_STORAGE, nothing is evicted.
 */
#ifndef VEDETTE_COLLECTOR_BPF_TASK_FACTS_H
#define VEDETTE_COLLECTOR_BPF_TASK_FACTS_H

#include "collector/bpf/core_compat.h"
#include "collector/bpf/maps.h"

#ifdef VEDETTE_PLAIN
/* NULL when nothing is kept. */
static __always_inline struct task_facts *task_facts(struct task_struct *task)
{
    __u64 key = (__u64)task;
    struct task_entry *entry = bpf_map_lookup_elem(&tasks, &key);
    return entry != NULL && entry->start_ns == BPF_CORE_READ(task, start_boottime) ? &entry->facts : NULL;
}

static __always_inline struct task_facts *task_facts_create(struct task_struct *task)
{
    struct task_facts *facts = task_facts(task);
    if (facts != NULL)
        return facts;
    __u64 key = (__u64)task;
    struct task_entry fresh = {.start_ns = BPF_CORE_READ(task, start_boottime)};
    bpf_map_update_elem(&tasks, &key, &fresh, BPF_ANY);
    return task_facts(task);
}

/* The task ends. */
static __always_inline void task_facts_drop(struct task_struct *task)
{
    __u64 key = (__u64)task;
    bpf_map_delete_elem(&tasks, &key);
}
#else
static __always_inline struct task_facts *task_facts(struct task_struct *task)
{
    return bpf_task_storage_get(&tasks, task, 0, 0);
}

static __always_inline struct task_facts *task_facts_create(struct task_struct *task)
{
    return bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline void task_facts_drop(struct task_struct *task)
{
}
#endif

/* What is kept, made if there was nothing; NULL when there is no room, which is counted. */
static __always_inline struct task_facts *task_facts_make(struct task_struct *task)
{
    struct task_facts *facts = task_facts_create(task);
    if (facts == NULL)
        failure_count(FAILURE_STORAGE);
    return facts;
}

#endif
