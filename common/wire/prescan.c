/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/prescan.h"

#include <errno.h>
#include <stdbool.h>

#include "common/events/events.h"
#include "common/wire/limits.h"
#include "common/wire/varint.h"
#include "proto/vedette.pb-c.h"

enum {
    MAX_FIELDS = 32, /* of one message of ours */
    MAX_DEPTH = 6,   /* Reply, Ack, Plan, Scope, ScopeKey, ScopeValue */
};

struct scan {
    const uint8_t *at;
    unsigned unknown_fields;
    char *error;
};

struct repeat_limit {
    const ProtobufCMessageDescriptor *message;
    uint32_t field;
    uint32_t limit;
};

static const struct repeat_limit repeat_limits[] = {
    {&vedette__v1__hello__descriptor, 9, WIRE_SCHEMA_EVENTS},       /* schema */
    {&vedette__v1__hello__descriptor, 10, WIRE_SCHEMA_EVENTS},      /* coverage */
    {&vedette__v1__hello__descriptor, 16, WIRE_HOOKS},              /* hook */
    {&vedette__v1__event_schema__descriptor, 4, EVENT_MAX_ARGS},    /* arg_name */
    {&vedette__v1__event_batch__descriptor, 17, WIRE_BATCH_LOSSES}, /* loss */
    {&vedette__v1__welcome__descriptor, 2, WIRE_CURSORS},           /* cursor */
    {&vedette__v1__plan__descriptor, 3, WIRE_PLAN_WATCHES},         /* watch */
    {&vedette__v1__plan__descriptor, 5, WIRE_PLAN_SCOPES},          /* scope */
    {&vedette__v1__plan__descriptor, 6, WIRE_PLAN_EVENTS},          /* scoped */
    {&vedette__v1__scope__descriptor, 1, WIRE_SCOPE_VALUES},        /* key */
    {&vedette__v1__scope_key__descriptor, 2, WIRE_SCOPE_VALUES},    /* value */
};

static int fail(struct scan *scan, const ProtobufCMessageDescriptor *message, const char *field, const char *what)
{
    snprintf(scan->error, PRESCAN_ERROR_BYTES, "%s%s%s: %s", message->short_name, field != NULL ? "." : "",
             field != NULL ? field : "", what);
    return -EBADMSG;
}

static bool read_varint(struct scan *scan, const uint8_t *end, unsigned max_bytes, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < max_bytes && scan->at < end; i++) {
        uint8_t byte = *scan->at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool is_packable(ProtobufCType type)
{
    return type != PROTOBUF_C_TYPE_STRING && type != PROTOBUF_C_TYPE_BYTES && type != PROTOBUF_C_TYPE_MESSAGE;
}

static enum wire_type expected_type(const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return WIRE_LENGTH;
    switch (field->type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LENGTH;
    default:
        return WIRE_VARINT;
    }
}

static uint32_t limit_of(const ProtobufCMessageDescriptor *message, const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED || is_packable(field->type))
        return 1;
    for (size_t i = 0; i < sizeof(repeat_limits) / sizeof(repeat_limits[0]); i++)
        if (repeat_limits[i].message == message && repeat_limits[i].field == field->id)
            return repeat_limits[i].limit;
    return 1; /* a repeated field without a limit above is a mistake of ours: it shows at once */
}

/* Steps over one field's value; *ret_length is that of a length-delimited one. */
static bool skip_value(struct scan *scan, const uint8_t *end, unsigned type, uint64_t *ret_length)
{
    uint64_t value = 0;
    switch (type) {
    case WIRE_VARINT:
        return read_varint(scan, end, VARINT64_BYTES, &value);
    case WIRE_FIXED64:
        value = 8;
        break;
    case WIRE_FIXED32:
        value = 4;
        break;
    case WIRE_LENGTH:
        if (!read_varint(scan, end, VARINT32_BYTES, &value))
            return false;
        *ret_length = value;
        break;
    default: /* groups */
        return false;
    }
    if (value > (size_t)(end - scan->at))
        return false;
    scan->at += value;
    return true;
}

static int scan_message(struct scan *scan, const ProtobufCMessageDescriptor *message, const uint8_t *end,
                        unsigned depth)
{
    uint32_t counts[MAX_FIELDS] = {0};
    unsigned oneofs = 0;
    if (message->n_fields > MAX_FIELDS || depth > MAX_DEPTH)
        return fail(scan, message, NULL, "nested too deeply");
    while (scan->at < end) {
        uint64_t tag = 0, length = 0;
        if (!read_varint(scan, end, VARINT32_BYTES, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
            return fail(scan, message, NULL, "a malformed tag");
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(message, (unsigned)(tag >> 3));
        if (!skip_value(scan, end, tag & 7, &length))
            return fail(scan, message, field != NULL ? field->name : NULL, "a field that does not end");
        if (field == NULL) {
            if (++scan->unknown_fields > WIRE_UNKNOWN_FIELDS)
                return fail(scan, message, NULL, "too many unknown fields");
            continue;
        }
        if ((tag & 7) != expected_type(field))
            return fail(scan, message, field->name, "wrong wire type");
        if (++counts[field - message->fields] > limit_of(message, field))
            return fail(scan, message, field->name,
                        limit_of(message, field) == 1 ? "is there twice" : "too many elements");
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 && ++oneofs > 1)
            return fail(scan, message, field->name, "a second body");
        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        const uint8_t *stop = scan->at;
        scan->at -= length;
        int result = scan_message(scan, field->descriptor, stop, depth + 1);
        if (result != 0)
            return result;
    }
    return 0;
}

int prescan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t size,
            char error[PRESCAN_ERROR_BYTES])
{
    struct scan scan = {.at = bytes, .error = error};
    error[0] = '\0';
    return scan_message(&scan, descriptor, bytes + size, 1);
}
