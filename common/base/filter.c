/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_NO_SECCOMP

#include "common/base/filter.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

static const int hostile[] = {
    SCMP_SYS(execve),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
};

int filter_add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++)
        error = seccomp_rule_add(filter, action, calls[i], 0);
    return error;
}

int filter_allow_if(scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, condition);
}

int filter_kill_hostile(scmp_filter_ctx filter)
{
    int error = filter_add(filter, SCMP_ACT_KILL_PROCESS, hostile, sizeof(hostile) / sizeof(hostile[0]));
    return error != 0 ? error : seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(execveat), 0);
}

int filter_kill_hostile_but(scmp_filter_ctx filter, int exec_fd)
{
    const struct scmp_arg_cmp of_it = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)exec_fd, 0);
    const struct scmp_arg_cmp itself = SCMP_A4(SCMP_CMP_EQ, AT_EMPTY_PATH, 0);
    int error = filter_add(filter, SCMP_ACT_KILL_PROCESS, hostile, sizeof(hostile) / sizeof(hostile[0]));
    if (error == 0)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(execveat), 2, of_it, itself);
    if (error == 0)
        error = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(execveat), 1,
                                 SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)exec_fd, 0));
    return error;
}

int filter_allow_memory(scmp_filter_ctx filter)
{
    int error = filter_allow_if(filter, SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
#ifdef VEDETTE_FAULTS /* which dies by its own hand; every filter comes by here */
    if (error == 0)
        error = filter_allow_if(filter, SCMP_SYS(kill), SCMP_A1(SCMP_CMP_EQ, SIGKILL, 0));
#endif
    return error != 0 ? error : filter_allow_if(filter, SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

#else

typedef int filter_is_left_out;

#endif
