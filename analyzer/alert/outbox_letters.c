/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of an alert at a sink: passed, given up as a dead letter, delivered again, acknowledged; and what is
 * told of losses. */
#include "analyzer/alert/outbox_internal.h"

#include <errno.h>

#include "common/base/fault.h"

enum { LOSS_JOIN_NS = 1000000000 };

static bool goes_on(const struct outbox_loss *last, const struct outbox_loss *loss)
{
    return last->refused == loss->refused && strcmp(last->sink, loss->sink) == 0 &&
           strcmp(last->node, loss->node) == 0 && loss->from_ns <= last->to_ns + LOSS_JOIN_NS;
}

void outbox_note_loss(struct outbox *outbox, const struct outbox_loss *loss)
{
    pthread_mutex_lock(&outbox->news_lock);
    struct outbox_loss *last = outbox->n_losses ? &outbox->loss[outbox->n_losses - 1] : NULL;
    if (last && (goes_on(last, loss) || outbox->n_losses == OUTBOX_KEEP_LOSSES)) {
        last->from_ns = loss->from_ns < last->from_ns ? loss->from_ns : last->from_ns;
        last->to_ns = loss->to_ns > last->to_ns ? loss->to_ns : last->to_ns;
        last->count += loss->count;
    } else {
        outbox->loss[outbox->n_losses++] = *loss;
    }
    pthread_mutex_unlock(&outbox->news_lock);
}

bool outbox_take_loss(struct outbox *outbox, struct outbox_loss *ret_loss)
{
    pthread_mutex_lock(&outbox->news_lock);
    bool some = outbox->n_losses > 0;
    if (some) {
        *ret_loss = outbox->loss[0];
        memmove(&outbox->loss[0], &outbox->loss[1], --outbox->n_losses * sizeof(outbox->loss[0]));
    }
    pthread_mutex_unlock(&outbox->news_lock);
    return some;
}

static void count_letters(struct outbox *outbox, int64_t more, uint64_t redriven, uint64_t acknowledged)
{
    pthread_mutex_lock(&outbox->news_lock);
    outbox->figures.letters += (uint64_t)more;
    outbox->figures.redriven += redriven;
    outbox->figures.acknowledged += acknowledged;
    pthread_mutex_unlock(&outbox->news_lock);
}

/* A dead letter more, and the oldest gone when there are too many; *ret_trimmed of those were to be delivered again. */
static int add_dead(struct outbox *outbox, const char *sink, int64_t row, const char *reason, int64_t *ret_trimmed)
{
    sqlite3_stmt *add = outbox->statements[STATEMENT_ADD_DEAD];
    outbox_bind_text(add, 1, sink);
    sqlite3_bind_int64(add, 2, row);
    outbox_bind_text(add, 3, reason);
    sqlite3_bind_int64(add, 4, outbox_wall_seconds());
    sqlite3_bind_int(outbox->statements[STATEMENT_COUNT_TRIMMED], 1, OUTBOX_KEEP_DEAD);
    sqlite3_bind_int(outbox->statements[STATEMENT_TRIM_DEAD], 1, OUTBOX_KEEP_DEAD);
    int result = outbox_run(outbox, STATEMENT_ADD_DEAD);
    if (result == SQLITE_OK)
        result = outbox_run_integer(outbox, STATEMENT_COUNT_TRIMMED, ret_trimmed);
    if (result == SQLITE_OK)
        result = outbox_run(outbox, STATEMENT_TRIM_DEAD);
    return result;
}

/* `delivered`: 1 when row is an alert that the sink took, 0 when the cursor only passes it. */
static int advance(struct outbox *outbox, const char *sink, int64_t row, int delivered, const char *dead,
                   int64_t *ret_trimmed)
{
    sqlite3_stmt *move = outbox->statements[STATEMENT_ADVANCE_SINK], *tally = outbox->statements[STATEMENT_COUNT_SINK];
    outbox_bind_text(tally, 1, sink);
    sqlite3_bind_int64(tally, 2, row);
    sqlite3_bind_int(tally, 3, delivered);
    sqlite3_bind_int(tally, 4, dead != NULL);
    outbox_bind_text(move, 1, sink);
    sqlite3_bind_int64(move, 2, row);
    sqlite3_bind_int64(move, 3, outbox_wall_seconds());
    int result = outbox_run(outbox, STATEMENT_BEGIN);
    if (result == SQLITE_OK)
        result = outbox_run(outbox, STATEMENT_COUNT_SINK);
    if (result == SQLITE_OK)
        result = outbox_run(outbox, STATEMENT_ADVANCE_SINK);
    if (result == SQLITE_OK && sqlite3_changes(outbox->writer) == 0)
        result = SQLITE_NOTFOUND;
    if (result == SQLITE_OK && dead)
        result = add_dead(outbox, sink, row, dead, ret_trimmed);
    FAULT_POINT(sink_before_commit);
    return result == SQLITE_OK ? outbox_run(outbox, STATEMENT_COMMIT) : result;
}

static int end_change(struct outbox *outbox, int result, const char *what)
{
    int error = result == SQLITE_NOTFOUND ? -ENOENT : 0;
    if (result != SQLITE_OK && result != SQLITE_NOTFOUND)
        error = outbox_fail(outbox, outbox->writer, result, what);
    if (error)
        outbox_rollback(outbox);
    return error;
}

static int advance_locked(struct outbox *outbox, const char *sink, int64_t row, int delivered, const char *dead)
{
    int64_t trimmed = 0;
    pthread_mutex_lock(&outbox->write_lock);
    int error = end_change(outbox, advance(outbox, sink, row, delivered, dead, &trimmed), "advance a sink's cursor");
    pthread_mutex_unlock(&outbox->write_lock);
    if (!error && trimmed > 0)
        count_letters(outbox, -trimmed, 0, 0);
    return error;
}

int outbox_sink_advance(struct outbox *outbox, const char *sink, int64_t row, const char *dead)
{
    return advance_locked(outbox, sink, row, 0, dead);
}

static int settle_letter(struct outbox *outbox, const char *sink, int64_t letter, const char *dead)
{
    sqlite3_stmt *settle = outbox->statements[dead ? STATEMENT_REFUSE_LETTER : STATEMENT_SETTLE_LETTER];
    sqlite3_bind_int64(settle, 1, letter);
    if (dead) {
        outbox_bind_text(settle, 2, dead);
        sqlite3_bind_int64(settle, 3, outbox_wall_seconds());
        return outbox_run(outbox, STATEMENT_REFUSE_LETTER);
    }
    outbox_bind_text(outbox->statements[STATEMENT_COUNT_REDELIVERED], 1, sink);
    int result = outbox_run(outbox, STATEMENT_BEGIN);
    if (result == SQLITE_OK)
        result = outbox_run(outbox, STATEMENT_SETTLE_LETTER);
    if (result == SQLITE_OK)
        result = outbox_run(outbox, STATEMENT_COUNT_REDELIVERED);
    return result == SQLITE_OK ? outbox_run(outbox, STATEMENT_COMMIT) : result;
}

int outbox_sink_settle(struct outbox *outbox, const char *sink, const struct alert *alert, const char *dead)
{
    struct outbox_loss loss = {.refused = true, .from_ns = alert->time_ns, .to_ns = alert->time_ns, .count = 1};
    int error;
    if (alert->letter != 0) {
        pthread_mutex_lock(&outbox->write_lock);
        error = end_change(outbox, settle_letter(outbox, sink, alert->letter, dead), "settle a dead letter");
        pthread_mutex_unlock(&outbox->write_lock);
        if (!error)
            count_letters(outbox, -1, dead ? 0 : 1, 0);
        return error;
    }
    error = advance_locked(outbox, sink, alert->row, dead == NULL, dead);
    if (!error && dead) {
        snprintf(loss.sink, sizeof(loss.sink), "%s", sink);
        snprintf(loss.node, sizeof(loss.node), "%s", alert->node);
        outbox_note_loss(outbox, &loss);
    }
    return error;
}

int outbox_next(struct outbox *outbox, const char *sink, int64_t row, struct alert *ret_alert)
{
    pthread_mutex_lock(&outbox->news_lock);
    bool letters = outbox->figures.letters > 0;
    pthread_mutex_unlock(&outbox->news_lock);
    if (letters) {
        pthread_mutex_lock(&outbox->read_lock);
        sqlite3_stmt *statement = outbox->statements[STATEMENT_READ_LETTER];
        outbox_bind_text(statement, 1, sink);
        int error = -ENOENT, result = sqlite3_step(statement);
        if (result == SQLITE_ROW) {
            error = outbox_take_row(statement, 1, ret_alert);
            if (!error)
                ret_alert->letter = sqlite3_column_int64(statement, 0);
        } else if (result != SQLITE_DONE) {
            error = outbox_fail(outbox, outbox->reader, result, "read a dead letter");
        }
        sqlite3_reset(statement);
        pthread_mutex_unlock(&outbox->read_lock);
        if (error != -ENOENT)
            return error;
    }
    return outbox_read(outbox, row, ret_alert);
}

/* Runs `sql` with ?1 the id and ?2 the sink ("" for all), and ?3 the time; a seldom one, not worth keeping prepared. */
static int run_once(struct outbox *outbox, const char *sql, const char *id, const char *sink, int64_t *ret_changes)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(outbox->writer, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        outbox_bind_text(statement, 1, id);
        outbox_bind_text(statement, 2, sink);
        if (sqlite3_bind_parameter_count(statement) == 3)
            sqlite3_bind_int64(statement, 3, outbox_wall_seconds());
        result = sqlite3_step(statement);
        result = result == SQLITE_DONE ? SQLITE_OK : result == SQLITE_ROW ? SQLITE_OK : result;
        *ret_changes = sqlite3_changes(outbox->writer);
    }
    sqlite3_finalize(statement);
    return result;
}

#define OF_BOTH "(?1 = '' OR row = (SELECT row FROM alerts WHERE id = ?1)) AND (?2 = '' OR sink = ?2) AND again = 0"

static int redrive(struct outbox *outbox, const char *id, const char *sink, int64_t *ret_count)
{
    int64_t known = 1;
    int result = SQLITE_OK;
    if (sink) {
        outbox_bind_text(outbox->statements[STATEMENT_GET_SINK], 1, sink);
        result = outbox_run_integer(outbox, STATEMENT_GET_SINK, &known);
    }
    if (result == SQLITE_OK && known < 0)
        return SQLITE_NOTFOUND;
    if (result == SQLITE_OK)
        result = run_once(outbox, "UPDATE dead_letters SET again = 1 WHERE " OF_BOTH, id, sink, ret_count);
    /* What the sink has yet to reach comes in its turn. */
    if (result == SQLITE_OK && *ret_count == 0 && id && sink)
        result = run_once(outbox,
                          "INSERT INTO dead_letters(sink, row, reason, time, again) SELECT s.name, a.row, 'asked for "
                          "again', ?3, 1 FROM alerts a, sinks s WHERE a.id = ?1 AND s.name = ?2 AND a.row <= s.row AND "
                          "NOT EXISTS(SELECT 1 FROM dead_letters d WHERE d.sink = s.name AND d.row = a.row)",
                          id, sink, ret_count);
    return result;
}

int outbox_redrive(struct outbox *outbox, const char *id, const char *sink, uint64_t *ret_count)
{
    int64_t count = 0;
    pthread_mutex_lock(&outbox->write_lock);
    int error = end_change(outbox, redrive(outbox, id, sink, &count), "deliver dead letters again");
    pthread_mutex_unlock(&outbox->write_lock);
    if (error)
        return error;
    count_letters(outbox, count, 0, 0);
    outbox_wake(outbox);
    *ret_count = (uint64_t)count;
    return 0;
}

int outbox_acknowledge(struct outbox *outbox, const char *id, const char *sink, uint64_t *ret_count)
{
    int64_t count = 0;
    pthread_mutex_lock(&outbox->write_lock);
    int result = run_once(outbox, "DELETE FROM dead_letters WHERE " OF_BOTH, id, sink, &count);
    int error = end_change(outbox, result, "acknowledge dead letters");
    pthread_mutex_unlock(&outbox->write_lock);
    if (error)
        return error;
    count_letters(outbox, 0, 0, (uint64_t)count);
    *ret_count = (uint64_t)count;
    return 0;
}
