/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tester/compat.h"
#include "tester/trigger.h"

static int trace_me(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? trigger_failed("PTRACE_TRACEME") : 0;
}

static int trace_me_compat(void)
{
    long result = compat_ptrace(PTRACE_TRACEME, 0, 0, 0);
    if (result == -ENOSYS)
        return trigger_skipped("this kernel has no 32-bit calls");
    errno = (int)-result;
    return result < 0 ? trigger_failed("PTRACE_TRACEME") : 0;
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

/* Of a process that it does not trace: refused. */
static int detach_parent(void)
{
    return ptrace(PTRACE_DETACH, getppid(), NULL, NULL) < 0 && errno == ESRCH ? 0 : trigger_failed("PTRACE_DETACH");
}

/* In a child, because its parent becomes its tracer. */
static int run(void)
{
    return trigger_in_child(trace_me);
}

static int by_compat(void)
{
    return trigger_in_child(trace_me_compat);
}

static int traced_by_another(void)
{
    return trigger_in_child(be_seized);
}

const struct trigger trigger_anti_debugging = {
    .id = "TRC-102",
    .name = "anti_debugging",
    .deed = {.what = "a child asks to be traced by its parent (PTRACE_TRACEME)", .run = run},
    .evasions = {{.what = "by a 32-bit call", .run = by_compat}},
    .near_misses = {{.what = "the parent asks to trace it (PTRACE_SEIZE)", .run = traced_by_another},
                    {.what = "the request is another (PTRACE_DETACH)", .run = detach_parent}},
};
