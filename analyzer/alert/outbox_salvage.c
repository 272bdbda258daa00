/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A damaged database: what can be read of it is put into a new one, which takes its place, and the damaged files are
 * kept aside for people. Nothing but renames happens to them.
 */
#include "analyzer/alert/outbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "analyzer/alert/row.h"

enum {
    HEADER_BYTES = 100, /* https://www.sqlite.org/fileformat2.html, 1.3 */
    HEADER_APPLICATION_ID = 68,
    PATIENT_STEPS = 4096, /* rows that are tried one after the other before the steps grow */
    SQL_BYTES = 1024,
};

bool outbox_is_ours(const char *path)
{
    static const uint8_t nothing[HEADER_BYTES];
    static const uint8_t id[] = {OUTBOX_APPLICATION_ID >> 24 & 255, OUTBOX_APPLICATION_ID >> 16 & 255,
                                 OUTBOX_APPLICATION_ID >> 8 & 255, OUTBOX_APPLICATION_ID & 255};
    uint8_t header[HEADER_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool whole = fd >= 0 && pread(fd, header, sizeof(header), 0) == HEADER_BYTES;
    if (fd >= 0)
        close(fd);
    return whole && (memcmp(header, nothing, HEADER_BYTES) == 0 ||
                     (memcmp(header, "SQLite format 3", 16) == 0 &&
                      memcmp(header + HEADER_APPLICATION_ID, id, sizeof(id)) == 0));
}

struct salvage {
    sqlite3 *from, *to;
    struct outbox_salvage report;
    int64_t last_row; /* the largest number that anything names */
};

/* Copies the rows that `sql` gives until it ends or something cannot be read; false then. */
static bool copy_rows(struct salvage *salvage, const char *table, const char *sql)
{
    sqlite3_stmt *read = NULL, *write = NULL;
    char insert[SQL_BYTES];
    int size, columns, result = sqlite3_prepare_v2(salvage->from, sql, -1, &read, NULL);
    if (result != SQLITE_OK)
        return false;
    columns = sqlite3_column_count(read);
    size = snprintf(insert, sizeof(insert), "INSERT OR IGNORE INTO %s(", table);
    for (int i = 0; i < columns && size < SQL_BYTES; i++)
        size +=
            snprintf(insert + size, (size_t)(SQL_BYTES - size), "%s%s", i > 0 ? "," : "", sqlite3_column_name(read, i));
    for (int i = 0; i < columns && size < SQL_BYTES; i++)
        size += snprintf(insert + size, (size_t)(SQL_BYTES - size), "%s?", i > 0 ? "," : ") VALUES(");
    if (size < SQL_BYTES)
        snprintf(insert + size, (size_t)(SQL_BYTES - size), ")");
    result = sqlite3_prepare_v2(salvage->to, insert, -1, &write, NULL);
    while (result == SQLITE_OK && (result = sqlite3_step(read)) == SQLITE_ROW) {
        for (int i = 0; i < columns; i++)
            sqlite3_bind_value(write, i + 1, sqlite3_column_value(read, i));
        sqlite3_step(write); /* a row that the tables do not allow is a damaged one */
        result = sqlite3_reset(write) == SQLITE_FULL ? SQLITE_FULL : SQLITE_OK;
    }
    sqlite3_finalize(read);
    sqlite3_finalize(write);
    return result == SQLITE_DONE;
}

/* From both ends: what lies between two damaged places is not found, and of a small table nothing does. */
static bool copy_table(struct salvage *salvage, const char *table, const char *key)
{
    char sql[SQL_BYTES];
    snprintf(sql, sizeof(sql), "SELECT * FROM %s NOT INDEXED", table);
    if (copy_rows(salvage, table, sql))
        return true;
    snprintf(sql, sizeof(sql), "SELECT * FROM %s NOT INDEXED ORDER BY %s", table, key);
    copy_rows(salvage, table, sql);
    salvage->report.tables_cut++;
    return false;
}

static int64_t integer_of(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* A page has no checksum: what can be read may still be nonsense. */
static bool makes_sense(const struct alert *alert)
{
    if (strlen(alert->id) != ALERT_ID_BYTES - 1 || alert->id[strspn(alert->id, "0123456789abcdef")] != '\0')
        return false;
    json_t *finding = alert_parse(alert);
    json_decref(finding);
    return finding != NULL;
}

static int keep_alert(struct salvage *salvage, sqlite3_stmt *read, sqlite3_stmt *write)
{
    struct alert alert;
    if (outbox_take_row(read, 0, &alert) != 0)
        return SQLITE_NOMEM;
    int result = SQLITE_OK;
    if (makes_sense(&alert)) {
        for (int i = 0; i < sqlite3_column_count(read); i++)
            sqlite3_bind_value(write, i + 1, sqlite3_column_value(read, i));
        result = sqlite3_step(write);
        salvage->report.kept += result == SQLITE_DONE;
        result = sqlite3_reset(write);
        if (result != SQLITE_FULL && result != SQLITE_NOMEM && (result & 0xff) != SQLITE_IOERR)
            result = SQLITE_OK; /* an id twice: one of them is nonsense */
    }
    alert_fini(&alert);
    return result;
}

/* The first row from `row` on that can be read: SQLITE_ROW, SQLITE_DONE, or an error. */
static int seek(sqlite3_stmt *read, int64_t row)
{
    sqlite3_reset(read);
    sqlite3_bind_int64(read, 1, row);
    return sqlite3_step(read);
}

/*
 * A damaged page of the tree fails for every row up to its last one. Row after row is tried, then in growing steps, and
 * of a step that ended beyond the page the nearest good row before it is looked for. The next row, 0 when there is
 * none.
 */
static int64_t beyond_damage(const struct salvage *salvage, sqlite3_stmt *read, int64_t row)
{
    int64_t bad = row, good = 0, step = 1;
    for (int64_t i = 0; good == 0; i++) {
        if (bad > INT64_MAX - step || (salvage->last_row > 0 && bad > salvage->last_row))
            return 0;
        int result = seek(read, bad + step);
        if (result == SQLITE_DONE)
            return 0;
        if (result == SQLITE_ROW) {
            good = bad + step;
            break;
        }
        bad += step;
        step = i < PATIENT_STEPS ? 1 : step * 2;
    }
    while (good - bad > 1) {
        int64_t middle = bad + (good - bad) / 2;
        if (seek(read, middle) == SQLITE_ROW)
            good = middle;
        else
            bad = middle;
    }
    return good;
}

static int copy_alerts(struct salvage *salvage)
{
    static const char select[] = "SELECT row, id, time_ns, severity, node, detection, json, added FROM alerts "
                                 "NOT INDEXED WHERE row >= ?1 ORDER BY row LIMIT 1";
    static const char insert[] = "INSERT INTO alerts(row, id, time_ns, severity, node, detection, json, added) "
                                 "VALUES(?, ?, ?, ?, ?, ?, ?, ?)";
    sqlite3_stmt *read = NULL, *write = NULL;
    int64_t row = 0, first = 0, last = 0;
    int result = sqlite3_prepare_v2(salvage->to, insert, -1, &write, NULL);
    if (result == SQLITE_OK && sqlite3_prepare_v2(salvage->from, select, -1, &read, NULL) != SQLITE_OK)
        row = -1; /* not even the list of tables can be read */
    while (result == SQLITE_OK && row >= 0) {
        int found = seek(read, row);
        if (found == SQLITE_ROW) {
            last = sqlite3_column_int64(read, 0);
            first = first == 0 ? last : first;
            result = keep_alert(salvage, read, write);
            row = last < INT64_MAX ? last + 1 : -1;
        } else {
            row = found == SQLITE_DONE ? -1 : beyond_damage(salvage, read, row);
            row = row == 0 ? -1 : row;
        }
    }
    /* Rows were numbered without holes. */
    last = salvage->last_row > last ? salvage->last_row : last;
    salvage->report.unreadable = first == 0 ? 0 : (uint64_t)(last - first + 1) - salvage->report.kept;
    salvage->last_row = last;
    sqlite3_finalize(read);
    sqlite3_finalize(write);
    return result;
}

static void find_last_row(struct salvage *salvage)
{
    static const char *const sources[] = {"SELECT seq FROM sqlite_sequence WHERE name = 'alerts'",
                                          "SELECT MAX(row) FROM alerts", "SELECT MAX(row) FROM sinks NOT INDEXED",
                                          "SELECT MAX(row) FROM dead_letters"};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        int64_t row = integer_of(salvage->from, sources[i]);
        salvage->last_row = row > salvage->last_row ? row : salvage->last_row;
    }
}

/* All in one transaction; an SQLite result of the new database. */
static int copy_all(struct salvage *salvage)
{
    char sql[SQL_BYTES];
    int result = sqlite3_exec(salvage->to, "BEGIN", NULL, NULL, NULL);
    sqlite3_exec(salvage->from, "BEGIN", NULL, NULL,
                 NULL); /* one lock, not one for each row; without it, all the same */
    find_last_row(salvage);
    if (result == SQLITE_OK)
        result = copy_alerts(salvage);
    if (result != SQLITE_OK)
        return result;
    salvage->report.sinks_cut = !copy_table(salvage, "sinks", "rowid DESC");
    copy_table(salvage, "cursors", "n DESC");
    copy_table(salvage, "dead_letters", "n DESC");
    copy_table(salvage, "memory", "node DESC, detection DESC, key DESC");
    copy_rows(salvage, "facts", "SELECT name, value FROM facts WHERE name <> 'lost'");
    /* What a sink had not had and cannot be read is lost to it. A new alert must come behind every cursor. */
    snprintf(
        sql, sizeof(sql),
        "UPDATE sinks SET lost = lost + MAX(0, %lld - row - (SELECT COUNT(*) FROM alerts a WHERE a.row > sinks.row));"
        "DELETE FROM dead_letters WHERE row NOT IN (SELECT row FROM alerts);"
        "DELETE FROM sqlite_sequence WHERE name = 'alerts';"
        "INSERT INTO sqlite_sequence(name, seq) VALUES('alerts', %lld);"
        "UPDATE facts SET value = %lld WHERE name = 'lost'; COMMIT",
        (long long)salvage->last_row, (long long)salvage->last_row,
        (long long)integer_of(salvage->from, "SELECT value FROM facts WHERE name = 'lost'"));
    return sqlite3_exec(salvage->to, sql, NULL, NULL, NULL);
}

static int with_suffix(const char *path, const char *suffix, char ret_path[OUTBOX_PATH_BYTES])
{
    return snprintf(ret_path, OUTBOX_PATH_BYTES, "%s%s", path, suffix) < OUTBOX_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

static void remove_new(const char *path)
{
    static const char *const suffixes[] = {".new", ".new-journal"};
    char name[OUTBOX_PATH_BYTES];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        if (with_suffix(path, suffixes[i], name) == 0)
            unlink(name);
}

/*
 * The newest is .damaged.1. The database goes before its log: while it is there, the log is its own; when it has gone,
 * outbox_salvage_resume moves the rest.
 */
static int set_aside(const char *path, char ret_name[OUTBOX_PATH_BYTES])
{
    static const char *const parts[] = {"", "-wal", "-shm"};
    char from[OUTBOX_PATH_BYTES], to[OUTBOX_PATH_BYTES], suffix[32];
    for (int age = OUTBOX_KEEP_DAMAGED - 1; age >= 0; age--)
        for (size_t part = 0; part < 3; part++) {
            snprintf(suffix, sizeof(suffix), ".damaged.%d%s", age, parts[part]);
            int error = with_suffix(path, age == 0 ? parts[part] : suffix, from);
            snprintf(suffix, sizeof(suffix), ".damaged.%d%s", age + 1, parts[part]);
            if (error == 0)
                error = with_suffix(path, suffix, to);
            if (error != 0)
                return error;
            if (age == 0 && part == 0)
                memcpy(ret_name, to, OUTBOX_PATH_BYTES);
            unlink(to);
            if (rename(from, to) != 0 && errno != ENOENT)
                return -errno;
        }
    return 0;
}

void outbox_salvage_resume(const char *path)
{
    static const char *const parts[] = {"-wal", "-shm"};
    char from[OUTBOX_PATH_BYTES], to[OUTBOX_PATH_BYTES], suffix[32];
    struct stat status;
    bool moved = lstat(path, &status) != 0 && errno == ENOENT && with_suffix(path, ".new", from) == 0 &&
                 lstat(from, &status) == 0;
    if (!moved) {
        remove_new(path);
        return;
    }
    /* The new one was whole before the damaged one was moved. A log that is not its own would be folded into it. */
    for (size_t part = 0; part < 2; part++) {
        snprintf(suffix, sizeof(suffix), ".damaged.1%s", parts[part]);
        if (with_suffix(path, parts[part], from) == 0 && with_suffix(path, suffix, to) == 0)
            rename(from, to);
    }
    if (with_suffix(path, ".new", from) == 0)
        rename(from, path);
}

/* The new file is of no use until it is whole: it needs no journal, and is synced once. 64 MiB of cache, as ids are
 * random and their index would be read again and again. */
static const char filling[] = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536";

static int sync_file(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 || fsync(fd) != 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return error;
}

static int fill_new(struct salvage *salvage, const char *path, const char *name, char words[OUTBOX_ERROR_BYTES])
{
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return outbox_explain(path, -errno, "it is damaged, and a new one cannot be made", words);
    close(fd);
    int result = sqlite3_open_v2(path, &salvage->from, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_open_v2(name, &salvage->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_exec(salvage->to, filling, NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = outbox_make_layout(salvage->to);
    if (result == SQLITE_OK)
        result = copy_all(salvage);
    int error = result == SQLITE_OK ? 0
                                    : outbox_explain(path, outbox_errno(salvage->to, result),
                                                     "it is damaged, and a new one cannot be filled", words);
    sqlite3_close(salvage->to);
    /* Its log is not to be folded back into the file that people may want to look at; a damaged one seldom could be. */
    if (salvage->from)
        sqlite3_db_config(salvage->from, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    sqlite3_close(salvage->from);
    if (error == 0 && (error = sync_file(name)) != 0)
        outbox_explain(path, error, "it is damaged, and a new one cannot be synced", words);
    return error;
}

int outbox_salvage(const char *path, struct outbox_salvage *ret_salvage, char words[OUTBOX_ERROR_BYTES])
{
    struct salvage salvage = {0};
    char name[OUTBOX_PATH_BYTES];
    if (with_suffix(path, ".new", name) != 0)
        return outbox_explain(path, -ENAMETOOLONG, "path too long", words);
    remove_new(path);
    int error = fill_new(&salvage, path, name, words);
    if (error == 0) {
        error = set_aside(path, salvage.report.aside);
        if (error == 0 && rename(name, path) != 0)
            error = -errno;
        if (error != 0)
            outbox_explain(path, error, "it is damaged, and cannot be moved away", words);
    }
    if (error != 0) {
        remove_new(path);
        return error;
    }
    salvage.report.done = true;
    *ret_salvage = salvage.report;
    return 0;
}
