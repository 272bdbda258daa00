/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where architectures differ: the saved registers of a system call (types.h), the mark of a 32-bit caller, and what a
 * number means. Each has the same functions, and bpf_flags of CMakeLists.txt chooses:
 *
 *   call_raw      the number as the call's own ABI has it; what is not a call is beyond CALL_LIMIT
 *   call_raw_read the same of registers at any address
 *   call_index    where exit_wanted and enter_wanted are looked up for it
 *   call_number   ours (common/events/syscalls.def), NO_SYSCALL if there is none
 *   call_is_x32   numbers of x86-64's ABI with pointers of 32 bits
 *   call_args     the six arguments
 *   call_ip, call_sp  where the caller is, and its stack
 *   clone_is_backwards  whether clone takes tls before child_tid (CONFIG_CLONE_BACKWARDS)
 *   task_is_compat
 *   EXEC_KEEPS_NUMBER  whether a call that executed a program still shows the number that it had in its caller's ABI
 *   exec_ran_before  whether the number is that of an exec whose caller had the other ABI than its new program
 */
#ifndef VEDETTE_COLLECTOR_BPF_REGISTERS_H
#define VEDETTE_COLLECTOR_BPF_REGISTERS_H

#include "collector/bpf/core_compat.h"
#include "collector/bpf/maps.h"

#if defined(__TARGET_ARCH_x86)

enum { X32_BIT = 0x40000000 };

static __always_inline bool task_is_compat(struct task_struct *task)
{
    return (LOAD(task, thread_info.status) & TS_COMPAT) != 0;
}

#define call_raw(registers_)         ((__u64)(__u32)(registers_)->orig_ax)
#define call_raw_read(registers_)    ((__u64)(__u32)LOAD(registers_, orig_ax))
#define call_index(raw_)             ((raw_) & ~(__u64)X32_BIT)
#define call_is_x32(raw_)            (call_index(raw_) >= X32_FIRST)
#define call_ip(registers_)          LOAD(registers_, ip)
#define call_sp(registers_, compat_) LOAD(registers_, sp)

static __always_inline __u32 call_number(__u64 raw, bool compat)
{
    __u64 index = call_index(raw);
    if (compat) {
        index = (__u32)index;
        return index < SYSCALL_LIMIT ? calls.from_compat[index] : NO_SYSCALL;
    }
    if (index < X32_FIRST)
        return index;
    index -= X32_FIRST;
    return index < X32_LIMIT ? calls.from_x32[index] : NO_SYSCALL;
}

static __always_inline void call_args(__u64 *args, struct pt_regs *registers, bool compat)
{
    if (compat) {
        args[0] = (__u32)LOAD(registers, bx);
        args[1] = (__u32)LOAD(registers, cx);
        args[2] = (__u32)LOAD(registers, dx);
        args[3] = (__u32)LOAD(registers, si);
        args[4] = (__u32)LOAD(registers, di);
        args[5] = (__u32)LOAD(registers, bp);
    } else {
        args[0] = LOAD(registers, di);
        args[1] = LOAD(registers, si);
        args[2] = LOAD(registers, dx);
        args[3] = LOAD(registers, r10);
        args[4] = LOAD(registers, r8);
        args[5] = LOAD(registers, r9);
    }
}

static __always_inline bool clone_is_backwards(bool compat)
{
    return compat;
}

/* set_personality_64bit and _ia32 of arch/x86/kernel/process_64.c let it look as if the new program had made the call.
 */
enum { EXEC_KEEPS_NUMBER = false };

static __always_inline bool exec_ran_before(__u64 raw, bool compat)
{
    return false;
}

#elif defined(__TARGET_ARCH_arm64)

static __always_inline bool task_is_compat(struct task_struct *task)
{
    return (LOAD(task, thread_info.flags) & TIF_32BIT) != 0;
}

/* NO_SYSCALL of arch/arm64, -1, is beyond the limit too: unsigned. */
#define call_raw(registers_)         ((__u64)(__u32)(registers_)->syscallno)
#define call_raw_read(registers_)    ((__u64)(__u32)LOAD(registers_, syscallno))
#define call_index(raw_)             (raw_)
#define call_is_x32(raw_)            false
#define call_ip(registers_)          LOAD(registers_, pc)
/* r13 is the stack pointer of 32-bit ARM. */
#define call_sp(registers_, compat_) ((compat_) ? LOAD(registers_, regs[13]) : LOAD(registers_, sp))

static __always_inline __u32 call_number(__u64 raw, bool compat)
{
    if (raw >= SYSCALL_LIMIT)
        return NO_SYSCALL;
    return compat ? calls.from_compat[raw] : calls.from_native[raw];
}

/* x0 takes the result, so the first argument is what it was at the beginning: a tracer that changes it is not seen. */
static __always_inline void call_args(__u64 *args, struct pt_regs *registers, bool compat)
{
    __u64 mask = compat ? 0xffffffff : ~0ULL;
    args[0] = LOAD(registers, orig_x0) & mask;
    args[1] = LOAD(registers, regs[1]) & mask;
    args[2] = LOAD(registers, regs[2]) & mask;
    args[3] = LOAD(registers, regs[3]) & mask;
    args[4] = LOAD(registers, regs[4]) & mask;
    args[5] = LOAD(registers, regs[5]) & mask;
}

static __always_inline bool clone_is_backwards(bool compat)
{
    return true;
}

/* start_thread_common of arch/arm64 keeps it, and the task is the new program's already. */
enum { EXEC_KEEPS_NUMBER = true };

static __always_inline bool exec_ran_before(__u64 raw, bool compat)
{
    enum { EXECVE = 221, EXECVEAT = 281, EXECVE_32 = 11, EXECVEAT_32 = 387 };
    return compat ? raw == EXECVE || raw == EXECVEAT : raw == EXECVE_32 || raw == EXECVEAT_32;
}

#else
#error "the registers of this architecture are not known"
#endif

#endif
