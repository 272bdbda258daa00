/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security_task_setrlimit: a limit that was set. The caller's own is as the kernel keeps it, another process's the
 * caller's copy. Calls that fail do so before a security module is asked.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_target_host_pid,
    ARG_resource,
    ARG_new_rlim_cur,
    ARG_new_rlim_max,
};

enum { RLIMIT_BYTES = 256, RESOURCES = 16 };

static __always_inline void rlimit_fill(struct record_header *header, struct call *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
    __u32 target = call->number == EVENT_prlimit64 ? call->args[0] : 0;
    __u32 resource = call->number == EVENT_prlimit64 ? call->args[1] : call->args[0];
    __u32 level = BPF_CORE_READ(pid, level);
    struct rlimit limit = {0};
    record_begin_call(header, EVENT_security_task_setrlimit, call->ret, call);
    if (target == 0 || target == (__u32)BPF_CORE_READ(pid, numbers[level].nr)) {
        struct rlimit *limits = (struct rlimit *)&LOAD(task, signal)->rlim;
        bpf_probe_read_kernel(&limit, sizeof(limit), limits + (resource & (RESOURCES - 1)));
        target = LOAD(task, tgid);
    } else {
        bpf_probe_read_user(&limit, sizeof(limit), (void *)call->args[2]);
        if (level > 0) /* a number of an inner namespace */
            target = 0;
    }
    if (target != 0)
        store_integer(header, RLIMIT_BYTES, ARG_target_host_pid, target);
    store_integer(header, RLIMIT_BYTES, ARG_resource, resource);
    store_integer(header, RLIMIT_BYTES, ARG_new_rlim_cur, limit.rlim_cur);
    store_integer(header, RLIMIT_BYTES, ARG_new_rlim_max, limit.rlim_max);
}

EXIT_HANDLER(task_setrlimit)
{
    struct sink sink;
    if (call->ret != 0 || !event_wanted(EVENT_security_task_setrlimit) ||
        (call->number == EVENT_prlimit64 && call->args[2] == 0) || /* asks only */
        !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) rlimit_fill(header_, call)
    EMIT_1(&sink, RLIMIT_BYTES, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
