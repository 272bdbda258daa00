/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts and cursors on disk: SQLite in WAL mode, one transaction a commit, so that an acknowledged batch's alerts are never lost and
 * never counted twice. Rows are numbered; each sink has its own cursor. Any thread; calls are serialised inside.
 */
#ifndef VEDETTE_ANALYZER_ALERT_OUTBOX_H
#define VEDETTE_ANALYZER_ALERT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ALERT_ID_BYTES = 33, OUTBOX_ERROR_BYTES = 256 };

struct alert {
    char id[ALERT_ID_BYTES]; /* 32 hex digits: equal for the same event, detection and output, also after a crash */
    int64_t row;             /* set when read */
    uint64_t time_ns;        /* since the epoch, of the event */
    const char *node;
    const char *detection;   /* name */
    int severity;
    const char *json;        /* the finding in Tracee's shape, one line without newline */
};

struct outbox_cursor {
    const char *node;
    uint64_t session;
    uint64_t seq; /* next wanted */
};

struct outbox;

/* 0; -EACCES, -ENOSPC, -EROFS, -EBADMSG (not a database, or a newer layout) with words that name the path and the remedy. */
int outbox_open(const char *path, struct outbox **ret_outbox, char error[OUTBOX_ERROR_BYTES]);
void outbox_close(struct outbox *outbox);

/*
 * One transaction: alerts not yet known by id are added, cursors set. 0, or -ENOSPC / -EIO: nothing of it happened, and the caller does not
 * move the durable cursor; it may try again.
 */
int outbox_commit(struct outbox *outbox, const struct alert *alerts, size_t n_alerts, const struct outbox_cursor *cursors, size_t n_cursors);

/* Every cursor of a node, newest session first. */
int outbox_cursors(struct outbox *outbox, const char *node, void (*each)(void *arg, uint64_t session, uint64_t seq), void *arg);

/* A sink joins: its cursor, made at the end of the outbox when it is new and `from_now`, else at the beginning. */
int outbox_sink_open(struct outbox *outbox, const char *sink, bool from_now, int64_t *ret_row);
/* The first alert after `row`; *ret_alert's strings are heap, freed by alert_fini. 0, -ENOENT when there is none. */
int outbox_read(struct outbox *outbox, int64_t row, struct alert *ret_alert);
void alert_fini(struct alert *alert);
/* The sink has delivered everything up to `row`; `dead` says the row was given up, with the reason. Rows all sinks passed are pruned later. */
int outbox_sink_advance(struct outbox *outbox, const char *sink, int64_t row, const char *dead);
/* Waits until a row beyond `row` exists, until outbox_wake, or `timeout_ms`. */
void outbox_wait(struct outbox *outbox, int64_t row, unsigned timeout_ms);
void outbox_wake(struct outbox *outbox);

struct outbox_figures {
    int64_t last_row;
    uint64_t alerts, duplicates, commits, failures, bytes;
};
void outbox_figures(struct outbox *outbox, struct outbox_figures *ret);

#endif
