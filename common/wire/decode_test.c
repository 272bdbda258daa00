/* SPDX-License-Identifier: Apache-2.0 */
/* What a decoder must refuse: each limit at its bound and one beyond, broken bytes, messages made to cost memory. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>

#include "common/wire/decode.h"
#include "common/wire/golden_values.h"
#include "common/wire/limits.h"
#include "common/wire/test_records.h"
#include "common/wire/varint.h"

enum { MOST_ELEMENTS = WIRE_BATCH_STRINGS + 1 };

struct fixture {
    struct decoder *decoder;
    struct schema *schema;
    uint8_t *bytes;
    size_t size;
    uint32_t *zeros; /* MOST_ELEMENTS of them */
    uint64_t *wide;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    f->decoder = decoder_new(WIRE_REQUEST_BYTES);
    f->schema = schema_new_builtin();
    f->bytes = malloc(11 * WIRE_REQUEST_BYTES);
    f->zeros = calloc(MOST_ELEMENTS, sizeof(*f->zeros));
    f->wide = calloc(MOST_ELEMENTS, sizeof(*f->wide));
    return f->decoder != NULL && f->schema != NULL && f->bytes != NULL && f->zeros != NULL && f->wide != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    decoder_free(f->decoder);
    schema_free(f->schema);
    free(f->bytes);
    free(f->zeros);
    free(f->wide);
    free(f);
    return 0;
}

/* A right batch of one ptrace event, to be bent. */
struct parts {
    Vedette__V1__Request request;
    Vedette__V1__EventBatch batch;
    Vedette__V1__Strings strings;
    Vedette__V1__Tasks tasks;
    uint32_t event_id[1], lengths[2], task_one[1], cpu[1];
    int64_t ret[1];
    int32_t syscall[1];
    uint64_t args[4];
};

static void build(struct fixture *f, struct parts *p)
{
    memset(p, 0, sizeof(*p));
    vedette__v1__request__init(&p->request);
    vedette__v1__event_batch__init(&p->batch);
    vedette__v1__strings__init(&p->strings);
    vedette__v1__tasks__init(&p->tasks);
    p->request.body_case = VEDETTE__V1__REQUEST__BODY_BATCH;
    p->request.batch = &p->batch;
    p->batch.count = 1;
    p->batch.strings = &p->strings;
    p->batch.tasks = &p->tasks;
    p->lengths[1] = 3;
    p->strings.n_length = 2;
    p->strings.length = p->lengths;
    p->strings.blob = (ProtobufCBinaryData){.len = 3, .data = f->bytes}; /* three bytes of anything */
    p->tasks.count = 1;
    p->tasks.n_tgid = p->tasks.n_tid = p->tasks.n_ppid = p->tasks.n_ns_tgid = p->tasks.n_ns_tid = p->tasks.n_ns_ppid =
        1;
    p->tasks.n_uid = p->tasks.n_mnt_ns = p->tasks.n_pid_ns = p->tasks.n_comm = p->tasks.n_uts = 1;
    p->tasks.n_leader_start_ns = p->tasks.n_thread_start_ns = p->tasks.n_parent_start_ns = p->tasks.n_cgroup_id = 1;
    p->tasks.tgid = p->tasks.tid = p->tasks.ppid = p->tasks.ns_tgid = p->tasks.ns_tid = p->tasks.ns_ppid = f->zeros;
    p->tasks.uid = p->tasks.mnt_ns = p->tasks.pid_ns = p->tasks.comm = p->tasks.uts = f->zeros;
    p->tasks.leader_start_ns = p->tasks.thread_start_ns = p->tasks.parent_start_ns = p->tasks.cgroup_id = f->wide;
    p->event_id[0] = EVENT_ptrace;
    p->batch.n_event_id = p->batch.n_dt_ns = p->batch.n_task = p->batch.n_cpu = p->batch.n_ret = 1;
    p->batch.n_flags = p->batch.n_syscall = p->batch.n_plan_epoch = 1;
    p->batch.event_id = p->event_id;
    p->batch.dt_ns = f->wide;
    p->batch.task = p->task_one;
    p->batch.cpu = p->cpu;
    p->batch.flags = p->batch.plan_epoch = f->zeros;
    p->batch.ret = p->ret;
    p->batch.syscall = p->syscall;
    p->batch.n_args = 4;
    p->batch.args = p->args;
}

static int decode(struct fixture *f, const struct parts *p)
{
    const Vedette__V1__Request *request = NULL;
    uint8_t *bytes = f->bytes + WIRE_REQUEST_BYTES; /* the first part may be read by the strings */
    f->size = vedette__v1__request__pack(&p->request, bytes);
    int result = decoder_unpack(f->decoder, bytes, f->size, &request);
    return result != 0 ? result : decoder_open_batch(f->decoder, request->batch, f->schema);
}

static uint32_t rows(struct fixture *f)
{
    struct event_view view;
    uint32_t n = 0;
    while (decoder_next(f->decoder, &view))
        n++;
    return n;
}

static void assert_right(struct fixture *f, const struct parts *p)
{
    if (decode(f, p) != 0)
        fail_msg("%s", decoder_error(f->decoder));
    assert_int_equal(rows(f), p->batch.count);
}

static void assert_refused(struct fixture *f, const struct parts *p, const char *words)
{
    assert_int_equal(decode(f, p), -EBADMSG);
    if (strstr(decoder_error(f->decoder), words) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", decoder_error(f->decoder), words);
    assert_int_equal(rows(f), 0); /* whole or not at all */
}

static void test_decoder_counts(void **state)
{
    struct fixture *f = *state;
    struct parts p;
    build(f, &p);
    assert_right(f, &p);

    p.batch.count = WIRE_BATCH_EVENTS;
    p.event_id[0] = EVENT_memfd_create;
    p.batch.n_args = 2 * WIRE_BATCH_EVENTS;
    p.batch.args = f->wide;
    assert_right(f, &p);
    p.batch.count++;
    p.batch.n_args += 2;
    assert_refused(f, &p, "EventBatch.count: 4097, the limit is 4096");
    p.batch.count = 0;
    assert_refused(f, &p, "EventBatch.event_id: 1 elements for 0");

    build(f, &p);
    p.tasks.count = WIRE_BATCH_TASKS;
    assert_right(f, &p);
    p.tasks.count++;
    assert_refused(f, &p, "Tasks.count: 4097, the limit is 4096");

    build(f, &p);
    p.strings.length = f->zeros;
    p.strings.blob.len = 0;
    p.strings.n_length = WIRE_BATCH_STRINGS;
    assert_right(f, &p);
    p.strings.n_length++;
    assert_refused(f, &p, "Strings.length: 16385 strings, the limit is 16384");

    build(f, &p);
    p.lengths[1] = WIRE_STRING_BYTES;
    p.strings.blob.len = WIRE_STRING_BYTES;
    assert_right(f, &p);
    p.lengths[1]++;
    p.strings.blob.len++;
    assert_refused(f, &p, "Strings.length: 131073 bytes, the limit is 131072");
    p.lengths[1] = 3;
    assert_refused(f, &p, "Strings.blob: 131073 bytes, the lengths sum to 3");
    p.lengths[0] = 1;
    assert_refused(f, &p, "the first is not empty");
}

static void test_decoder_columns(void **state)
{
    struct fixture *f = *state;
    struct parts p;
    build(f, &p);
    p.batch.n_cpu = 0;
    assert_refused(f, &p, "EventBatch.cpu: 0 elements for 1");
    build(f, &p);
    p.batch.cpu = f->zeros;
    p.batch.n_cpu = 2;
    assert_refused(f, &p, "EventBatch.cpu: 2 elements for 1");
    build(f, &p);
    p.tasks.n_uid = 2;
    assert_refused(f, &p, "Tasks.uid: 2 elements for 1");
    build(f, &p);
    p.task_one[0] = 1;
    assert_refused(f, &p, "EventBatch.task: event 0 has task 1 of 1");
    build(f, &p);
    p.batch.tasks = NULL;
    assert_refused(f, &p, "EventBatch.task: event 0 has task 0 of 0");
    build(f, &p);
    p.event_id[0] = EVENT_ID_LIMIT - 1;
    assert_refused(f, &p, "EventBatch.event_id: 1023 is not in the hello's schema");
    p.event_id[0] = UINT32_MAX;
    assert_refused(f, &p, "is not in the hello's schema");
    build(f, &p);
    p.batch.first_seq = UINT64_MAX;
    assert_refused(f, &p, "EventBatch.first_seq: wraps");
    build(f, &p);
    p.batch.base_boot_ns = UINT64_MAX;
    assert_right(f, &p);
    uint64_t one = 1;
    p.batch.dt_ns = &one;
    assert_refused(f, &p, "EventBatch.dt_ns: event 0's time wraps");
    build(f, &p);
    uint32_t index = 1;
    p.tasks.comm = &index;
    assert_right(f, &p);
    index = 2;
    assert_refused(f, &p, "Tasks.comm: string 2 of 2");
    p.tasks.comm = f->zeros;
    p.tasks.uts = &index;
    assert_refused(f, &p, "Tasks.uts: string 2 of 2");
    index = 1;
    p.lengths[1] = WIRE_NAME_BYTES;
    p.strings.blob.len = WIRE_NAME_BYTES;
    assert_right(f, &p);
    p.lengths[1]++;
    p.strings.blob.len++;
    assert_refused(f, &p, "Tasks.uts: longer than 256 bytes");
}

static void test_decoder_args(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint16_t event;
        unsigned arg; /* which one is set; the others are 0 */
        uint64_t right, wrong;
        const char *words;
    } cases[] = {
        {EVENT_ptrace, 1, UINT32_MAX, UINT32_MAX + 1ull, "(ptrace): pid is no int32"},
        {EVENT_open, 2, UINT16_MAX, UINT16_MAX + 1, "(open): mode is no uint16"},
        {EVENT_memfd_create, 1, UINT32_MAX, UINT32_MAX + 1ull, "flags is no uint32"},
        {EVENT_sched_process_exit, 2, 1, 2, "process_group_exit is no bool"},
        {EVENT_open, 0, 1 << 3 | ITEM_USER | ITEM_UNREADABLE, 2 << 3, "pathname is no string"},
        {EVENT_open, 0, 0, ITEM_STATE_MASK, "pathname is no string"},
        {EVENT_open, 0, 0, ITEM_STATE_MASK | ITEM_USER, "pathname is no string"},
        {EVENT_open, 0, 0, UINT64_MAX - 3, "pathname is no string"},
        {EVENT_execve, 2, 0, ITEM_STATE_MASK, "envp is no []string"},
        {EVENT_execve, 2, 0, 1 << 3, "envp is no []string"},
        {EVENT_execve, 2, 0, UINT64_MAX - 7, "envp is no []string"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parts p;
        build(f, &p);
        p.event_id[0] = cases[i].event;
        p.batch.n_args = event_by_id(cases[i].event)->n_args;
        p.args[cases[i].arg] = cases[i].right;
        assert_right(f, &p);
        p.args[cases[i].arg] = cases[i].wrong;
        assert_refused(f, &p, cases[i].words);
    }
    struct parts p;
    build(f, &p);
    p.batch.n_args = 3;
    assert_refused(f, &p, "(ptrace): data is no trace.Pointer");
    p.batch.n_args = 5;
    p.batch.args = f->wide;
    assert_refused(f, &p, "EventBatch.args: 1 more than the events have");
}

static void test_decoder_list_limits(void **state)
{
    struct fixture *f = *state;
    struct parts p;
    build(f, &p);
    uint64_t *args = calloc(WIRE_LIST_ITEMS + 4, sizeof(*args));
    p.event_id[0] = EVENT_execve;
    p.batch.args = args;
    args[1] = (uint64_t)WIRE_LIST_ITEMS << 3;
    p.batch.n_args = WIRE_LIST_ITEMS + 3;
    assert_right(f, &p);
    args[1] += 1 << 3;
    p.batch.n_args++;
    assert_refused(f, &p, "argv is no []string");
    args[1] = 1 << 3;
    args[2] = 2 << 3; /* an item beyond the strings */
    p.batch.n_args = 4;
    assert_refused(f, &p, "argv is no []string");
    free(args);
}

static void test_decoder_losses(void **state)
{
    struct fixture *f = *state;
    struct parts p;
    Vedette__V1__Loss loss, *losses[WIRE_BATCH_LOSSES + 1];
    vedette__v1__loss__init(&loss);
    char hook[WIRE_NAME_BYTES + 2] = "";
    for (size_t i = 0; i < WIRE_BATCH_LOSSES + 1; i++)
        losses[i] = &loss;
    build(f, &p);
    p.batch.loss = losses;
    p.batch.n_loss = WIRE_BATCH_LOSSES;
    assert_int_equal(decode(f, &p), -ENOMEM); /* three bytes each that grow to 120 */
    loss.stage = VEDETTE__V1__LOSS_STAGE__LOSS_RING;
    loss.cpu = 1;
    loss.from_ns = loss.to_ns = 1000000000;
    loss.count = 1;
    assert_right(f, &p);
    p.batch.n_loss++;
    assert_refused(f, &p, "EventBatch.loss: too many elements");
    p.batch.n_loss = 1;
    memset(hook, 'h', WIRE_NAME_BYTES);
    loss.hook = hook;
    assert_right(f, &p);
    hook[WIRE_NAME_BYTES] = 'h';
    assert_refused(f, &p, "Loss.hook: over 256 bytes");
    loss.hook = hook + WIRE_NAME_BYTES;
    loss.from_ns++; /* a range whose ends are the wrong way round is turned, not refused */
    const Vedette__V1__Request *request = NULL;
    uint8_t *bytes = f->bytes + WIRE_REQUEST_BYTES;
    f->size = vedette__v1__request__pack(&p.request, bytes);
    assert_int_equal(decoder_unpack(f->decoder, bytes, f->size, &request), 0);
    assert_int_equal(decoder_open_batch(f->decoder, request->batch, f->schema), 0);
    assert_int_equal(request->batch->loss[0]->from_ns, 1000000000);
    assert_int_equal(request->batch->loss[0]->to_ns, 1000000001);
}

static int unpack_raw(struct fixture *f, const uint8_t *bytes, size_t size)
{
    const Vedette__V1__Request *request = NULL;
    return decoder_unpack(f->decoder, bytes, size, &request);
}

static void test_decoder_raw_bytes(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t size;
        int result;
        const char *words;
    } cases[] = {
        {"", 0, -EBADMSG, "neither hello, batch nor snapshot"},
        {"\x70\x01", 2, -EBADMSG, "neither hello, batch nor snapshot"},
        {"\x12\x00", 2, 0, ""},
        {"\x12\x00\x12\x00", 4, -EBADMSG, "Request.batch: is there twice"},
        {"\x12\x00\x1a\x00", 4, -EBADMSG, "Request.snapshot: a second body"},
        {"\x12\x00\x70\x01\x70\x01", 6, -EBADMSG, "Request.queue_fill_permille: is there twice"},
        {"\x10\x00", 2, -EBADMSG, "Request.batch: wrong wire type"},
        {"\x12\x02\x40\x01", 4, -EBADMSG, "EventBatch.event_id: wrong wire type"},
        {"\x12\x04\x42\x00\x42\x00", 6, -EBADMSG, "EventBatch.event_id: is there twice"},
        {"\x12\x04\x32\x00\x32\x00", 6, -EBADMSG, "EventBatch.strings: is there twice"},
        {"\x12\x05", 2, -EBADMSG, "Request.batch: a field that does not end"},
        {"\x12\xff\xff\xff\xff\xff\x01", 7, -EBADMSG, "Request.batch: a field that does not end"},
        {"\x12\x02\x0a\x05", 4, -EBADMSG, "EventBatch.session: a field that does not end"},
        {"\x00\x00", 2, -EBADMSG, "Request: a malformed tag"},
        {"\xff\xff\xff\xff\xff\x01", 6, -EBADMSG, "Request: a malformed tag"},
        {"\x9b\x06", 2, -EBADMSG, "Request: a field that does not end"}, /* a group */
        {"\x12\x00\x9d\x06\x01\x02\x03\x04", 8, 0, ""},                  /* an unknown field */
        {"\x12\x02\x42\x80", 4, -EBADMSG, "EventBatch.event_id: a field that does not end"},
        {"\x12\x03\x42\x01\x80", 5, -EBADMSG, "malformed"}, /* a packed column whose last element does not end */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(unpack_raw(f, (const uint8_t *)cases[i].bytes, cases[i].size), cases[i].result);
        if (strstr(decoder_error(f->decoder), cases[i].words) == NULL)
            fail_msg("%zu: \"%s\" lacks \"%s\"", i, decoder_error(f->decoder), cases[i].words);
    }
}

static void test_decoder_unknown_fields(void **state)
{
    struct fixture *f = *state;
    uint8_t *at = f->bytes;
    *at++ = 0x12, *at++ = 0x00;
    for (int i = 0; i < WIRE_UNKNOWN_FIELDS; i++)
        at = varint_put(tag_put(at, 100 + (uint32_t)i, WIRE_VARINT), 7);
    assert_int_equal(unpack_raw(f, f->bytes, (size_t)(at - f->bytes)), 0);
    at = varint_put(tag_put(at, 1000, WIRE_VARINT), 7);
    assert_int_equal(unpack_raw(f, f->bytes, (size_t)(at - f->bytes)), -EBADMSG);
    assert_string_equal(decoder_error(f->decoder), "Request: too many unknown fields");
}

static void test_decoder_sizes(void **state)
{
    struct fixture *f = *state;
    memset(f->bytes, 0, 11 * WIRE_REQUEST_BYTES);
    assert_int_equal(unpack_raw(f, f->bytes, 10 * WIRE_REQUEST_BYTES), -EMSGSIZE);
    assert_string_equal(decoder_error(f->decoder), "Request: 2621440 bytes, the limit is 262144");
    assert_int_equal(unpack_raw(f, f->bytes, WIRE_REQUEST_BYTES + 1), -EMSGSIZE);
    assert_int_equal(unpack_raw(f, f->bytes, WIRE_REQUEST_BYTES), -EBADMSG);
    const Vedette__V1__Reply *reply = NULL;
    assert_int_equal(decoder_unpack_reply(f->decoder, f->bytes, WIRE_REPLY_BYTES + 1, &reply), -EMSGSIZE);
    assert_null(reply);
}

/* The most that one-byte integers can grow to fits the arena; what grows more does not get more. */
static void test_decoder_arena(void **state)
{
    struct fixture *f = *state;
    struct parts p;
    build(f, &p);
    p.batch.args = calloc(WIRE_BATCH_ARGS + 1, sizeof(*p.batch.args));
    p.batch.n_args = WIRE_REQUEST_BYTES - 200;
    assert_refused(f, &p, "more than the events have"); /* unpacked, then judged */
    free(p.batch.args);

    /* A hello of the smallest event schemas: two bytes each that become a struct and a pointer. */
    uint8_t *at = f->bytes;
    size_t n = WIRE_SCHEMA_EVENTS;
    at = varint_put(tag_put(at, 1, WIRE_LENGTH), 2 * 2 * n);
    for (uint32_t field = 9; field <= 10; field++)
        for (size_t i = 0; i < n; i++)
            at = varint_put(tag_put(at, field, WIRE_LENGTH), 0);
    assert_int_equal(unpack_raw(f, f->bytes, (size_t)(at - f->bytes)), -ENOMEM);
    assert_non_null(strstr(decoder_error(f->decoder), "unpack to more than"));
    at = varint_put(tag_put(at, 9, WIRE_LENGTH), 0);
    at = varint_put(tag_put(f->bytes, 1, WIRE_LENGTH), 2 * (n + 1));
    for (size_t i = 0; i < n + 1; i++)
        at = varint_put(tag_put(at, 9, WIRE_LENGTH), 0);
    assert_int_equal(unpack_raw(f, f->bytes, (size_t)(at - f->bytes)), -EBADMSG);
    assert_string_equal(decoder_error(f->decoder), "Hello.schema: too many elements");
}

/* Uses whatever decodes; the sanitizers and the bounds of the rows are the judge. */
static void walk(struct fixture *f, const uint8_t *bytes, size_t size)
{
    const Vedette__V1__Request *request = NULL;
    struct event_view view;
    if (decoder_unpack(f->decoder, bytes, size, &request) != 0 ||
        request->body_case == VEDETTE__V1__REQUEST__BODY_HELLO)
        return;
    if (decoder_open_batch(f->decoder, request->batch, f->schema) != 0)
        return;
    while (decoder_next(f->decoder, &view))
        assert_true(view.task->comm.length <= WIRE_NAME_BYTES);
}

static void test_decoder_truncated_everywhere(void **state)
{
    struct fixture *f = *state;
    size_t count;
    const struct golden *all = golden_all(&count);
    for (size_t i = 0; i < count; i++) {
        size_t size = golden_read(all[i].name, f->bytes);
        assert_int_not_equal(size, 0);
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *copy = malloc(cut + 1); /* its own allocation, so that a read beyond it shows */
            memcpy(copy, f->bytes, cut);
            walk(f, copy, cut);
            const Vedette__V1__Reply *reply = NULL;
            (void)decoder_unpack_reply(f->decoder, copy, cut, &reply);
            free(copy);
        }
    }
    size_t size = golden_read("batch", f->bytes);
    for (size_t cut = 1; cut < size; cut++)
        assert_int_equal(unpack_raw(f, f->bytes, cut), -EBADMSG);
}

static void test_decoder_mutated(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        size_t size = golden_read(round % 2 == 0 ? "batch" : "losses", f->bytes);
        for (uint64_t n = 1 + test_random(&seed) % 4; n > 0; n--)
            f->bytes[test_random(&seed) % size] = (uint8_t)test_random(&seed);
        walk(f, f->bytes, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoder_counts),         cmocka_unit_test(test_decoder_columns),
        cmocka_unit_test(test_decoder_args),           cmocka_unit_test(test_decoder_list_limits),
        cmocka_unit_test(test_decoder_losses),         cmocka_unit_test(test_decoder_raw_bytes),
        cmocka_unit_test(test_decoder_unknown_fields), cmocka_unit_test(test_decoder_sizes),
        cmocka_unit_test(test_decoder_arena),          cmocka_unit_test(test_decoder_truncated_everywhere),
        cmocka_unit_test(test_decoder_mutated),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
