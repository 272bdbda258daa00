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

/* The handler that follows `self` in a chain, HANDLER_NONE at its end. */
static __always_inline __u32 chain_next(__u64 chain, __u32 self)
{
#pragma unroll
    for (int i = 0; i < CHAIN_HANDLERS - 1; i++)
        if ((chain & 0xff) != self)
            chain >>= 8;
    return (chain & 0xff) == self ? chain >> 8 & 0xff : HANDLER_NONE;
}

/* A handler's last step: on to the next of its call's chain. `name_` as in handlers.def. */
#define CALL_NEXT_IN(ctx_, table_, chains_, number_, name_)                                                            \
    do {                                                                                                               \
        __u32 number_of_call_ = (number_);                                                                             \
        if (number_of_call_ < SYSCALL_LIMIT) {                                                                         \
            __u32 next_ = chain_next((chains_)[number_of_call_], HANDLER_##name_);                                     \
            if (next_ != HANDLER_NONE) {                                                                               \
                bpf_tail_call(ctx_, table_, next_);                                                                    \
                failure_count(FAILURE_TAIL_CALL);                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)
#define CALL_NEXT(ctx_, call_, name_)       CALL_NEXT_IN(ctx_, &exit_handlers, plan.on_exit, (call_)->number, name_)
#define CALL_NEXT_ENTER(ctx_, call_, name_) CALL_NEXT_IN(ctx_, &enter_handlers, plan.on_enter, (call_)->number, name_)

#endif
