/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/filter.h"

#ifdef VEDETTE_NO_SECCOMP

int filter_load(enum filter_role role, enum filter_reach reach, int exec_fd)
{
    (void)role;
    (void)reach;
    (void)exec_fd;
    return 0;
}

#else

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "common/base/filter.h"

/* What nng's threads over connected sockets, malloc, the log and the queue's eventfds use. Nothing here listens, names
 * a file or a process. */
static const int calls_of_both[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(fcntl),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(getdents64),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(pipe2),
    SCMP_SYS(connect),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(shutdown),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(uname),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* The worker binds itself further than the keeper can: see confine_worker_files. */
static const int calls_of_keeper[] = {SCMP_SYS(wait4),
                                      SCMP_SYS(seccomp),
                                      SCMP_SYS(getpriority),
                                      SCMP_SYS(landlock_create_ruleset),
                                      SCMP_SYS(landlock_add_rule),
                                      SCMP_SYS(landlock_restrict_self)};

static const unsigned long namespace_flags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

static int add_conditional(scmp_filter_ctx context, enum filter_reach reach)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
    size_t n_families = reach != FILTER_IPC ? sizeof(families) / sizeof(families[0]) : 1;
    int error = 0;
    for (size_t i = 0; i < n_families && !error; i++)
        error = filter_allow_if(context, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
    /* Files are only read: /sys/devices/system/cpu for the number of threads. Which ones a filter cannot see; Landlock
     * does (confine_files). */
    if (!error)
        error = filter_allow_if(
            context, SCMP_SYS(openat),
            SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY), O_RDONLY));
    if (!error)
        error = filter_allow_memory(context);
    if (!error)
        error = filter_allow_if(context, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
    /* glibc's resolver asks for both families at once, and how long the answer is. */
    if (!error && reach == FILTER_NAMES)
        error = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(sendmmsg), 0);
    if (!error && reach == FILTER_NAMES)
        error = filter_allow_if(context, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONREAD, 0));
    return error;
}

/* A filter cannot look into clone3's struct: without it, glibc falls back to clone, whose flags can be judged. */
static int add_worker(scmp_filter_ctx context)
{
    return filter_allow_if(context, SCMP_SYS(clone),
                           SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | namespace_flags, CLONE_THREAD));
}

static int add_keeper(scmp_filter_ctx context)
{
    static const int options[] = {PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP};
    int error =
        filter_add(context, SCMP_ACT_ALLOW, calls_of_keeper, sizeof(calls_of_keeper) / sizeof(calls_of_keeper[0]));
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && !error; i++)
        error = filter_allow_if(context, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)options[i], 0));
    if (!error)
        error = filter_allow_if(context, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, namespace_flags, 0));
    if (!error)
        error = filter_allow_if(context, SCMP_SYS(kill), SCMP_A1(SCMP_CMP_EQ, SIGKILL, 0));
    return error;
}

int filter_load(enum filter_role role, enum filter_reach reach, int exec_fd)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!context)
        return -ENOMEM;
    int error = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (!error)
        error = filter_add(context, SCMP_ACT_ALLOW, calls_of_both, sizeof(calls_of_both) / sizeof(calls_of_both[0]));
    if (!error)
        error =
            exec_fd >= 0
                ? filter_kill_hostile_but(context, exec_fd)
                : filter_kill_hostile(context); /* anything else is refused with EPERM, which a library can survive */
    if (!error)
        error = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (!error)
        error = add_conditional(context, reach);
    if (!error)
        error = role == FILTER_KEEPER ? add_keeper(context) : add_worker(context);
    if (!error)
        error = seccomp_load(context);
    seccomp_release(context);
    return error;
}

#endif
