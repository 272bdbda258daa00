/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters on their way back, what is counted of a sink, and the losses that are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include "analyzer/alert/alert_testing.h"

/* What the sink is to deliver next, as a row; negative for a letter, 0 for none. */
static int64_t next_of(struct outbox *outbox, const char *sink, int64_t row, struct alert *ret_alert)
{
    alert_fini(ret_alert);
    return outbox_next(outbox, sink, row, ret_alert) != 0 ? 0 : ret_alert->letter ? -ret_alert->row : ret_alert->row;
}

static void test_outbox_redrive(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    struct alert alert = {0};
    uint64_t count = 0;
    int64_t row;
    assert_int_equal(outbox_sink_open(outbox, "a", false, &row), 0);
    assert_int_equal(outbox_sink_open(outbox, "b", false, &row), 0);
    assert_int_equal(commit_alerts(outbox, 1, 4), 0);
    for (int64_t i = 1; i <= 3; i++) {
        assert_int_equal(next_of(outbox, "a", i - 1, &alert), i);
        assert_int_equal(outbox_sink_settle(outbox, "a", &alert, i == 2 ? NULL : "no"), 0);
    }
    /* One of them by its id, then whatever is left of the sink. */
    const struct alert first = alert_of(1), second = alert_of(2);
    assert_int_equal(outbox_redrive(outbox, first.id, NULL, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(next_of(outbox, "a", 3, &alert), -1);
    assert_int_equal(next_of(outbox, "b", 0, &alert), 1); /* nothing of it is b's */
    uint64_t wakes = outbox_wakes(outbox);
    assert_int_equal(outbox_redrive(outbox, NULL, "a", &count), 0);
    assert_int_equal(count, 1);
    assert_true(outbox_wakes(outbox) > wakes);
    assert_int_equal(outbox_redrive(outbox, NULL, "nobody", &count), -ENOENT);

    /* It survives a restart; refused again it is a dead letter again; delivered it is none. */
    outbox_close(outbox);
    outbox = outbox_open_or_die(temporary->outbox);
    assert_int_equal(next_of(outbox, "a", 3, &alert), -1);
    assert_int_equal(outbox_sink_settle(outbox, "a", &alert, "still no"), 0);
    assert_int_equal(next_of(outbox, "a", 3, &alert), -3);
    assert_int_equal(outbox_sink_settle(outbox, "a", &alert, NULL), 0);
    assert_int_equal(next_of(outbox, "a", 3, &alert), 4);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT COUNT(*) FROM dead_letters"), 1);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT reason = 'still no' FROM dead_letters"), 1);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT row FROM sinks WHERE name = 'a'"), 3);

    /* One that was delivered, for a sink that lost it; not one that it has yet to reach. */
    assert_int_equal(outbox_redrive(outbox, second.id, "a", &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(next_of(outbox, "a", 3, &alert), -2);
    assert_int_equal(outbox_sink_settle(outbox, "a", &alert, NULL), 0);
    assert_int_equal(outbox_redrive(outbox, second.id, "b", &count), 0);
    assert_int_equal(count, 0);

    assert_int_equal(outbox_acknowledge(outbox, NULL, "b", &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(outbox_acknowledge(outbox, first.id, NULL, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT COUNT(*) FROM dead_letters"), 0);
    struct outbox_figures figures;
    outbox_figures(outbox, &figures);
    assert_int_equal(figures.redriven, 2);
    assert_int_equal(figures.acknowledged, 1);
    assert_int_equal(figures.letters, 0);
    alert_fini(&alert);
    outbox_close(outbox);
}

/* row - start = delivered + refused + lost, whatever happens. */
static void test_outbox_counts_of_a_sink(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    struct outbox_loss loss;
    struct alert alert = {0};
    int64_t row;
    assert_int_equal(commit_alerts(outbox, 1, 3), 0);
    assert_int_equal(outbox_sink_open(outbox, "s", true, &row), 0);
    assert_int_equal(commit_alerts(outbox, 4, 3000), 0);
    assert_int_equal(next_of(outbox, "s", row, &alert), 4);
    assert_int_equal(outbox_sink_settle(outbox, "s", &alert, NULL), 0);
    assert_int_equal(next_of(outbox, "s", 4, &alert), 5);
    assert_int_equal(outbox_sink_settle(outbox, "s", &alert, "no"), 0);
    assert_true(outbox_take_loss(outbox, &loss));
    assert_true(loss.refused && strcmp(loss.sink, "s") == 0 && strcmp(loss.node, "node1") == 0 && loss.count == 1);
    assert_false(outbox_take_loss(outbox, &loss));
    /* The size limit takes what the sink had not had: told once, as one range. */
    assert_int_equal(outbox_prune(outbox, 100000), 0);
    struct outbox_figures figures;
    outbox_figures(outbox, &figures);
    assert_true(figures.lost > 1000);
    assert_true(outbox_take_loss(outbox, &loss));
    assert_false(loss.refused);
    assert_int_equal(loss.count, figures.lost);
    assert_int_equal(loss.from_ns, alert_of(6).time_ns);
    assert_int_equal(loss.to_ns, alert_of(5 + (unsigned)figures.lost).time_ns);
    assert_false(outbox_take_loss(outbox, &loss));
    for (row = 5; next_of(outbox, "s", row, &alert) > 0; row = alert.row)
        assert_int_equal(outbox_sink_settle(outbox, "s", &alert, NULL), 0);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT lost FROM sinks"), figures.lost);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT row - start - delivered - refused - lost FROM sinks"),
                     0);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT row FROM sinks"), 3003);
    alert_fini(&alert);
    outbox_close(outbox);
}

static void test_outbox_limits(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    const struct outbox_limits limits = {.keep_rows = 100, .keep_seconds = 3600, .max_bytes = 1 << 20};
    outbox_set_limits(outbox, &limits);
    assert_int_equal(commit_alerts(outbox, 1, OUTBOX_PRUNE_ALERTS), 0);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT COUNT(*) FROM alerts"), 100);
    outside_execute(temporary->outbox, "UPDATE alerts SET added = added - 3700 WHERE row <= 950");
    assert_int_equal(outbox_prune(outbox, limits.max_bytes), 0);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT COUNT(*) FROM alerts"), 50);
    outbox_close(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_outbox_redrive, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_counts_of_a_sink, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_limits, temporary_setup, temporary_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
