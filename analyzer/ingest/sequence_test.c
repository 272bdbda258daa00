// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/sequence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A cursor at 100. */
static const struct {
    uint64_t first;
    uint32_t count;
    uint64_t gap;
    uint32_t skip;
    uint64_t processed;
} cases[] = {
    {100, 10, 0, 0, 110},                        /* the next one */
    {100, 0, 0, 0, 100},                         /* a heartbeat */
    {90, 10, 0, 10, 100},                        /* sent again */
    {95, 10, 0, 5, 105},                         /* overlaps */
    {0, 4096, 0, 100, 4096}, {10, 5, 0, 5, 100}, /* far behind */
    {120, 5, 20, 0, 125},                        /* a gap */
    {120, 0, 20, 0, 120},                        /* a gap known by a heartbeat */
};

static void test_sequence_judge(void **test)
{
    (void)test;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sequence sequence = {0};
        struct session_cursor *cursor = sequence_session(&sequence, 7, 100);
        struct sequence_step step = sequence_judge(cursor, cases[i].first, cases[i].count);
        assert_int_equal(step.gap, cases[i].gap);
        assert_int_equal(step.skip, cases[i].skip);
        if (step.gap > 0)
            assert_int_equal(step.gap_from, 100);
        sequence_advance(cursor, cases[i].first, cases[i].count);
        assert_int_equal(cursor->processed, cases[i].processed);
        assert_int_equal(cursor->durable, 100);
        /* The same again is always wholly known. */
        assert_int_equal(sequence_judge(cursor, cases[i].first, cases[i].count).skip, cases[i].count);
        assert_int_equal(sequence_judge(cursor, cases[i].first, cases[i].count).gap, 0);
    }
}

static void test_sequence_sessions_are_independent(void **test)
{
    (void)test;
    struct sequence sequence = {0};
    sequence_advance(sequence_session(&sequence, 1, 0), 0, 50);
    sequence_advance(sequence_session(&sequence, 2, 0), 0, 7);
    sequence_advance(sequence_session(&sequence, 1, 0), 50, 5); /* the older session's last batches come late */
    assert_int_equal(sequence_find(&sequence, 1)->processed, 55);
    assert_int_equal(sequence_find(&sequence, 2)->processed, 7);
    assert_null(sequence_find(&sequence, 3));
    /* A durable cursor of a former life is where a session begins; later it changes nothing. */
    assert_int_equal(sequence_session(&sequence, 3, 40)->processed, 40);
    assert_int_equal(sequence_session(&sequence, 3, 0)->processed, 40);
}

static void test_sequence_is_placed_once(void **test)
{
    (void)test;
    struct sequence sequence = {0};
    struct session_cursor *cursor = sequence_open(&sequence, 5);
    assert_false(cursor->placed);
    sequence_place(cursor, 100);
    assert_int_equal(sequence_judge(cursor, 100, 3).gap, 0);
    sequence_advance(cursor, 100, 3);
    sequence_place(sequence_open(&sequence, 5), 500);
    assert_int_equal(sequence_find(&sequence, 5)->processed, 103);
    assert_int_equal(sequence_find(&sequence, 5)->start, 100);
    assert_int_equal(sequence_judge(sequence_find(&sequence, 5), 110, 1).gap, 7);
}

static void test_sequence_bound(void **test)
{
    (void)test;
    struct sequence sequence = {0};
    for (uint64_t session = 1; session <= WIRE_CURSORS; session++)
        sequence_session(&sequence, session, session);
    assert_non_null(sequence_find(&sequence, 1)); /* used just now */
    sequence_session(&sequence, 1000, 0);
    assert_non_null(sequence_find(&sequence, 1));
    assert_null(sequence_find(&sequence, 2));
    assert_int_equal(sequence.count, WIRE_CURSORS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequence_judge),
        cmocka_unit_test(test_sequence_sessions_are_independent),
        cmocka_unit_test(test_sequence_is_placed_once),
        cmocka_unit_test(test_sequence_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
