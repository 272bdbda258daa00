/* SPDX-License-Identifier: Apache-2.0 */
/* What the two dispatchers, sys_enter and sys_exit, have in common. */
#ifndef VEDETTE_COLLECTOR_BPF_DISPATCH_H
#define VEDETTE_COLLECTOR_BPF_DISPATCH_H

#include "collector/bpf/call.h"
#include "collector/bpf/scope.h"

/*
 * The handlers of a call that somebody asked for, 0 for every other. For one that nobody asked for: one load of its
 * number, one of its byte, and out. Numbers of different ABIs are told apart only when one reading of the number is
 * selected.
 */
static __always_inline __u64 dispatch_chain(struct pt_regs *registers, const __u8 *wanted, const __u64 *chains,
                                            __u32 hook)
{
    /* rt_sigreturn shows -1 at its end, which is beyond the limit. */
    __u64 raw = call_raw(registers), index = call_index(raw);
    if (index >= CALL_LIMIT || wanted[index] == 0)
        return 0;
    struct task_struct *task = bpf_get_current_task_btf();
    __u32 number = call_number(raw, task_is_compat(task));
    if (number >= SYSCALL_LIMIT)
        return 0;
    __u64 chain = chains[number];
    if (chain == 0)
        return 0;
    if (self_test != 0)
        return self_test_seen(hook) ? chain : 0;
    return scope_has(task) ? chain : 0;
}

#ifndef VEDETTE_PLAIN
/* Calls them one after another: run(handler, call). */
static __always_inline void dispatch_run(struct pt_regs *registers, long ret, __u64 chain,
                                         int (*run)(__u32, struct call *))
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct call call;
    call_read(&call, registers, task, ret);
#pragma unroll
    for (int i = 0; i < CHAIN_HANDLERS; i++) {
        __u32 handler = chain >> (8 * i) & 0xff;
        if (handler == HANDLER_NONE)
            break;
        self_test_note(handler);
        run(handler, &call);
    }
}
#endif

#endif
