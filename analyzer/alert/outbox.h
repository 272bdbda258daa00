/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts and cursors on disk: SQLite in WAL mode, one transaction a commit, so that an acknowledged batch's alerts are
 * never lost and never counted twice. Rows are numbered; each sink has its own cursor. Any thread; calls are serialised
 * inside.
 */
#ifndef VEDETTE_ANALYZER_ALERT_OUTBOX_H
#define VEDETTE_ANALYZER_ALERT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ALERT_ID_BYTES = 33, OUTBOX_ERROR_BYTES = 256, OUTBOX_PATH_BYTES = 600 };

/*
 * What stays on disk. A delivered alert is kept for people, and so that a replay meets its id; one that a sink still
 * needs is never pruned, unless the database outgrows its limit: then the oldest go, and each that a sink had not had
 * is counted as lost.
 */
enum {
    OUTBOX_KEEP_ROWS = 10000,
    OUTBOX_KEEP_SECONDS =
        7 * 24 * 3600,         /* of delivered alerts, and of the claim of a sink that is no longer configured */
    OUTBOX_KEEP_DEAD = 1000,   /* dead letters, whose alerts stay too */
    OUTBOX_KEEP_SESSIONS = 64, /* cursors a node: a batch waits in a collector's queue over far fewer restarts of it */
    OUTBOX_MAX_BYTES = 256 << 20,  /* pages in use */
    OUTBOX_KEEP_LOSSES = 64,       /* records that nobody has taken yet; what is beyond joins the newest */
    OUTBOX_KEEP_DAMAGED = 3,       /* files that were set aside */
    OUTBOX_PRUNE_SECONDS = 600,    /* how often */
    OUTBOX_PRUNE_ALERTS = 1000,    /* or after so many new alerts */
    OUTBOX_PRUNE_BYTES = 16 << 20, /* or after so much of them: how far the limit can be overrun */
};

/* What of it the configuration says. */
struct outbox_limits {
    uint64_t keep_rows, keep_seconds, max_bytes;
};

struct alert {
    char id[ALERT_ID_BYTES]; /* 32 hex digits: equal for the same event, detection and output, also after a crash */
    int64_t row;             /* set when read */
    int64_t letter;          /* set when read: the dead letter that is delivered again, 0: in its turn */
    uint64_t time_ns;        /* since the epoch, of the event */
    const char *node;
    const char *detection; /* name */
    int severity;
    const char *json; /* the finding in Tracee's shape, one line without newline */
};

struct outbox_cursor {
    const char *node;
    uint64_t session;
    uint64_t seq; /* next wanted */
};

/* A key of what a detection knows of earlier events on a node, and its bytes, which only the engine can read. */
enum { OUTBOX_KEY_BYTES = 16 };
struct outbox_memory {
    const char *node;
    const char *boot_id; /* the node's: its times begin anew with it */
    const char *detection;
    uint64_t definition;  /* what the bytes mean */
    const uint8_t *key;   /* NULL: every key of the detection on the node is gone */
    uint64_t touched_ns;  /* after the node's boot */
    const uint8_t *bytes; /* NULL: the key is gone */
    size_t size;
};

/*
 * An alert that a sink will not get: dropped for the size limit (every sink, sink[0] is 0), or refused by its receiver.
 * Times are those of the events, since the epoch.
 */
struct outbox_loss {
    bool refused;
    char sink[64], node[256];
    uint64_t from_ns, to_ns, count;
};

/* What was found at the start when the file was damaged. */
struct outbox_salvage {
    bool done;
    char aside[OUTBOX_PATH_BYTES]; /* where the damaged file is */
    uint64_t kept, unreadable; /* alerts; of unreadable ones the numbers between the first and the last are counted */
    uint64_t tables_cut;       /* of sinks' cursors, nodes' cursors, dead letters, detections' memory */
    bool sinks_cut;            /* a sink whose cursor is gone begins at the next alert */
};

struct outbox;

/*
 * A file of ours that is damaged is salvaged: what can be read is kept in a new one, see outbox_salvaged.
 * 0; -EACCES, -ENOSPC, -EROFS, -EBUSY (another process has it open), -EBADMSG (not a database, damaged, or a newer
 * layout) with words that name the path and the remedy. Made with mode 0600 when it does not exist.
 */
int outbox_open(const char *path, struct outbox **ret_outbox, char error[OUTBOX_ERROR_BYTES]);
void outbox_close(struct outbox *outbox);
/* In place of the defaults above. Before any other thread. */
void outbox_set_limits(struct outbox *outbox, const struct outbox_limits *limits);
/* What the opening found; `done` is false when the file was sound. */
const struct outbox_salvage *outbox_salvaged(const struct outbox *outbox);

/*
 * One transaction: alerts not yet known by id are added, cursors set. 0, or -ENOSPC / -EIO: nothing of it happened, and
 * the caller does not move the durable cursor; it may try again.
 */
int outbox_commit(struct outbox *outbox, const struct alert *alerts, size_t n_alerts,
                  const struct outbox_cursor *cursors, size_t n_cursors);

/* The same with what detections know at those cursors: after a crash it stands where the events go on. */
int outbox_commit_memory(struct outbox *outbox, const struct alert *alerts, size_t n_alerts,
                         const struct outbox_cursor *cursors, size_t n_cursors, const struct outbox_memory *memory,
                         size_t n_memory);

/* For each definition of a detection, what is kept of it on a node: how many keys. 0 or -EIO. */
int outbox_memory_kept(struct outbox *outbox, const char *node,
                       void (*each)(void *arg, const struct outbox_memory *of, uint64_t n_keys), void *arg);
/* The keys of one detection on a node, those touched first first. 0 or -EIO. */
int outbox_memory_read(struct outbox *outbox, const char *node, const char *detection,
                       void (*each)(void *arg, const struct outbox_memory *memory), void *arg);
/* Forgets a detection's keys on a node. 0, or as commit. */
int outbox_memory_forget(struct outbox *outbox, const char *node, const char *detection);

/* The words of the last call that failed, "" before any. */
void outbox_last_error(struct outbox *outbox, char error[OUTBOX_ERROR_BYTES]);

/* Every cursor of a node, newest session first. */
int outbox_cursors(struct outbox *outbox, const char *node, void (*each)(void *arg, uint64_t session, uint64_t seq),
                   void *arg);

/* A sink joins: its cursor, made at the end of the outbox when it is new and `from_now`, else at the beginning. */
int outbox_sink_open(struct outbox *outbox, const char *sink, bool from_now, int64_t *ret_row);
/* The first alert after `row`; *ret_alert's strings are heap, freed by alert_fini. 0, -ENOENT when there is none, -EIO,
 * -ENOMEM. */
int outbox_read(struct outbox *outbox, int64_t row, struct alert *ret_alert);
void alert_fini(struct alert *alert);
/* What the sink is to deliver next: a dead letter that somebody wants delivered again, else the first alert after
 * `row`. As outbox_read. */
int outbox_next(struct outbox *outbox, const char *sink, int64_t row, struct alert *ret_alert);
/* How many alerts stand after `row`. */
uint64_t outbox_count_after(struct outbox *outbox, int64_t row);
/*
 * The sink is done with everything up to `row`, which is not counted as delivered: outbox_sink_settle does that. `dead`
 * says the row was given up, with the reason. Durable when it returns 0, so that a crash repeats at most the one alert
 * that was being delivered. Rows all sinks passed are pruned later. 0, -ENOENT for an unknown sink, or as commit.
 */
int outbox_sink_advance(struct outbox *outbox, const char *sink, int64_t row, const char *dead);
/* The sink took the alert that outbox_next gave, or refused it: as outbox_sink_advance, and counted. A dead letter is
 * one no more, or gets the new reason, and the cursor stays. */
int outbox_sink_settle(struct outbox *outbox, const char *sink, const struct alert *alert, const char *dead);
/*
 * Wants dead letters delivered again: those of the alert `id` or (NULL) of all alerts, and of `sink` or (NULL) all
 * sinks. With both, an alert that the sink has passed is delivered again also if it is no dead letter. *ret_count: how
 * many. 0, -ENOENT for a sink that has no cursor, or as commit. outbox_wake has been called.
 */
int outbox_redrive(struct outbox *outbox, const char *id, const char *sink, uint64_t *ret_count);
/* Takes dead letters off the list for good; those that are to be delivered again stay. As outbox_redrive. */
int outbox_acknowledge(struct outbox *outbox, const char *id, const char *sink, uint64_t *ret_count);
/* Takes the oldest loss that nobody has taken; false when there is none. */
bool outbox_take_loss(struct outbox *outbox, struct outbox_loss *ret_loss);
/* Waits until a row beyond `row` exists, until outbox_wake, or `timeout_ms`. */
void outbox_wait(struct outbox *outbox, int64_t row, unsigned timeout_ms);
void outbox_wake(struct outbox *outbox);
/* The same without a lost wake: returns at once when outbox_wake was called after outbox_wakes gave `wakes`. */
uint64_t outbox_wakes(struct outbox *outbox);
void outbox_wait_since(struct outbox *outbox, int64_t row, uint64_t wakes, unsigned timeout_ms);

/* Prunes at once, in steps of at most a few thousand rows; `max_bytes` in place of the limit. Commits do it by
 * themselves. 0 or -errno. */
int outbox_prune(struct outbox *outbox, uint64_t max_bytes);
/* Prunes when it is time, for an analyzer to which no node speaks. */
void outbox_keep_house(struct outbox *outbox);

struct outbox_figures {
    int64_t last_row;
    uint64_t alerts, duplicates, commits, failures, bytes; /* since the start; bytes: pages in use */
    uint64_t lost;   /* ever: alerts dropped for the size limit before every sink had them (the loss stage "outbox") */
    uint64_t pruned; /* since the start */
    uint64_t redriven, acknowledged; /* dead letters, since the start */
    uint64_t letters;                /* that are to be delivered again */
};
void outbox_figures(struct outbox *outbox, struct outbox_figures *ret);

struct metrics_writer;
/* For metrics_register: vedette_outbox_*. */
void outbox_collect(void *outbox, struct metrics_writer *writer);

#endif
