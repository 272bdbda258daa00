/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tester/trigger.h"

static int trace_me(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? trigger_failed("PTRACE_TRACEME") : 0;
}

/* In a child, because its parent becomes its tracer. */
static int run(void)
{
    return trigger_in_child(trace_me);
}

static int be_seized(void)
{
    pid_t pid = fork();
    if (pid < 0)
        return trigger_failed("fork");
    if (pid == 0) {
        pause();
        _exit(0);
    }
    int r = ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 ? trigger_failed("PTRACE_SEIZE") : 0;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return r;
}

static int traced_by_another(void)
{
    return trigger_in_child(be_seized);
}

const struct trigger trigger_anti_debugging = {
    .id = "TRC-102",
    .name = "anti_debugging",
    .what = "a child asks to be traced by its parent (PTRACE_TRACEME)",
    .run = run,
    .near_misses = {{"the parent asks to trace it (PTRACE_SEIZE)", traced_by_another}},
};
