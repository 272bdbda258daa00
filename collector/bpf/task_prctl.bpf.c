/* SPDX-License-Identifier: Apache-2.0 */
/* security_task_prctl: of every prctl, whatever comes of it. */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_option,
    ARG_arg2,
    ARG_vma_name = 5,
};

enum {
    PRCTL_BYTES = 512,
    PRCTL_NUMBERS = 4, /* from arg2 on */
    PR_SET_VMA = 0x53564d41,
    PR_SET_VMA_ANON_NAME = 0,
    NAME_MOST = 80, /* ANON_VMA_NAME_MAX_LEN, its NUL included */
};

static __always_inline void prctl_fill(struct record_header *header, struct call *call)
{
    record_begin_call(header, EVENT_security_task_prctl, call->ret, call);
    store_integer(header, PRCTL_BYTES, ARG_option, (__s64)(__s32)call->args[0]);
#pragma unroll
    for (int i = 0; i < PRCTL_NUMBERS; i++)
        store_integer(header, PRCTL_BYTES, ARG_arg2 + i, call->args[i + 1]);
    if ((__u32)call->args[0] == PR_SET_VMA && call->args[1] == PR_SET_VMA_ANON_NAME && call->args[4] != 0)
        store_string(header, PRCTL_BYTES, ARG_vma_name, (void *)call->args[4], NAME_MOST, true);
    store_take_cut(header);
}

EXIT_HANDLER(task_prctl)
{
    struct sink sink;
    if (!event_wanted(EVENT_security_task_prctl) || !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) prctl_fill(header_, call)
    EMIT_1(&sink, PRCTL_BYTES, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
