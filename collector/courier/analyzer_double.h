/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An analyzer for tests: a real REP server in a process of its own that keeps cursors, writes down what it was sent and
 * misbehaves when told to. Its memory is shared with the test and outlives it, as a database would.
 */
#ifndef VEDETTE_COLLECTOR_COURIER_ANALYZER_DOUBLE_H
#define VEDETTE_COLLECTOR_COURIER_ANALYZER_DOUBLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { DOUBLE_LOG = 4096, DOUBLE_PLAN = 4 };

enum double_trick {
    TRICK_NONE,
    TRICK_REFUSE,  /* answers the batch at trick_seq with trick_code; trick_times times */
    TRICK_GARBAGE, /* a reply that is no message */
    TRICK_HUGE,    /* a reply beyond WIRE_REPLY_BYTES */
    TRICK_HANG_UP, /* no reply but a closed pipe */
    TRICK_WELCOME, /* the wrong kind of reply */
};

struct double_batch {
    uint64_t session, first_seq;
    uint32_t count;
    uint32_t fill_permille;
    uint64_t oldest_ns;
    bool is_snapshot;
};

struct analyzer_double {
    char url[128];
    /* what it does */
    _Atomic int trick;
    _Atomic uint64_t trick_seq;
    _Atomic uint64_t trick_until; /* at all batches from trick_seq to before it; 0: at that one only */
    _Atomic int trick_code;
    _Atomic int trick_times;
    _Atomic bool lazy;   /* durable stays where it is, but for a heartbeat */
    _Atomic bool frugal; /* durable stays where it is, whatever comes */
    uint32_t plan_epoch, plan_events[DOUBLE_PLAN];
    bool need_snapshot;
    /* what it remembers */
    uint64_t session, processed, durable;
    /* what it saw */
    _Atomic uint32_t hellos, heartbeats, before_hello, gaps, batches;
    _Atomic uint32_t losses;
    uint64_t loss_count, loss_from_ns, loss_to_ns, loss_first_seq;
    uint32_t loss_stage, loss_class;
    _Atomic uint64_t applied; /* events, each once */
    struct double_batch log[DOUBLE_LOG];
};

/* In shared memory, zeroed. */
struct analyzer_double *double_new(const char *url);
void double_free(struct analyzer_double *analyzer);
/* Forks the server and returns when it listens. After a kill: forgets what was not durable, as a restarted analyzer
 * does. */
pid_t double_start(struct analyzer_double *analyzer);

#endif
