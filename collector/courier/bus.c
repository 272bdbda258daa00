/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/bus.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <nng/transport/tls/tls.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "collector/courier/url.h"
#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/fault.h"
#include "common/wire/limits.h"

struct bus {
    char url[URL_BYTES];
    int timeout_ms, redial_min_ms, redial_max_ms;
    nng_socket socket;
    nng_dialer dialer;
    bool is_open, is_dialing;
    uint64_t dials, dials_ns; /* how often nng dialed in vain or not, and when that was seen to have changed */
    _Atomic uint32_t current; /* the pipe that there is now, 0 none; written by nng's threads */
    uint32_t pipe;            /* the one that we use; 0 none */
    nng_aio *aio;
    int reply_fd;  /* written by nng's thread when the receive has ended */
    int change_fd; /* written by nng's threads when `current` changes */
    nng_msg *reply;
};

enum {
    DIAL_MS = 10000,      /* nng gives the other end as long to say what it is */
    DIAL_TCP_MS = 140000, /* and Linux as long to answer at all: tcp_syn_retries */
    SEND_MS = 1000,       /* with a connection a send is done at once; it waits only when that broke just now */
    ATTACH_MS = 200,      /* from the end of dialing to the pipe's event, on a machine that has other things to do */
    HANG_UP_MS = 5000,    /* from closing a pipe to the end of the receive: nng needs no peer for it */
};

static void signal_event(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: it is readable */
}

static void clear_event(int fd)
{
    uint64_t count;
    if (read(fd, &count, sizeof(count)) < 0)
        return; /* it was clear */
}

/* On a thread of nng. */
static void on_reply(void *argument)
{
    signal_event(((struct bus *)argument)->reply_fd);
}

/* On a thread of nng. A dialer has one pipe at a time, but the old one's end may be told after the new one's beginning.
 */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct bus *bus = argument;
    uint32_t id = (uint32_t)nng_pipe_id(pipe);
    if (event == NNG_PIPE_EV_ADD_POST)
        atomic_store(&bus->current, id);
    else
        atomic_compare_exchange_strong(&bus->current, &id, 0);
    signal_event(bus->change_fd);
}

static int configure(struct bus *bus)
{
    int error = nng_socket_set_ms(bus->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    if (!error)
        error = nng_socket_set_ms(bus->socket, NNG_OPT_SENDTIMEO, SEND_MS);
    if (!error)
        error = nng_socket_set_size(bus->socket, NNG_OPT_RECVMAXSZ, WIRE_REPLY_BYTES);
    if (!error)
        error = nng_pipe_notify(bus->socket, NNG_PIPE_EV_ADD_POST, on_pipe, bus);
    if (!error)
        error = nng_pipe_notify(bus->socket, NNG_PIPE_EV_REM_POST, on_pipe, bus);
    if (!error)
        error = nng_dialer_create(&bus->dialer, bus->socket, bus->url);
    if (!error)
        error = nng_dialer_set_ms(bus->dialer, NNG_OPT_RECONNMINT, bus->redial_min_ms);
    if (!error)
        error = nng_dialer_set_ms(bus->dialer, NNG_OPT_RECONNMAXT, bus->redial_max_ms);
    return error;
}

struct bus *bus_new(const char *url, uint32_t timeout_ms, uint32_t redial_min_ms, uint32_t redial_max_ms)
{
    struct bus *bus = calloc(1, sizeof(*bus));
    if (!bus)
        return NULL;
    url_for_dialer(url, bus->url);
    nng_tls_register(); /* Debian's nng knows tls+tcp:// only then */
    bus->timeout_ms = (int)timeout_ms;
    bus->redial_min_ms = (int)redial_min_ms;
    bus->redial_max_ms = (int)redial_max_ms;
    bus->reply_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bus->change_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bus->reply_fd >= 0 && bus->change_fd >= 0 && nng_aio_alloc(&bus->aio, on_reply, bus) == 0)
        return bus;
    if (bus->reply_fd >= 0)
        close(bus->reply_fd);
    if (bus->change_fd >= 0)
        close(bus->change_fd);
    free(bus);
    errno = ENOMEM;
    return NULL;
}

static bool wait_readable(int fd, int timeout_ms)
{
    uint64_t end = clock_boot_ns() + (uint64_t)timeout_ms * 1000000;
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    for (;;) {
        uint64_t now = clock_boot_ns();
        int left = now < end ? (int)((end - now) / 1000000) + 1 : 0;
        int ready = poll(&pollfd, 1, left);
        if (ready > 0 || left == 0)
            return ready > 0;
    }
}

static int open_socket(struct bus *bus)
{
    if (bus->is_open)
        return 0;
    int error = nng_req0_open(&bus->socket);
    bus->is_open = error == 0;
    if (!error)
        error = configure(bus);
    if (error && bus->is_open) { /* never dialed: may be closed */
        nng_close(bus->socket);
        bus->is_open = false;
    }
    return error;
}

int bus_use_tls(struct bus *bus, struct nng_tls_config *config)
{
    int error = open_socket(bus);
    if (!error)
        error = nng_dialer_set_ptr(bus->dialer, NNG_OPT_TLS_CONFIG, config);
    nng_tls_config_free(config); /* the dialer holds it */
    return error ? -EIO : 0;
}

static int dial(struct bus *bus)
{
    int error = open_socket(bus);
    if (!error)
        error = nng_dialer_start(bus->dialer,
                                 0); /* waits, and may be tried again; nng gives the other end 10 s to say what it is */
    if (error == NNG_ESTATE)
        _exit(EXIT_CODE_RUNTIME); /* as in end_when_nobody_dials: it never tries again, and says that it does */
    bus->is_dialing = error == 0;
    return error;
}

/* Every attempt of the dialer's, by nng's own count; 0 when that cannot be had. */
static uint64_t count_dials(const struct bus *bus)
{
    static const char *const outcomes[] = {"connect", "refused", "disconnect", "canceled", "other",
                                           "timeout", "proto",   "auth",       "oom"};
    nng_stat *all;
    uint64_t count = 0;
    if (nng_stats_get(&all) != 0)
        return 0;
    nng_stat *dialer = nng_stat_find_dialer(all, bus->dialer);
    for (nng_stat *stat = dialer ? nng_stat_child(dialer) : NULL; stat; stat = nng_stat_next(stat))
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
            count += strcmp(nng_stat_name(stat), outcomes[i]) == 0 ? nng_stat_value(stat) : 0;
    nng_stats_free(all);
    return count;
}

/*
 * A dialer of nng 1.5.2 dials no more once the other end went away between connect and the greeting: it takes EPIPE,
 * which is NNG_ECLOSED there, for its own end. One that is well tries again within redial_max_ms.
 */
static void end_when_nobody_dials(struct bus *bus)
{
    int patience_ms = bus->redial_max_ms + (url_kind(bus->url) == URL_IPC ? DIAL_MS : DIAL_TCP_MS);
    uint64_t dials = count_dials(bus), now_ns = clock_boot_ns();
    if (bus->dials_ns == 0 || dials != bus->dials || dials == 0) {
        bus->dials = dials;
        bus->dials_ns = now_ns;
    } else if (now_ns - bus->dials_ns > (uint64_t)patience_ms * 1000000) {
        _exit(EXIT_CODE_RUNTIME); /* the keeper starts us again, and the queue has everything */
    }
}

const char *bus_connect(struct bus *bus)
{
    clear_event(bus->change_fd);
    bus->pipe = 0;
    if (!bus->is_dialing) {
        int error = dial(bus);
        if (error)
            return nng_strerror(error);
    }
    if (atomic_load(&bus->current) == 0)
        wait_readable(bus->change_fd, ATTACH_MS);
    if (atomic_load(&bus->current) == 0)
        end_when_nobody_dials(bus);
    else
        bus->dials_ns = 0;
    clear_event(bus->change_fd); /* what it told is read below: left set, every later wait would return at once */
    bus->pipe = atomic_load(&bus->current);
    return bus->pipe ? NULL : "it is not there";
}

static void forget_reply(struct bus *bus)
{
    if (bus->reply)
        nng_msg_free(bus->reply);
    bus->reply = NULL;
}

static int send_parts(struct bus *bus, const uint8_t *bytes, size_t size, const uint8_t *extra, size_t extra_size)
{
    nng_msg *message;
    int error = nng_msg_alloc(&message, size + extra_size);
    if (error)
        return error;
    memcpy(nng_msg_body(message), bytes, size);
    if (extra_size > 0)
        memcpy((uint8_t *)nng_msg_body(message) + size, extra, extra_size);
    error = nng_sendmsg(bus->socket, message, 0);
    if (error)
        nng_msg_free(message);
    return error;
}

/* The result of the receive, which is over. */
static const char *take_reply(struct bus *bus)
{
    clear_event(bus->reply_fd);
    nng_aio_wait(bus->aio); /* its callback may still be returning */
    int error = nng_aio_result(bus->aio);
    if (error)
        return nng_strerror(error);
    bus->reply = nng_aio_get_msg(bus->aio);
    nng_aio_set_msg(bus->aio, NULL);
    return NULL;
}

/* Closing the pipe ends the receive. A request that went over a newer pipe than ours ends with that one. */
static void give_up_waiting(struct bus *bus)
{
    bus_hang_up(bus);
    if (!wait_readable(bus->reply_fd, HANG_UP_MS))
        abort(); /* nng has lost its way; the keeper starts us again, and the queue has everything */
    take_reply(bus);
    forget_reply(bus);
}

const char *bus_exchange(struct bus *bus, const uint8_t *bytes, size_t size, const uint8_t *extra, size_t extra_size,
                         const uint8_t **ret_reply, size_t *ret_size)
{
    forget_reply(bus);
    if (bus_is_lost(bus))
        return "the connection is closed";
    int error = send_parts(bus, bytes, size, extra, extra_size);
    if (error)
        return nng_strerror(error);
    FAULT_POINT(worker_after_send);
    nng_recv_aio(bus->socket, bus->aio);
    if (!wait_readable(bus->reply_fd, bus->timeout_ms)) {
        give_up_waiting(bus);
        return "no reply in time";
    }
    const char *why = take_reply(bus);
    if (why)
        return why;
    *ret_reply = nng_msg_body(bus->reply);
    *ret_size = nng_msg_len(bus->reply);
    return NULL;
}

bool bus_has_connection(const struct bus *bus)
{
    return atomic_load(&bus->current) != 0;
}

bool bus_is_lost(const struct bus *bus)
{
    return bus->pipe == 0 || atomic_load(&bus->current) != bus->pipe;
}

void bus_hang_up(struct bus *bus)
{
    nng_pipe ours = {.id = bus->pipe}, current = {.id = atomic_load(&bus->current)};
    bus->pipe = 0;
    if (ours.id)
        nng_pipe_close(ours);
    if (current.id && current.id != ours.id)
        nng_pipe_close(current);
}

int bus_change_fd(const struct bus *bus)
{
    return bus->change_fd;
}

bool bus_is_still_there(struct bus *bus)
{
    clear_event(bus->change_fd);
    if (!bus_is_lost(bus)) /* looked at after the clearing: what comes now is told again */
        return true;
    signal_event(bus->change_fd);
    return false;
}
