/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/outbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "common/base/clock.h"

#define LAYOUT 3

enum {
    BUSY_TIMEOUT_MS = 5000,
    CACHE_KIB = 1024, /* a connection: a commit touches a few pages, a read one row */
};

#define TEXT(value)    TEXT_OF(value)
#define TEXT_OF(value) #value

/*
 * synchronous=FULL: a commit is on the disk before the collector may forget the batch, and an advance before the next
 * delivery; NORMAL would lose both with the power. It costs one fdatasync a commit, measured at 0.31 ms (p99 0.75), and
 * is off the path of the acknowledgement. The log is folded back every 1000 pages and cut to 4 MiB, so that it stays
 * bounded; no reader holds it open beyond one row.
 */
static const char connection_setup[] =
    "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=4194304;"
    "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;";

#define MEMORY_TABLE                                                                                                   \
    "CREATE TABLE memory(node TEXT NOT NULL, detection TEXT NOT NULL, key BLOB NOT NULL, boot TEXT NOT NULL, "         \
    "definition INTEGER NOT NULL, touched INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(node, detection, key)) "  \
    "STRICT, WITHOUT ROWID;"

/* Layout 1 had no memory of detections. */
static const char layout_1_to_2[] = "BEGIN IMMEDIATE;" MEMORY_TABLE "PRAGMA user_version=2; COMMIT;";

/*
 * Layout 2 did not count what became of a sink's alerts, and had no way back for dead letters. Since then, for each
 * sink: row - start = delivered + refused + lost + skipped, where skipped is what its filters left
 * out, and what was pruned while it was away for longer than the outbox keeps anything.
 */
static const char layout_2_to_3[] = "BEGIN IMMEDIATE;"
                                    "ALTER TABLE sinks ADD COLUMN start INTEGER NOT NULL DEFAULT 0;"
                                    "ALTER TABLE sinks ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0;"
                                    "ALTER TABLE sinks ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;"
                                    "ALTER TABLE sinks ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;"
                                    "ALTER TABLE sinks ADD COLUMN redelivered INTEGER NOT NULL DEFAULT 0;"
                                    "ALTER TABLE dead_letters ADD COLUMN again INTEGER NOT NULL DEFAULT 0;"
                                    "UPDATE sinks SET start = row;"
                                    "PRAGMA user_version=3; COMMIT;";

/*
 * Rows are never numbered twice (AUTOINCREMENT): a cursor stands for "everything up to here" also after pruning.
 * `added` stands before `json`, so that it is read without the overflow pages.
 */
static const char layout_setup[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE alerts(row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, added INTEGER NOT NULL, "
    "time_ns INTEGER NOT NULL,"
    " severity INTEGER NOT NULL, node TEXT NOT NULL, detection TEXT NOT NULL, json TEXT NOT NULL) STRICT;"
    "CREATE TABLE cursors(n INTEGER PRIMARY KEY AUTOINCREMENT, node TEXT NOT NULL, session INTEGER NOT NULL, seq "
    "INTEGER NOT NULL,"
    " UNIQUE(node, session)) STRICT;"
    "CREATE TABLE sinks(name TEXT PRIMARY KEY, row INTEGER NOT NULL, life INTEGER NOT NULL, seen INTEGER NOT NULL, "
    "start INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0, "
    "lost INTEGER NOT NULL DEFAULT 0, redelivered INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE dead_letters(n INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, row INTEGER NOT NULL, reason "
    "TEXT NOT NULL,"
    " time INTEGER NOT NULL, again INTEGER NOT NULL DEFAULT 0) STRICT;" MEMORY_TABLE
    "CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;"
    "INSERT INTO facts VALUES('lost', 0);"
    "PRAGMA application_id=" TEXT(OUTBOX_APPLICATION_ID) ";"
                                                         "PRAGMA user_version=" TEXT(LAYOUT) ";"
                                                                                             "COMMIT;";

#define NEEDED_BY_SINKS "SELECT MIN(row) FROM sinks WHERE life = ?2 OR seen > ?3"
#define TRIMMED         "(SELECT MAX(n) FROM dead_letters) - ?1"
#define NOT_DEAD        "row NOT IN (SELECT row FROM dead_letters)"

static const char *const statement_sql[ALL_STATEMENTS] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    /* Not INSERT OR IGNORE, which uses up a row number for nothing. */
    [STATEMENT_ADD_ALERT] =
        "INSERT INTO alerts(id, added, time_ns, severity, node, detection, json) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 "
        "WHERE NOT EXISTS(SELECT 1 FROM alerts WHERE id = ?1)",
    [STATEMENT_SET_CURSOR] = "INSERT INTO cursors(node, session, seq) VALUES(?1, ?2, ?3) "
                             "ON CONFLICT(node, session) DO UPDATE SET seq = excluded.seq",
    [STATEMENT_TRIM_CURSORS] = "DELETE FROM cursors WHERE node = ?1 AND n <= "
                               "(SELECT n FROM cursors WHERE node = ?1 ORDER BY n DESC LIMIT 1 OFFSET ?2)",
    [STATEMENT_SET_MEMORY] =
        "INSERT INTO memory(node, detection, key, boot, definition, touched, bytes) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) "
        "ON CONFLICT(node, detection, key) DO UPDATE SET boot = excluded.boot, definition = excluded.definition, "
        "touched = excluded.touched, bytes = excluded.bytes",
    [STATEMENT_UNSET_MEMORY] = "DELETE FROM memory WHERE node = ?1 AND detection = ?2 AND key = ?3",
    [STATEMENT_FORGET_MEMORY] = "DELETE FROM memory WHERE node = ?1 AND detection = ?2",
    [STATEMENT_ADD_SINK] = "INSERT INTO sinks(name, row, life, seen, start) VALUES(?1, ?2, ?3, ?4, ?2) "
                           "ON CONFLICT(name) DO UPDATE SET life = excluded.life, seen = excluded.seen",
    [STATEMENT_GET_SINK] = "SELECT row FROM sinks WHERE name = ?1",
    [STATEMENT_ADVANCE_SINK] = "UPDATE sinks SET row = MAX(row, ?2), seen = ?3 WHERE name = ?1",
    [STATEMENT_COUNT_SINK] =
        "UPDATE sinks SET delivered = delivered + ?3, refused = refused + ?4 WHERE name = ?1 AND row < ?2",
    [STATEMENT_ADD_DEAD] = "INSERT INTO dead_letters(sink, row, reason, time) VALUES(?1, ?2, ?3, ?4)",
    [STATEMENT_COUNT_TRIMMED] = "SELECT COUNT(*) FROM dead_letters WHERE again = 1 AND n <= " TRIMMED,
    [STATEMENT_TRIM_DEAD] = "DELETE FROM dead_letters WHERE n <= " TRIMMED,
    [STATEMENT_SETTLE_LETTER] = "DELETE FROM dead_letters WHERE n = ?1",
    [STATEMENT_COUNT_REDELIVERED] = "UPDATE sinks SET redelivered = redelivered + 1 WHERE name = ?1",
    [STATEMENT_REFUSE_LETTER] = "UPDATE dead_letters SET again = 0, reason = ?2, time = ?3 WHERE n = ?1",
    /* The last row that may go: beyond the newest ?1 rows or added before ?3, and passed by every sink in use. */
    [STATEMENT_PRUNE_LIMIT] =
        "WITH last(row) AS (SELECT COALESCE(MAX(row), 0) FROM alerts) "
        "SELECT MIN(MAX(last.row - ?1, COALESCE((SELECT row - 1 FROM alerts WHERE added > ?3 ORDER BY row LIMIT 1), "
        "last.row)), COALESCE((" NEEDED_BY_SINKS "), last.row)) FROM last",
    [STATEMENT_COUNT] = "SELECT COUNT(*) FROM alerts",
    [STATEMENT_OLDEST_STEP] = "SELECT MAX(row) FROM (SELECT row FROM alerts WHERE " NOT_DEAD " ORDER BY row LIMIT ?1)",
    [STATEMENT_COUNT_NEEDED] =
        "SELECT COUNT(*) FROM alerts WHERE row <= ?1 AND row > COALESCE((" NEEDED_BY_SINKS "), ?1) AND " NOT_DEAD,
    [STATEMENT_NEEDED] = "SELECT node, MIN(time_ns), MAX(time_ns), COUNT(*) FROM alerts WHERE row <= ?1 AND row > "
                         "COALESCE((" NEEDED_BY_SINKS "), ?1) AND " NOT_DEAD " GROUP BY node",
    [STATEMENT_COUNT_LOST] =
        "UPDATE sinks SET lost = lost + (SELECT COUNT(*) FROM alerts WHERE row <= ?1 AND row > sinks.row "
        "AND " NOT_DEAD ")",
    [STATEMENT_PRUNE] = "DELETE FROM alerts WHERE row IN (SELECT row FROM alerts WHERE row <= ?1 AND " NOT_DEAD
                        " ORDER BY row LIMIT ?2)",
    [STATEMENT_ADD_LOST] = "UPDATE facts SET value = value + ?1 WHERE name = 'lost'",
    [STATEMENT_GET_LOST] = "SELECT value FROM facts WHERE name = 'lost'",
    [STATEMENT_LAST_ROW] = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'alerts'), 0)",
    [STATEMENT_BYTES] = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, "
                        "pragma_freelist_count, pragma_page_size",
    [STATEMENT_READ] =
        "SELECT row, id, time_ns, severity, node, detection, json FROM alerts WHERE row > ?1 ORDER BY row LIMIT 1",
    [STATEMENT_READ_LETTER] =
        "SELECT d.n, a.row, a.id, a.time_ns, a.severity, a.node, a.detection, a.json FROM dead_letters d "
        "JOIN alerts a ON a.row = d.row WHERE d.sink = ?1 AND d.again = 1 ORDER BY d.n LIMIT 1",
    [STATEMENT_COUNT_AFTER] = "SELECT COUNT(*) FROM alerts WHERE row > ?1",
    [STATEMENT_MEMORY_KEPT] = "SELECT detection, boot, definition, COUNT(*) FROM memory WHERE node = ?1 "
                              "GROUP BY detection, boot, definition ORDER BY detection",
    [STATEMENT_MEMORY] = "SELECT boot, definition, key, touched, bytes FROM memory WHERE node = ?1 AND detection = ?2 "
                         "ORDER BY touched",
    [STATEMENT_CURSORS] = "SELECT session, seq FROM cursors WHERE node = ?1 ORDER BY n DESC",
};

int outbox_errno(sqlite3 *db, int result)
{
    int system_errno = db ? sqlite3_system_errno(db) : 0;
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        if (system_errno == ENOSPC || system_errno == EDQUOT)
            return -ENOSPC;
        if (system_errno == EROFS)
            return -EROFS;
        return (result & 0xff) == SQLITE_IOERR ? -EIO : -EACCES;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return -EBADMSG;
    case SQLITE_NOMEM:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

static const char *remedy(int error)
{
    switch (-error) {
    case EACCES:
    case EPERM:
        return "not allowed: give the file and its folder to the user that vedette-analyzer runs as";
    case ENOENT:
    case ENOTDIR:
        return "its folder does not exist: make it, or name another path";
    case ENOSPC:
    case EDQUOT:
        return "no space left: free some, or name another path";
    case EROFS:
        return "cannot be written: make its file system and file writable, or name another path";
    case EBUSY:
        return "open in another process: stop that analyzer, or name another path";
    case EBADMSG:
        return "no outbox, or damaged at its very beginning: move it away and start again (alerts in it that no sink "
               "had "
               "are lost)";
    default:
        return "name another path if this stays";
    }
}

int outbox_explain(const char *path, int error, const char *detail, char words[OUTBOX_ERROR_BYTES])
{
    /* Cut at the end where the path is long. */
    int size = snprintf(words, OUTBOX_ERROR_BYTES, "outbox %s: %s", path, remedy(error));
    if (detail && size > 0 && size < OUTBOX_ERROR_BYTES)
        snprintf(words + size, (size_t)(OUTBOX_ERROR_BYTES - size), " (%s)", detail);
    return error;
}

/*
 * One process has the outbox: two would deliver every alert twice. The lock is on a file of its own, as closing any
 * descriptor of the database would drop SQLite's own locks on it.
 */
static int take_file(struct outbox *outbox, const char *path, char words[OUTBOX_ERROR_BYTES])
{
    char lock_path[4096];
    if (snprintf(lock_path, sizeof(lock_path), "%s.lock", path) >= (int)sizeof(lock_path))
        return outbox_explain(path, -ENAMETOOLONG, "path too long", words);
    outbox->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (outbox->lock_fd < 0)
        return outbox_explain(path, -errno, strerror(errno), words);
    if (flock(outbox->lock_fd, LOCK_EX | LOCK_NB))
        return outbox_explain(path, errno == EWOULDBLOCK ? -EBUSY : -errno, NULL, words);
    outbox_salvage_resume(path);
    /* Alerts hold command lines: not for everyone. SQLite gives its log the mode of the database. */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd < 0)
        return outbox_explain(path, -errno, strerror(errno), words);
    close(fd);
    return 0;
}

static int query_integer(sqlite3 *db, const char *sql, int64_t *ret_value)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        *ret_value = sqlite3_column_int64(statement, 0);
        result = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return result;
}

static int query_is(sqlite3 *db, const char *sql, const char *wanted, bool *ret_equal)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        *ret_equal = text && strcmp(text, wanted) == 0;
        result = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return result;
}

int outbox_make_layout(sqlite3 *db)
{
    return sqlite3_exec(db, layout_setup, NULL, NULL, NULL);
}

/* Refuses what is not ours or newer, makes the layout in a new file. -EUCLEAN: damaged. */
static int check_layout(sqlite3 *db, const char *path, char words[OUTBOX_ERROR_BYTES])
{
    int64_t version = 0, application = 0, tables = 0;
    bool sound = true;
    int result = query_integer(db, "PRAGMA user_version", &version);
    if (result == SQLITE_OK)
        result = query_integer(db, "PRAGMA application_id", &application);
    if (result == SQLITE_OK)
        result = query_integer(db, "SELECT COUNT(*) FROM sqlite_schema", &tables);
    if (result == SQLITE_OK && tables > 0 && application != OUTBOX_APPLICATION_ID)
        return outbox_explain(path, -EBADMSG, "a database of another program", words);
    if (result == SQLITE_OK && version > LAYOUT) {
        snprintf(words, OUTBOX_ERROR_BYTES,
                 "outbox %.80s: has layout %lld, this program knows up to %d: use the newer vedette-analyzer again, or "
                 "name another path",
                 path, (long long)version, LAYOUT);
        return -EBADMSG;
    }
    if (result == SQLITE_OK && tables > 0)
        result = query_is(db, "PRAGMA quick_check(1)", "ok", &sound);
    if (result == SQLITE_OK && !sound)
        return -EUCLEAN;
    if (result == SQLITE_OK && tables == 0)
        return outbox_make_layout(db) == SQLITE_OK
                   ? 0
                   : outbox_explain(path, outbox_errno(db, sqlite3_errcode(db)), sqlite3_errmsg(db), words);
    if (result == SQLITE_OK && version == 1)
        result = sqlite3_exec(db, layout_1_to_2, NULL, NULL, NULL);
    if (result == SQLITE_OK && version <= 2)
        result = sqlite3_exec(db, layout_2_to_3, NULL, NULL, NULL);
    return result == SQLITE_OK ? 0 : outbox_explain(path, outbox_errno(db, result), sqlite3_errmsg(db), words);
}

static int connect_database(const char *path, sqlite3 **ret_db, char words[OUTBOX_ERROR_BYTES])
{
    /* NOMUTEX: our own lock guards each connection. */
    int result =
        sqlite3_open_v2(path, ret_db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_busy_timeout(*ret_db, BUSY_TIMEOUT_MS);
    if (result == SQLITE_OK)
        result = sqlite3_exec(*ret_db, connection_setup, NULL, NULL, NULL);
    if (result == SQLITE_OK) {
        char sql[64];
        snprintf(sql, sizeof(sql), "PRAGMA cache_size=-%d", CACHE_KIB);
        result = sqlite3_exec(*ret_db, sql, NULL, NULL, NULL);
    }
    return result == SQLITE_OK
               ? 0
               : outbox_explain(path, outbox_errno(*ret_db, result), *ret_db ? sqlite3_errmsg(*ret_db) : NULL, words);
}

static int prepare_all(struct outbox *outbox, const char *path, char words[OUTBOX_ERROR_BYTES])
{
    for (int i = 0; i < ALL_STATEMENTS; i++) {
        sqlite3 *db = i < WRITER_STATEMENTS ? outbox->writer : outbox->reader;
        int result =
            sqlite3_prepare_v3(db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &outbox->statements[i], NULL);
        if (result != SQLITE_OK)
            return outbox_explain(path, outbox_errno(db, result), sqlite3_errmsg(db), words);
    }
    return 0;
}

/* The writing connection, on a sound database of this layout. -EUCLEAN: damaged. */
static int open_writer(struct outbox *outbox, const char *path, char words[OUTBOX_ERROR_BYTES])
{
    bool wal = false;
    int error = connect_database(path, &outbox->writer, words);
    if (error)
        return error == -EBADMSG && outbox_is_ours(path) ? -EUCLEAN : error;
    int result = query_is(outbox->writer, "PRAGMA journal_mode=WAL", "wal", &wal);
    if (result != SQLITE_OK)
        error = outbox_explain(path, outbox_errno(outbox->writer, result), sqlite3_errmsg(outbox->writer), words);
    else if (!wal)
        return outbox_explain(path, -EOPNOTSUPP, "its file system cannot hold a write-ahead log: use a local one",
                              words);
    if (!error)
        error = check_layout(outbox->writer, path, words);
    return error == -EBADMSG && (sqlite3_errcode(outbox->writer) & 0xff) != SQLITE_OK && outbox_is_ours(path) ? -EUCLEAN
                                                                                                              : error;
}

static int open_database(struct outbox *outbox, const char *path, char words[OUTBOX_ERROR_BYTES])
{
    int error = take_file(outbox, path, words);
    if (!error)
        error = open_writer(outbox, path, words);
    if (error == -EUCLEAN) {
        sqlite3_close(outbox->writer);
        outbox->writer = NULL;
        error = outbox_salvage(path, &outbox->salvage, words);
        if (!error)
            error = open_writer(outbox, path, words);
        if (error == -EUCLEAN)
            error = outbox_explain(path, -EBADMSG, "damaged again: is the disk well?", words);
    }
    if (!error)
        error = connect_database(path, &outbox->reader, words);
    if (!error)
        error = prepare_all(outbox, path, words);
    if (error)
        return error;
    int64_t lost = 0, letters = 0;
    uint64_t bytes;
    int result = outbox_run_integer(outbox, STATEMENT_LAST_ROW, &outbox->figures.last_row);
    if (result == SQLITE_OK)
        result = outbox_run_integer(outbox, STATEMENT_GET_LOST, &lost);
    if (result == SQLITE_OK)
        result = outbox_measure(outbox, &bytes);
    if (result == SQLITE_OK)
        result = query_integer(outbox->writer, "SELECT COUNT(*) FROM dead_letters WHERE again = 1", &letters);
    outbox->figures.lost = (uint64_t)lost;
    outbox->figures.letters = (uint64_t)letters;
    return result == SQLITE_OK
               ? 0
               : outbox_explain(path, outbox_errno(outbox->writer, result), sqlite3_errmsg(outbox->writer), words);
}

int outbox_open(const char *path, struct outbox **ret_outbox, char error[OUTBOX_ERROR_BYTES])
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    if (!outbox)
        return outbox_explain(path, -ENOMEM, "out of memory", error);
    outbox->lock_fd = -1;
    outbox->limits = (struct outbox_limits){OUTBOX_KEEP_ROWS, OUTBOX_KEEP_SECONDS, OUTBOX_MAX_BYTES};
    outbox->path = strdup(path);
    outbox->life = (int64_t)((uint64_t)clock_wall_minus_boot_ns() + clock_boot_ns());
    outbox->pruned_at = (int64_t)(clock_boot_ns() / 1000000000u);
    pthread_mutex_init(&outbox->write_lock, NULL);
    pthread_mutex_init(&outbox->read_lock, NULL);
    pthread_mutex_init(&outbox->news_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&outbox->news, &attributes);
    pthread_condattr_destroy(&attributes);
    int result =
        outbox->path ? open_database(outbox, path, error) : outbox_explain(path, -ENOMEM, "out of memory", error);
    if (result) {
        outbox_close(outbox);
        return result;
    }
    *ret_outbox = outbox;
    return 0;
}

void outbox_close(struct outbox *outbox)
{
    if (!outbox)
        return;
    for (int i = 0; i < ALL_STATEMENTS; i++)
        sqlite3_finalize(outbox->statements[i]);
    sqlite3_close(outbox->reader);
    sqlite3_close(outbox->writer); /* the last one folds the log back and removes it */
    if (outbox->lock_fd >= 0)
        close(outbox->lock_fd);
    pthread_cond_destroy(&outbox->news);
    pthread_mutex_destroy(&outbox->news_lock);
    pthread_mutex_destroy(&outbox->read_lock);
    pthread_mutex_destroy(&outbox->write_lock);
    free(outbox->path);
    free(outbox);
}

void outbox_set_limits(struct outbox *outbox, const struct outbox_limits *limits)
{
    outbox->limits = *limits;
}

const struct outbox_salvage *outbox_salvaged(const struct outbox *outbox)
{
    return &outbox->salvage;
}
