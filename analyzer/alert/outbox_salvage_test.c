/* SPDX-License-Identifier: Apache-2.0 */
/* Databases that are really damaged, in each of the places that matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "analyzer/alert/alert_testing.h"

enum { PAGE = 4096, ALERTS = 2000 };

/* 2,000 alerts, a sink at 1,500, a dead letter at 700, a cursor of a node; closed, so that all is in one file. */
static void fill(const char *path)
{
    const struct outbox_cursor cursor = {.node = "node1", .session = 7, .seq = 99};
    struct outbox *outbox = outbox_open_or_die(path);
    int64_t row;
    assert_int_equal(outbox_sink_open(outbox, "s", false, &row), 0);
    assert_int_equal(commit_alerts(outbox, 1, ALERTS), 0);
    assert_int_equal(outbox_commit(outbox, NULL, 0, &cursor, 1), 0);
    assert_int_equal(outbox_sink_advance(outbox, "s", 700, "it said no"), 0);
    assert_int_equal(outbox_sink_advance(outbox, "s", 1500, NULL), 0);
    outbox_close(outbox);
}

static void damage(const char *path, off_t offset, size_t size, int byte)
{
    char nonsense[PAGE];
    memset(nonsense, byte, sizeof(nonsense));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t done = 0; done < size; done += PAGE)
        assert_int_equal(pwrite(fd, nonsense, PAGE, offset + (off_t)done), PAGE);
    close(fd);
}

/* The page of the tree of `table` that is `part` of 16 through its leaves. */
static int64_t leaf_of(const char *path, const char *table, int part)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "SELECT pageno FROM dbstat WHERE name = '%s' AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET "
             "(SELECT COUNT(*) * %d / 16 FROM dbstat WHERE name = '%s' AND pagetype = 'leaf')",
             table, part, table);
    return outside_integer(path, sql);
}

static uint64_t count_rows(struct outbox *outbox)
{
    struct alert alert;
    uint64_t rows = 0;
    for (int64_t row = 0; outbox_read(outbox, row, &alert) == 0; rows++) {
        struct alert expected = alert_of((unsigned)alert.row);
        assert_string_equal(alert.id, expected.id);
        assert_string_equal(alert.json, expected.json);
        row = alert.row;
        alert_fini(&alert);
    }
    return rows;
}

static void test_outbox_salvage_of_damaged_alerts(void **state)
{
    struct temporary *temporary = *state;
    char aside[TESTING_PATH_BYTES + 16];
    struct stat status;
    fill(temporary->outbox);
    const int64_t pages[] = {leaf_of(temporary->outbox, "alerts", 0), leaf_of(temporary->outbox, "alerts", 5),
                             leaf_of(temporary->outbox, "alerts", 14)};
    for (size_t i = 0; i < 3; i++)
        damage(temporary->outbox, (pages[i] - 1) * PAGE, PAGE, 'x');

    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    const struct outbox_salvage *salvage = outbox_salvaged(outbox);
    assert_true(salvage->done);
    snprintf(aside, sizeof(aside), "%s.damaged.1", temporary->outbox);
    assert_string_equal(salvage->aside, aside);
    assert_int_equal(stat(aside, &status), 0);
    /* Three leaves of some ten alerts each are gone, the first of them uncounted: nobody knows where it began. */
    assert_in_range(salvage->kept, ALERTS - 120, ALERTS - 3);
    assert_in_range(salvage->unreadable, 2, 80);
    assert_int_equal(count_rows(outbox), salvage->kept);
    assert_int_equal(salvage->tables_cut, 0);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT row FROM sinks WHERE name = 's'"), 1500);
    assert_in_range(outside_integer(temporary->outbox, "SELECT lost FROM sinks WHERE name = 's'"), 1, 40);
    assert_int_equal(outside_integer(temporary->outbox,
                                     "SELECT lost = 2000 - 1500 - (SELECT COUNT(*) FROM alerts WHERE row "
                                     "> 1500) FROM sinks WHERE name = 's'"),
                     1);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT COUNT(*) FROM dead_letters WHERE row = 700"), 1);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT seq FROM cursors WHERE node = 'node1'"), 99);
    /* New alerts are numbered behind the old ones, and the file is sound. */
    assert_int_equal(commit_alerts(outbox, ALERTS + 1, 1), 0);
    struct outbox_figures figures;
    outbox_figures(outbox, &figures);
    assert_int_equal(figures.last_row, ALERTS + 1);
    outbox_close(outbox);
    outbox = outbox_open_or_die(temporary->outbox);
    assert_false(outbox_salvaged(outbox)->done);
    outbox_close(outbox);
}

/* Rows whose text was overwritten, in a page that is otherwise whole, have no checksum to tell. */
static void test_outbox_salvage_leaves_out_nonsense(void **state)
{
    struct temporary *temporary = *state;
    fill(temporary->outbox);
    outside_execute(temporary->outbox, "UPDATE alerts SET json = '{\"eventName\":' WHERE row = 10;"
                                       "UPDATE alerts SET id = 'zz' WHERE row = 20");
    damage(temporary->outbox, (leaf_of(temporary->outbox, "alerts", 15) - 1) * PAGE, PAGE, 'x');
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    assert_true(outbox_salvaged(outbox)->done);
    assert_int_equal(count_rows(outbox), outbox_salvaged(outbox)->kept);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT COUNT(*) FROM alerts WHERE row IN (10, 20)"), 0);
    outbox_close(outbox);
}

static void test_outbox_salvage_of_a_lost_sink(void **state)
{
    struct temporary *temporary = *state;
    fill(temporary->outbox);
    int64_t page = leaf_of(temporary->outbox, "sinks", 0);
    damage(temporary->outbox, (page - 1) * PAGE, PAGE, 'x');
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    assert_true(outbox_salvaged(outbox)->sinks_cut);
    assert_int_equal(outbox_salvaged(outbox)->kept, ALERTS);
    assert_int_equal(outbox_salvaged(outbox)->tables_cut, 1);
    outbox_close(outbox);
}

/* The first page went: nothing can be read, and work goes on all the same. Of several damaged files the last are kept.
 */
static void test_outbox_salvage_of_nothing(void **state)
{
    struct temporary *temporary = *state;
    char aside[TESTING_PATH_BYTES + 16];
    struct stat status;
    for (int i = 0; i < OUTBOX_KEEP_DAMAGED + 1; i++) {
        fill(temporary->outbox);
        damage(temporary->outbox, 0, PAGE, 0);
        struct outbox *outbox = outbox_open_or_die(temporary->outbox);
        assert_true(outbox_salvaged(outbox)->done);
        assert_int_equal(outbox_salvaged(outbox)->kept, 0);
        outbox_close(outbox);
        unlink(temporary->outbox);
    }
    snprintf(aside, sizeof(aside), "%s.damaged.%d", temporary->outbox, OUTBOX_KEEP_DAMAGED);
    assert_int_equal(stat(aside, &status), 0);
    snprintf(aside, sizeof(aside), "%s.damaged.%d", temporary->outbox, OUTBOX_KEEP_DAMAGED + 1);
    assert_int_not_equal(stat(aside, &status), 0);
}

/* Killed when the damaged file had been moved and the new one not yet: the next start goes on. */
static void test_outbox_salvage_is_resumed(void **state)
{
    struct temporary *temporary = *state;
    char name[TESTING_PATH_BYTES + 16], log[TESTING_PATH_BYTES + 16];
    struct stat status;
    fill(temporary->outbox);
    snprintf(name, sizeof(name), "%s.new", temporary->outbox);
    assert_int_equal(rename(temporary->outbox, name), 0);
    snprintf(log, sizeof(log), "%s-wal", temporary->outbox);
    int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "the damaged one's", 17), 17);
    close(fd);
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    assert_int_equal(count_rows(outbox), ALERTS);
    snprintf(log, sizeof(log), "%s.damaged.1-wal", temporary->outbox);
    assert_int_equal(stat(log, &status), 0);
    assert_int_not_equal(stat(name, &status), 0);
    outbox_close(outbox);
    /* One that was still being made is of no use. */
    fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    outbox_close(outbox_open_or_die(temporary->outbox));
    assert_int_not_equal(stat(name, &status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_outbox_salvage_of_damaged_alerts, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_salvage_leaves_out_nonsense, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_salvage_of_a_lost_sink, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_salvage_of_nothing, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_salvage_is_resumed, temporary_setup, temporary_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
