/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may send, to the last byte of the last row: requests as the analyzer takes them, replies as the courier
 * does. */
#include "common/wire/decode.h"
#include "common/wire/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Everything read is summed up into here, so that no read is optimised away. */
static volatile uint64_t sink;

static uint64_t touch_string(struct string_view view)
{
    uint64_t sum = view.state + view.index;
    for (uint32_t i = 0; i < view.length; i++)
        sum += (unsigned char)view.data[i];
    return sum;
}

static uint64_t touch_value(const struct decoder *decoder, enum arg_type type, const struct value *value)
{
    uint64_t sum = 0;
    enum arg_shape shape = arg_type_shape(type);
    if (shape == SHAPE_TEXT)
        return touch_string(value->string);
    if (shape != SHAPE_LIST)
        return value->u;
    for (uint32_t i = 0; i < value->list.count; i++)
        sum += touch_string(decoder_list_item(decoder, value, i));
    return sum;
}

static void walk_batch(struct decoder *decoder, const Vedette__V1__EventBatch *batch, const struct schema *schema)
{
    struct event_view view;
    if (decoder_open_batch(decoder, batch, schema) != 0)
        return;
    while (decoder_next(decoder, &view)) {
        uint64_t sum = view.seq + view.time_ns + (uint64_t)view.ret + view.cpu + view.flags + (uint32_t)view.syscall +
                       view.plan_epoch;
        sum += view.task->tgid + touch_string(view.task->comm) + touch_string(view.task->uts);
        for (uint32_t a = 0; a < view.schema->n_args; a++)
            sum += touch_value(decoder, view.schema->args[a].type, &view.args[a]);
        sink += sum;
    }
    for (size_t i = 0; i < batch->n_loss; i++)
        sink += batch->loss[i]->count + strlen(batch->loss[i]->hook);
}

static void walk_hello(struct decoder *decoder, const Vedette__V1__Hello *hello)
{
    if (decoder_check_hello(decoder, hello) != 0)
        return;
    struct schema *schema = schema_new(hello);
    for (size_t i = 0; schema != NULL && i < schema_count(schema); i++) {
        const struct schema_event *event = schema_event_at(schema, i);
        sink += strlen(event->name) + strlen(event->sets);
        for (uint32_t a = 0; a < event->n_args; a++)
            sink += strlen(event->args[a].name);
    }
    schema_free(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct decoder *decoder;
    static struct schema *schema;
    if (decoder == NULL) {
        decoder = decoder_new(WIRE_REQUEST_BYTES);
        schema = schema_new_builtin();
    }
    if (decoder == NULL || schema == NULL)
        abort();
    const Vedette__V1__Request *request = NULL;
    const Vedette__V1__Reply *reply = NULL;
    if (decoder_unpack(decoder, bytes, size, &request) == 0) {
        if (request->body_case == VEDETTE__V1__REQUEST__BODY_HELLO)
            walk_hello(decoder, request->hello);
        else
            walk_batch(decoder, request->batch, schema);
    }
    if (decoder_unpack_reply(decoder, bytes, size, &reply) == 0)
        sink += (uint64_t)reply->body_case;
    sink += strlen(decoder_error(decoder));
    return 0;
}
