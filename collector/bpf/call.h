/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A system call as sys_enter and sys_exit show it, native, x32 or 32-bit, and its handlers.
 *
 *   EXIT_HANDLER(file_open)
 *   {
 *       ... call->number, call->args[0], call->ret ...
 *       return 0;
 *   }
 *
 * makes the handler of that name in handlers.def; ENTER_HANDLER its half on sys_enter. A handler is a function of its
 * own (a global one, which the verifier looks at once) that the dispatcher calls: what several handlers share, the
 * verifier then looks at once for all of them, which is most of the time that a start takes. In the plain flavour,
 * whose kernels cannot do that, each is a program that is reached by tail call.
 */
#ifndef VEDETTE_COLLECTOR_BPF_CALL_H
#define VEDETTE_COLLECTOR_BPF_CALL_H

#include "collector/bpf/events.h"
#include "collector/bpf/facts.h"
#include "collector/bpf/scope.h"

#include <bpf/bpf_tracing.h>

struct call {
    __u64 args[SYSCALL_ARGS + 1]; /* one more: an argument may be looked at together with the next */
    __u64 ip, sp;                 /* of the caller */
    __s64 ret;                    /* 0 before the call */
    __u32 number;                 /* ours */
    __u8 compat;
    __u8 narrow;      /* pointers inside the caller's memory have 4 bytes: 32-bit, or x32's own numbers */
    __u8 short_times; /* times inside it have two numbers of 32 bits */
    __u8 pad;
};

enum {
    NUMBER_CLONE = 56,
    FIRST_TIME64 = 403, /* clock_gettime64 of every 32-bit ABI: that one and those after it take 64-bit times */
};

/* Registers cannot be changed by another thread; what they point to can. `registers` may be any task's (LOAD). */
static __always_inline void call_read(struct call *call, struct pt_regs *registers, struct task_struct *task, long ret)
{
    __u64 raw = call_raw_read(registers);
    call->compat = FORGET(task_is_compat(task));
    call->number = FORGET(call_number(raw, call->compat));
    call->narrow = FORGET(call->compat || call_is_x32(raw));
    call->short_times = FORGET(call->compat && (__u32)raw < FIRST_TIME64);
    call->ret = ret;
    call->ip = call_ip(registers);
    call->sp = call_sp(registers, call->compat);
    call_args(call->args, registers, call->compat);
    /* Shown in the order of x86-64. */
    if (call->number == NUMBER_CLONE && clone_is_backwards(call->compat)) {
        __u64 tls = call->args[3];
        call->args[3] = call->args[4];
        call->args[4] = tls;
    }
#pragma unroll
    for (int i = 0; i < SYSCALL_ARGS; i++)
        call->args[i] = FORGET(call->args[i]);
    call->args[6] = 0;
    call->pad = 0;
}

static __always_inline bool call_is_mmap(struct call *call)
{
    return call->number == EVENT_mmap || call->number == EVENT_mmap2;
}

/* i386's old mmap (90) points to its six arguments: these take the registers' place. */
static __always_inline void call_spread_mmap(struct call *call)
{
    __u32 old[SYSCALL_ARGS] = {0};
    if (!call->compat || call->number != EVENT_mmap)
        return;
    bpf_probe_read_user(old, sizeof(old), (void *)call->args[0]);
    for (int i = 0; i < SYSCALL_ARGS; i++)
        call->args[i] = old[i];
}

#ifdef VEDETTE_PLAIN
/* The handler that follows `self` in a chain, HANDLER_NONE at its end. */
static __always_inline __u32 chain_next(__u64 chain, __u32 self)
{
#pragma unroll
    for (int i = 0; i < CHAIN_HANDLERS - 1; i++)
        if ((chain & 0xff) != self)
            chain >>= 8;
    return (chain & 0xff) == self ? chain >> 8 & 0xff : HANDLER_NONE;
}

/* The call lies in memory that the compiler knows nothing of: a field that it kept in a register would be told apart by
 * each value that it was compared with (FORGET). */
#define HANDLER_PROGRAM(half_, hook_, table_, chains_, name_, ret_)                                                    \
    static __always_inline int half_##_of__##name_(struct call *call);                                                 \
    SEC("tp_btf/" hook_)                                                                                               \
    int BPF_PROG(half_##__##name_, struct pt_regs *registers, long last)                                               \
    {                                                                                                                  \
        struct task_struct *task = bpf_get_current_task_btf();                                                         \
        struct call storage, *call = &storage;                                                                         \
        call_read(call, registers, task, ret_);                                                                        \
        asm volatile("" : "+r"(call) : : "memory");                                                                    \
        self_test_note(HANDLER_##name_);                                                                               \
        half_##_of__##name_(call);                                                                                     \
        __u32 number = call->number;                                                                                   \
        __u32 next = number < SYSCALL_LIMIT ? chain_next((chains_)[number], HANDLER_##name_) : HANDLER_NONE;           \
        if (next != HANDLER_NONE) {                                                                                    \
            bpf_tail_call(ctx, table_, next);                                                                          \
            failure_count(FAILURE_TAIL_CALL);                                                                          \
        }                                                                                                              \
        return 0;                                                                                                      \
    }                                                                                                                  \
    static __always_inline int half_##_of__##name_(struct call *call)
#define EXIT_HANDLER(name_)  HANDLER_PROGRAM(exit, "sys_exit", &exit_handlers, plan.on_exit, name_, last)
#define ENTER_HANDLER(name_) HANDLER_PROGRAM(enter, "sys_enter", &enter_handlers, plan.on_enter, name_, 0)
#else
/* One that is not wanted is empty for the verifier: `enabled_` is known to it, and it must see that call is there. */
#define HANDLER_FUNCTION(half_, enabled_, name_)                                                                       \
    static __always_inline int half_##_of__##name_(struct call *call);                                                 \
    __noinline int half_##__##name_(struct call *call)                                                                 \
    {                                                                                                                  \
        if (!(enabled_)[HANDLER_##name_] || call == NULL)                                                              \
            return 0;                                                                                                  \
        return half_##_of__##name_(call);                                                                              \
    }                                                                                                                  \
    static __always_inline int half_##_of__##name_(struct call *call)
#define EXIT_HANDLER(name_)  HANDLER_FUNCTION(exit, exit_enabled, name_)
#define ENTER_HANDLER(name_) HANDLER_FUNCTION(enter, enter_enabled, name_)
#endif

#endif
