/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way in for everything that is seen at the end of a system call. For a call that nobody asked for: one load of its
 * number, one of its byte, and out. Numbers of different ABIs are told apart only when one reading of the number is
 * selected.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/scope.h"

#ifndef VEDETTE_PLAIN
#define HANDLER(name_)
#define AT_EXIT(name_) int exit__##name_(struct call *call);
#define AT_BOTH(name_) int exit__##name_(struct call *call);
#include "collector/bpf/handlers.def"

/* A function, because the chain's eight steps share it. */
__noinline int exit_run(__u32 handler, struct call *call)
{
    switch (handler) {
#define HANDLER(name_)
#define AT_EXIT(name_)                                                                                                 \
    case HANDLER_##name_:                                                                                              \
        return exit__##name_(call);
#define AT_BOTH(name_)                                                                                                 \
    case HANDLER_##name_:                                                                                              \
        return exit__##name_(call);
#include "collector/bpf/handlers.def"
    }
    return 0;
}
#endif

SEC("tp_btf/sys_exit")
int BPF_PROG(tp_btf__sys_exit, struct pt_regs *registers, long last)
{
    /* rt_sigreturn shows -1, which is beyond the limit. */
    __u64 raw = call_raw(registers), index = call_index(raw);
    if (index >= CALL_LIMIT || exit_wanted[index] == 0)
        return 0;
    struct task_struct *task = bpf_get_current_task_btf();
    __u32 number = call_number(raw, task_is_compat(task));
    if (number >= SYSCALL_LIMIT)
        return 0;
    __u64 chain = plan.on_exit[number];
    if (chain == 0)
        return 0;
    if (self_test != 0) {
        self_test_note(task, HOOK_SYS_EXIT);
        if (!self_test_is(task))
            return 0;
    } else if (!scope_has(task)) {
        return 0;
    }
#ifdef VEDETTE_PLAIN
    bpf_tail_call(ctx, &exit_handlers, chain & 0xff);
    failure_count(FAILURE_TAIL_CALL);
#else
    struct call call;
    call_read(&call, registers, task, last);
#pragma unroll
    for (int i = 0; i < CHAIN_HANDLERS; i++) {
        __u32 handler = chain >> (8 * i) & 0xff;
        if (handler == HANDLER_NONE)
            break;
        self_test_note(task, handler);
        exit_run(handler, &call);
    }
#endif
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
