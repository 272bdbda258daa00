/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's other half: a keeper and its worker, both without BPF, capability or privilege. The keeper forks the worker and forks it again
 * when it dies; it never calls nng (1.5.2 does not survive a fork). The worker speaks to the analyzer and moves batches out of the queue.
 */
#ifndef VEDETTE_COLLECTOR_COURIER_COURIER_H
#define VEDETTE_COLLECTOR_COURIER_COURIER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/queue/queue.h"

struct courier_settings {
    const char *bus_url;  /* ipc:///path; tcp:// to a loopback address */
    uint32_t uid, gid;    /* what it becomes; 0 keeps the present ones (tests) */
    uint32_t bus_gid;     /* supplementary group that may open the bus, 0 none */
    uint32_t heartbeat_ms, reply_timeout_ms, backoff_min_ms, backoff_max_ms; /* 0: 5,000, 10,000, 500, 30,000 */
    const uint8_t *hello; /* a packed Request with the hello, made by the drain after attaching: it knows schema, coverage and session */
    size_t hello_size;
};

/*
 * Forks the keeper, before the drain loads anything. The hello is not known yet: the keeper waits for it on the returned socket-free channel
 * (courier_send_hello, a pipe), then starts the worker. *ret_drain_alive is the write end of a pipe that the drain simply holds: when it closes, the
 * keeper ends its worker and exits. 0 or -errno.
 */
struct courier;
int courier_fork(const struct courier_settings *settings, struct queue *queue, struct courier **ret_courier);
/* Gives the keeper the hello and starts delivery. 0 or -errno. */
int courier_send_hello(struct courier *courier, const uint8_t *hello, size_t size);
pid_t courier_keeper(const struct courier *courier);
/* The worker's pid as the keeper last said (through shared memory), 0 if none. */
pid_t courier_worker(const struct courier *courier);
/* Ends both and reaps the keeper. NULL is fine. */
void courier_stop(struct courier *courier);

#endif
