/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/stdout.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>

/*
 * The lock is an eventfd, not a mutex, so that waiting for it can be cancelled too: a stopped reader must not keep the
 * program from ending. Readable means free.
 */
static int lock_fd = -1;
static pthread_once_t lock_once = PTHREAD_ONCE_INIT;

static void make_lock(void)
{
    lock_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
}

/* 0 when `fd` is ready, -ECANCELED, or -errno. */
static int wait_for(int fd, short events, int cancel_fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = cancel_fd, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return -errno;
    return fds[1].revents & POLLIN ? -ECANCELED : 0;
}

static int lock(int cancel_fd)
{
    uint64_t one;
    pthread_once(&lock_once, make_lock);
    if (lock_fd < 0)
        return -EMFILE;
    while (read(lock_fd, &one, sizeof(one)) < 0) {
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        int error = wait_for(lock_fd, POLLIN, cancel_fd);
        if (error)
            return error;
    }
    return 0;
}

static void unlock(void)
{
    uint64_t one = 1;
    if (write(lock_fd, &one, sizeof(one)) < 0)
        abort(); /* cannot fail: the counter was 0 */
}

int stdout_write_until(const char *data, size_t size, int cancel_fd)
{
    int error = lock(cancel_fd);
    if (error)
        return error;
    while (size > 0 && !error) {
        /* A pipe that polls writable takes PIPE_BUF without blocking; more could block beyond the reach of cancel_fd.
         */
        error = wait_for(STDOUT_FILENO, POLLOUT, cancel_fd);
        if (error)
            break;
        ssize_t written = write(STDOUT_FILENO, data, size < PIPE_BUF ? size : PIPE_BUF);
        if (written >= 0) {
            data += written;
            size -= (size_t)written;
        } else if (errno != EINTR && errno != EAGAIN) {
            error = -errno;
        }
    }
    unlock();
    return error;
}

int stdout_write(const char *data, size_t size)
{
    return stdout_write_until(data, size, -1);
}
