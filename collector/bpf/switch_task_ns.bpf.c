/* SPDX-License-Identifier: Apache-2.0 */
/* switch_task_ns: setns and unshare, when one of these namespaces is another one afterwards. */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_pid,
    ARG_new_mnt, /* and the others in the order of read_namespaces */
};

enum { SWITCH_BYTES = 512 };

static __always_inline void read_namespaces(struct task_struct *task, __u32 ret_namespaces[NAMESPACES])
{
    struct nsproxy *nsproxy = LOAD(task, nsproxy);
    ret_namespaces[0] = BPF_CORE_READ(nsproxy, mnt_ns, ns.inum);
    ret_namespaces[1] = BPF_CORE_READ(nsproxy, pid_ns_for_children, ns.inum);
    ret_namespaces[2] = BPF_CORE_READ(nsproxy, uts_ns, ns.inum);
    ret_namespaces[3] = BPF_CORE_READ(nsproxy, ipc_ns, ns.inum);
    ret_namespaces[4] = BPF_CORE_READ(nsproxy, net_ns, ns.inum);
    ret_namespaces[5] = BPF_CORE_READ(nsproxy, cgroup_ns, ns.inum);
}

ENTER_HANDLER(switch_task_ns)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct task_facts *facts = plan.selected[EVENT_switch_task_ns] ? task_facts_make(task) : NULL;
    if (facts == NULL)
        return 0;
    read_namespaces(task, facts->namespaces);
    facts->namespaces_call = call->number;
    return 0;
}

/* What the entry half left is taken once. Without it every call that succeeds counts as a switch. */
static __always_inline bool is_switch(struct task_struct *task, struct call *call, const __u32 now[NAMESPACES])
{
    struct task_facts *facts = task_facts(task);
    if (facts == NULL || facts->namespaces_call != call->number)
        return call->ret == 0;
    facts->namespaces_call = 0;
    __u32 changed = 0;
#pragma unroll
    for (int i = 0; i < NAMESPACES; i++)
        changed |= facts->namespaces[i] ^ now[i];
    return changed != 0;
}

static __always_inline void switch_fill(struct record_header *header, struct task_struct *task, struct call *call,
                                        const __u32 now[NAMESPACES])
{
    record_begin_call(header, EVENT_switch_task_ns, 0, call);
    store_integer(header, SWITCH_BYTES, ARG_pid, LOAD(task, pid));
#pragma unroll
    for (int i = 0; i < NAMESPACES; i++)
        store_integer(header, SWITCH_BYTES, ARG_new_mnt + i, now[i]);
}

EXIT_HANDLER(switch_task_ns)
{
    struct task_struct *task = bpf_get_current_task_btf();
    __u32 now[NAMESPACES];
    struct sink sink;
    if (!plan.selected[EVENT_switch_task_ns])
        return 0;
    read_namespaces(task, now);
    if (!is_switch(task, call, now) || !sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) switch_fill(header_, task, call, now)
    EMIT_1(&sink, SWITCH_BYTES, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
