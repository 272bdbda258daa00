/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/encode.h"

#include <endian.h>
#include <errno.h>

#include "common/events/events.h"
#include "common/wire/encode_internal.h"
#include "common/wire/limits.h"
#include "common/wire/varint.h"

enum {
    REFERENCE_BYTES = 3, /* varint of index << 3 | state, index below WIRE_BATCH_STRINGS; and of n << 3 | state */
    LENGTH_BYTES = 3,    /* varint of a string's length */
    COLUMNS_BYTES = 48,  /* of one event, all at their longest */
    LIST_ITEMS =
        WIRE_LIST_ITEMS / 2, /* sent of one list: an exec has two, and both must fit into one batch's string table */
    TASK_BYTES = 136 + 2 * COMM_SIZE, /* of one task, likewise, its two strings included */
};

_Static_assert((WIRE_BATCH_STRINGS << 3) < 1 << 21 && (WIRE_LIST_ITEMS << 3) < 1 << 21, "three bytes of varint");
_Static_assert(sizeof(((struct record_header *)0)->comm) == COMM_SIZE && (int)UTS_SIZE == (int)COMM_SIZE, "TASK_BYTES");

/* The items of one record by argument, and what they can add at most. */
struct items {
    const struct item_header *by_arg[EVENT_MAX_ARGS];
    size_t bytes;
    uint32_t args;
    uint32_t strings;
};

struct batch_encoder *batch_encoder_new(size_t max_bytes)
{
    if (max_bytes > WIRE_REQUEST_BYTES ||
        max_bytes < FRAME_BYTES + STATISTICS_BYTES + WIRE_APPENDED_BYTES + COLUMNS_BYTES + TASK_BYTES) {
        errno = EINVAL;
        return NULL;
    }
    struct batch_encoder *encoder = calloc(1, sizeof(*encoder));
    if (encoder == NULL)
        return NULL;
    encoder->limit = max_bytes - WIRE_APPENDED_BYTES;
    bool is_whole = tasks_init(&encoder->tasks) == 0 && strings_init(&encoder->strings, max_bytes) == 0;
    for (size_t i = 0; i < N_EVENT_COLUMNS; i++)
        is_whole &= (encoder->columns[i].bytes = malloc(WIRE_BATCH_EVENTS * VARINT64_BYTES + VARINT_SLACK)) != NULL;
    is_whole &= (encoder->args = malloc(max_bytes + VARINT_SLACK)) != NULL;
    is_whole &= (encoder->losses = malloc(max_bytes)) != NULL;
    if (!is_whole) {
        batch_encoder_free(encoder);
        errno = ENOMEM;
        return NULL;
    }
    batch_encoder_begin(encoder, 0, 0, false);
    return encoder;
}

void batch_encoder_free(struct batch_encoder *encoder)
{
    if (encoder == NULL)
        return;
    tasks_fini(&encoder->tasks);
    strings_fini(&encoder->strings);
    for (size_t i = 0; i < N_EVENT_COLUMNS; i++)
        free(encoder->columns[i].bytes);
    free(encoder->args);
    free(encoder->losses);
    free(encoder);
}

void batch_encoder_begin(struct batch_encoder *encoder, uint64_t session, uint64_t first_seq, bool snapshot)
{
    encoder->session = session;
    encoder->first_seq = first_seq;
    encoder->is_snapshot = snapshot;
    encoder->is_final = false;
    encoder->used = FRAME_BYTES + STATISTICS_BYTES;
    encoder->base_ns = encoder->last_ns = 0;
    encoder->count = encoder->n_args = encoder->n_losses = 0;
    encoder->args_size = encoder->losses_size = encoder->statistics_size = 0;
    for (size_t i = 0; i < N_EVENT_COLUMNS; i++) {
        encoder->columns[i].size = 0;
        encoder->columns[i].varies = false;
    }
    tasks_reset(&encoder->tasks);
    strings_reset(&encoder->strings);
}

static const uint8_t *payload_of(const struct item_header *item)
{
    return (const uint8_t *)(item + 1);
}

/* Strings in a list, of which at most LIST_ITEMS are sent; the last may lack its NUL when it was cut. */
static uint32_t count_list(const struct item_header *item)
{
    const uint8_t *at = payload_of(item), *end = at + item->length;
    uint32_t n = 0;
    while (at < end && n < LIST_ITEMS) {
        const uint8_t *nul = memchr(at, '\0', (size_t)(end - at));
        at = nul != NULL ? nul + 1 : end;
        n++;
    }
    return n;
}

/* Whether the form carries that type, and adds what it can cost. */
static bool weigh_item(const struct item_header *item, enum arg_type type, struct items *items)
{
    switch (item->form) {
    case ITEM_INTEGER:
        return arg_type_shape(type) < SHAPE_TEXT && item->length == sizeof(uint64_t);
    case ITEM_BYTES:
    case ITEM_COMPONENTS:
        items->bytes += item->length + 1 + LENGTH_BYTES; /* one more for the path's leading '/' */
        items->strings++;
        return arg_type_shape(type) == SHAPE_TEXT && item->length < WIRE_STRING_BYTES;
    case ITEM_LIST: {
        if (arg_type_shape(type) != SHAPE_LIST || item->length >= WIRE_STRING_BYTES)
            return false;
        uint32_t n = count_list(item);
        items->bytes += item->length + (size_t)n * (LENGTH_BYTES + REFERENCE_BYTES);
        items->strings += n;
        items->args += n;
        return true;
    }
    default:
        return false;
    }
}

/* Finds the items and checks them against the row, so that nothing later can fail. */
static int read_items(const struct record_header *record, const struct event *row, struct items *items)
{
    const uint8_t *bytes = (const uint8_t *)record;
    size_t at = sizeof(*record), size = record->size;
    items->bytes = COLUMNS_BYTES + TASK_BYTES + (size_t)row->n_args * VARINT64_BYTES;
    items->args = row->n_args;
    items->strings = 2;
    memset(items->by_arg, 0, row->n_args * sizeof(items->by_arg[0]));
    while (at < size) {
        const struct item_header *item = (const struct item_header *)(bytes + at);
        if (size - at < sizeof(*item) || item->length > size - at - sizeof(*item))
            return -EBADMSG;
        bool is_state =
            (item->state & ITEM_STATE_MASK) != ITEM_STATE_MASK && item->state <= (ITEM_STATE_MASK | ITEM_USER);
        if (item->arg >= row->n_args || items->by_arg[item->arg] != NULL || !is_state ||
            !weigh_item(item, row->args[item->arg].type, items))
            return -EBADMSG;
        items->by_arg[item->arg] = item;
        at += sizeof(*item) + (((size_t)item->length + 7) & ~(size_t)7);
    }
    return 0;
}

static int check_room(const struct batch_encoder *encoder, const struct items *items)
{
    if (encoder->count < WIRE_BATCH_EVENTS && encoder->n_args + items->args <= WIRE_BATCH_ARGS &&
        encoder->strings.count + items->strings <= WIRE_BATCH_STRINGS && encoder->used + items->bytes <= encoder->limit)
        return 0;
    bool is_empty = encoder->count == 0 && encoder->n_losses == 0;
    return is_empty ? -EBADMSG : -ENOBUFS;
}

/* The register or field as the argument's type shows it: BPF may have extended it either way. */
static uint64_t wire_integer(enum arg_type type, const struct item_header *item)
{
    uint64_t value = 0;
    if (item != NULL)
        memcpy(&value, payload_of(item), sizeof(value));
    switch (type) {
    case ARG_INT32:
        return zigzag((int32_t)value);
    case ARG_INT64:
    case ARG_TIMESPEC:
        return zigzag((int64_t)value);
    case ARG_UINT8:
        return (uint8_t)value;
    case ARG_UINT16:
        return (uint16_t)value;
    case ARG_UINT32:
        return (uint32_t)value;
    case ARG_BOOL:
        return value != 0;
    default:
        return value;
    }
}

static uint64_t load64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

/*
 * Where the component that ends before `end` starts: just behind the last NUL of [start, end), or at `start`. Eight
 * bytes at a time; the first such load may reach into the item's header, which lies before every payload.
 */
static const uint8_t *component_start(const uint8_t *start, const uint8_t *end)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7full;
    for (const uint8_t *at = end; at > start; at -= 8) {
        uint64_t bytes = le64toh(load64(at - 8));
        uint64_t zeros = ~(((bytes & low) + low) | bytes | low); /* the high bit of each byte that is zero, exactly */
        if (zeros != 0) {
            const uint8_t *after = at - __builtin_clzll(zeros) / 8;
            return after > start ? after : start;
        }
    }
    return start;
}

/* memcpy of a component, mostly below 16 bytes: the call would cost more than the copy. */
static void copy_component(uint8_t *to, const uint8_t *from, size_t size)
{
    if (size > 16) {
        memcpy(to, from, size);
    } else if (size >= 8) {
        memcpy(to, from, 8);
        memcpy(to + size - 8, from + size - 8, 8);
    } else if (size >= 4) {
        memcpy(to, from, 4);
        memcpy(to + size - 4, from + size - 4, 4);
    } else {
        for (size_t i = 0; i < size; i++)
            to[i] = from[i];
    }
}

/* Leaf-first components to a path, built where a new string of the table would stand. */
static size_t join_path(const struct item_header *item, uint8_t *out)
{
    const uint8_t *start = payload_of(item), *end = start + item->length;
    uint8_t *at = out;
    if (end > start && end[-1] == '\0')
        end--;
    while (end > start) {
        const uint8_t *before = component_start(start, end);
        if (end > before) {
            *at++ = '/';
            copy_component(at, before, (size_t)(end - before));
            at += end - before;
        }
        end = before > start ? before - 1 : start;
    }
    if (at == out && (item->state & ITEM_STATE_MASK) != ITEM_UNREADABLE)
        *at++ = '/';
    return (size_t)(at - out);
}

static uint64_t string_reference(struct string_table *strings, const struct item_header *item)
{
    if (item == NULL)
        return ITEM_UNREADABLE;
    uint32_t index;
    if (item->form == ITEM_COMPONENTS) {
        uint8_t *tail = strings_tail(strings);
        index = strings_intern(strings, tail, join_path(item, tail));
    } else {
        index = strings_intern(strings, payload_of(item), item->length);
    }
    return (uint64_t)index << 3 | item->state;
}

static uint8_t *put_list(struct string_table *strings, uint8_t *out, const struct item_header *item)
{
    if (item == NULL)
        return varint_put_fast(out, ITEM_UNREADABLE);
    const uint8_t *at = payload_of(item), *end = at + item->length;
    uint32_t n = count_list(item);
    uint64_t origin = item->state & ITEM_USER, state = item->state;
    const uint8_t *rest = at;
    for (uint32_t i = 0; i < n && rest < end; i++) {
        const uint8_t *nul = memchr(rest, '\0', (size_t)(end - rest));
        rest = nul != NULL ? nul + 1 : end;
    }
    if (rest < end) /* more than LIST_ITEMS */
        state = ITEM_TRUNCATED | origin;
    out = varint_put_fast(out, (uint64_t)n << 3 | state);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *nul = memchr(at, '\0', (size_t)(end - at));
        const uint8_t *stop = nul != NULL ? nul : end;
        uint64_t index = strings_intern(strings, at, (size_t)(stop - at));
        out = varint_put_fast(out, index << 3 | origin | (nul != NULL ? ITEM_COMPLETE : ITEM_TRUNCATED));
        at = stop + 1;
    }
    return out;
}

static void put_args(struct batch_encoder *encoder, const struct event *row, const struct items *items)
{
    uint8_t *start = encoder->args + encoder->args_size, *out = start;
    size_t before = strings_weight(&encoder->strings);
    for (uint32_t i = 0; i < row->n_args; i++) {
        enum arg_type type = row->args[i].type;
        enum arg_shape shape = arg_type_shape(type);
        if (shape == SHAPE_TEXT)
            out = varint_put_fast(out, string_reference(&encoder->strings, items->by_arg[i]));
        else if (shape == SHAPE_LIST)
            out = put_list(&encoder->strings, out, items->by_arg[i]);
        else
            out = varint_put_fast(out, wire_integer(type, items->by_arg[i]));
    }
    encoder->args_size += (size_t)(out - start);
    encoder->used += (size_t)(out - start) + strings_weight(&encoder->strings) - before;
    encoder->n_args += items->args;
}

static void put_columns(struct batch_encoder *encoder, const struct record_header *record, uint32_t task)
{
    struct column *columns = encoder->columns;
    uint32_t count = encoder->count;
    uint64_t now = record->time_ns;
    if (count == 0)
        encoder->base_ns = encoder->last_ns = now;
    if (now < encoder->last_ns)
        now = encoder->last_ns;
    size_t used = column_put(&columns[EVENT_COLUMN_event_id], count, record->event_id);
    used += column_put(&columns[EVENT_COLUMN_dt_ns], count, now - encoder->last_ns);
    used += column_put(&columns[EVENT_COLUMN_task], count, task);
    used += column_put(&columns[EVENT_COLUMN_cpu], count, record->cpu);
    used += column_put(&columns[EVENT_COLUMN_ret], count, zigzag(record->ret));
    used += column_put(&columns[EVENT_COLUMN_flags], count, record->flags);
    used += column_put(&columns[EVENT_COLUMN_syscall], count, (uint32_t)zigzag(record->syscall));
    used += column_put(&columns[EVENT_COLUMN_plan_epoch], count, record->plan_epoch);
    encoder->used += used;
    encoder->last_ns = now;
    encoder->count++;
}

int batch_encoder_add(struct batch_encoder *encoder, const struct record_header *record, size_t available)
{
    struct items items;
    if (available < sizeof(*record) || record->size < sizeof(*record) || record->size > available)
        return -EBADMSG;
    const struct event *row = event_by_id(record->event_id);
    if (row == NULL)
        return -EBADMSG;
    int result = read_items(record, row, &items);
    if (result == 0)
        result = check_room(encoder, &items);
    if (result != 0)
        return result;
    uint32_t task = tasks_intern(&encoder->tasks, record, &encoder->strings, &encoder->used);
    put_args(encoder, row, &items);
    put_columns(encoder, record, task);
    return 0;
}

size_t batch_encoder_count(const struct batch_encoder *encoder)
{
    return encoder->count;
}

bool batch_encoder_is_empty(const struct batch_encoder *encoder)
{
    return encoder->count == 0 && encoder->n_losses == 0;
}

uint64_t batch_encoder_first_seq(const struct batch_encoder *encoder)
{
    return encoder->first_seq;
}
