// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/test_collector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/testing/records.h"
#include "common/wire/limits.h"

static const uint64_t SECOND_NS = 1000000000;

struct test_collector {
    char *node, *boot_id;
    const char *token;
    uint64_t session;
    struct batch_encoder *encoder;
    struct record *record;
    uint8_t *bytes;
};

struct test_collector *test_collector_new(const char *node, const char *boot_id, uint64_t session)
{
    struct test_collector *collector = calloc(1, sizeof(*collector));
    assert_non_null(collector);
    collector->node = strdup(node);
    collector->boot_id = strdup(boot_id);
    collector->session = session;
    collector->encoder = batch_encoder_new(WIRE_REQUEST_BYTES);
    collector->record = malloc(sizeof(*collector->record));
    collector->bytes = malloc(WIRE_REQUEST_BYTES);
    assert_true(collector->node && collector->boot_id && collector->encoder && collector->record && collector->bytes);
    return collector;
}

void test_collector_free(struct test_collector *collector)
{
    batch_encoder_free(collector->encoder);
    free(collector->record);
    free(collector->bytes);
    free(collector->node);
    free(collector->boot_id);
    free(collector);
}

/* The messages borrow; protobuf-c only reads what it packs. */
static char *borrow(const char *text)
{
    union {
        const char *in;
        char *out;
    } pointer = {.in = text};
    return pointer.out;
}

enum { MAX_ROWS = EVENT_ID_LIMIT };

struct rows {
    Vedette__V1__EventSchema schema[MAX_ROWS], *schema_at[MAX_ROWS];
    Vedette__V1__Coverage coverage[MAX_ROWS], *coverage_at[MAX_ROWS];
    char *name[MAX_ROWS][EVENT_MAX_ARGS];
    uint32_t type[MAX_ROWS][EVENT_MAX_ARGS];
};

static void fill_row(struct rows *rows, size_t i, const struct event *event, bool covered)
{
    Vedette__V1__EventSchema *schema = rows->schema_at[i] = &rows->schema[i];
    Vedette__V1__Coverage *coverage = rows->coverage_at[i] = &rows->coverage[i];
    vedette__v1__event_schema__init(schema);
    vedette__v1__coverage__init(coverage);
    schema->id = coverage->event_id = event->id;
    schema->name = borrow(event->name);
    schema->event_class = event->class;
    schema->sets = borrow(event->sets);
    for (size_t a = 0; a < event->n_args; a++) {
        rows->name[i][a] = borrow(event->args[a].name);
        rows->type[i][a] = event->args[a].type;
    }
    schema->n_arg_name = schema->n_arg_type = event->n_args;
    schema->arg_name = rows->name[i];
    schema->arg_type = rows->type[i];
    coverage->covered = covered;
    coverage->reason = borrow(covered ? "" : "no such hook");
}

struct test_request test_collector_hello(struct test_collector *collector, uint32_t uncovered)
{
    static struct rows rows;
    Vedette__V1__Hello hello;
    size_t count;
    vedette__v1__hello__init(&hello);
    const struct event *events = events_all(&count);
    assert_true(count <= MAX_ROWS);
    for (size_t i = 0; i < count; i++)
        fill_row(&rows, i, &events[i], events[i].id != uncovered);
    hello.wire_min = WIRE_VERSION_MIN;
    hello.wire_max = WIRE_VERSION_MAX;
    hello.node = collector->node;
    hello.boot_id = collector->boot_id;
    hello.session = collector->session;
    hello.version = borrow("test");
    hello.kernel = borrow("6.0-test");
    hello.arch = borrow("x86_64");
    hello.n_schema = hello.n_coverage = count;
    hello.schema = rows.schema_at;
    hello.coverage = rows.coverage_at;
    hello.heartbeat_ms = 5000;
    if (collector->token != NULL)
        hello.credential =
            (ProtobufCBinaryData){.len = strlen(collector->token), .data = (uint8_t *)borrow(collector->token)};
    Vedette__V1__Request request;
    vedette__v1__request__init(&request);
    request.body_case = VEDETTE__V1__REQUEST__BODY_HELLO;
    request.hello = &hello;
    assert_true(vedette__v1__request__get_packed_size(&request) <= WIRE_REQUEST_BYTES);
    return (struct test_request){collector->bytes, vedette__v1__request__pack(&request, collector->bytes)};
}

void test_collector_token(struct test_collector *collector, const char *token)
{
    collector->token = token;
}

void test_collector_begin(struct test_collector *collector, uint64_t first_seq)
{
    batch_encoder_begin(collector->encoder, collector->session, first_seq, false);
}

static void begin_record(struct test_collector *collector, const char *event, uint32_t pid, uint64_t seconds)
{
    struct record_header *header = &collector->record->header;
    record_begin(collector->record, event);
    header->time_ns = seconds * SECOND_NS;
    header->tgid = header->tid = pid;
    header->leader_start_ns = header->thread_start_ns = pid;
}

static void add_record(struct test_collector *collector)
{
    assert_int_equal(batch_encoder_add(collector->encoder, &collector->record->header, collector->record->header.size),
                     0);
}

void test_collector_exec(struct test_collector *collector, uint32_t pid, const char *path, uint64_t seconds)
{
    static const char *const argv[] = {"program", "--flag", NULL};
    begin_record(collector, "sched_process_exec", pid, seconds);
    record_string(collector->record, "cmdpath", path, ITEM_COMPLETE);
    record_string(collector->record, "pathname", path, ITEM_COMPLETE);
    record_integer(collector->record, "link_count", 1);
    record_list(collector->record, "argv", argv, ITEM_COMPLETE);
    add_record(collector);
}

void test_collector_open(struct test_collector *collector, uint32_t pid, const char *path, uint64_t seconds)
{
    begin_record(collector, "openat", pid, seconds);
    record_string(collector->record, "pathname", path, ITEM_COMPLETE);
    add_record(collector);
}

static void add_loss(struct test_collector *collector, Vedette__V1__LossStage stage, uint32_t event_class,
                     uint64_t cgroup_id, uint64_t from_ns, uint64_t count)
{
    Vedette__V1__Loss loss;
    vedette__v1__loss__init(&loss);
    loss.stage = stage;
    loss.event_class = event_class;
    loss.cpu = UINT32_MAX;
    loss.cgroup_id = cgroup_id;
    loss.from_ns = from_ns;
    loss.to_ns = from_ns + 1;
    loss.count = count;
    loss.count_exact = true;
    assert_int_equal(batch_encoder_add_loss(collector->encoder, &loss), 0);
}

void test_collector_loss(struct test_collector *collector, Vedette__V1__LossStage stage, uint32_t event_class,
                         uint64_t from_ns, uint64_t count)
{
    add_loss(collector, stage, event_class, 0, from_ns, count);
}

void test_collector_throttled(struct test_collector *collector, uint64_t cgroup_id, uint64_t from_ns, uint64_t count)
{
    add_loss(collector, VEDETTE__V1__LOSS_STAGE__LOSS_THROTTLE, CLASS_BULK, cgroup_id, from_ns, count);
}

void test_collector_totals(struct test_collector *collector, const Vedette__V1__Statistics *statistics)
{
    batch_encoder_set_statistics(collector->encoder, statistics);
}

void test_collector_statistics(struct test_collector *collector, uint64_t attempts, uint64_t lost_ring)
{
    uint64_t attempted[CLASS_COUNT] = {attempts}, lost[CLASS_COUNT] = {lost_ring};
    Vedette__V1__Statistics statistics;
    vedette__v1__statistics__init(&statistics);
    statistics.n_attempts = statistics.n_lost_ring = CLASS_COUNT;
    statistics.attempts = attempted;
    statistics.lost_ring = lost;
    test_collector_totals(collector, &statistics);
}

void test_collector_final(struct test_collector *collector)
{
    batch_encoder_set_final(collector->encoder);
}

struct test_request test_collector_end(struct test_collector *collector)
{
    struct test_request request = {.bytes = collector->bytes};
    assert_int_equal(batch_encoder_pack(collector->encoder, 0, collector->bytes, WIRE_REQUEST_BYTES, &request.size), 0);
    return request;
}

Vedette__V1__Reply *test_reply(const void *bytes, size_t size)
{
    Vedette__V1__Reply *reply = vedette__v1__reply__unpack(NULL, size, bytes);
    assert_non_null(reply);
    return reply;
}

void test_reply_free(Vedette__V1__Reply *reply)
{
    vedette__v1__reply__free_unpacked(reply, NULL);
}
