/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built parts to the bytes of a Request, in the order of field numbers and with proto3's zeros left out: what
 * protobuf-c's generated code would write (a test compares). By hand because the parts are already bytes: the generated
 * code wants them as arrays of integers first.
 */
#include <errno.h>

#include "common/wire/encode_internal.h"
#include "common/wire/limits.h"
#include "common/wire/varint.h"

enum { FIXED64_FIELD_BYTES = 9 };

#define FIELD_NUMBER(name_, field_, kind_) field_,
static const uint8_t event_fields[N_EVENT_COLUMNS] = {EVENT_COLUMNS(FIELD_NUMBER)};
static const uint8_t task_fields[N_TASK_COLUMNS] = {TASK_COLUMNS(FIELD_NUMBER)};

static size_t column_bytes(const struct column *column)
{
    return column->varies ? column->size : column->first_size;
}

static size_t varint_field_size(uint32_t field, uint64_t value)
{
    return value != 0 ? tag_size(field) + varint_size(value) : 0;
}

static size_t strings_size(const struct string_table *strings)
{
    size_t blob = strings_bytes(strings);
    return (blob > 0 ? field_size(FIELD_STRINGS_BLOB, blob) : 0) +
           field_size(FIELD_STRINGS_LENGTH, strings->lengths_size);
}

static size_t tasks_size(const struct task_table *tasks)
{
    size_t size = varint_field_size(FIELD_TASKS_COUNT, tasks->count);
    for (size_t i = 0; i < N_TASK_COLUMNS; i++)
        size += field_size(task_fields[i], column_bytes(&tasks->columns[i]));
    return size;
}

static size_t batch_size(const struct batch_encoder *encoder, int64_t wall_minus_boot_ns)
{
    size_t size = encoder->session != 0 ? FIXED64_FIELD_BYTES : 0;
    size += varint_field_size(FIELD_BATCH_FIRST_SEQ, encoder->first_seq);
    size += varint_field_size(FIELD_BATCH_COUNT, encoder->count);
    size += varint_field_size(FIELD_BATCH_BASE, encoder->base_ns);
    size += varint_field_size(FIELD_BATCH_WALL, (uint64_t)wall_minus_boot_ns);
    if (encoder->count > 0) {
        size += field_size(FIELD_BATCH_STRINGS, strings_size(&encoder->strings));
        size += field_size(FIELD_BATCH_TASKS, tasks_size(&encoder->tasks));
        for (size_t i = 0; i < N_EVENT_COLUMNS; i++)
            size += field_size(event_fields[i], column_bytes(&encoder->columns[i]));
    }
    if (encoder->args_size > 0)
        size += field_size(FIELD_BATCH_ARGS, encoder->args_size);
    size += encoder->losses_size + encoder->statistics_size;
    return size + varint_field_size(FIELD_BATCH_FINAL, encoder->is_final);
}

static uint8_t *put_varint_field(uint8_t *at, uint32_t field, uint64_t value)
{
    return value != 0 ? varint_put(tag_put(at, field, WIRE_VARINT), value) : at;
}

static uint8_t *put_length(uint8_t *at, uint32_t field, size_t length)
{
    return varint_put(tag_put(at, field, WIRE_LENGTH), length);
}

static uint8_t *put_bytes(uint8_t *at, uint32_t field, const uint8_t *bytes, size_t size)
{
    at = put_length(at, field, size);
    memcpy(at, bytes, size);
    return at + size;
}

static uint8_t *put_strings(uint8_t *at, const struct string_table *strings)
{
    at = put_length(at, FIELD_BATCH_STRINGS, strings_size(strings));
    if (strings_bytes(strings) > 0)
        at = put_bytes(at, FIELD_STRINGS_BLOB, strings->blob, strings_bytes(strings));
    return put_bytes(at, FIELD_STRINGS_LENGTH, strings->lengths, strings->lengths_size);
}

static uint8_t *put_tasks(uint8_t *at, const struct task_table *tasks)
{
    at = put_length(at, FIELD_BATCH_TASKS, tasks_size(tasks));
    at = put_varint_field(at, FIELD_TASKS_COUNT, tasks->count);
    for (size_t i = 0; i < N_TASK_COLUMNS; i++)
        at = put_bytes(at, task_fields[i], tasks->columns[i].bytes, column_bytes(&tasks->columns[i]));
    return at;
}

static uint8_t *put_events(uint8_t *at, const struct batch_encoder *encoder)
{
    if (encoder->count > 0) {
        at = put_strings(at, &encoder->strings);
        at = put_tasks(at, &encoder->tasks);
        for (size_t i = 0; i < N_EVENT_COLUMNS; i++)
            at = put_bytes(at, event_fields[i], encoder->columns[i].bytes, column_bytes(&encoder->columns[i]));
    }
    if (encoder->args_size > 0)
        at = put_bytes(at, FIELD_BATCH_ARGS, encoder->args, encoder->args_size);
    return at;
}

int batch_encoder_pack(struct batch_encoder *encoder, int64_t wall_minus_boot_ns, uint8_t *buffer, size_t capacity,
                       size_t *ret_size)
{
    size_t size = batch_size(encoder, wall_minus_boot_ns);
    uint32_t body = encoder->is_snapshot ? FIELD_REQUEST_SNAPSHOT : FIELD_REQUEST_BATCH;
    if (field_size(body, size) > capacity)
        return -ENOSPC;
    uint8_t *at = put_length(buffer, body, size);
    if (encoder->session != 0) {
        at = tag_put(at, FIELD_BATCH_SESSION, WIRE_FIXED64);
        for (unsigned shift = 0; shift < 64; shift += 8)
            *at++ = (uint8_t)(encoder->session >> shift);
    }
    at = put_varint_field(at, FIELD_BATCH_FIRST_SEQ, encoder->first_seq);
    at = put_varint_field(at, FIELD_BATCH_COUNT, encoder->count);
    at = put_varint_field(at, FIELD_BATCH_BASE, encoder->base_ns);
    at = put_varint_field(at, FIELD_BATCH_WALL, (uint64_t)wall_minus_boot_ns);
    at = put_events(at, encoder);
    if (encoder->losses_size > 0)
        memcpy(at, encoder->losses, encoder->losses_size);
    at += encoder->losses_size;
    memcpy(at, encoder->statistics, encoder->statistics_size);
    at += encoder->statistics_size;
    at = put_varint_field(at, FIELD_BATCH_FINAL, encoder->is_final);
    *ret_size = (size_t)(at - buffer);
    return 0;
}

int batch_encoder_add_loss(struct batch_encoder *encoder, const Vedette__V1__Loss *loss)
{
    size_t size = vedette__v1__loss__get_packed_size(loss);
    size_t whole = field_size(FIELD_BATCH_LOSS, size);
    if (encoder->n_losses == WIRE_BATCH_LOSSES || encoder->used + whole > encoder->limit)
        return -ENOBUFS;
    uint8_t *at = put_length(encoder->losses + encoder->losses_size, FIELD_BATCH_LOSS, size);
    vedette__v1__loss__pack(loss, at);
    encoder->losses_size += whole;
    encoder->used += whole;
    encoder->n_losses++;
    return 0;
}

void batch_encoder_set_statistics(struct batch_encoder *encoder, const Vedette__V1__Statistics *statistics)
{
    /* A list longer than the classes there are would be a caller's mistake; the field's room is reserved for
     * CLASS_COUNT. */
    Vedette__V1__Statistics copy = *statistics;
    size_t *const counts[] = {&copy.n_attempts, &copy.n_lost_ring, &copy.n_drained, &copy.n_queued, &copy.n_lost_queue};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        if (*counts[i] > CLASS_COUNT)
            *counts[i] = CLASS_COUNT;
    size_t size = vedette__v1__statistics__get_packed_size(&copy);
    if (field_size(FIELD_BATCH_STATISTICS, size) > sizeof(encoder->statistics))
        return;
    uint8_t *at = put_length(encoder->statistics, FIELD_BATCH_STATISTICS, size);
    vedette__v1__statistics__pack(&copy, at);
    encoder->statistics_size = field_size(FIELD_BATCH_STATISTICS, size);
}

void batch_encoder_set_made(struct batch_encoder *encoder, uint64_t boot_ns)
{
    if (encoder->count == 0)
        encoder->base_ns = encoder->last_ns = boot_ns;
}

void batch_encoder_set_final(struct batch_encoder *encoder)
{
    encoder->is_final = true;
}
