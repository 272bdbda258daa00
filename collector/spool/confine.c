/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/spool/confine.h"

#ifndef VEDETTE_NO_SECCOMP
#include <errno.h>
#include <seccomp.h>

#include "common/base/filter.h"

/* The file, the eventfds, waiting, the clock, the log's line, and what the C library needs for a thread to end. */
static const int allowed_calls[] = {
    SCMP_SYS(pread64),       SCMP_SYS(pwrite64), SCMP_SYS(fdatasync),       SCMP_SYS(read),
    SCMP_SYS(write),         SCMP_SYS(poll),     SCMP_SYS(ppoll),           SCMP_SYS(futex),
    SCMP_SYS(clock_gettime), SCMP_SYS(madvise),  SCMP_SYS(munmap),          SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),  SCMP_SYS(exit),     SCMP_SYS(restart_syscall), SCMP_SYS(exit_group),
};

int spool_confine(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int error = filter != NULL ? 0 : -ENOMEM;
    if (error == 0)
        error = filter_add(filter, SCMP_ACT_ALLOW, allowed_calls, sizeof(allowed_calls) / sizeof(allowed_calls[0]));
    if (error == 0)
        error = seccomp_load(filter);
    seccomp_release(filter);
    return error;
}
#else
int spool_confine(void)
{
    return 0;
}
#endif
