/* SPDX-License-Identifier: Apache-2.0 */
/* As sys_exit, for events that must be looked at before the call: attached only when one of them is allowed. */
#include "collector/bpf/call.h"
#include "collector/bpf/scope.h"

#ifndef VEDETTE_PLAIN
#define HANDLER(name_)
#define AT_ENTER(name_) int enter__##name_(struct call *call);
#define AT_BOTH(name_)  int enter__##name_(struct call *call);
#include "collector/bpf/handlers.def"

/* A function, because the chain's eight steps share it. */
__noinline int enter_run(__u32 handler, struct call *call)
{
    switch (handler) {
#define HANDLER(name_)
#define AT_ENTER(name_)                                                                                                \
    case HANDLER_##name_:                                                                                              \
        return enter__##name_(call);
#define AT_BOTH(name_)                                                                                                 \
    case HANDLER_##name_:                                                                                              \
        return enter__##name_(call);
#include "collector/bpf/handlers.def"
    }
    return 0;
}
#endif

SEC("tp_btf/sys_enter")
int BPF_PROG(tp_btf__sys_enter, struct pt_regs *registers, long last)
{
    __u64 raw = call_raw(registers), index = call_index(raw);
    if (index >= CALL_LIMIT || enter_wanted[index] == 0)
        return 0;
    struct task_struct *task = bpf_get_current_task_btf();
    __u32 number = call_number(raw, task_is_compat(task));
    if (number >= SYSCALL_LIMIT)
        return 0;
    __u64 chain = plan.on_enter[number];
    if (chain == 0)
        return 0;
    if (self_test != 0) {
        self_test_note(task, HOOK_SYS_ENTER);
        if (!self_test_is(task))
            return 0;
    } else if (!scope_has(task)) {
        return 0;
    }
#ifdef VEDETTE_PLAIN
    bpf_tail_call(ctx, &enter_handlers, chain & 0xff);
    failure_count(FAILURE_TAIL_CALL);
#else
    struct call call;
    call_read(&call, registers, task, 0);
#pragma unroll
    for (int i = 0; i < CHAIN_HANDLERS; i++) {
        __u32 handler = chain >> (8 * i) & 0xff;
        if (handler == HANDLER_NONE)
            break;
        self_test_note(task, handler);
        enter_run(handler, &call);
    }
#endif
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
