/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/drain/privilege.h"

#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#ifndef VEDETTE_NO_SECCOMP
#include <seccomp.h>

#include "common/base/filter.h"
#endif

#include "common/base/exit_code.h"
#include "common/base/privilege.h"

#ifndef VEDETTE_NO_SECCOMP
/* What the loop needs: waiting, the clock, memory for the C library, reading descriptors that are open, reaping the
 * keeper, ending. */
static const int allowed_calls[] = {
    SCMP_SYS(epoll_create1),  SCMP_SYS(epoll_ctl),     SCMP_SYS(epoll_wait),      SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),   SCMP_SYS(poll),          SCMP_SYS(ppoll),           SCMP_SYS(read),
    SCMP_SYS(pread64),        SCMP_SYS(write),         SCMP_SYS(lseek),           SCMP_SYS(close),
    SCMP_SYS(futex),          SCMP_SYS(clock_gettime), SCMP_SYS(getrusage),       SCMP_SYS(brk),
    SCMP_SYS(munmap),         SCMP_SYS(mremap),        SCMP_SYS(madvise),         SCMP_SYS(wait4),
    SCMP_SYS(waitid),         SCMP_SYS(kill),          SCMP_SYS(getpid),          SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),  SCMP_SYS(restart_syscall), SCMP_SYS(getrandom),
    SCMP_SYS(exit),           SCMP_SYS(exit_group),    SCMP_SYS(sched_yield),     SCMP_SYS(clock_nanosleep),
    SCMP_SYS(newfstatat),     SCMP_SYS(fstat),
};

static int filter_calls(void)
{
    /* A refused call kills the process: it would mean that something else than our code runs here. */
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r = filter != NULL ? 0 : -ENOMEM;
    if (r == 0)
        r = filter_add(filter, SCMP_ACT_ALLOW, allowed_calls, sizeof(allowed_calls) / sizeof(allowed_calls[0]));
    if (r == 0)
        r = filter_allow_memory(filter);
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return r;
}
#else
static int filter_calls(void)
{
    return 0;
}
#endif

static int refuse(char error[PRIVILEGE_ERROR_BYTES], const char *what, const char *remedy, int number)
{
    snprintf(error, PRIVILEGE_ERROR_BYTES, "%s: %s%s", what, strerror(number), remedy);
    return -EXIT_CODE_PRIVILEGE;
}

static int empty_root(const char *directory, const char **ret_confined, char error[PRIVILEGE_ERROR_BYTES])
{
    *ret_confined = "an empty root";
    if (mkdir(directory, 0555) != 0 && errno != EEXIST)
        return refuse(error, directory, " (needed as an empty root)", errno);
    if (chroot(directory) == 0)
        return chdir("/") == 0 ? 0 : refuse(error, "chdir", "", errno);
    if (errno != EPERM)
        return refuse(error, directory, "", errno);
    *ret_confined = "the present root (CAP_SYS_CHROOT is missing)";
    return 0;
}

int privilege_drop(uid_t uid, gid_t gid, const char *empty_directory, const char **ret_confined,
                   char error[PRIVILEGE_ERROR_BYTES])
{
    int r = empty_root(empty_directory, ret_confined, error);
    if (r != 0)
        return r;
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0)
        return refuse(error, "changing the group", " (CAP_SETGID is needed)", errno);
    if (setresuid(uid, uid, uid) != 0)
        return refuse(error, "changing the user", " (CAP_SETUID is needed)", errno);
    r = privilege_forget_capabilities();
    if (r != 0)
        return refuse(error, "giving up the capabilities", "", -r);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return refuse(error, "PR_SET_DUMPABLE", "", errno);
    return 0;
}

int privilege_filter(char error[PRIVILEGE_ERROR_BYTES])
{
    int r = filter_calls();
    return r == 0 ? 0 : refuse(error, "seccomp", " (a kernel with CONFIG_SECCOMP_FILTER is needed)", -r);
}
