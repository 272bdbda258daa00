/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "launcher/directory.h"

enum {
    MAX_GROUPS = 64,
    PATIENCE_TENTHS = 120, /* the collector delivers for up to 10 s after SIGTERM */
    GOODBYE = 0,
};

static bool any_alive(const pid_t *groups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (kill(-groups[i], 0) == 0)
            return true;
    return false;
}

static void signal_all(const pid_t *groups, size_t count, int signal)
{
    for (size_t i = 0; i < count; i++)
        kill(-groups[i], signal);
}

static void guard_main(const char *directory, int fd)
{
    pid_t groups[MAX_GROUPS];
    size_t count = 0;
    for (pid_t group; read(fd, &group, sizeof(group)) == (ssize_t)sizeof(group);) {
        if (group == GOODBYE)
            _exit(0);
        groups[count++ % MAX_GROUPS] = group; /* after many restarts the oldest are long dead */
    }
    count = count < MAX_GROUPS ? count : MAX_GROUPS;
    signal_all(groups, count, SIGTERM);
    for (int i = 0; i < PATIENCE_TENTHS && any_alive(groups, count); i++)
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    signal_all(groups, count, SIGKILL);
    directory_remove(directory);
    _exit(0);
}

int guard_start(const char *directory, struct guard *ret_guard)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid < 0) {
        int saved = errno;
        close(fds[0]);
        close(fds[1]);
        return -saved;
    }
    if (pid == 0) {
        close(fds[1]);
        setsid();     /* Ctrl-C is the launcher's */
        sigset_t all; /* a signal to everybody must not end it before its work is done */
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        guard_main(directory, fds[0]);
    }
    close(fds[0]);
    *ret_guard = (struct guard){.pid = pid, .fd = fds[1]};
    return 0;
}

static void tell(struct guard *guard, pid_t group)
{
    /* A guard that somebody killed is no reason to fail the run: SIGPIPE is blocked by the launcher. */
    if (write(guard->fd, &group, sizeof(group)) < 0)
        return;
}

void guard_watch(struct guard *guard, pid_t group)
{
    tell(guard, group);
}

void guard_stop(struct guard *guard)
{
    if (guard->pid <= 0)
        return;
    tell(guard, GOODBYE);
    close(guard->fd);
    waitpid(guard->pid, NULL, 0);
    guard->pid = 0;
}
