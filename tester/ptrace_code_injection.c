/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tester/compat.h"
#include "tester/trigger.h"

/* A word of the victim, which is a fork and has it at the same address. */
static volatile long word = 0x766564657474;

enum way { READ_IT, READ_REGISTERS, WRITE_TEXT, WRITE_DATA, WRITE_COMPAT };

/* 32-bit callers give 32-bit addresses, which this program's own is not: the call is refused, and was made. */
static int poke_compat(pid_t pid)
{
    long result = compat_ptrace(PTRACE_POKETEXT, pid, 0x1000, 0);
    if (result == -ENOSYS)
        return trigger_skipped("this kernel has no 32-bit calls");
    errno = result < 0 ? (int)-result : 0;
    return result == -EIO || result == -EFAULT ? 0 : trigger_failed("PTRACE_POKETEXT by a 32-bit call");
}

static int read_registers(pid_t pid)
{
    char room[1024];
    struct iovec all = {room, sizeof(room)};
    return ptrace(PTRACE_GETREGSET, pid, (void *)(uintptr_t)NT_PRSTATUS, &all) < 0 ? trigger_failed("PTRACE_GETREGSET")
                                                                                   : 0;
}

static int touch_stopped(pid_t pid, enum way way)
{
    if (way == WRITE_COMPAT)
        return poke_compat(pid);
    if (way == READ_REGISTERS)
        return read_registers(pid);

    void *address = (void *)(uintptr_t)&word;
    errno = 0;
    long value = ptrace(PTRACE_PEEKTEXT, pid, address, NULL);
    if (errno != 0)
        return trigger_failed("PTRACE_PEEKTEXT");
    /* The same value again: nothing changes. */
    if (way == WRITE_TEXT && ptrace(PTRACE_POKETEXT, pid, address, value) < 0)
        return trigger_failed("PTRACE_POKETEXT");
    if (way == WRITE_DATA && ptrace(PTRACE_POKEDATA, pid, address, value) < 0)
        return trigger_failed("PTRACE_POKEDATA");
    return 0;
}

static int touch(enum way way)
{
    pid_t pid = fork();
    if (pid < 0)
        return trigger_failed("fork");
    if (pid == 0) {
        for (;;)
            pause();
    }
    int r = 0;
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
        r = trigger_failed("PTRACE_SEIZE");
    else if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
        r = trigger_failed("PTRACE_INTERRUPT");
    else if (waitpid(pid, NULL, __WALL) < 0)
        r = trigger_failed("waiting for the stop");
    else
        r = touch_stopped(pid, way);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, __WALL);
    return r;
}

#define WAY(name_, way_)                                                                                               \
    static int name_(void)                                                                                             \
    {                                                                                                                  \
        return touch(way_);                                                                                            \
    }

WAY(write_text, WRITE_TEXT)
WAY(write_data, WRITE_DATA)
WAY(write_compat, WRITE_COMPAT)
WAY(only_read, READ_IT)
WAY(only_registers, READ_REGISTERS)

const struct trigger trigger_ptrace_code_injection = {
    .id = "TRC-103",
    .name = "ptrace_code_injection",
    .deed = {.what = "writes one word of a child's memory back as it was (PTRACE_POKETEXT)", .run = write_text},
    .evasions = {{.what = "as data (PTRACE_POKEDATA)", .run = write_data},
                 {.what = "by a 32-bit call", .run = write_compat}},
    .near_misses = {{.what = "the word is only read (PTRACE_PEEKTEXT)", .run = only_read},
                    {.what = "its registers are read", .run = only_registers}},
};
