/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "collector/courier/confine.h"
#include "collector/courier/filter.h"
#include "collector/courier/url.h"
#include "collector/courier/worker.h"
#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/events/canaries.h"
#include "common/wire/limits.h"

enum { BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 5000, STEADY_MS = 10000 };

static const uint64_t ms = 1000000;

static enum filter_reach reach_of(const struct courier_settings *settings)
{
    if (url_kind(settings->bus_url) == URL_IPC)
        return FILTER_IPC;
    return url_is_named(settings->bus_url) ? FILTER_NAMES : FILTER_TCP;
}

static int confine(struct keeper *keeper)
{
    prctl(PR_SET_NAME, "vedette-keeper");
    keeper->signal_fd = confine_signals();
    if (keeper->signal_fd < 0)
        return keeper->signal_fd;
    canary_init(&keeper->canary, keeper->settings->canary_helper, keeper->settings->canary_ms);
    int keep[] = {keeper->alive_fd,
                  keeper->hello_fd,
                  keeper->status_fd,
                  keeper->signal_fd,
                  keeper->canary.helper_fd,
                  queue_drain_fd(keeper->queue),
                  queue_worker_fd(keeper->queue)};
    int error = confine_descriptors(keep, sizeof(keep) / sizeof(keep[0]));
    if (error)
        return error;
    queue_keep_worker_side(keeper->queue);
    /* The drain must be able to believe who the worker is: it excludes that process from part of what it watches. */
    if (madvise(keeper->page, (size_t)getpagesize(), MADV_DONTFORK) < 0)
        return -errno;
    error = confine_identity(keeper->settings);
    if (!error)
        error = confine_to_parent(keeper->drain);
    if (error)
        return error;
    keeper->landlock = confine_files(keeper->settings, keeper->canary.helper_fd);
    return filter_load(FILTER_KEEPER, reach_of(keeper->settings), keeper->canary.helper_fd);
}

static _Noreturn void end(struct keeper *keeper, int code)
{
    if (keeper->worker > 0) {
        kill(keeper->worker, SIGKILL);
        waitpid(keeper->worker, NULL, 0);
    }
    _exit(code);
}

/* Waits for the drain's end, `fd`, or the time. True when `fd` is readable; never returns when the drain is gone. */
static bool wait_for(struct keeper *keeper, int fd, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = keeper->alive_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    if (poll(fds, 2, timeout_ms) < 0) {
        if (errno == EINTR)
            return false;
        log_error("courier: the keeper cannot wait any more: %s", strerror(errno)); /* RLIMIT_NOFILE was lowered */
        end(keeper, EXIT_CODE_RUNTIME);
    }
    if (fds[0].revents)
        end(keeper, EXIT_CODE_OK);
    return fds[1].revents != 0;
}

static void read_whole(struct keeper *keeper, void *to, size_t size)
{
    for (size_t got = 0; got < size;) {
        if (!wait_for(keeper, keeper->hello_fd, -1))
            continue;
        ssize_t count = read(keeper->hello_fd, (uint8_t *)to + got, size - got);
        if (count == 0 || (count < 0 && errno != EINTR))
            end(keeper, EXIT_CODE_OK); /* the drain ended before it had anything to deliver */
        got += count > 0 ? (size_t)count : 0;
    }
}

static void read_hello(struct keeper *keeper)
{
    uint32_t size;
    read_whole(keeper, &size, sizeof(size));
    uint8_t *hello = size <= WIRE_REQUEST_BYTES ? malloc(size + 1) : NULL;
    if (!hello) {
        log_error("courier: no room for a hello of %u bytes", size);
        end(keeper, EXIT_CODE_RUNTIME);
    }
    read_whole(keeper, hello, size);
    keeper->hello = hello;
    keeper->hello_size = size;
}

static _Noreturn void become_worker(const struct keeper *keeper, pid_t parent)
{
    prctl(PR_SET_NAME, "vedette-courier");
    if (confine_to_parent(parent) < 0)
        _exit(EXIT_CODE_RUNTIME);
    confine_restore_signals();
    close(keeper->alive_fd);
    close(keeper->hello_fd);
    close(keeper->signal_fd);
    confine_worker_files(keeper->settings);
    int error = filter_load(FILTER_WORKER, reach_of(keeper->settings), -1);
    if (error) {
        log_error("courier: the worker's system call filter cannot be loaded: %s", strerror(-error));
        _exit(EXIT_CODE_KERNEL);
    }
    worker_run(keeper->settings, keeper->queue, keeper->hello, keeper->hello_size, keeper->began_ns);
}

static void start_worker(struct keeper *keeper)
{
    pid_t self = getpid();
    FAULT_POINT(keeper_before_start);
    pid_t child = fork();
    if (child == 0)
        become_worker(keeper, self);
    keeper->started_ns = clock_boot_ns();
    if (child < 0) {
        log_error("courier: the worker cannot be started: %s; trying again", strerror(errno));
        keeper->start_at_ns = keeper->started_ns + BACKOFF_MAX_MS * ms;
        return;
    }
    keeper->worker = child;
    atomic_store(&keeper->page->worker, child);
    FAULT_POINT(keeper_after_start);
}

static void say_how_it_ended(int status, uint32_t backoff_ms)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        log_error("courier: the worker made a system call that it never should and was ended: perhaps it was taken "
                  "over; starting another in %u ms",
                  backoff_ms);
    else if (WIFSIGNALED(status))
        log_warning("courier: the worker was ended by signal %d; starting another in %u ms", WTERMSIG(status),
                    backoff_ms);
    else
        log_warning("courier: the worker ended with code %d; starting another in %u ms", WEXITSTATUS(status),
                    backoff_ms);
}

/* Said when it changes: what cannot be caused here is missed by nobody, or will be. */
static void say_canaries(const struct keeper *keeper)
{
    char names[128];
    if (keeper->canary.interval_ms != 0 && keeper->canary.missing != 0)
        log_warning("courier: no canary can be sent for: %s (vedette-canary beside vedette-collector, %s and a unix "
                    "socket are needed)",
                    canary_names(keeper->canary.missing, names, sizeof(names)), CANARY_FILE);
    else if (keeper->canary.interval_ms != 0)
        log_info("courier: canaries of all families can be sent");
}

static void reap(struct keeper *keeper)
{
    struct signalfd_siginfo info;
    int status;
    while (read(keeper->signal_fd, &info, sizeof(info)) > 0)
        ;
    if (canary_reap(&keeper->canary))
        say_canaries(keeper);
    if (keeper->worker <= 0 || waitpid(keeper->worker, &status, WNOHANG) != keeper->worker)
        return;
    keeper->worker = 0;
    atomic_store(&keeper->page->worker, 0);
    FAULT_POINT(keeper_after_reap);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && queue_is_closing(keeper->queue))
        end(keeper, EXIT_CODE_OK);
    uint64_t now = clock_boot_ns();
    if (now - keeper->started_ns > STEADY_MS * ms)
        keeper->backoff_ms = BACKOFF_MIN_MS;
    say_how_it_ended(status, keeper->backoff_ms);
    keeper->start_at_ns = now + keeper->backoff_ms * ms;
    keeper->backoff_ms = keeper->backoff_ms * 2 < BACKOFF_MAX_MS ? keeper->backoff_ms * 2 : BACKOFF_MAX_MS;
}

static int until_start(const struct keeper *keeper)
{
    if (keeper->worker > 0)
        return -1;
    uint64_t now = clock_boot_ns();
    return keeper->start_at_ns > now ? (int)((keeper->start_at_ns - now) / ms) + 1 : 0;
}

/* What comes first of the next worker's start and the next canary; -1: neither. */
static int until_next(const struct keeper *keeper)
{
    int worker = until_start(keeper), canary = canary_due_ms(&keeper->canary, clock_boot_ns());
    return worker < 0 ? canary : canary < 0 || worker < canary ? worker : canary;
}

void keeper_run(struct keeper *keeper)
{
    keeper->began_ns = clock_boot_ns();
    int error = confine(keeper);
    if (!error && keeper->canary.interval_ms != 0) {
        canary_try(&keeper->canary); /* nothing captures yet: what cannot be caused is to be known before the hello */
        atomic_store(&keeper->page->canaries, canary_possible(&keeper->canary));
    }
    if (write(keeper->status_fd, &error, sizeof(error)) != sizeof(error) || error)
        _exit(EXIT_CODE_PRIVILEGE);
    close(keeper->status_fd);
    log_info("courier: confined (%s)", keeper->landlock);
    if (keeper->canary.missing != 0)
        say_canaries(keeper);
    read_hello(keeper);
    keeper->backoff_ms = BACKOFF_MIN_MS;
    for (;;) {
        if (wait_for(keeper, keeper->signal_fd, until_next(keeper)))
            reap(keeper);
        if (until_start(keeper) == 0)
            start_worker(keeper);
        canary_step(&keeper->canary, clock_boot_ns());
    }
}
