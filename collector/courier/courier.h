/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's other half: a keeper and its worker, both without BPF, capability or privilege. The keeper forks the
 * worker and forks it again when it dies; it never calls nng (1.5.2 does not survive a fork). The worker speaks to the
 * analyzer and moves batches out of the queue.
 */
#ifndef VEDETTE_COLLECTOR_COURIER_COURIER_H
#define VEDETTE_COLLECTOR_COURIER_COURIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/queue/queue.h"
#include "common/transport/tls.h"

struct courier_settings {
    const char *bus_url;            /* ipc:///path; tls+tcp://host:port; tcp:// to a loopback address */
    bool bus_insecure;              /* tcp:// to any other */
    const struct tls_settings *tls; /* of tls+tcp; NULL: none */
    const char *token;              /* a file whose line proves to the analyzer which node this is; NULL or "": none */
    uint32_t uid, gid;              /* what it becomes; 0 keeps the present ones (tests) */
    uint32_t bus_gid;               /* supplementary group that may open the bus, 0 none */
    uint32_t heartbeat_ms, reply_timeout_ms, backoff_min_ms, backoff_max_ms; /* 0: 5,000, 10,000, 500, 30,000 */
    const char *canary_helper;                                               /* path of vedette-canary; NULL: none */
    uint32_t canary_ms;   /* between two canaries, 0: none (canary.h) */
    const uint8_t *hello; /* a packed Request with the hello, made by the drain after attaching: it knows schema,
                             coverage and session */
    size_t hello_size;
};

enum { COURIER_ERROR_BYTES = 256 };

/*
 * Can the courier use this bus? ipc:// with an absolute path; tls+tcp:// with a port, certificates and a token; tcp://
 * with a port and a loopback address ("localhost" is taken as 127.0.0.1, so that no resolver is asked) or with
 * bus_insecure. 0, or -EINVAL with words. Looks at the settings only, not at the files.
 */
int courier_check_bus(const struct courier_settings *settings, char error[COURIER_ERROR_BYTES]);

/*
 * Forks the keeper, before the drain loads anything. The hello is not known yet: the keeper waits for it on the
 * returned socket-free channel (courier_send_hello, a pipe), then starts the worker; settings->hello, where given, is
 * sent by courier_fork itself. The drain holds the write end of a pipe: when it closes, by whatever death, the keeper
 * ends its worker and exits. Returns when the keeper has given up all it must not have: 0, or -errno of what it could
 * not. The settings are copied by the fork. SIGPIPE is ignored from here on in this process: a dead keeper is an error,
 * not a signal.
 *
 * The courier ignores SIGINT, SIGTERM and SIGHUP, which a terminal sends to the whole group: the drain decides when it
 * ends. After queue_set_closing it delivers until every entry is durable, then worker and keeper exit with 0.
 */
struct courier;
int courier_fork(const struct courier_settings *settings, struct queue *queue, struct courier **ret_courier);
/* Gives the keeper the hello and starts delivery. 0 or -errno. */
int courier_send_hello(struct courier *courier, const uint8_t *hello, size_t size);
pid_t courier_keeper(const struct courier *courier);
/* The worker's pid as the keeper last said (through shared memory that the worker has no part in), 0 if none. */
pid_t courier_worker(const struct courier *courier);
/* The canaries that can be caused here, a bit for each enum canary_family; 0 when they are off. Known after
 * courier_fork.
 */
uint32_t courier_canaries(const struct courier *courier);
/* For poll: shows POLLERR when the keeper is gone. Nothing is ever written to it. */
int courier_alive_fd(const struct courier *courier);
/* Ends both and reaps the keeper (unless the caller already has). NULL is fine. */
void courier_stop(struct courier *courier);

#endif
