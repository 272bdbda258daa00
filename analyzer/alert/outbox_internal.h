/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the outbox only. */
#ifndef VEDETTE_ANALYZER_ALERT_OUTBOX_INTERNAL_H
#define VEDETTE_ANALYZER_ALERT_OUTBOX_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "analyzer/alert/outbox.h"

enum outbox_statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_ADD_ALERT,
    STATEMENT_SET_CURSOR,
    STATEMENT_TRIM_CURSORS,
    STATEMENT_SET_MEMORY,
    STATEMENT_UNSET_MEMORY,
    STATEMENT_FORGET_MEMORY,
    STATEMENT_ADD_SINK,
    STATEMENT_GET_SINK,
    STATEMENT_ADVANCE_SINK,
    STATEMENT_COUNT_SINK,
    STATEMENT_ADD_DEAD,
    STATEMENT_COUNT_TRIMMED,
    STATEMENT_TRIM_DEAD,
    STATEMENT_SETTLE_LETTER,
    STATEMENT_REFUSE_LETTER,
    STATEMENT_COUNT_REDELIVERED,
    STATEMENT_PRUNE_LIMIT,
    STATEMENT_COUNT,
    STATEMENT_OLDEST_STEP,
    STATEMENT_COUNT_NEEDED,
    STATEMENT_NEEDED,
    STATEMENT_COUNT_LOST,
    STATEMENT_PRUNE,
    STATEMENT_ADD_LOST,
    STATEMENT_GET_LOST,
    STATEMENT_LAST_ROW,
    STATEMENT_BYTES,
    WRITER_STATEMENTS,
    STATEMENT_READ = WRITER_STATEMENTS,
    STATEMENT_READ_LETTER,
    STATEMENT_COUNT_AFTER,
    STATEMENT_CURSORS,
    STATEMENT_MEMORY_KEPT,
    STATEMENT_MEMORY,
    ALL_STATEMENTS,
};

struct outbox {
    /*
     * Two connections, as WAL lets one read while the other writes: a commit never waits for a sink's read. Each has
     * its lock, held for one short transaction or one row; never both, never across a delivery.
     */
    pthread_mutex_t write_lock, read_lock;
    sqlite3 *writer, *reader;
    sqlite3_stmt *statements[ALL_STATEMENTS];
    int lock_fd;
    char *path;
    struct outbox_limits limits;
    struct outbox_salvage salvage;

    int64_t life; /* names this opening: a sink with it in its row is in use, however long its receiver has been away */

    /* Under write_lock. */
    int64_t pruned_at; /* CLOCK_BOOTTIME seconds */
    uint64_t alerts_since_prune, bytes_since_prune;

    pthread_mutex_t news_lock;
    pthread_cond_t news; /* on CLOCK_MONOTONIC */
    /* Under news_lock. */
    uint64_t wakes;
    struct outbox_figures figures;
    struct outbox_loss loss[OUTBOX_KEEP_LOSSES]; /* those nobody has taken yet */
    size_t n_losses;
    char last_error[OUTBOX_ERROR_BYTES];
};

/* Marks the file as ours, for file(1) and for us; stands in the header's bytes 68 to 71. */
#define OUTBOX_APPLICATION_ID 0x56454454

/* 0 or -errno for an SQLite result of `db`. */
int outbox_errno(sqlite3 *db, int result);
/* Writes what stands in the way of `path` and what to do about it, `detail` (NULL: none) behind; returns `error`. */
int outbox_explain(const char *path, int error, const char *detail, char words[OUTBOX_ERROR_BYTES]);
/* Keeps the words of a failure of `db`; returns outbox_errno. Any lock may be held but news_lock. */
int outbox_fail(struct outbox *outbox, sqlite3 *db, int result, const char *what);
/* Runs a statement that returns no row, its parameters bound, and resets it. SQLITE_OK or an SQLite error. */
int outbox_run(struct outbox *outbox, enum outbox_statement which);
/* The same for a statement that returns one integer; -1 when it returns no row or NULL. */
int outbox_run_integer(struct outbox *outbox, enum outbox_statement which, int64_t *ret_value);
void outbox_bind_text(sqlite3_stmt *statement, int index, const char *text);
/* Writes what detections know. Under write_lock, within a transaction. SQLITE_OK or an SQLite error. */
int outbox_set_memory(struct outbox *outbox, const struct outbox_memory *memory, size_t n_memory);
/* Rolls back what is left of a failed transaction. Under write_lock. */
void outbox_rollback(struct outbox *outbox);
/* Seconds since the epoch. */
int64_t outbox_wall_seconds(void);
/* Makes the tables in an empty database. An SQLite result. */
int outbox_make_layout(sqlite3 *db);
/* Copies the columns of a row of alerts, from `column` on: row, id, time_ns, severity, node, detection, json. 0 or
 * -ENOMEM. */
int outbox_take_row(sqlite3_stmt *statement, int column, struct alert *ret_alert);
/* Remembers a loss until somebody takes it; one that goes on where the last one ended is joined to it. */
void outbox_note_loss(struct outbox *outbox, const struct outbox_loss *loss);

/*
 * salvage.c: whether the damaged file at `path` is an outbox (its header says so, or was overwritten with zeros), and
 * not something else that somebody named by mistake.
 */
bool outbox_is_ours(const char *path);
/* Ends what a salvage began when it was killed. */
void outbox_salvage_resume(const char *path);
/*
 * Puts what can be read of the damaged database into a new one in its place, and the damaged files aside. 0, or -errno
 * with words: nothing has changed then.
 */
int outbox_salvage(const char *path, struct outbox_salvage *ret_salvage, char words[OUTBOX_ERROR_BYTES]);

/* Prunes when it is time. Under write_lock, outside a transaction. */
void outbox_prune_if_due(struct outbox *outbox, size_t new_alerts, size_t new_bytes);
/* Reads the pages in use into the figures. Under write_lock. */
int outbox_measure(struct outbox *outbox, uint64_t *ret_bytes);

#endif
