/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "collector/courier/url.h"
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

const char *confine_files(const struct courier_settings *settings, int exec_fd)
{
    (void)settings;
    (void)exec_fd;
    return "no Landlock";
}

void confine_worker_files(const struct courier_settings *settings)
{
    (void)settings;
}

#else

/* Every right of the first version: all but REFER, which is denied without being named. */
static const uint64_t file_rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

/* What glibc's resolver reads; what is not there is not needed. */
static const char *const resolver_files[] = {"/etc/resolv.conf", "/etc/hosts",    "/etc/nsswitch.conf",
                                             "/etc/host.conf",   "/etc/gai.conf", "/etc/services"};

/* Where there is no such file or folder, nobody can read it either. */
static bool allow(int ruleset, const char *path)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE};
    struct stat facts;
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return true;
    if (fstat(rule.parent_fd, &facts) == 0 && S_ISDIR(facts.st_mode))
        rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
    bool allowed = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return allowed;
}

/* Its folder, since a file is replaced by another of its name; and where it really stands. */
static bool allow_folder_of(int ruleset, const char *path)
{
    char folder[PATH_MAX], real[PATH_MAX];
    bool allowed = true;
    if (path == NULL || path[0] != '/')
        return true;
    snprintf(folder, sizeof(folder), "%s", path);
    if (strrchr(folder, '/') != folder) {
        *strrchr(folder, '/') = '\0';
        allowed = allow(ruleset, folder);
    }
    if (realpath(path, real) != NULL && strrchr(real, '/') != real) {
        *strrchr(real, '/') = '\0';
        allowed = allow(ruleset, real) && allowed;
    }
    return allowed;
}

static bool allow_credentials(int ruleset, const struct courier_settings *settings)
{
    const struct tls_settings *tls = settings->tls;
    bool allowed = allow_folder_of(ruleset, settings->token);
    if (tls == NULL)
        return allowed;
    const char *const paths[] = {tls->ca, tls->certificate, tls->key, tls->crl};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        allowed = allow_folder_of(ruleset, paths[i]) && allowed;
    return allowed;
}

static bool allow_resolver(int ruleset)
{
    bool allowed = true;
    for (size_t i = 0; i < sizeof(resolver_files) / sizeof(resolver_files[0]); i++)
        allowed = allow(ruleset, resolver_files[i]) && allowed;
    return allowed;
}

static bool allow_exec(int ruleset, int fd)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE, .parent_fd = fd};
    return fd < 0 || syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

static int new_ruleset(void)
{
    struct landlock_ruleset_attr rights = {.handled_access_fs = file_rights};
    return (int)syscall(SYS_landlock_create_ruleset, &rights, sizeof(rights), 0);
}

static bool bind_to(int ruleset, bool complete)
{
    bool bound = complete && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    close(ruleset);
    return bound;
}

const char *confine_files(const struct courier_settings *settings, int exec_fd)
{
    int ruleset = new_ruleset();
    if (ruleset < 0)
        return "no Landlock";
    bool complete = allow(ruleset, "/sys/devices/system/cpu") && allow_credentials(ruleset, settings) &&
                    allow_exec(ruleset, exec_fd);
    if (url_is_named(settings->bus_url)) /* for the workers to come, which see less of it */
        complete =
            allow_resolver(ruleset) && allow(ruleset, "/etc") && allow(ruleset, "/run/systemd/resolve") && complete;
    return bind_to(ruleset, complete) ? "Landlock" : "no Landlock";
}

void confine_worker_files(const struct courier_settings *settings)
{
    int ruleset = url_is_named(settings->bus_url) ? new_ruleset() : -1;
    if (ruleset >= 0)
        bind_to(ruleset, allow(ruleset, "/sys/devices/system/cpu") && allow_credentials(ruleset, settings) &&
                             allow_resolver(ruleset));
}

#endif

int confine_to_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return -errno;
    return getppid() == parent ? 0 : -ESRCH; /* it died before we asked to be told */
}
