/* SPDX-License-Identifier: Apache-2.0 */
/* The drain's handle on the courier. */
#include "collector/courier/courier.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "collector/courier/keeper.h"
#include "common/wire/limits.h"

struct courier {
    pid_t keeper;
    int alive_fd; /* write end, held and never written */
    int hello_fd; /* write end */
    struct keeper_page *page;
};

enum { REAP_STEP_MS = 10, REAP_STEPS = 200 };

/* Read ends first. */
struct pipes {
    int alive[2], hello[2], status[2];
};

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
}

static void close_pipes(struct pipes *pipes)
{
    close_pair(pipes->alive);
    close_pair(pipes->hello);
    close_pair(pipes->status);
}

static int open_pipes(struct pipes *pipes)
{
    *pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(pipes->alive, O_CLOEXEC) == 0 && pipe2(pipes->hello, O_CLOEXEC) == 0 &&
        pipe2(pipes->status, O_CLOEXEC) == 0)
        return 0;
    int error = -errno;
    close_pipes(pipes);
    return error;
}

static struct courier *new_courier(void)
{
    struct courier *courier = calloc(1, sizeof(*courier));
    if (!courier)
        return NULL;
    courier->alive_fd = courier->hello_fd = -1;
    void *page = mmap(NULL, (size_t)getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        free(courier);
        return NULL;
    }
    courier->page = page;
    return courier;
}

/* The parent's half: keeps its ends, hears how the keeper fared. */
static int follow_keeper(struct courier *courier, struct pipes *pipes)
{
    int status = -ECHILD; /* if it dies without a word */
    close(pipes->status[1]);
    pipes->status[1] = -1;
    ssize_t got;
    do
        got = read(pipes->status[0], &status, sizeof(status));
    while (got < 0 && errno == EINTR);
    courier->alive_fd = pipes->alive[1];
    courier->hello_fd = pipes->hello[1];
    pipes->alive[1] = pipes->hello[1] = -1;
    close_pipes(pipes);
    return status;
}

int courier_fork(const struct courier_settings *settings, struct queue *queue, struct courier **ret_courier)
{
    struct pipes pipes;
    struct courier *courier = new_courier();
    if (!courier)
        return -ENOMEM;
    int error = open_pipes(&pipes);
    if (error) {
        courier_stop(courier);
        return error;
    }
    signal(SIGPIPE, SIG_IGN);
    pid_t drain = getpid();
    courier->keeper = fork();
    if (courier->keeper == 0) {
        struct keeper keeper = {.settings = settings,
                                .queue = queue,
                                .drain = drain,
                                .alive_fd = pipes.alive[0],
                                .hello_fd = pipes.hello[0],
                                .status_fd = pipes.status[1],
                                .page = courier->page};
        keeper_run(&keeper);
    }
    error = courier->keeper < 0 ? -errno : follow_keeper(courier, &pipes);
    if (courier->keeper < 0)
        close_pipes(&pipes);
    if (!error && settings->hello)
        error = courier_send_hello(courier, settings->hello, settings->hello_size);
    if (error) {
        courier_stop(courier);
        return error;
    }
    *ret_courier = courier;
    return 0;
}

static int write_whole(int fd, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = write(fd, (const uint8_t *)bytes + done, size - done);
        if (count < 0 && errno != EINTR)
            return -errno;
        done += count > 0 ? (size_t)count : 0;
    }
    return 0;
}

int courier_send_hello(struct courier *courier, const uint8_t *hello, size_t size)
{
    if (size == 0 || size > WIRE_REQUEST_BYTES)
        return -EMSGSIZE;
    if (courier->hello_fd < 0)
        return -EALREADY;
    uint32_t length = (uint32_t)size;
    int error = write_whole(courier->hello_fd, &length, sizeof(length));
    if (!error)
        error = write_whole(courier->hello_fd, hello, size);
    close(courier->hello_fd);
    courier->hello_fd = -1;
    return error;
}

pid_t courier_keeper(const struct courier *courier)
{
    return courier->keeper;
}

pid_t courier_worker(const struct courier *courier)
{
    return atomic_load(&courier->page->worker);
}

uint32_t courier_canaries(const struct courier *courier)
{
    return atomic_load(&courier->page->canaries);
}

int courier_alive_fd(const struct courier *courier)
{
    return courier->alive_fd;
}

/* The drain has neither the right to signal another uid nor time without end: the closed pipe says it, and SIGKILL
 * follows our own death. */
static void reap_keeper(pid_t keeper)
{
    for (int i = 0; i < REAP_STEPS; i++) {
        if (waitpid(keeper, NULL, WNOHANG) != 0)
            return; /* reaped, or already by the caller */
        poll(NULL, 0, REAP_STEP_MS);
    }
}

void courier_stop(struct courier *courier)
{
    if (!courier)
        return;
    if (courier->hello_fd >= 0)
        close(courier->hello_fd);
    if (courier->alive_fd >= 0)
        close(courier->alive_fd);
    if (courier->keeper > 0)
        reap_keeper(courier->keeper);
    munmap(courier->page, (size_t)getpagesize());
    free(courier);
}
