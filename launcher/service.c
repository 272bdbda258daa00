/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/base/exit_code.h"

enum { MAX_ENVIRONMENT = 8 };

int service_open(struct service *service, const char *folder, char *error, size_t error_size)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, service->name) < 0)
        return -ENOMEM;
    service->program = open(path, O_PATH | O_CLOEXEC);
    int r = service->program < 0 ? -errno : 0;
    struct stat status;
    if (r == 0 && (fstat(service->program, &status) < 0 || !S_ISREG(status.st_mode) || (status.st_mode & 0111) == 0))
        r = -EACCES;
    if (r < 0)
        snprintf(error, error_size, "cannot use the program %s: %s; build it with ./dev build", path, strerror(-r));
    free(path);
    return r;
}

void service_argument(struct service *service, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    if (service->argc == SERVICE_MAX_ARGUMENTS || vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    service->argv[service->argc++] = text;
    service->argv[service->argc] = NULL;
}

int service_listen(struct service *service, const char *directory)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(service->notify_path, sizeof(service->notify_path), "%s/notify/%s", directory, service->name);
    memcpy(address.sun_path, service->notify_path, sizeof(service->notify_path));
    service->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (service->notify < 0)
        return -errno;
    int on = 1;
    if (bind(service->notify, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        setsockopt(service->notify, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
        /* Anybody may send; only messages whose credentials fit count. */
        chmod(service->notify_path, 0666) < 0)
        return -errno;
    return 0;
}

/*
 * The caller's environment is not for programs of other privilege. What the sanitizers of a development build are told
 * is the exception.
 */
static void make_environment(const struct service *service, char *ret_environment[MAX_ENVIRONMENT], char *notify,
                             size_t notify_size)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", language[] = "LANG=C.UTF-8";
    static const char *const kept[] = {
        "ASAN_OPTIONS=",   "UBSAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS=",
#ifdef VEDETTE_FAULTS
        "VEDETTE_FAULTS=", /* common/base/fault.h */
#endif
    };
    size_t count = 0;
    snprintf(notify, notify_size, "NOTIFY_SOCKET=%s", service->notify_path);
    ret_environment[count++] = path;
    ret_environment[count++] = language;
    ret_environment[count++] = notify;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        for (char **e = environ; *e != NULL; e++)
            if (strncmp(*e, kept[i], strlen(kept[i])) == 0 && count < MAX_ENVIRONMENT - 1)
                ret_environment[count++] = *e;
    ret_environment[count] = NULL;
}

static int drop_privilege(const struct service *service)
{
    if (service->uid == 0)
        return 0;
    gid_t groups[] = {service->group};
    if (setgroups(1, groups) < 0 || setresgid(service->gid, service->gid, service->gid) < 0 ||
        setresuid(service->uid, service->uid, service->uid) < 0)
        return -1;
    /* Leaving uid 0 cleared all but the inheritable set. */
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    if (syscall(SYS_capset, &header, none) < 0)
        return -1;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* 582f1fb6b721 "fs, close_range: add flag CLOSE_RANGE_CLOEXEC" (5.11): before it, one by one. */
static int close_on_exec_from(int first)
{
    struct rlimit limit;
    if (syscall(SYS_close_range, (unsigned)first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return 0;
    if (errno != EINVAL || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -1;
    for (int fd = first; (rlim_t)fd < limit.rlim_cur; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 && errno != EBADF)
            return -1;
    return 0;
}

static void child_main(const struct service *service, const sigset_t *mask)
{
    char notify[128];
    char *environment[MAX_ENVIRONMENT];
    make_environment(service, environment, notify, sizeof(notify));
    setsid(); /* out of the terminal's reach: Ctrl-C is the launcher's, which ends things in order */
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || (!service->owns_stdout && dup2(STDERR_FILENO, STDOUT_FILENO) < 0))
        goto fail;
    umask(022);
    if (chdir("/") < 0 || sigprocmask(SIG_SETMASK, mask, NULL) < 0 || close_on_exec_from(3) < 0 ||
        drop_privilege(service) < 0)
        goto fail;
    /* A path would be looked up as the new user, and /run may be mounted noexec, so no copy there either. */
    syscall(SYS_execveat, service->program, "", service->argv, environment, AT_EMPTY_PATH);
fail:
    dprintf(STDERR_FILENO, "vedette-run: error: cannot start %s: %s\n", service->name, strerror(errno));
    _exit(EXIT_CODE_RUNTIME);
}

int service_start(struct service *service, const sigset_t *mask)
{
    service_read_notify(service); /* what an earlier life still said is not this one's */
    service->ready = false;
    service->ended = false;
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        child_main(service, mask);
    service->pid = pid;
    return 0;
}

static bool allowed(const struct service *service, struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS)
        return false;
    struct ucred credentials;
    memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
    return credentials.uid == 0 || credentials.uid == service->notify_uid;
}

void service_read_notify(struct service *service)
{
    for (;;) {
        char text[512];
        union {
            char bytes[CMSG_SPACE(sizeof(struct ucred))];
            struct cmsghdr align;
        } control;
        struct iovec vector = {.iov_base = text, .iov_len = sizeof(text) - 1};
        struct msghdr message = {
            .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        ssize_t got = recvmsg(service->notify, &message, MSG_CMSG_CLOEXEC);
        if (got < 0)
            return;
        text[got] = '\0';
        if (!allowed(service, &message))
            continue;
        char *rest = text;
        for (char *line; (line = strsep(&rest, "\n")) != NULL;)
            if (strcmp(line, "READY=1") == 0)
                service->ready = true;
    }
}

bool service_reap(struct service *service)
{
    siginfo_t info = {0};
    if (service->pid <= 0 || waitid(P_PID, (id_t)service->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
        info.si_pid == 0)
        return false;
    /* While the leader is unreaped its number cannot be another group's. */
    kill(-service->pid, SIGKILL);
    waitpid(service->pid, &service->status, 0);
    service->pid = 0;
    service->ended = true;
    return true;
}

void service_signal(struct service *service, int signal)
{
    if (service->pid > 0)
        kill(service->pid, signal);
}

void service_kill(struct service *service)
{
    if (service->pid <= 0)
        return;
    kill(-service->pid, SIGKILL);
    kill(service->pid, SIGKILL); /* it may not have reached setsid */
    waitpid(service->pid, &service->status, 0);
    service->pid = 0;
    service->ended = true;
}

void service_close(struct service *service)
{
    service_kill(service);
    if (service->program >= 0)
        close(service->program);
    if (service->notify >= 0)
        close(service->notify);
    service->program = service->notify = -1;
    for (size_t i = 0; i < service->argc; i++)
        free(service->argv[i]);
    service->argc = 0;
}

static const char *exit_words(int code)
{
    switch (code) {
    case EXIT_CODE_OK:
        return "no error";
    case EXIT_CODE_USAGE:
        return "usage or configuration";
    case EXIT_CODE_KERNEL:
        return "the kernel cannot";
    case EXIT_CODE_PRIVILEGE:
        return "privilege missing";
    case EXIT_CODE_IN_USE:
        return "in use";
    case EXIT_CODE_STATE:
        return "state unusable";
    default:
        return "runtime";
    }
}

void service_describe_end(const struct service *service, char *text, size_t size)
{
    if (WIFSIGNALED(service->status))
        snprintf(text, size, "was killed by signal %d (%s)", WTERMSIG(service->status),
                 strsignal(WTERMSIG(service->status)));
    else
        snprintf(text, size, "ended with exit code %d (%s)", WEXITSTATUS(service->status),
                 exit_words(WEXITSTATUS(service->status)));
}
