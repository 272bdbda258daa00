/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/alert/reader.h"

/* Ten alerts a second apart: odd ones of another node and less severe, each third of another detection. */
static struct outbox *fill(const char *path)
{
    struct outbox *outbox = outbox_open_or_die(path);
    struct alert alerts[10];
    int64_t row;
    for (unsigned i = 0; i < 10; i++) {
        alerts[i] = alert_of(i + 1);
        alerts[i].time_ns = (i + 1) * UINT64_C(1000000000);
        alerts[i].node = i % 2 == 0 ? "node2" : "node1";
        alerts[i].severity = i % 2 == 0 ? 1 : 3;
        alerts[i].detection = i % 3 == 2 ? "ld_preload" : "fileless_execution";
    }
    assert_int_equal(outbox_sink_open(outbox, "s", false, &row), 0);
    assert_int_equal(outbox_commit(outbox, alerts, 10, NULL, 0), 0);
    assert_int_equal(outbox_sink_advance(outbox, "s", 1, NULL), 0);
    assert_int_equal(outbox_sink_advance(outbox, "s", 2, "because \"of\" it"), 0);
    return outbox;
}

static void rows_are(struct alert_reader *reader, const struct alert_query *query, const char *expected)
{
    char error[OUTBOX_ERROR_BYTES] = "", rows[128] = "";
    struct text text = {0};
    assert_int_equal(alert_reader_list(reader, query, &text, error), 0);
    text_append(&text, "", 1);
    for (char *line = text.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        size_t used = strlen(rows);
        assert_memory_equal(line, "{\"row\":", 7);
        assert_int_equal(end[-1], '}');
        snprintf(rows + used, sizeof(rows) - used, "%ld ", strtol(line + 7, NULL, 10));
    }
    assert_string_equal(rows, expected);
    text_fini(&text);
}

static void test_reader_filters(void **state)
{
    struct temporary *temporary = *state;
    char error[OUTBOX_ERROR_BYTES] = "";
    struct outbox *outbox = fill(temporary->outbox);
    struct alert_reader *reader = NULL;
    assert_int_equal(alert_reader_open(temporary->outbox, &reader, error), 0);
    rows_are(reader, &(struct alert_query){0}, "10 9 8 7 6 5 4 3 2 1 ");
    rows_are(reader, &(struct alert_query){.oldest_first = true, .limit = 3}, "1 2 3 ");
    rows_are(reader, &(struct alert_query){.after = 7, .oldest_first = true}, "8 9 10 ");
    rows_are(reader, &(struct alert_query){.before = 4}, "3 2 1 ");
    rows_are(reader, &(struct alert_query){.severity = 2}, "10 8 6 4 2 ");
    rows_are(reader, &(struct alert_query){.node = "node2"}, "9 7 5 3 1 ");
    rows_are(reader, &(struct alert_query){.node = "node"}, "");
    rows_are(reader, &(struct alert_query){.detections = "x,ld_preload"}, "9 6 3 ");
    rows_are(reader, &(struct alert_query){.detections = "ld_pre"}, "");
    rows_are(reader, &(struct alert_query){.since_ns = 3000000000, .until_ns = 5000000000}, "5 4 3 ");
    rows_are(reader, &(struct alert_query){.id = "0000000000000000000000000000000a"}, "10 ");
    rows_are(reader, &(struct alert_query){.id = "' OR 1=1 --"}, "");
    rows_are(reader, &(struct alert_query){.dead = true}, "2 ");
    rows_are(reader, &(struct alert_query){.dead = true, .sink = "other"}, "");

    char id[ALERT_ID_BYTES];
    assert_int_equal(alert_reader_resolve(reader, "0000000000000000000000000000000a", id, error), 0);
    assert_int_equal(alert_reader_resolve(reader, "0000", id, error), -ENOTUNIQ);
    assert_int_equal(alert_reader_resolve(reader, "ff", id, error), -ENOENT);
    alert_reader_close(reader);
    outbox_close(outbox);
}

static void test_reader_of_a_stopped_analyzer(void **state)
{
    struct temporary *temporary = *state;
    char error[OUTBOX_ERROR_BYTES] = "";
    struct alert_reader *reader = NULL;
    assert_int_equal(alert_reader_open(temporary->outbox, &reader, error), -ENOENT);
    assert_non_null(strstr(error, temporary->outbox));
    outbox_close(fill(temporary->outbox));
    assert_int_equal(alert_reader_open(temporary->outbox, &reader, error), 0);
    struct text text = {0};
    assert_int_equal(alert_reader_sinks(reader, &text, error), 0);
    text_append(&text, "", 1);
    assert_string_equal(text.data, "[{\"name\":\"s\",\"start\":0,\"row\":2,\"delivered\":0,\"refused\":1,\"lost\":0,"
                                   "\"skipped\":1,\"redelivered\":0,\"dead_letters\":1,\"waiting\":8}]");
    text.size = 0;
    assert_int_equal(alert_reader_list(reader, &(struct alert_query){.dead = true}, &text, error), 0);
    text_append(&text, "", 1);
    assert_non_null(
        strstr(text.data, "\"dead_letters\":[{\"sink\":\"s\",\"reason\":\"because \\\"of\\\" it\",\"time\":"));
    assert_non_null(strstr(text.data, "\"again\":false}],\"finding\":{\"eventName\":\"fileless_execution\""));
    text_fini(&text);
    alert_reader_close(reader);
    /* It changed nothing, and what it left behind does not hinder the next start. */
    outbox_close(outbox_open_or_die(temporary->outbox));

    FILE *file = fopen(temporary->outbox, "w");
    assert_non_null(file);
    fputs("this is no database at all, and long enough to be taken for one: more than one hundred bytes of text are in "
          "it",
          file);
    fclose(file);
    assert_int_equal(alert_reader_open(temporary->outbox, &reader, error), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reader_filters, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_reader_of_a_stopped_analyzer, temporary_setup, temporary_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
