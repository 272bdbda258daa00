/* SPDX-License-Identifier: Apache-2.0 */
/* sys_enter and sys_exit: every call there is, by its number alone. */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"

enum { ANY_CALL_BYTES = 256, ARG_syscall = 0 };

static __always_inline void any_call_fill(struct record_header *header, struct call *call, __u32 event)
{
    record_begin_call(header, event, call->ret, call);
    store_integer(header, ANY_CALL_BYTES, ARG_syscall, call->number);
}

static __always_inline void emit(struct call *call, __u32 event)
{
    struct sink sink;
    if (!event_wanted(event) || !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return;
#define FILL(header_, size_) any_call_fill(header_, call, event)
    EMIT_1(&sink, ANY_CALL_BYTES, FILL);
}

ENTER_HANDLER(sys_enter)
{
    emit(call, EVENT_sys_enter);
    return 0;
}

EXIT_HANDLER(sys_exit)
{
    emit(call, EVENT_sys_exit);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
