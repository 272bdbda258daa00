/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The analyzer's end of the bus: who may speak, which thread a node belongs to, and the way of a request from the
 * socket to its reply. Input from here on is hostile; every count and size is bounded below.
 */
#ifndef VEDETTE_ANALYZER_INGEST_INGEST_H
#define VEDETTE_ANALYZER_INGEST_INGEST_H

#include <stdint.h>
#include <sys/types.h>

#include "analyzer/ingest/node.h"
#include "common/transport/tls.h"

enum {
    INGEST_ERROR_BYTES = 512,
    INGEST_MAX_UIDS = 64,
    INGEST_MAX_PIPES = 4096,
    INGEST_MAX_NODES = 4096,    /* over all shards; when full, the one silent longest without a connection goes */
    INGEST_MAX_STRANGERS = 256, /* pipes without a node, where one must be proved; when full, the oldest goes */
    INGEST_MAX_IN_FLIGHT = 2,   /* requests of one pipe; a collector has one. So a shard's queue goes round its nodes */
    INGEST_QUEUE_JOBS = 4096,   /* a shard */
    INGEST_QUEUE_BYTES = 64 << 20, /* a shard */
    INGEST_BUSY_RETRY_MS = 200,
    INGEST_HELLO_S = 10, /* a pipe that has not proved its node for so long, where it must, is closed */
    /* Three heartbeats, of a node with slower ones three of its own. Behind a broken link a pipe lives on that nobody
     * speaks over any more: its node, which proves itself over another, need not wait until it is reaped. */
    INGEST_STALE_S = 15,
    INGEST_SILENT_S = 60, /* a pipe that says nothing for so long is closed */
    INGEST_STUCK_S = 30,  /* a shard at one request for so long is not healthy */
    INGEST_MAX_SHARDS = 64,
};

struct ingest;

struct ingest_settings {
    const char *url;                /* ipc:///PATH; tls+tcp://ADDRESS:PORT; tcp:// to a loopback address */
    bool insecure;                  /* tcp:// to any address, and without an enrolment */
    const struct tls_settings *tls; /* of tls+tcp://; NULL: none. Must outlive the ingest, as all here */
    const char *enrolment;     /* file of who may speak over tcp:// and tls+tcp:// (enrolment.h); NULL or "": none */
    struct quota_limits quota; /* of each node */
    unsigned shards;
    uid_t allowed_uid[INGEST_MAX_UIDS]; /* on ipc */
    size_t n_allowed_uids;
    struct loaded_current *loaded; /* must outlive the ingest */
    struct outbox *outbox;
    struct output *output;         /* NULL: events are not shown */
    enum json_arguments arguments; /* in findings */
};

/* Threads run and the bus listens when it returns 0. -EADDRINUSE, -EINVAL, -EACCES, ... with words naming the address
 * and the remedy. */
int ingest_start(const struct ingest_settings *settings, struct ingest **ret_ingest, char error[INGEST_ERROR_BYTES]);

/* What it listens on: the settings' URL, with the port the system chose for tcp://...:0. */
const char *ingest_url(const struct ingest *ingest);

/* Closes pipes that have been silent too long. To be called every few seconds, by any one thread. */
void ingest_reap(struct ingest *ingest, uint64_t now_ns);

/* Listens again when the listener has stopped accepting (listener.h says why it can). To be called every few seconds,
 * by the same thread as ingest_reap; takes up to 4 s when it has. */
void ingest_mend(struct ingest *ingest);

/* Takes no more requests, finishes those in hand, commits, logs the balance, frees. 0, or -errno when alerts could not
 * be committed. */
int ingest_stop(struct ingest *ingest);

/* Reads certificates and enrolment again when their files have changed: new connections use them, and those that would
 * not be let in any more are closed. To be called every few seconds, by the same thread. */
void ingest_renew(struct ingest *ingest, uint64_t now_ns);

/* NULL when all is well, else words. Any thread. */
const char *ingest_health(struct ingest *ingest);
const char *ingest_readiness(struct ingest *ingest); /* of both that follow */
const char *ingest_bus_readiness(struct ingest *ingest);
const char *ingest_outbox_readiness(struct ingest *ingest);

/* What will keep the bus from being ready within 14 days; false, and "", when there is nothing. Any thread. */
bool ingest_warning(struct ingest *ingest, char words[EXPIRY_WORDS_BYTES]);

/* Asks every thread whether it moves; ingest_health says when one has not answered. To be called every few seconds. */
void ingest_pulse(struct ingest *ingest, uint64_t now_ns);

/*
 * Appends what a node's kernel can show: as JSON (coverage_json), or as a table. `node`: its name, NULL for the only
 * one. 0; -ENOENT when there is no such node, or -ENOTUNIQ when there are several, with words in the text instead. Any
 * thread.
 */
int ingest_coverage(struct ingest *ingest, const char *node, bool json, struct text *text);

/* For metrics_register. */
void ingest_collect(void *ingest, struct metrics_writer *writer);
/* For metrics_register too: the same figures by Tracee's names. */
void ingest_collect_tracee(void *ingest, struct metrics_writer *writer);

/*
 * Appends a JSON array of what became of every event of each node, or of `node`; *ret_balanced: all of it adds up. 0,
 * or -ENOENT with words when no node of that name has spoken. Any thread.
 */
int ingest_balance(struct ingest *ingest, const char *node, struct text *text, bool *ret_balanced);

/* Tells the node of a loss of its alerts; false when no node of that name is known. Any thread. */
bool ingest_take_loss(struct ingest *ingest, const struct outbox_loss *loss);

#endif
