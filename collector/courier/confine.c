/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include "common/base/privilege.h"

int confine_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        if (signal(ignored[i], SIG_IGN) == SIG_ERR)
            return -errno;
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    if (signal(SIGCHLD, SIG_DFL) == SIG_ERR || sigprocmask(SIG_SETMASK, &children, NULL) < 0)
        return -errno;
    int fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void confine_restore_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with these arguments */
}

static int compare_fds(const void *left, const void *right)
{
    int a = *(const int *)left, b = *(const int *)right;
    return (a > b) - (a < b);
}

/* close_range(2) by number: in Debian 12's libc, but seccomp and older kernels (5.9 brought it) speak in numbers. */
static int close_from_to(unsigned int first, unsigned int last)
{
    if (first > last)
        return 0;
    return syscall(SYS_close_range, first, last, 0) < 0 ? -errno : 0;
}

int confine_descriptors(int *keep, size_t count)
{
    /* Taken, not closed: the next socket would get the number and a stray printf would write into it. */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        return -errno;
    qsort(keep, count, sizeof(*keep), compare_fds);
    unsigned int next = STDERR_FILENO + 1;
    for (size_t i = 0; i < count; i++) {
        if (keep[i] < (int)next)
            continue;
        int error = close_from_to(next, (unsigned int)keep[i] - 1);
        if (error)
            return error;
        next = (unsigned int)keep[i] + 1;
    }
    return close_from_to(next, ~0u);
}

/* Needs CAP_SETPCAP, which the collector is not asked to have: a belt that may be missing, since no_new_privs holds
 * anyway. */
static void drop_bounding_set(void)
{
    for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++)
        ;
}

int confine_identity(const struct courier_settings *settings)
{
    gid_t group = settings->bus_gid;
    drop_bounding_set();
    if ((settings->uid || settings->gid || settings->bus_gid) && setgroups(group != 0, &group) < 0)
        return -errno;
    if (settings->gid && setresgid(settings->gid, settings->gid, settings->gid) < 0)
        return -errno;
    if (settings->uid && setresuid(settings->uid, settings->uid, settings->uid) < 0)
        return -errno;
    int error = privilege_forget_capabilities();
    if (error)
        return error;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

#ifdef VEDETTE_NO_SECCOMP

const char *confine_files(void)
{
    return "no Landlock";
}

#else

/* Every right of the first version: all but REFER, which is denied without being named. */
static const uint64_t file_rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

/* Where there is no such folder, nobody can read it either. */
static bool allow_processors(int ruleset)
{
    struct landlock_path_beneath_attr rule = {.allowed_access =
                                                  LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR};
    rule.parent_fd = open("/sys/devices/system/cpu", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return true;
    bool allowed = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return allowed;
}

const char *confine_files(void)
{
    struct landlock_ruleset_attr rights = {.handled_access_fs = file_rights};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rights, sizeof(rights), 0);
    if (ruleset < 0)
        return "no Landlock";
    bool bound = allow_processors(ruleset) && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    close(ruleset);
    return bound ? "Landlock" : "no Landlock";
}

#endif

int confine_to_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return -errno;
    return getppid() == parent ? 0 : -ESRCH; /* it died before we asked to be told */
}
