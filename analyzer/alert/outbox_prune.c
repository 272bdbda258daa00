/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves the outbox: delivered alerts that are old, and under the size limit also what a sink had not had, which
 * is counted. */
#include "analyzer/alert/outbox_internal.h"

#include "common/base/clock.h"

enum {
    STEP_ROWS = 2000,    /* a transaction deletes so many at most: a few milliseconds under the write lock */
    OVERSIZE_STEP = 256, /* finer, as these may be alerts that a sink still needs, and fewer when they are large */
    MAX_STEPS = 64,      /* a call; what remains goes at the next */
};

int outbox_measure(struct outbox *outbox, uint64_t *ret_bytes)
{
    int64_t bytes = 0;
    int result = outbox_run_integer(outbox, STATEMENT_BYTES, &bytes);
    if (result != SQLITE_OK)
        return result;
    pthread_mutex_lock(&outbox->news_lock);
    outbox->figures.bytes = (uint64_t)bytes;
    pthread_mutex_unlock(&outbox->news_lock);
    *ret_bytes = (uint64_t)bytes;
    return SQLITE_OK;
}

static void count(struct outbox *outbox, uint64_t pruned, uint64_t lost)
{
    pthread_mutex_lock(&outbox->news_lock);
    outbox->figures.pruned += pruned;
    outbox->figures.lost += lost;
    pthread_mutex_unlock(&outbox->news_lock);
}

/* Deletes up to `limit` rows up to `row`; *ret_deleted of them. */
static int delete_step(struct outbox *outbox, int64_t row, int limit, int64_t *ret_deleted)
{
    sqlite3_bind_int64(outbox->statements[STATEMENT_PRUNE], 1, row);
    sqlite3_bind_int(outbox->statements[STATEMENT_PRUNE], 2, limit);
    int result = outbox_run(outbox, STATEMENT_PRUNE);
    if (result == SQLITE_OK)
        *ret_deleted = sqlite3_changes(outbox->writer);
    return result;
}

static int prune_delivered(struct outbox *outbox)
{
    sqlite3_stmt *limit = outbox->statements[STATEMENT_PRUNE_LIMIT];
    sqlite3_bind_int64(limit, 1, (int64_t)outbox->limits.keep_rows);
    sqlite3_bind_int64(limit, 2, outbox->life);
    sqlite3_bind_int64(limit, 3, outbox_wall_seconds() - (int64_t)outbox->limits.keep_seconds);
    int64_t row = 0, deleted = STEP_ROWS;
    int result = outbox_run_integer(outbox, STATEMENT_PRUNE_LIMIT, &row);
    for (int i = 0; i < MAX_STEPS && result == SQLITE_OK && deleted == STEP_ROWS; i++) {
        result = delete_step(outbox, row, STEP_ROWS, &deleted);
        if (result == SQLITE_OK)
            count(outbox, (uint64_t)deleted, 0);
    }
    return result;
}

/* How many of the oldest must go, by the mean size of all. */
static int oversize_rows(struct outbox *outbox, uint64_t bytes, uint64_t max_bytes, int64_t *ret_rows)
{
    int64_t rows = 0;
    int result = outbox_run_integer(outbox, STATEMENT_COUNT, &rows);
    uint64_t wanted = rows > 0 ? (bytes - max_bytes) / (bytes / (uint64_t)rows + 1) + 1 : 1;
    *ret_rows = wanted < OVERSIZE_STEP ? (int64_t)wanted : OVERSIZE_STEP;
    return result;
}

/* What is about to be dropped although a sink has not had it: noted by node once the transaction is in. */
enum { NEEDED_NODES = OVERSIZE_STEP };
struct needed {
    struct outbox_loss loss[NEEDED_NODES];
    size_t count;
};

static int read_needed(struct outbox *outbox, int64_t row, struct needed *needed)
{
    sqlite3_stmt *statement = outbox->statements[STATEMENT_NEEDED];
    int result;
    sqlite3_bind_int64(statement, 1, row);
    sqlite3_bind_int64(statement, 2, outbox->life);
    sqlite3_bind_int64(statement, 3, outbox_wall_seconds() - (int64_t)outbox->limits.keep_seconds);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *node = (const char *)sqlite3_column_text(statement, 0);
        struct outbox_loss *loss = &needed->loss[needed->count < NEEDED_NODES ? needed->count++ : NEEDED_NODES - 1];
        *loss = (struct outbox_loss){.from_ns = (uint64_t)sqlite3_column_int64(statement, 1),
                                     .to_ns = (uint64_t)sqlite3_column_int64(statement, 2),
                                     .count = (uint64_t)sqlite3_column_int64(statement, 3)};
        snprintf(loss->node, sizeof(loss->node), "%s", node ? node : "");
    }
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* One transaction, so that an alert is never dropped uncounted. */
static int drop_oldest_step(struct outbox *outbox, uint64_t bytes, uint64_t max_bytes, int64_t *ret_deleted)
{
    int64_t row = 0, needed = 0, rows = 0;
    struct needed *by_node = calloc(1, sizeof(*by_node));
    int result = by_node ? outbox_run(outbox, STATEMENT_BEGIN) : SQLITE_NOMEM;
    if (result == SQLITE_OK)
        result = oversize_rows(outbox, bytes, max_bytes, &rows);
    sqlite3_bind_int64(outbox->statements[STATEMENT_OLDEST_STEP], 1, rows);
    if (result == SQLITE_OK)
        result = outbox_run_integer(outbox, STATEMENT_OLDEST_STEP, &row);
    sqlite3_stmt *count_needed = outbox->statements[STATEMENT_COUNT_NEEDED];
    sqlite3_bind_int64(count_needed, 1, row);
    sqlite3_bind_int64(count_needed, 2, outbox->life);
    sqlite3_bind_int64(count_needed, 3, outbox_wall_seconds() - (int64_t)outbox->limits.keep_seconds);
    if (result == SQLITE_OK)
        result = outbox_run_integer(outbox, STATEMENT_COUNT_NEEDED, &needed);
    if (result == SQLITE_OK && needed > 0)
        result = read_needed(outbox, row, by_node);
    sqlite3_bind_int64(outbox->statements[STATEMENT_COUNT_LOST], 1, row);
    if (result == SQLITE_OK)
        result = outbox_run(outbox, STATEMENT_COUNT_LOST);
    if (result == SQLITE_OK)
        result = delete_step(outbox, row, OVERSIZE_STEP, ret_deleted);
    sqlite3_bind_int64(outbox->statements[STATEMENT_ADD_LOST], 1, needed);
    if (result == SQLITE_OK)
        result = outbox_run(outbox, STATEMENT_ADD_LOST);
    if (result == SQLITE_OK)
        result = outbox_run(outbox, STATEMENT_COMMIT);
    if (result == SQLITE_OK)
        count(outbox, (uint64_t)*ret_deleted, (uint64_t)needed);
    else
        outbox_rollback(outbox);
    for (size_t i = 0; result == SQLITE_OK && i < by_node->count; i++)
        outbox_note_loss(outbox, &by_node->loss[i]);
    free(by_node);
    return result;
}

static int prune(struct outbox *outbox, uint64_t max_bytes)
{
    outbox->pruned_at = (int64_t)(clock_boot_ns() / 1000000000u);
    outbox->alerts_since_prune = outbox->bytes_since_prune = 0;
    uint64_t bytes = 0;
    int result = prune_delivered(outbox);
    if (result == SQLITE_OK)
        result = outbox_measure(outbox, &bytes);
    int64_t deleted = 1;
    for (int i = 0; i < MAX_STEPS && result == SQLITE_OK && bytes > max_bytes && deleted > 0; i++) {
        result = drop_oldest_step(outbox, bytes, max_bytes, &deleted);
        if (result == SQLITE_OK)
            result = outbox_measure(outbox, &bytes);
    }
    return result == SQLITE_OK ? 0 : outbox_fail(outbox, outbox->writer, result, "prune");
}

int outbox_prune(struct outbox *outbox, uint64_t max_bytes)
{
    pthread_mutex_lock(&outbox->write_lock);
    int result = prune(outbox, max_bytes);
    pthread_mutex_unlock(&outbox->write_lock);
    return result;
}

void outbox_keep_house(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->write_lock);
    outbox_prune_if_due(outbox, 0, 0);
    pthread_mutex_unlock(&outbox->write_lock);
}

void outbox_prune_if_due(struct outbox *outbox, size_t new_alerts, size_t new_bytes)
{
    outbox->alerts_since_prune += new_alerts;
    outbox->bytes_since_prune += new_bytes;
    int64_t now = (int64_t)(clock_boot_ns() / 1000000000u);
    if (outbox->alerts_since_prune >= OUTBOX_PRUNE_ALERTS || outbox->bytes_since_prune >= OUTBOX_PRUNE_BYTES ||
        now - outbox->pruned_at >= OUTBOX_PRUNE_SECONDS)
        prune(outbox, outbox->limits.max_bytes); /* a failure is kept in last_error; it is tried again when next due */
}
