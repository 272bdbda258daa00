/* SPDX-License-Identifier: Apache-2.0 */
/* The value of one argument, by its type: numbers, words, strings, lists and objects. */
#include <inttypes.h>
#include <nettle/base64.h>

#include "analyzer/alert/json_internal.h"
#include "analyzer/arguments/arguments.h"
#include "analyzer/arguments/objects.h"
#include "analyzer/redact/redact.h"

enum {
    UINT64S_MAX = 16, /* of an array: the largest there is, of BPF's helpers, has 4 */
    NS_PER_SECOND = 1000000000,
};

/* A list that is being written: it ends where its room does. */
struct list_writer {
    struct text *text;
    size_t begin;
    size_t limit;
};

static struct list_writer list_begin(struct text *text, size_t limit)
{
    text_literal(text, "[");
    return (struct list_writer){.text = text, .begin = text->size, .limit = limit};
}

/* Room for the next item, its separator written; 0 when there is none. */
static size_t list_next(const struct list_writer *list)
{
    const size_t used = list->text->size - list->begin + sizeof("\"\",") - 1;
    if (used >= list->limit)
        return 0;
    if (list->text->size > list->begin)
        text_literal(list->text, ",");
    return list->limit - used;
}

/* False when items are left out or cut: a huge one is cut by itself, and the list ends where its room does. */
static bool strings(struct text *text, const struct event_context *context, uint8_t arg,
                    const struct json_limits *limits)
{
    const struct value *value = &context->event->args[arg];
    bool is_whole = true;
    struct list_writer list = list_begin(text, limits->list);
    struct redacted redacted;
    redact_list(&redacted, context->decoder, value, redact_kind_of(context->event->schema->args[arg].name));
    for (uint32_t i = 0; i < value->list.count; i++) {
        struct string_view item = redacted_item(&redacted, i);
        const size_t room = list_next(&list);
        if (room == 0) {
            is_whole = false;
            break;
        }
        if (!json_fitting(text, item.data, item.length, room < limits->string ? room : limits->string)) {
            is_whole = false;
            if (room < limits->string)
                break;
        }
    }
    redacted_fini(&redacted);
    text_literal(text, "]");
    return is_whole;
}

static uint64_t word_at(const struct string_view *bytes, size_t i)
{
    uint64_t word = 0;
    for (size_t b = 0; b < sizeof(word); b++)
        word |= (uint64_t)(uint8_t)bytes->data[i * sizeof(word) + b] << 8 * b;
    return word;
}

static size_t word_count(const struct string_view *bytes)
{
    const size_t n = bytes->length / sizeof(uint64_t);
    return n < UINT64S_MAX ? n : UINT64S_MAX;
}

static bool numbers(struct text *text, const struct string_view *bytes)
{
    struct list_writer list = list_begin(text, SIZE_MAX);
    const size_t n = word_count(bytes);
    for (size_t i = 0; i < n; i++) {
        list_next(&list);
        text_unsigned(text, word_at(bytes, i));
    }
    text_literal(text, "]");
    return n == bytes->length / sizeof(uint64_t);
}

/* The names of the bits that are set. */
static bool bit_names(struct text *text, const struct event_context *context, enum table table,
                      const struct string_view *bytes)
{
    struct list_writer list = list_begin(text, SIZE_MAX);
    const size_t n = word_count(bytes);
    for (size_t bit = 0; bit < n * 64; bit++) {
        if ((word_at(bytes, bit / 64) >> bit % 64 & 1) == 0)
            continue;
        list_next(&list);
        text_literal(text, "\"");
        argument_words(text, table, context->architecture, ARG_UINT64, bit);
        text_literal(text, "\"");
    }
    text_literal(text, "]");
    return n == bytes->length / sizeof(uint64_t);
}

static bool base64(struct text *text, const struct string_view *bytes, size_t limit)
{
    size_t size = bytes->length;
    if (limit / 4 * 3 < size)
        size = limit / 4 * 3;
    text_literal(text, "\"");
    if (text_reserve(text, BASE64_ENCODE_RAW_LENGTH(size))) {
        base64_encode_raw(text->data + text->size, size, (const uint8_t *)bytes->data);
        text->size += BASE64_ENCODE_RAW_LENGTH(size);
    }
    text_literal(text, "\"");
    return size == bytes->length;
}

static void object(struct text *text, const struct object *object)
{
    text_literal(text, "{");
    for (size_t i = 0; i < object->n; i++) {
        const struct object_field *field = &object->field[i];
        text_string(text, i > 0 ? ",\"" : "\"");
        text_string(text, field->key);
        text_literal(text, "\":");
        if (field->is_number)
            text_append(text, field->data, field->length);
        else
            text_json(text, field->data, field->length);
    }
    text_literal(text, "}");
}

static void int_pair(struct text *text, uint64_t value)
{
    text_literal(text, "[");
    text_signed(text, (int32_t)(uint32_t)value);
    text_literal(text, ",");
    text_signed(text, (int32_t)(uint32_t)(value >> 32));
    text_literal(text, "]");
}

void json_seconds(struct text *text, int64_t ns)
{
    char digits[48];
    const uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    int length = snprintf(digits, sizeof(digits), "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "", size / NS_PER_SECOND,
                          size % NS_PER_SECOND);
    while (digits[length - 1] == '0')
        length--;
    if (digits[length - 1] == '.')
        length--;
    text_append(text, digits, (size_t)length);
}

/* What travels as bytes or a list; false when it was cut. */
static bool long_value(struct text *text, const struct event_context *context, uint8_t arg,
                       const struct json_limits *limits)
{
    struct object parts;
    const struct string_view *bytes = &context->event->args[arg].string;
    switch (context->event->schema->args[arg].type) {
    case ARG_STRINGS:
        return strings(text, context, arg, limits);
    case ARG_BYTES:
        return base64(text, bytes, limits->string);
    case ARG_UINT64S:
        return numbers(text, bytes);
    case ARG_SOCKADDR:
        object_sockaddr(bytes->data, bytes->length, &parts);
        object(text, &parts);
        return true;
    case ARG_CREDENTIALS:
        object_credentials(bytes->data, bytes->length, &parts);
        object(text, &parts);
        return true;
    default:
        return json_fitting(text, bytes->data, bytes->length, limits->string);
    }
}

static void short_value(struct text *text, enum arg_type type, const struct value *value)
{
    switch (type) {
    case ARG_BOOL:
        text_string(text, value->u != 0 ? "true" : "false");
        break;
    case ARG_TIMESPEC:
        json_seconds(text, value->i);
        break;
    case ARG_INT_PAIR:
        int_pair(text, value->u);
        break;
    default:
        if (arg_type_shape(type) == SHAPE_SIGNED)
            text_signed(text, value->i);
        else
            text_unsigned(text, value->u);
        break;
    }
}

/* What could not be read is null, but for strings, which Tracee's readers expect. */
static bool is_null(enum arg_type type, const struct value *value)
{
    switch (type) {
    case ARG_STRINGS:
        return (value->list.state & ITEM_STATE_MASK) == ITEM_UNREADABLE;
    case ARG_BYTES:
    case ARG_SOCKADDR:
    case ARG_UINT64S:
    case ARG_CREDENTIALS:
    case ARG_OBJECT:
        return (value->string.state & ITEM_STATE_MASK) == ITEM_UNREADABLE;
    default:
        return false;
    }
}

/* The words, where the argument has some; with their type, which is not the number's. */
static bool words(struct text *text, const struct event_context *context, uint8_t arg)
{
    const struct event_view *event = context->event;
    const enum arg_type type = event->schema->args[arg].type;
    const enum table table = argument_table_of(event, arg);
    const size_t before = text->size;
    if (arg_type_shape(type) >= SHAPE_TEXT)
        return false;
    if (type == ARG_POINTER) {
        char address[32];
        snprintf(address, sizeof(address), "0x%" PRIx64, event->args[arg].u);
        text_literal(text, ",\"type\":\"trace.Pointer\",\"value\":\"");
        text_string(text, address);
    } else {
        text_literal(text, ",\"type\":\"string\",\"value\":\"");
        if (!argument_words(text, table, context->architecture, type, event->args[arg].u)) {
            text->size = before;
            return false;
        }
    }
    text_literal(text, "\"");
    return true;
}

void json_value(struct text *text, const struct event_context *context, uint8_t arg, const struct json_limits *limits,
                enum json_arguments arguments, struct json_marks *marks)
{
    const enum arg_type type = context->event->schema->args[arg].type;
    const struct value *value = &context->event->args[arg];
    const enum table table = argument_table_of(context->event, arg);
    const uint32_t bit = UINT32_C(1) << arg;
    if (arguments == JSON_WORDS && words(text, context, arg)) {
        marks->decoded |= type != ARG_POINTER ? bit : 0;
        return;
    }
    const bool has_names = arguments == JSON_WORDS && type == ARG_UINT64S && table != TABLE_NONE;
    bool is_whole = true;
    text_literal(text, ",\"type\":\"");
    text_string(text, has_names ? "[]string" : arg_type_name(type));
    text_literal(text, "\",\"value\":");
    if (is_null(type, value))
        text_literal(text, "null");
    else if (has_names)
        is_whole = bit_names(text, context, table, &value->string);
    else if (arg_type_shape(type) >= SHAPE_TEXT)
        is_whole = long_value(text, context, arg, limits);
    else
        short_value(text, type, value);
    marks->cut |= is_whole ? 0 : bit;
    marks->decoded |= has_names || type == ARG_SOCKADDR ? bit : 0;
}

void json_raw_value(struct text *text, const struct event_context *context, uint8_t arg)
{
    const enum arg_type type = context->event->schema->args[arg].type;
    const struct value *value = &context->event->args[arg];
    if (is_null(type, value))
        text_literal(text, "null");
    else if (type == ARG_SOCKADDR)
        base64(text, &value->string, FINDING_MAX_STRING_BYTES);
    else if (type == ARG_UINT64S)
        numbers(text, &value->string);
    else
        short_value(text, type, value);
}
