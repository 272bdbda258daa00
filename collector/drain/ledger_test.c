/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger over accounts in plain memory: the test plays the BPF programs, with the scheme that record.h prescribes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "collector/drain/ledger.h"
#include "common/wire/decode.h"
#include "common/wire/limits.h"

enum { CPUS = 2 };

struct probe {
    struct ring_account accounts[CPUS][CLASS_COUNT][CONTEXT_COUNT];
    struct probe_hook hook;
    struct throttle throttle;
};

uint32_t probe_cpus(const struct probe *probe)
{
    (void)probe;
    return CPUS;
}

volatile struct ring_account *probe_account(const struct probe *probe, uint32_t cpu, enum event_class class,
                                            unsigned context)
{
    union {
        const struct probe *in;
        struct probe *out;
    } pointer = {.in = probe};
    return &pointer.out->accounts[cpu][class][context];
}

volatile struct throttle *probe_throttle(const struct probe *probe)
{
    union {
        const struct probe *in;
        struct probe *out;
    } pointer = {.in = probe};
    return &pointer.out->throttle;
}

const struct ring_map *probe_rings(const struct probe *probe, size_t *ret_count)
{
    (void)probe;
    *ret_count = 0;
    return NULL;
}

const struct probe_hook *probe_read_misses(struct probe *probe, size_t *ret_count)
{
    *ret_count = 1;
    return &probe->hook;
}

static void fail_reservation(struct probe *probe, uint32_t cpu, enum event_class class, uint64_t now_ns)
{
    struct ring_account *account = &probe->accounts[cpu][class][CONTEXT_TASK];
    account->attempts++;
    if (account->lost == account->acknowledged)
        account->first_ns = now_ns;
    account->last_ns = now_ns;
    account->lost++;
}

static void throttle(struct probe *probe, size_t slot, uint64_t cgroup_id, uint64_t now_ns)
{
    struct throttled *cgroup = &probe->throttle.cgroup[slot];
    cgroup->cgroup_id = cgroup_id;
    if (cgroup->count == cgroup->acknowledged)
        cgroup->first_ns = now_ns;
    cgroup->last_ns = now_ns;
    cgroup->count++;
    probe->throttle.count++;
    probe->accounts[0][CLASS_BULK][CONTEXT_TASK].attempts++;
    probe->accounts[0][CLASS_BULK][CONTEXT_TASK].throttled++;
}

struct fixture {
    struct probe probe;
    struct ledger ledger;
    struct batch_encoder *encoder;
    struct decoder *decoder;
    uint8_t bytes[WIRE_REQUEST_BYTES];
    const Vedette__V1__EventBatch *batch;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->encoder = batch_encoder_new(WIRE_REQUEST_BYTES);
    f->decoder = decoder_new(WIRE_REQUEST_BYTES);
    ledger_init(&f->ledger, &f->probe, 0);
    batch_encoder_begin(f->encoder, 7, 0, false);
    *state = f;
    return f->encoder != NULL && f->decoder != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    batch_encoder_free(f->encoder);
    decoder_free(f->decoder);
    free(f);
    return 0;
}

/* Reports into a fresh batch and decodes it; f->batch holds the losses. */
static unsigned report(struct fixture *f, uint64_t now_ns)
{
    const Vedette__V1__Request *request;
    size_t size;
    batch_encoder_begin(f->encoder, 7, 0, false);
    unsigned reported = ledger_report(&f->ledger, f->encoder, now_ns, false);
    assert_int_equal(batch_encoder_pack(f->encoder, 0, f->bytes, sizeof(f->bytes), &size), 0);
    assert_int_equal(decoder_unpack(f->decoder, f->bytes, size, &request), 0);
    f->batch = request->batch;
    assert_int_equal(f->batch->n_loss, reported);
    return reported;
}

static void test_ledger_nothing_lost_says_nothing(void **state)
{
    assert_int_equal(report(*state, 5), 0);
}

static void test_ledger_ring_ranges_are_reported_once(void **state)
{
    struct fixture *f = *state;
    fail_reservation(&f->probe, 1, CLASS_BULK, 100);
    fail_reservation(&f->probe, 1, CLASS_BULK, 140);
    fail_reservation(&f->probe, 0, CLASS_CRITICAL, 120);
    assert_int_equal(report(f, 200), 2);
    const Vedette__V1__Loss *critical = f->batch->loss[0], *bulk = f->batch->loss[1];
    assert_int_equal(critical->event_class, CLASS_CRITICAL);
    assert_int_equal(critical->cpu, 0);
    assert_int_equal(critical->count, 1);
    assert_int_equal(bulk->stage, VEDETTE__V1__LOSS_STAGE__LOSS_RING);
    assert_int_equal(bulk->event_class, CLASS_BULK);
    assert_int_equal(bulk->cpu, 1);
    assert_int_equal(bulk->count, 2);
    assert_int_equal(bulk->from_ns, 100);
    assert_int_equal(bulk->to_ns, 140);
    assert_true(bulk->count_exact);
    assert_int_equal(report(f, 210), 0);

    fail_reservation(&f->probe, 1, CLASS_BULK, 300);
    assert_int_equal(report(f, 310), 1);
    assert_int_equal(f->batch->loss[0]->from_ns, 300);
    assert_int_equal(f->batch->loss[0]->count, 1);
}

static void test_ledger_queue_losses_merge_into_one_range(void **state)
{
    struct fixture *f = *state;
    ledger_lose_queue(&f->ledger, CLASS_BULK, 50, 60, 10);
    ledger_lose_queue(&f->ledger, CLASS_BULK, 40, 55, 5);
    ledger_lose_encode(&f->ledger, CLASS_WATCHED, 45);
    assert_int_equal(report(f, 100), 2);
    assert_int_equal(f->batch->loss[0]->stage, VEDETTE__V1__LOSS_STAGE__LOSS_ENCODE);
    const Vedette__V1__Loss *queue = f->batch->loss[1];
    assert_int_equal(queue->stage, VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE);
    assert_int_equal(queue->from_ns, 40);
    assert_int_equal(queue->to_ns, 60);
    assert_int_equal(queue->count, 15);
    assert_int_equal(report(f, 110), 0);
}

static void test_ledger_misses_are_an_upper_bound(void **state)
{
    struct fixture *f = *state;
    f->probe.hook.misses = 9;
    assert_int_equal(report(f, 500), 0); /* not yet: once a second */
    assert_int_equal(report(f, 2000000000), 1);
    assert_int_equal(f->batch->loss[0]->stage, VEDETTE__V1__LOSS_STAGE__LOSS_HOOK);
    assert_int_equal(f->batch->loss[0]->count, 9);
    assert_false(f->batch->loss[0]->count_exact);
}

static void test_ledger_throttled_cgroups_are_named(void **state)
{
    struct fixture *f = *state;
    const uint64_t second_ns = 1000000000;
    throttle(&f->probe, 3, 77, second_ns + 10);
    throttle(&f->probe, 9, 88, second_ns + 20);
    throttle(&f->probe, 3, 77, second_ns + 30);
    assert_false(ledger_is_told(&f->ledger));
    assert_int_equal(report(f, 2 * second_ns), 2);
    const Vedette__V1__Loss *first = f->batch->loss[0], *second = f->batch->loss[1];
    assert_int_equal(first->stage, VEDETTE__V1__LOSS_STAGE__LOSS_THROTTLE);
    assert_int_equal(first->event_class, CLASS_BULK);
    assert_int_equal(first->cgroup_id, 77);
    assert_int_equal(first->count, 2);
    assert_int_equal(first->from_ns, second_ns + 10);
    assert_int_equal(first->to_ns, second_ns + 30);
    assert_true(first->count_exact);
    assert_int_equal(second->cgroup_id, 88);
    assert_int_equal(second->count, 1);
    assert_true(ledger_is_told(&f->ledger));
    assert_true(ledger_rings_settled(&f->ledger));

    throttle(&f->probe, 3, 77, 2 * second_ns + 5);
    assert_int_equal(report(f, 2 * second_ns + 10), 0); /* not yet */
    assert_false(ledger_is_told(&f->ledger));
    assert_int_equal(report(f, 4 * second_ns), 1);
    assert_int_equal(f->batch->loss[0]->from_ns, 2 * second_ns + 5);
    assert_true(ledger_is_told(&f->ledger));
}

static void test_ledger_balance(void **state)
{
    struct fixture *f = *state;
    f->probe.accounts[0][CLASS_BULK][CONTEXT_TASK].attempts = 3;
    f->probe.accounts[1][CLASS_BULK][CONTEXT_IRQ].attempts = 1;
    fail_reservation(&f->probe, 0, CLASS_BULK, 10);
    assert_false(ledger_rings_settled(&f->ledger));
    f->ledger.drained[CLASS_BULK] = 4;
    const struct record_header process = {.event_id = EVENT_existing_process},
                               mount = {.event_id = EVENT_existing_mount};
    assert_int_equal(ledger_count_snapshot(&f->ledger, &process), CLASS_CRITICAL);
    assert_int_equal(ledger_count_snapshot(&f->ledger, &mount), CLASS_BULK);
    assert_int_equal(f->ledger.drained[CLASS_CRITICAL], 1);
    assert_int_equal(f->ledger.drained[CLASS_BULK], 5);
    assert_true(ledger_rings_settled(&f->ledger));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ledger_nothing_lost_says_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ledger_ring_ranges_are_reported_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ledger_queue_losses_merge_into_one_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ledger_misses_are_an_upper_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ledger_throttled_cgroups_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ledger_balance, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
