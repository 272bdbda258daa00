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

enum {
    INGEST_ERROR_BYTES = 512,
    INGEST_MAX_UIDS = 64,
    INGEST_MAX_PIPES = 4096,
    INGEST_MAX_NODES = 4096,       /* over all shards; when full, the one silent longest without a connection goes */
    INGEST_MAX_IN_FLIGHT = 8,      /* requests of one pipe; a collector has one */
    INGEST_QUEUE_JOBS = 4096,      /* a shard */
    INGEST_QUEUE_BYTES = 64 << 20, /* a shard */
    INGEST_BUSY_RETRY_MS = 200,
    INGEST_SILENT_S = 60, /* a pipe that says nothing for so long is closed */
    INGEST_STUCK_S = 30,  /* a shard at one request for so long is not healthy */
    INGEST_MAX_SHARDS = 64,
};

struct ingest;

struct ingest_settings {
    const char *url; /* ipc:///PATH; tcp:// to a loopback address */
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

/* NULL when all is well, else words. Any thread. */
const char *ingest_health(struct ingest *ingest);
const char *ingest_readiness(struct ingest *ingest); /* of both that follow */
const char *ingest_bus_readiness(struct ingest *ingest);
const char *ingest_outbox_readiness(struct ingest *ingest);

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

#endif
