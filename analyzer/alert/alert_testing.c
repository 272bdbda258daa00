/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ftw.h>
#include <sqlite3.h>

#include "analyzer/alert/alert_testing.h"

void temporary_make(struct temporary *temporary)
{
    snprintf(temporary->folder, sizeof(temporary->folder), "/tmp/vedette-alert-test-XXXXXX");
    assert_non_null(mkdtemp(temporary->folder));
    snprintf(temporary->outbox, sizeof(temporary->outbox), "%s/outbox.db", temporary->folder);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void temporary_remove(const struct temporary *temporary)
{
    assert_int_equal(nftw(temporary->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int temporary_setup(void **state)
{
    struct temporary *temporary = calloc(1, sizeof(*temporary));
    assert_non_null(temporary);
    temporary_make(temporary);
    *state = temporary;
    return 0;
}

int temporary_teardown(void **state)
{
    temporary_remove(*state);
    free(*state);
    return 0;
}

struct alert alert_of(unsigned number)
{
    struct alert alert = {
        .time_ns = 1700000000000000000u + number,
        .node = "node1",
        .detection = "fileless_execution",
        .severity = 3,
        .json = "{\"eventName\":\"fileless_execution\",\"processName\":\"sh\",\"hostProcessId\":42}",
    };
    snprintf(alert.id, sizeof(alert.id), "%032x", number);
    return alert;
}

struct alert alert_rich(void)
{
    struct alert alert = alert_of(0xabc);
    alert.json =
        "{\"timestamp\":1700000000123456789,\"hostProcessId\":4242,\"hostParentProcessId\":4200,\"userId\":1000,"
        "\"processName\":\"a\\\"]\\\\b\",\"executable\":{\"path\":\"/"
        "memfd:\\u00e4\\n\"},\"container\":{\"id\":\"0123abc\","
        "\"name\":\"web\",\"image\":\"nginx:1\"},\"kubernetes\":{\"podName\":\"web-1\",\"podNamespace\":\"shop\"},"
        "\"eventName\":\"fileless_execution\",\"matchedPolicies\":[\"night\",\"all\"],\"args\":[{\"name\":"
        "\"triggeredBy\","
        "\"value\":{\"name\":\"sched_process_exec\",\"args\":[{\"name\":\"pathname\",\"value\":\"/"
        "memfd:x\"},{\"name\":\"argv\","
        "\"value\":[\"x\",\"-a\",\"b \\\"c\\\"\"]}]}}],\"metadata\":{\"Description\":\"A program ran from "
        "memory\",\"Properties\":"
        "{\"Category\":\"defense-evasion\",\"external_id\":\"T1620\",\"signatureID\":\"TRC-105\",\"signatureName\":"
        "\"Fileless execution detected\"}},\"vedette\":{\"id\":\"00000000000000000000000000000abc\",\"succeeded\":true,"
        "\"incomplete\":false}}";
    return alert;
}

struct outbox *outbox_open_or_die(const char *path)
{
    char error[OUTBOX_ERROR_BYTES] = "";
    struct outbox *outbox = NULL;
    int result = outbox_open(path, &outbox, error);
    if (result)
        fail_msg("%s", error);
    return outbox;
}

int commit_alerts(struct outbox *outbox, unsigned first, unsigned count)
{
    struct alert *alerts = calloc(count, sizeof(*alerts));
    assert_non_null(alerts);
    for (unsigned i = 0; i < count; i++)
        alerts[i] = alert_of(first + i);
    int result = outbox_commit(outbox, alerts, count, NULL, 0);
    free(alerts);
    return result;
}

void outside_execute(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

int64_t outside_integer(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}
