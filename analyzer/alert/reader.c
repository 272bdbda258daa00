/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/reader.h"

#include <errno.h>

#include "analyzer/alert/outbox_internal.h"

enum { READER_BUSY_MS = 5000, URI_BYTES = 3 * OUTBOX_PATH_BYTES + 32 };

struct alert_reader {
    sqlite3 *db;
    char path[OUTBOX_PATH_BYTES];
    bool letters_come_back; /* the layout has the column */
};

/* The path as a file: URI, whose special characters are escaped. */
static void uri_of(const char *path, const char *query, char uri[URI_BYTES])
{
    size_t size = (size_t)snprintf(uri, URI_BYTES, "file:");
    for (const unsigned char *c = (const unsigned char *)path; *c && size + 3 < URI_BYTES - 32; c++)
        size +=
            (size_t)snprintf(uri + size, URI_BYTES - size, *c == '%' || *c == '?' || *c == '#' ? "%%%02x" : "%c", *c);
    snprintf(uri + size, URI_BYTES - size, "%s", query);
}

static bool column_exists(sqlite3 *db, const char *table, const char *column)
{
    return sqlite3_table_column_metadata(db, NULL, table, column, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK;
}

static int try_open(struct alert_reader *reader, const char *query)
{
    char uri[URI_BYTES];
    uri_of(reader->path, query, uri);
    sqlite3_close(reader->db);
    reader->db = NULL;
    int result = sqlite3_open_v2(
        uri, &reader->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_busy_timeout(reader->db, READER_BUSY_MS);
    if (result == SQLITE_OK)
        result =
            sqlite3_exec(reader->db, "PRAGMA trusted_schema=OFF; PRAGMA query_only=ON; SELECT row FROM alerts LIMIT 1",
                         NULL, NULL, NULL);
    return result;
}

int alert_reader_open(const char *path, struct alert_reader **ret_reader, char error[OUTBOX_ERROR_BYTES])
{
    if (access(path, F_OK) != 0)
        return outbox_explain(path, errno == ENOTDIR ? -ENOENT : -errno,
                              errno == ENOENT ? "there is no such file" : strerror(errno), error);
    struct alert_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return outbox_explain(path, -ENOMEM, "out of memory", error);
    snprintf(reader->path, sizeof(reader->path), "%s", path);
    int result = try_open(reader, "?mode=ro");
    /* A log's index cannot be made in a folder that we may not write: without a log the file alone is all. */
    char log[OUTBOX_PATH_BYTES + 8];
    snprintf(log, sizeof(log), "%s-wal", path);
    if ((result & 0xff) == SQLITE_CANTOPEN && access(log, F_OK) != 0)
        result = try_open(reader, "?immutable=1");
    if (result != SQLITE_OK) {
        result = outbox_explain(path, outbox_errno(reader->db, result), sqlite3_errmsg(reader->db), error);
        alert_reader_close(reader);
        return result;
    }
    reader->letters_come_back = column_exists(reader->db, "dead_letters", "again");
    *ret_reader = reader;
    return 0;
}

void alert_reader_close(struct alert_reader *reader)
{
    if (!reader)
        return;
    sqlite3_close(reader->db);
    free(reader);
}

static int fail(const struct alert_reader *reader, int result, char error[OUTBOX_ERROR_BYTES])
{
    return outbox_explain(reader->path, outbox_errno(reader->db, result), sqlite3_errmsg(reader->db), error);
}

static void member(struct text *text, const char *name, sqlite3_stmt *statement, int column)
{
    text_string(text, name);
    if (sqlite3_column_type(statement, column) == SQLITE_INTEGER)
        text_signed(text, sqlite3_column_int64(statement, column));
    else
        text_json(text, (const char *)sqlite3_column_text(statement, column),
                  (size_t)sqlite3_column_bytes(statement, column));
}

static int append_letters(struct alert_reader *reader, sqlite3_stmt *letters, int64_t row, struct text *text)
{
    int result;
    const char *separator = "";
    (void)reader;
    text_literal(text, ",\"dead_letters\":[");
    sqlite3_bind_int64(letters, 1, row);
    while ((result = sqlite3_step(letters)) == SQLITE_ROW) {
        text_string(text, separator);
        member(text, "{\"sink\":", letters, 0);
        member(text, ",\"reason\":", letters, 1);
        member(text, ",\"time\":", letters, 2);
        text_string(text, sqlite3_column_int(letters, 3) ? ",\"again\":true}" : ",\"again\":false}");
        separator = ",";
    }
    sqlite3_reset(letters);
    text_literal(text, "]");
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int append_alert(struct alert_reader *reader, sqlite3_stmt *alerts, sqlite3_stmt *letters, struct text *text)
{
    member(text, "{\"row\":", alerts, 0);
    member(text, ",\"id\":", alerts, 1);
    member(text, ",\"stored\":", alerts, 2);
    member(text, ",\"time_ns\":", alerts, 3);
    member(text, ",\"severity\":", alerts, 4);
    member(text, ",\"node\":", alerts, 5);
    member(text, ",\"detection\":", alerts, 6);
    int result = append_letters(reader, letters, sqlite3_column_int64(alerts, 0), text);
    text_literal(text, ",\"finding\":");
    text_append(text, (const char *)sqlite3_column_text(alerts, 7), (size_t)sqlite3_column_bytes(alerts, 7));
    text_literal(text, "}\n");
    return result;
}

static void bind_text(sqlite3_stmt *statement, int index, const char *value)
{
    sqlite3_bind_text(statement, index, value ? value : "", -1, SQLITE_STATIC);
}

static void bind(sqlite3_stmt *alerts, const struct alert_query *query)
{
    unsigned limit = query->limit && query->limit < READER_MAX_ALERTS ? query->limit : READER_MAX_ALERTS;
    sqlite3_bind_int64(alerts, 1, query->after);
    sqlite3_bind_int64(alerts, 2, query->before ? query->before : INT64_MAX);
    sqlite3_bind_int64(alerts, 3, query->since_ns > INT64_MAX ? INT64_MAX : (int64_t)query->since_ns);
    sqlite3_bind_int64(alerts, 4,
                       query->until_ns && query->until_ns < INT64_MAX ? (int64_t)query->until_ns : INT64_MAX);
    sqlite3_bind_int(alerts, 5, query->severity);
    bind_text(alerts, 6, query->node);
    bind_text(alerts, 7, query->detections);
    bind_text(alerts, 8, query->id);
    sqlite3_bind_int(alerts, 9, query->dead);
    bind_text(alerts, 10, query->sink);
    sqlite3_bind_int64(alerts, 11, limit);
}

int alert_reader_list(struct alert_reader *reader, const struct alert_query *query, struct text *text,
                      char error[OUTBOX_ERROR_BYTES])
{
    static const char select[] =
        "SELECT row, id, added, time_ns, severity, node, detection, json FROM alerts a WHERE row > ?1 AND row < ?2 AND "
        "time_ns >= ?3 AND time_ns <= ?4 AND severity >= ?5 AND (?6 = '' OR node = ?6) AND "
        "(?7 = '' OR instr(',' || ?7 || ',', ',' || detection || ',') > 0) AND (?8 = '' OR substr(id, 1, length(?8)) = "
        "?8) "
        "AND (NOT ?9 OR EXISTS(SELECT 1 FROM dead_letters d WHERE d.row = a.row AND (?10 = '' OR d.sink = ?10))) "
        "ORDER BY row %s LIMIT ?11";
    char sql[sizeof(select) + 8];
    sqlite3_stmt *alerts = NULL, *letters = NULL;
    snprintf(sql, sizeof(sql), select, query->oldest_first ? "ASC" : "DESC");
    int result = sqlite3_prepare_v2(reader->db, sql, -1, &alerts, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_prepare_v2(reader->db,
                                    reader->letters_come_back
                                        ? "SELECT sink, reason, time, again FROM dead_letters WHERE row = ?1 ORDER BY n"
                                        : "SELECT sink, reason, time, 0 FROM dead_letters WHERE row = ?1 ORDER BY n",
                                    -1, &letters, NULL);
    if (result == SQLITE_OK) {
        bind(alerts, query);
        while ((result = sqlite3_step(alerts)) == SQLITE_ROW)
            if ((result = append_alert(reader, alerts, letters, text)) != SQLITE_OK)
                break;
    }
    sqlite3_finalize(alerts);
    sqlite3_finalize(letters);
    if (text->failed)
        return outbox_explain(reader->path, -ENOMEM, "out of memory", error);
    return result == SQLITE_DONE ? 0 : fail(reader, result, error);
}

int alert_reader_sinks(struct alert_reader *reader, struct text *text, char error[OUTBOX_ERROR_BYTES])
{
    static const char select[] =
        "SELECT name, start, row, delivered, refused, lost, row - start - delivered - refused - lost, redelivered, "
        "(SELECT COUNT(*) FROM dead_letters WHERE sink "
        "= "
        "name), (SELECT COUNT(*) FROM alerts a WHERE a.row > s.row) FROM sinks s ORDER BY name";
    static const char *const names[] = {
        "{\"name\":", ",\"start\":",   ",\"row\":",         ",\"delivered\":",    ",\"refused\":",
        ",\"lost\":", ",\"skipped\":", ",\"redelivered\":", ",\"dead_letters\":", ",\"waiting\":"};
    sqlite3_stmt *statement = NULL;
    const char *separator = "";
    if (!reader->letters_come_back) { /* an older layout, whose sinks are not counted */
        text_literal(text, "[]");
        return 0;
    }
    int result = sqlite3_prepare_v2(reader->db, select, -1, &statement, NULL);
    text_literal(text, "[");
    while (result == SQLITE_OK || result == SQLITE_ROW) {
        result = sqlite3_step(statement);
        if (result != SQLITE_ROW)
            break;
        text_string(text, separator);
        for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
            member(text, names[i], statement, i);
        text_literal(text, "}");
        separator = ",";
    }
    text_literal(text, "]");
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? 0 : fail(reader, result, error);
}

int alert_reader_resolve(struct alert_reader *reader, const char *prefix, char ret_id[ALERT_ID_BYTES],
                         char error[OUTBOX_ERROR_BYTES])
{
    sqlite3_stmt *statement = NULL;
    int n = 0, result = sqlite3_prepare_v2(
                   reader->db, "SELECT id FROM alerts WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2", -1, &statement, NULL);
    if (result == SQLITE_OK) {
        bind_text(statement, 1, prefix);
        while ((result = sqlite3_step(statement)) == SQLITE_ROW && n++ == 0)
            snprintf(ret_id, ALERT_ID_BYTES, "%s", (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    if (result != SQLITE_DONE && result != SQLITE_ROW)
        return fail(reader, result, error);
    if (n == 0)
        snprintf(error, OUTBOX_ERROR_BYTES, "no alert's id begins with %.64s; it may have been pruned", prefix);
    else if (n > 1)
        snprintf(error, OUTBOX_ERROR_BYTES, "more than one alert's id begins with %.64s: give more of it", prefix);
    return n == 0 ? -ENOENT : n > 1 ? -ENOTUNIQ : 0;
}
