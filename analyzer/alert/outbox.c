/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/outbox_internal.h"

#include <errno.h>

#include "analyzer/metrics/metrics.h"
#include "common/base/clock.h"
#include "common/base/fault.h"

int64_t outbox_wall_seconds(void)
{
    return ((int64_t)clock_boot_ns() + clock_wall_minus_boot_ns()) / 1000000000;
}

int outbox_fail(struct outbox *outbox, sqlite3 *db, int result, const char *what)
{
    char detail[OUTBOX_ERROR_BYTES];
    int error = outbox_errno(db, result);
    snprintf(detail, sizeof(detail), "%s: %s", what, sqlite3_errmsg(db));
    pthread_mutex_lock(&outbox->news_lock);
    outbox_explain(outbox->path, error, detail, outbox->last_error);
    pthread_mutex_unlock(&outbox->news_lock);
    return error;
}

int outbox_run(struct outbox *outbox, enum outbox_statement which)
{
    int result = sqlite3_step(outbox->statements[which]);
    sqlite3_reset(outbox->statements[which]);
    return result == SQLITE_DONE || result == SQLITE_ROW ? SQLITE_OK : result;
}

int outbox_run_integer(struct outbox *outbox, enum outbox_statement which, int64_t *ret_value)
{
    sqlite3_stmt *statement = outbox->statements[which];
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *ret_value = sqlite3_column_int64(statement, 0);
    else if (result == SQLITE_ROW || result == SQLITE_DONE)
        *ret_value = -1;
    sqlite3_reset(statement);
    return result == SQLITE_DONE || result == SQLITE_ROW ? SQLITE_OK : result;
}

void outbox_rollback(struct outbox *outbox)
{
    /* SQLite may have rolled back by itself, e.g. on a full disk. */
    if (!sqlite3_get_autocommit(outbox->writer))
        outbox_run(outbox, STATEMENT_ROLLBACK);
}

void outbox_last_error(struct outbox *outbox, char error[OUTBOX_ERROR_BYTES])
{
    pthread_mutex_lock(&outbox->news_lock);
    memcpy(error, outbox->last_error, OUTBOX_ERROR_BYTES);
    pthread_mutex_unlock(&outbox->news_lock);
}

void outbox_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text(statement, index, text ? text : "", -1, SQLITE_STATIC);
}

static int add_alerts(struct outbox *outbox, const struct alert *alerts, size_t n_alerts, size_t *ret_added,
                      size_t *ret_bytes)
{
    sqlite3_stmt *add = outbox->statements[STATEMENT_ADD_ALERT];
    int64_t now = outbox_wall_seconds();
    for (size_t i = 0; i < n_alerts; i++) {
        outbox_bind_text(add, 1, alerts[i].id);
        sqlite3_bind_int64(add, 2, now);
        sqlite3_bind_int64(add, 3, (int64_t)alerts[i].time_ns);
        sqlite3_bind_int(add, 4, alerts[i].severity);
        outbox_bind_text(add, 5, alerts[i].node);
        outbox_bind_text(add, 6, alerts[i].detection);
        outbox_bind_text(add, 7, alerts[i].json);
        int result = outbox_run(outbox, STATEMENT_ADD_ALERT);
        if (result != SQLITE_OK)
            return result;
        *ret_added += (size_t)sqlite3_changes(outbox->writer);
        *ret_bytes += alerts[i].json ? strlen(alerts[i].json) : 0;
        FAULT_POINT(outbox_after_alert);
    }
    return SQLITE_OK;
}

static int set_cursors(struct outbox *outbox, const struct outbox_cursor *cursors, size_t n_cursors)
{
    sqlite3_stmt *set = outbox->statements[STATEMENT_SET_CURSOR], *trim = outbox->statements[STATEMENT_TRIM_CURSORS];
    for (size_t i = 0; i < n_cursors; i++) {
        outbox_bind_text(set, 1, cursors[i].node);
        sqlite3_bind_int64(set, 2, (int64_t)cursors[i].session);
        sqlite3_bind_int64(set, 3, (int64_t)cursors[i].seq);
        sqlite3_set_last_insert_rowid(outbox->writer, 0);
        int result = outbox_run(outbox, STATEMENT_SET_CURSOR);
        bool new_session = sqlite3_last_insert_rowid(outbox->writer) != 0;
        if (result == SQLITE_OK && new_session) {
            outbox_bind_text(trim, 1, cursors[i].node);
            sqlite3_bind_int(trim, 2, OUTBOX_KEEP_SESSIONS);
            result = outbox_run(outbox, STATEMENT_TRIM_CURSORS);
        }
        if (result != SQLITE_OK)
            return result;
    }
    return SQLITE_OK;
}

/* A transaction that is in: tells the sinks. */
static void publish(struct outbox *outbox, size_t n_alerts, size_t added, int64_t last_row)
{
    pthread_mutex_lock(&outbox->news_lock);
    struct outbox_figures *figures = &outbox->figures;
    figures->commits++;
    figures->alerts += added;
    figures->duplicates += n_alerts - added;
    if (last_row > figures->last_row) {
        figures->last_row = last_row;
        pthread_cond_broadcast(&outbox->news);
    }
    pthread_mutex_unlock(&outbox->news_lock);
}

int outbox_commit(struct outbox *outbox, const struct alert *alerts, size_t n_alerts,
                  const struct outbox_cursor *cursors, size_t n_cursors)
{
    return outbox_commit_memory(outbox, alerts, n_alerts, cursors, n_cursors, NULL, 0);
}

int outbox_commit_memory(struct outbox *outbox, const struct alert *alerts, size_t n_alerts,
                         const struct outbox_cursor *cursors, size_t n_cursors, const struct outbox_memory *memory,
                         size_t n_memory)
{
    size_t added = 0, bytes = 0;
    int64_t last_row = 0;
    pthread_mutex_lock(&outbox->write_lock);
    int error = 0, result = outbox_run(outbox, STATEMENT_BEGIN);
    FAULT_POINT(outbox_after_begin);
    if (result == SQLITE_OK)
        result = add_alerts(outbox, alerts, n_alerts, &added, &bytes);
    if (result == SQLITE_OK)
        result = set_cursors(outbox, cursors, n_cursors);
    if (result == SQLITE_OK)
        result = outbox_set_memory(outbox, memory, n_memory);
    if (result == SQLITE_OK)
        result = outbox_run_integer(outbox, STATEMENT_LAST_ROW, &last_row);
    FAULT_POINT(outbox_before_commit);
    if (result == SQLITE_OK)
        result = outbox_run(outbox, STATEMENT_COMMIT);
    FAULT_POINT(outbox_after_commit);
    if (result == SQLITE_OK) {
        publish(outbox, n_alerts, added, last_row);
        outbox_prune_if_due(outbox, added, bytes);
    } else {
        error = outbox_fail(outbox, outbox->writer, result, "commit");
        outbox_rollback(outbox);
        pthread_mutex_lock(&outbox->news_lock);
        outbox->figures.failures++;
        pthread_mutex_unlock(&outbox->news_lock);
    }
    pthread_mutex_unlock(&outbox->write_lock);
    return error;
}

int outbox_cursors(struct outbox *outbox, const char *node, void (*each)(void *arg, uint64_t session, uint64_t seq),
                   void *arg)
{
    pthread_mutex_lock(&outbox->read_lock);
    sqlite3_stmt *statement = outbox->statements[STATEMENT_CURSORS];
    outbox_bind_text(statement, 1, node);
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        each(arg, (uint64_t)sqlite3_column_int64(statement, 0), (uint64_t)sqlite3_column_int64(statement, 1));
    sqlite3_reset(statement);
    int error = result == SQLITE_DONE ? 0 : outbox_fail(outbox, outbox->reader, result, "cursors");
    pthread_mutex_unlock(&outbox->read_lock);
    return error;
}

int outbox_sink_open(struct outbox *outbox, const char *sink, bool from_now, int64_t *ret_row)
{
    int64_t row = 0;
    pthread_mutex_lock(&outbox->write_lock);
    int error = 0, result = SQLITE_OK;
    if (from_now)
        result = outbox_run_integer(outbox, STATEMENT_LAST_ROW, &row);
    sqlite3_stmt *add = outbox->statements[STATEMENT_ADD_SINK];
    outbox_bind_text(add, 1, sink);
    sqlite3_bind_int64(add, 2, row);
    sqlite3_bind_int64(add, 3, outbox->life);
    sqlite3_bind_int64(add, 4, outbox_wall_seconds());
    if (result == SQLITE_OK)
        result = outbox_run(outbox, STATEMENT_ADD_SINK);
    outbox_bind_text(outbox->statements[STATEMENT_GET_SINK], 1, sink);
    if (result == SQLITE_OK)
        result = outbox_run_integer(outbox, STATEMENT_GET_SINK, &row);
    if (result == SQLITE_OK)
        *ret_row = row;
    else
        error = outbox_fail(outbox, outbox->writer, result, "open a sink's cursor");
    pthread_mutex_unlock(&outbox->write_lock);
    return error;
}

/* NULL without memory. */
static char *column_copy(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? strdup(text) : NULL;
}

int outbox_take_row(sqlite3_stmt *statement, int column, struct alert *ret_alert)
{
    struct alert alert = {.row = sqlite3_column_int64(statement, column),
                          .time_ns = (uint64_t)sqlite3_column_int64(statement, column + 2),
                          .severity = sqlite3_column_int(statement, column + 3),
                          .node = column_copy(statement, column + 4),
                          .detection = column_copy(statement, column + 5),
                          .json = column_copy(statement, column + 6)};
    const char *id = (const char *)sqlite3_column_text(statement, column + 1);
    snprintf(alert.id, sizeof(alert.id), "%s", id ? id : "");
    if (alert.node && alert.detection && alert.json) {
        *ret_alert = alert;
        return 0;
    }
    alert_fini(&alert);
    return -ENOMEM;
}

int outbox_read(struct outbox *outbox, int64_t row, struct alert *ret_alert)
{
    pthread_mutex_lock(&outbox->read_lock);
    sqlite3_stmt *statement = outbox->statements[STATEMENT_READ];
    sqlite3_bind_int64(statement, 1, row);
    int error, result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        error = outbox_take_row(statement, 0, ret_alert);
    else
        error = result == SQLITE_DONE ? -ENOENT : outbox_fail(outbox, outbox->reader, result, "read");
    sqlite3_reset(statement);
    pthread_mutex_unlock(&outbox->read_lock);
    return error;
}

uint64_t outbox_count_after(struct outbox *outbox, int64_t row)
{
    int64_t rows = 0;
    pthread_mutex_lock(&outbox->read_lock);
    sqlite3_bind_int64(outbox->statements[STATEMENT_COUNT_AFTER], 1, row);
    int result = outbox_run_integer(outbox, STATEMENT_COUNT_AFTER, &rows);
    pthread_mutex_unlock(&outbox->read_lock);
    return result == SQLITE_OK && rows > 0 ? (uint64_t)rows : 0;
}

static void free_const(const char *text)
{
    free((void *)(uintptr_t)text);
}

void alert_fini(struct alert *alert)
{
    free_const(alert->node);
    free_const(alert->detection);
    free_const(alert->json);
    *alert = (struct alert){0};
}

void outbox_wait_since(struct outbox *outbox, int64_t row, uint64_t wakes, unsigned timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&outbox->news_lock);
    while (outbox->figures.last_row <= row && outbox->wakes == wakes)
        if (pthread_cond_timedwait(&outbox->news, &outbox->news_lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&outbox->news_lock);
}

void outbox_wait(struct outbox *outbox, int64_t row, unsigned timeout_ms)
{
    outbox_wait_since(outbox, row, outbox_wakes(outbox), timeout_ms);
}

uint64_t outbox_wakes(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->news_lock);
    uint64_t wakes = outbox->wakes;
    pthread_mutex_unlock(&outbox->news_lock);
    return wakes;
}

void outbox_wake(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->news_lock);
    outbox->wakes++;
    pthread_cond_broadcast(&outbox->news);
    pthread_mutex_unlock(&outbox->news_lock);
}

void outbox_figures(struct outbox *outbox, struct outbox_figures *ret)
{
    pthread_mutex_lock(&outbox->news_lock);
    *ret = outbox->figures;
    pthread_mutex_unlock(&outbox->news_lock);
}

void outbox_collect(void *arg, struct metrics_writer *writer)
{
    struct outbox_figures figures;
    outbox_figures(arg, &figures);
    const struct outbox_salvage *salvage = outbox_salvaged(arg);
    const struct {
        enum metric metric;
        double value;
    } samples[] = {
        {METRIC_OUTBOX_ALERTS, (double)figures.alerts},
        {METRIC_OUTBOX_DUPLICATES, (double)figures.duplicates},
        {METRIC_OUTBOX_COMMITS, (double)figures.commits},
        {METRIC_OUTBOX_FAILURES, (double)figures.failures},
        {METRIC_OUTBOX_PRUNED, (double)figures.pruned},
        {METRIC_OUTBOX_LOST, (double)figures.lost},
        {METRIC_OUTBOX_BYTES, (double)figures.bytes},
        {METRIC_OUTBOX_LIMIT, (double)((const struct outbox *)arg)->limits.max_bytes},
        {METRIC_OUTBOX_LAST_ROW, (double)figures.last_row},
        {METRIC_OUTBOX_REDRIVEN, (double)figures.redriven},
        {METRIC_OUTBOX_ACKNOWLEDGED, (double)figures.acknowledged},
        {METRIC_OUTBOX_SALVAGES, salvage->done ? 1 : 0},
        {METRIC_OUTBOX_UNREADABLE, (double)salvage->unreadable},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        metrics_put(writer, samples[i].metric, NULL, samples[i].value);
}
