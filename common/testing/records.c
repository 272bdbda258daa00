/* SPDX-License-Identifier: Apache-2.0 */
#include "common/testing/records.h"

#include <stdarg.h>
#include <string.h>

#include "common/wire/encode.h"
#include "common/wire/limits.h"

struct test_batch {
    struct batch_encoder *encoder;
    struct decoder *decoder;
    uint8_t bytes[WIRE_REQUEST_BYTES];
};

__attribute__((noreturn, format(printf, 1, 2))) static void mistake(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

static void copy_name(char *to, size_t size, const char *name)
{
    memset(to, 0, size);
    memcpy(to, name, strnlen(name, size - 1));
}

void record_comm(struct record *record, const char *comm)
{
    copy_name(record->header.comm, sizeof(record->header.comm), comm);
}

void record_begin(struct record *record, const char *event)
{
    const struct event *row = event_by_name(event);
    if (row == NULL)
        mistake("record_begin: there is no event %s", event);
    record->header = (struct record_header){
        .time_ns = 10000000000u,
        .thread_start_ns = 1500000000u,
        .leader_start_ns = 1000000000u,
        .parent_start_ns = 500000000u,
        .cgroup_id = 7710,
        .size = sizeof(record->header),
        .event_id = row->id,
        .cpu = 2,
        .syscall = -1,
        .tgid = 4242,
        .tid = 4243,
        .ppid = 4200,
        .ns_tgid = 42,
        .ns_tid = 43,
        .ns_ppid = 1,
        .uid = 1000,
        .mnt_ns = 4026531841u,
        .pid_ns = 4026531836u,
    };
    record_comm(record, "cat");
    copy_name(record->header.uts, sizeof(record->header.uts), "node1");
}

static const struct event_arg *add_item(struct record *record, const char *arg, enum item_form form, unsigned state,
                                        size_t length, uint8_t **ret_payload)
{
    const struct event *row = event_by_id(record->header.event_id);
    int index = event_arg_index(row, arg);
    if (index < 0)
        mistake("event %s has no argument %s", row->name, arg);
    size_t padded = (length + 7) & ~(size_t)7;
    if (record->header.size + sizeof(struct item_header) + padded > sizeof(record->words))
        mistake("the record of event %s is full", row->name);
    uint8_t *at = (uint8_t *)record->words + record->header.size;
    struct item_header item = {
        .arg = (uint8_t)index, .form = (uint8_t)form, .state = (uint8_t)state, .length = (uint32_t)length};
    memcpy(at, &item, sizeof(item));
    memset(at + sizeof(item), 0, padded);
    record->header.size += (uint32_t)(sizeof(item) + padded);
    *ret_payload = at + sizeof(item);
    return &row->args[index];
}

void record_integer(struct record *record, const char *arg, int64_t value)
{
    uint8_t *payload;
    const struct event_arg *row = add_item(record, arg, ITEM_INTEGER, ITEM_COMPLETE, sizeof(value), &payload);
    if (arg_type_shape(row->type) >= SHAPE_TEXT)
        mistake("argument %s is no integer", arg);
    memcpy(payload, &value, sizeof(value));
}

void record_bytes(struct record *record, const char *arg, const void *bytes, size_t size, unsigned state)
{
    uint8_t *payload;
    const struct event_arg *row = add_item(record, arg, ITEM_BYTES, state, size, &payload);
    if (arg_type_shape(row->type) != SHAPE_TEXT)
        mistake("argument %s is no string", arg);
    memcpy(payload, bytes, size);
}

void record_string(struct record *record, const char *arg, const char *value, unsigned state)
{
    record_bytes(record, arg, value, strlen(value), state);
}

void record_path(struct record *record, const char *arg, const char *path, unsigned state)
{
    uint8_t *payload;
    size_t length = strlen(path), at = 0;
    const struct event_arg *row = add_item(record, arg, ITEM_COMPONENTS, state, length, &payload);
    if (row->type != ARG_STRING || path[0] != '/')
        mistake("argument %s is no path, or \"%s\" is not absolute", arg, path);
    for (size_t end = length; end > 0;) {
        size_t start = end;
        while (path[start - 1] != '/')
            start--;
        memcpy(payload + at, path + start, end - start);
        at += end - start + 1;
        end = start - 1;
    }
}

void record_list(struct record *record, const char *arg, const char *const *items, unsigned state)
{
    size_t length = 0;
    for (size_t i = 0; items[i] != NULL; i++)
        length += strlen(items[i]) + 1;
    uint8_t *payload;
    const struct event_arg *row = add_item(record, arg, ITEM_LIST, state, length, &payload);
    if (row->type != ARG_STRINGS)
        mistake("argument %s is no list", arg);
    for (size_t i = 0; items[i] != NULL; i++) {
        size_t size = strlen(items[i]) + 1;
        memcpy(payload, items[i], size);
        payload += size;
    }
}

struct test_batch *test_batch_new(void)
{
    struct test_batch *batch = calloc(1, sizeof(*batch));
    if (batch != NULL) {
        batch->encoder = batch_encoder_new(sizeof(batch->bytes));
        batch->decoder = decoder_new(sizeof(batch->bytes));
    }
    if (batch == NULL || batch->encoder == NULL || batch->decoder == NULL)
        mistake("test_batch_new: out of memory");
    test_batch_begin(batch, 1, 0);
    return batch;
}

void test_batch_free(struct test_batch *batch)
{
    if (batch == NULL)
        return;
    batch_encoder_free(batch->encoder);
    decoder_free(batch->decoder);
    free(batch);
}

void test_batch_begin(struct test_batch *batch, uint64_t session, uint64_t first_seq)
{
    batch_encoder_begin(batch->encoder, session, first_seq, false);
}

void test_batch_add(struct test_batch *batch, const struct record *record)
{
    int result = batch_encoder_add(batch->encoder, &record->header, record->header.size);
    if (result != 0)
        mistake("test_batch_add: the encoder refuses the record: %s", strerror(-result));
}

struct decoder *test_batch_open(struct test_batch *batch, const struct schema *schema)
{
    const Vedette__V1__Request *request;
    size_t size;
    int result = batch_encoder_pack(batch->encoder, 0, batch->bytes, sizeof(batch->bytes), &size);
    if (result != 0)
        mistake("test_batch_open: the encoder does not pack: %s", strerror(-result));
    result = decoder_unpack(batch->decoder, batch->bytes, size, &request);
    if (result == 0)
        result = decoder_open_batch(batch->decoder, request->batch, schema);
    if (result != 0)
        mistake("test_batch_open: %s", decoder_error(batch->decoder));
    return batch->decoder;
}
