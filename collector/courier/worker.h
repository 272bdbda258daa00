/* SPDX-License-Identifier: Apache-2.0 */
/* The worker: moves batches from the queue to the analyzer, and plans back. One thread of ours; nng has its own. */
#ifndef VEDETTE_COLLECTOR_COURIER_WORKER_H
#define VEDETTE_COLLECTOR_COURIER_WORKER_H

#include <stdbool.h>

#include "collector/courier/bus.h"
#include "collector/courier/courier.h"
#include "collector/courier/credentials.h"
#include "collector/courier/messages.h"
#include "common/wire/limits.h"

struct known_session {
    uint64_t session;
    uint64_t processed; /* next sequence wanted */
};

enum step {
    STEP_ON,    /* go on */
    STEP_HELLO, /* the analyzer wants a hello on this connection */
    STEP_LOST,  /* hang up, wait, connect again */
    STEP_DONE,  /* closing and all is durable */
};

struct worker {
    struct queue *queue;
    struct bus *bus;
    struct replies *replies;
    struct credentials credentials;
    const char *url;
    uint64_t resolver_stamp; /* of resolv.conf, as this worker may read it; of no meaning without a name */
    const uint8_t *hello;
    size_t hello_size;
    uint64_t session;  /* of the hello */
    uint64_t began_ns; /* before the session's first event */
    uint32_t heartbeat_ms, backoff_min_ms, backoff_max_ms;

    struct known_session sessions[WIRE_CURSORS];
    size_t n_sessions, next_session; /* a ring: the newest of more than WIRE_CURSORS are kept */
    struct plan_request plan;
    struct queue_entry current; /* given by the queue, not yet acknowledged */
    bool has_current;
    uint64_t given_position; /* + 1: the entry that the queue gave last, current or skipped; 0 none */
    uint64_t given_time_ns;
    uint64_t before_ns;      /* when the entry before `current` was queued, or any earlier one; 0 not known */
    uint64_t stuck_position; /* + 1: refused once for a gap before it */
    uint64_t silent_since_ns;
    uint64_t last_time_ns; /* of the last acknowledged entry */

    uint32_t backoff_ms;
    bool is_greeting;  /* a hello is under way */
    bool hello_unused; /* no acknowledgement since the hello */
    bool was_there, is_lost;
    int told_refusal; /* said since the analyzer was lost: 0 unreachable, else a refusal's code */
    uint64_t lost_since_ns;
    uint64_t refused_batches;
    uint64_t damage_told;
};

/* The worker's whole life. began_ns: before the drain captured anything. */
_Noreturn void worker_run(const struct courier_settings *settings, struct queue *queue, const uint8_t *hello,
                          size_t hello_size, uint64_t began_ns);

/* worker.c, for delivery.c: says it once a loss. `refusal`: the code, 0 when nobody answers. */
void worker_note_lost(struct worker *worker, int refusal, const char *why);
/* Sleeps, but not beyond the end of the connection that is in use. */
void worker_pause(struct worker *worker, uint32_t milliseconds);

/* delivery.c: the hello and its Welcome, on a fresh connection or when the analyzer asks. STEP_ON or STEP_LOST. */
enum step delivery_greet(struct worker *worker);
/* One request and its reply, or one wait for work. */
enum step delivery_step(struct worker *worker);

#endif
