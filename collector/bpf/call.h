/* SPDX-License-Identifier: Apache-2.0 */
/* A system call as sys_enter and sys_exit show it, native, x32 or 32-bit. */
#ifndef VEDETTE_COLLECTOR_BPF_CALL_H
#define VEDETTE_COLLECTOR_BPF_CALL_H

#include "collector/bpf/facts.h"

struct call {
    __u32 number; /* x86-64's */
    bool compat;
    bool narrow; /* pointers inside the caller's memory have 4 bytes: 32-bit, or x32's own numbers */
};

static __always_inline struct call call_of(struct pt_regs *registers, struct task_struct *task)
{
    struct call call;
    unsigned long raw = registers->orig_ax;
    call.compat = task_is_compat(task);
    call.number = call_number(raw, call.compat);
    call.narrow = call.compat || (raw & ~(__u64)X32_BIT) >= X32_FIRST;
    return call;
}

/* Registers cannot be changed by another thread; what they point to can. */
static __always_inline __u64 call_arg(struct pt_regs *registers, struct call *call, __u32 index)
{
    if (call->compat) {
        switch (index) {
        case 0:
            return (__u32)registers->bx;
        case 1:
            return (__u32)registers->cx;
        case 2:
            return (__u32)registers->dx;
        case 3:
            return (__u32)registers->si;
        case 4:
            return (__u32)registers->di;
        default:
            return (__u32)registers->bp;
        }
    }
    switch (index) {
    case 0:
        return registers->di;
    case 1:
        return registers->si;
    case 2:
        return registers->dx;
    case 3:
        return registers->r10;
    case 4:
        return registers->r8;
    default:
        return registers->r9;
    }
}

/* A handler's last step: on to the event of the syscall itself, if that is selected too. */
#define CALL_NEXT(ctx_, call_)                                                                                         \
    do {                                                                                                               \
        if ((call_)->number < SYSCALL_LIMIT && (plan.on_exit[(call_)->number] & ACTION_EVENT) != 0) {                  \
            bpf_tail_call(ctx_, &exit_handlers, HANDLER_syscall);                                                      \
            failure_count(FAILURE_TAIL_CALL);                                                                          \
        }                                                                                                              \
    } while (0)

#endif
