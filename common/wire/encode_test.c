/* SPDX-License-Identifier: Apache-2.0 */
/* What the encoder refuses, and that it keeps its limits. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>

#include "common/wire/test_fixture.h"

static void test_encoder_refuses_contradictions(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *what;
        uint16_t event;
        uint8_t arg, form, item_state;
        uint32_t length;
    } cases[] = {
        {"no such argument", EVENT_open, 3, ITEM_INTEGER, 0, 8},
        {"integer for a string", EVENT_open, 0, ITEM_INTEGER, 0, 8},
        {"bytes for an integer", EVENT_open, 1, ITEM_BYTES, 0, 8},
        {"path for an integer", EVENT_open, 1, ITEM_COMPONENTS, 0, 8},
        {"list for a string", EVENT_open, 0, ITEM_LIST, 0, 8},
        {"bytes for a list", EVENT_execve, 1, ITEM_BYTES, 0, 8},
        {"short integer", EVENT_open, 1, ITEM_INTEGER, 0, 4},
        {"no such form", EVENT_open, 0, ITEM_LIST + 1, 0, 8},
        {"no such state", EVENT_open, 0, ITEM_BYTES, ITEM_STATE_MASK, 8},
        {"state beyond", EVENT_open, 0, ITEM_BYTES, 8, 8},
    };
    batch_encoder_begin(f->encoder, 1, 0, false);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_record_begin(f->record, cases[i].event, 1, 1);
        test_record_item(f->record, cases[i].arg, cases[i].form, cases[i].item_state, "12345678", cases[i].length);
        if (fixture_add(f) != -EBADMSG)
            fail_msg("%s", cases[i].what);
    }
    test_record_begin(f->record, EVENT_open, 1, 1);
    test_record_integer(f->record, 1, 1);
    test_record_integer(f->record, 1, 1);
    assert_int_equal(fixture_add(f), -EBADMSG); /* one argument twice */
    test_record_begin(f->record, EVENT_open, 1, 1);
    test_record_integer(f->record, 1, 1);
    f->record->header.size -= 4;
    assert_int_equal(fixture_add(f), -EBADMSG); /* an item beyond the record */
    f->record->header.size = sizeof(struct record_header) + 4;
    assert_int_equal(fixture_add(f), -EBADMSG); /* half an item header */
    f->record->header.size = sizeof(struct record_header) - 1;
    assert_int_equal(fixture_add(f), -EBADMSG);
    f->record->header.size = 4096;
    assert_int_equal(batch_encoder_add(f->encoder, &f->record->header, 4095), -EBADMSG);
    test_record_begin(f->record, 999, 1, 1);
    assert_int_equal(fixture_add(f), -EBADMSG); /* no such event */
    assert_int_equal(batch_encoder_count(f->encoder), 0);
    assert_true(batch_encoder_is_empty(f->encoder));
}

static void test_encoder_event_limit(void **state)
{
    struct fixture *f = *state;
    batch_encoder_begin(f->encoder, 1, 0, false);
    test_record_begin(f->record, EVENT_memfd_create, 5, 1);
    for (int i = 0; i < WIRE_BATCH_EVENTS; i++)
        assert_int_equal(fixture_add(f), 0);
    assert_int_equal(fixture_add(f), -ENOBUFS);
    assert_int_equal(batch_encoder_count(f->encoder), WIRE_BATCH_EVENTS);
    fixture_pack(f);
    fixture_open(f);
    batch_encoder_begin(f->encoder, 1, WIRE_BATCH_EVENTS, false);
    assert_int_equal(fixture_add(f), 0);
}

/* Whatever is added until the encoder says it is full, the packed bytes keep within the bound that was asked for. */
static void test_encoder_never_exceeds_its_bytes(void **state)
{
    struct fixture *f = *state;
    static const size_t bounds[] = {2048, 16 * 1024, 64 * 1024, WIRE_REQUEST_BYTES};
    char text[400];
    uint64_t seed = 99;
    for (size_t b = 0; b < sizeof(bounds) / sizeof(bounds[0]); b++) {
        struct batch_encoder *encoder = batch_encoder_new(bounds[b]);
        assert_non_null(encoder);
        batch_encoder_begin(encoder, UINT64_MAX, UINT64_MAX - WIRE_BATCH_EVENTS, true);
        int result;
        uint32_t task = 0;
        do {
            /* Everything at its longest: a new task and new strings each time, times and numbers that need all their
             * bytes. */
            test_record_begin(f->record, EVENT_openat2, task++, UINT64_MAX / 2 + test_random(&seed) / 4);
            f->record->header.ret = INT64_MIN + (task & 1);
            f->record->header.plan_epoch = f->record->header.cpu = UINT32_MAX - (task & 1);
            for (size_t i = 0; i < sizeof(text); i++)
                text[i] = (char)test_random(&seed);
            test_record_item(f->record, 1, ITEM_BYTES, ITEM_TRUNCATED, text, sizeof(text));
            test_record_integer(f->record, 2, -1);
            test_record_integer(f->record, 3, -1);
            result = batch_encoder_add(encoder, &f->record->header, f->record->header.size);
        } while (result == 0);
        assert_int_equal(result, -ENOBUFS);
        uint64_t totals[CLASS_COUNT + 1] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
        Vedette__V1__Statistics statistics;
        vedette__v1__statistics__init(&statistics);
        statistics.attempts = statistics.lost_ring = statistics.drained = statistics.queued = statistics.lost_queue =
            totals;
        statistics.n_attempts = statistics.n_lost_ring = statistics.n_drained = CLASS_COUNT + 1;
        statistics.n_queued = statistics.n_lost_queue = CLASS_COUNT;
        statistics.hook_misses = statistics.user_ns = statistics.system_ns = UINT64_MAX;
        statistics.ring_bytes = statistics.queue_bytes = statistics.queue_used = UINT64_MAX;
        statistics.spool_bytes = statistics.spool_used = statistics.spool_batches = statistics.spool_written =
            UINT64_MAX;
        statistics.spool_evicted = statistics.spool_errors = statistics.spool_oldest_ns = UINT64_MAX;
        statistics.hook_misses_counted = true;
        batch_encoder_set_statistics(encoder, &statistics);
        batch_encoder_set_final(encoder);
        Vedette__V1__Loss loss;
        vedette__v1__loss__init(&loss);
        loss.from_ns = loss.to_ns = loss.count = UINT64_MAX;
        loss.hook = (char[]){"sched_process_exec"};
        while (batch_encoder_add_loss(encoder, &loss) == 0) {
        }
        size_t size = 0;
        assert_int_equal(batch_encoder_pack(encoder, INT64_MIN, f->bytes, WIRE_REQUEST_BYTES, &size), 0);
        assert_true(size <= bounds[b] - WIRE_APPENDED_BYTES);
        /* And it is not wasteful: only constant columns and the fixed reserves are counted too high. */
        assert_true(size > bounds[b] / 10 * 9 || bounds[b] == 2048);
        f->size = size;
        fixture_open(f);
        assert_int_equal(f->batch->statistics->n_attempts, CLASS_COUNT);
        assert_true(f->batch->final);
        assert_int_equal(batch_encoder_pack(encoder, INT64_MIN, f->bytes, size - 1, &size), -ENOSPC);
        batch_encoder_free(encoder);
    }
}

/* A gap before a batch without events ends when that was made; one with events says so by their times. */
static void test_encoder_made(void **state)
{
    struct fixture *f = *state;
    struct batch_encoder *encoder = batch_encoder_new(WIRE_REQUEST_BYTES);
    assert_non_null(encoder);
    batch_encoder_begin(encoder, 1, 7, false);
    batch_encoder_set_made(encoder, 4711);
    batch_encoder_set_final(encoder);
    assert_int_equal(batch_encoder_pack(encoder, 0, f->bytes, WIRE_REQUEST_BYTES, &f->size), 0);
    fixture_open(f);
    assert_int_equal(f->batch->base_boot_ns, 4711);
    assert_int_equal(f->batch->count, 0);
    batch_encoder_free(encoder);
}

static void test_encoder_huge_records(void **state)
{
    struct fixture *f = *state;
    size_t large = 64 * 1024;
    char *text = malloc(WIRE_STRING_BYTES);
    memset(text, 'x', WIRE_STRING_BYTES);
    for (size_t i = 3; i < large; i += 4)
        text[i] = '\0';
    batch_encoder_begin(f->encoder, 1, 0, false);
    test_record_begin(f->record, EVENT_execve, 1, 1);
    test_record_item(f->record, 1, ITEM_LIST, ITEM_COMPLETE, text, large);
    test_record_item(f->record, 2, ITEM_LIST, ITEM_COMPLETE, text, large);
    assert_int_equal(fixture_add(f), 0); /* 16,384 strings in each: a part is sent */
    fixture_pack(f);
    fixture_open(f);

    batch_encoder_begin(f->encoder, 1, 0, false);
    test_record_begin(f->record, EVENT_open, 1, 1);
    test_record_item(f->record, 0, ITEM_BYTES, ITEM_COMPLETE, text, WIRE_STRING_BYTES - 1);
    assert_int_equal(fixture_add(f), 0);
    text[0] = 'y';
    test_record_begin(f->record, EVENT_open, 1, 1);
    test_record_item(f->record, 0, ITEM_BYTES, ITEM_COMPLETE, text, WIRE_STRING_BYTES - 1);
    assert_int_equal(fixture_add(f), -ENOBUFS);
    test_record_begin(f->record, EVENT_open, 1, 1);
    test_record_item(f->record, 0, ITEM_BYTES, ITEM_COMPLETE, text, WIRE_STRING_BYTES);
    assert_int_equal(fixture_add(f), -EBADMSG);
    fixture_pack(f);
    fixture_open(f);

    struct batch_encoder *small = batch_encoder_new(16 * 1024);
    test_record_begin(f->record, EVENT_open, 1, 1);
    test_record_item(f->record, 0, ITEM_BYTES, ITEM_COMPLETE, text, 16 * 1024);
    assert_int_equal(batch_encoder_add(small, &f->record->header, f->record->header.size),
                     -EBADMSG); /* would never fit */
    batch_encoder_free(small);
    free(text);
}

static void test_encoder_loss_limit(void **state)
{
    struct fixture *f = *state;
    batch_encoder_begin(f->encoder, 1, 0, false);
    Vedette__V1__Loss loss;
    vedette__v1__loss__init(&loss);
    loss.to_ns = 1;
    loss.event_class = 77;
    loss.stage = (Vedette__V1__LossStage)99;
    for (int i = 0; i < WIRE_BATCH_LOSSES; i++)
        assert_int_equal(batch_encoder_add_loss(f->encoder, &loss), 0);
    assert_int_equal(batch_encoder_add_loss(f->encoder, &loss), -ENOBUFS);
    assert_false(batch_encoder_is_empty(f->encoder));
    fixture_pack(f);
    fixture_open(f);
    assert_int_equal(f->batch->n_loss, WIRE_BATCH_LOSSES);
    assert_int_equal(f->batch->loss[0]->event_class, UINT8_MAX);
    assert_int_equal(f->batch->loss[0]->stage, VEDETTE__V1__LOSS_STAGE__LOSS_UNKNOWN);
}

static void test_encoder_bad_sizes(void **state)
{
    (void)state;
    assert_null(batch_encoder_new(WIRE_REQUEST_BYTES + 1));
    assert_int_equal(errno, EINVAL);
    assert_null(batch_encoder_new(100));
    batch_encoder_free(NULL);
    decoder_free(NULL);
    schema_free(NULL);
}

/* Many distinct strings and tasks: the tables keep apart what is different, across several batches. */
static void test_encoder_tables_over_batches(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 3; round++) {
        batch_encoder_begin(f->encoder, 1, 0, false);
        for (uint32_t i = 0; i < WIRE_BATCH_EVENTS; i++) {
            char name[16];
            int length = snprintf(name, sizeof(name), "%d-%u", round, i % 3000);
            test_record_begin(f->record, EVENT_memfd_create, i % 2000, i);
            test_record_item(f->record, 0, ITEM_BYTES, 0, name, (size_t)length);
            assert_int_equal(fixture_add(f), 0);
        }
        fixture_pack(f);
        fixture_open(f);
        assert_int_equal(f->batch->tasks->count, 2000);
        assert_int_equal(decoder_string_count(f->decoder), 1 + 1 + 26 + 3000);
        struct event_view view;
        for (uint32_t i = 0; decoder_next(f->decoder, &view); i++) {
            char name[16];
            snprintf(name, sizeof(name), "%d-%u", round, i % 3000);
            assert_string(view.args[0].string, name, ITEM_COMPLETE);
            assert_int_equal(view.task->tgid, 20000 + i % 2000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoder_refuses_contradictions),
        cmocka_unit_test(test_encoder_event_limit),
        cmocka_unit_test(test_encoder_never_exceeds_its_bytes),
        cmocka_unit_test(test_encoder_made),
        cmocka_unit_test(test_encoder_huge_records),
        cmocka_unit_test(test_encoder_loss_limit),
        cmocka_unit_test(test_encoder_bad_sizes),
        cmocka_unit_test(test_encoder_tables_over_batches),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
