/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cap_capable: every question whether the current task has a capability, with the answer (0, or -EPERM).
 * "security: add trace event for cap_capable" (6.14); there is none before.
 */
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"

#include <bpf/bpf_tracing.h>

enum { CAPABLE_BYTES = 256, ARG_cap = 0 };

static __always_inline void capable_fill(struct record_header *header, int cap, int answer)
{
    record_begin(header, EVENT_cap_capable, answer);
    store_integer(header, CAPABLE_BYTES, ARG_cap, cap);
}

SEC("tp_btf/cap_capable")
int BPF_PROG(tp_btf__cap_capable, const struct cred *cred, struct user_namespace *target,
             const struct user_namespace *capable, int cap, int answer)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct sink sink;
    if (!plan.selected[EVENT_cap_capable] || !scope_has_unmarked(task) || !event_wanted(EVENT_cap_capable) ||
        !sink_open(&sink, CLASS_BULK, CONTEXT_IRQ))
        return 0;
#define FILL(header_, size_) capable_fill(header_, cap, answer)
    EMIT_1(&sink, CAPABLE_BYTES, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
