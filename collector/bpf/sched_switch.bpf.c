/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_switch: a task of the scope leaves its CPU. It runs under the run queue's lock, with interrupts off: nothing is
 * allocated here, so a task is not marked when the walk finds that it is in the scope.
 */
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"

#include <bpf/bpf_tracing.h>

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_cpu,
    ARG_prev_tid,
    ARG_prev_comm,
    ARG_next_tid,
    ARG_next_comm,
};

enum { SWITCH_BYTES = 512 };

static __always_inline void switch_fill(struct record_header *header, struct task_struct *prev,
                                        struct task_struct *next)
{
    record_begin(header, EVENT_sched_switch, 0);
    store_integer(header, SWITCH_BYTES, ARG_cpu, bpf_get_smp_processor_id());
    store_integer(header, SWITCH_BYTES, ARG_prev_tid, LOAD(prev, pid));
    store_comm(header, SWITCH_BYTES, ARG_prev_comm, prev->comm);
    store_integer(header, SWITCH_BYTES, ARG_next_tid, LOAD(next, pid));
    store_comm(header, SWITCH_BYTES, ARG_next_comm, next->comm);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(tp_btf__sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
    struct sink sink;
    if (!plan.selected[EVENT_sched_switch] || !scope_has_unmarked(prev) || !event_wanted(EVENT_sched_switch) ||
        !sink_open(&sink, CLASS_BULK, CONTEXT_IRQ))
        return 0;
#define FILL(header_, size_) switch_fill(header_, prev, next)
    EMIT_1(&sink, SWITCH_BYTES, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
