/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vedette-canary: what the keeper's child executes, so that exec and exit have a canary too. Takes its own name, which
 * exec replaced, and ends with the number in argv[1]: what the child could not do (collector/courier/canary.c). Without
 * libc, because a loader would open files, which Landlock forbids, and because it costs least.
 */
#include "common/events/canaries.h"

#include <asm/unistd.h>
#include <linux/prctl.h>

static long call(long number, long first, long second)
{
    long result;
#if defined(__x86_64__)
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = second;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
    result = x0;
#else
#error "a system call of this architecture is needed here"
#endif
    return result;
}

/* The stack as execve leaves it: argc, then argv. */
__attribute__((noreturn, used)) void canary_main(const long *stack);

void canary_main(const long *stack)
{
    static const char name[] = CANARY_COMM;
    const char *const *argv = (const char *const *)(stack + 1);
    long status = 0;
    for (const char *digit = stack[0] > 1 ? argv[1] : ""; *digit >= '0' && *digit <= '9'; digit++)
        status = status * 10 + (*digit - '0');
    call(__NR_prctl, PR_SET_NAME, (long)name);
    for (;;)
        call(__NR_exit_group, status, 0);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call canary_main\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n  mov x29, xzr\n  mov x0, sp\n  bl canary_main\n");
#endif
