/* SPDX-License-Identifier: Apache-2.0 */
/* ptrace. */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "integration-tests/events/expect.h"

static void ptrace_line(const char *what, long request, pid_t pid, unsigned long address, unsigned long data)
{
    long long result = result_or_error(syscall(SYS_ptrace, request, pid, address, data));
    struct line line;
    line_begin(&line, "ptrace", what);
    line_result(&line, "ptrace", result);
    line_int(&line, "request", request);
    line_int(&line, "pid", pid);
    line_unsigned(&line, "addr", address);
    line_unsigned(&line, "data", data);
    line_end(&line);
}

static int ptrace_both(void)
{
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    if (child < 0)
        cannot("fork");
    ptrace_line("a child that is seized", PTRACE_SEIZE, child, 0, PTRACE_O_EXITKILL);
    ptrace_line("a process that it does not trace, which fails", PTRACE_PEEKDATA, getpid(), 0x1122334455667788,
                0xfedcba9876543210);
    kill(child, SIGKILL);
    return waitpid(child, NULL, 0) == child ? 0 : 1;
}

void trigger_ptrace(void)
{
    in_child("vt-ptrace", ptrace_both);
}
