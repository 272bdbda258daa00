/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tester/trigger.h"

/* A word of the victim, which is a fork and has it at the same address. */
static volatile long word = 0x766564657474;

static int touch_stopped(pid_t pid, bool poke)
{
    void *address = (void *)(uintptr_t)&word;
    errno = 0;
    long value = ptrace(PTRACE_PEEKTEXT, pid, address, NULL);
    if (errno != 0)
        return trigger_failed("PTRACE_PEEKTEXT");
    /* The same value again: nothing changes. */
    if (poke && ptrace(PTRACE_POKETEXT, pid, address, value) < 0)
        return trigger_failed("PTRACE_POKETEXT");
    return 0;
}

static int touch(bool poke)
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
        r = touch_stopped(pid, poke);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, __WALL);
    return r;
}

static int write_memory(void)
{
    return touch(true);
}

static int read_memory(void)
{
    return touch(false);
}

static int run(void)
{
    return trigger_in_child(write_memory);
}

static int only_read(void)
{
    return trigger_in_child(read_memory);
}

const struct trigger trigger_ptrace_code_injection = {
    .id = "TRC-103",
    .name = "ptrace_code_injection",
    .what = "writes one word of a child's memory back as it was (PTRACE_POKETEXT)",
    .run = run,
    .near_misses = {{"the word is only read (PTRACE_PEEKTEXT)", only_read}},
};
