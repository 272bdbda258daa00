/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/decode.h"

#include <errno.h>
#include <stdarg.h>

#include "common/wire/decode_internal.h"
#include "common/wire/prescan.h"

static void *allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

/* The arena is emptied whole, before the next message. */
static void release(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

struct decoder *decoder_new(size_t max_bytes)
{
    if (max_bytes > SIZE_MAX / WIRE_ARENA_FACTOR - WIRE_ARENA_SLACK) {
        errno = EINVAL;
        return NULL;
    }
    struct decoder *decoder = calloc(1, sizeof(*decoder));
    if (decoder == NULL)
        return NULL;
    decoder->max_bytes = max_bytes;
    decoder->tasks = malloc(WIRE_BATCH_TASKS * sizeof(*decoder->tasks));
    decoder->offsets = malloc((WIRE_BATCH_STRINGS + 1) * sizeof(*decoder->offsets));
    int result = arena_init(&decoder->arena, max_bytes * WIRE_ARENA_FACTOR + WIRE_ARENA_SLACK);
    if (result != 0 || decoder->tasks == NULL || decoder->offsets == NULL) {
        decoder_free(decoder);
        errno = ENOMEM;
        return NULL;
    }
    decoder->allocator = (ProtobufCAllocator){.alloc = allocate, .free = release, .allocator_data = &decoder->arena};
    return decoder;
}

void decoder_free(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    arena_fini(&decoder->arena);
    free(decoder->tasks);
    free(decoder->offsets);
    free(decoder);
}

int decoder_fail(struct decoder *decoder, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(decoder->error, sizeof(decoder->error), format, arguments) < 0)
        decoder->error[0] = '\0';
    va_end(arguments);
    return -EBADMSG;
}

const char *decoder_error(const struct decoder *decoder)
{
    return decoder->error;
}

static int unpack(struct decoder *decoder, const ProtobufCMessageDescriptor *descriptor, size_t max_bytes,
                  const uint8_t *bytes, size_t size, ProtobufCMessage **ret_message)
{
    char words[PRESCAN_ERROR_BYTES];
    decoder->count = decoder->next = 0;
    decoder->error[0] = '\0';
    if (size > max_bytes) {
        decoder_fail(decoder, "%s: %zu bytes, the limit is %zu", descriptor->short_name, size, max_bytes);
        return -EMSGSIZE;
    }
    if (prescan(descriptor, bytes, size, words) != 0)
        return decoder_fail(decoder, "%s", words);
    arena_reset(&decoder->arena, size * WIRE_ARENA_FACTOR + WIRE_ARENA_SLACK);
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &decoder->allocator, size, bytes);
    if (message == NULL && decoder->arena.is_exhausted) {
        decoder_fail(decoder, "%s: %zu bytes unpack to more than %zu, %d times and %d bytes", descriptor->short_name,
                     size, decoder->arena.limit, WIRE_ARENA_FACTOR, WIRE_ARENA_SLACK);
        return -ENOMEM;
    }
    if (message == NULL)
        return decoder_fail(decoder, "%s: malformed", descriptor->short_name);
    *ret_message = message;
    return 0;
}

/* What a newer peer may say beyond us becomes the least that we know to be true, so that users may index by it. */
static void normalise_batch(Vedette__V1__EventBatch *batch)
{
    for (size_t i = 0; i < batch->n_loss; i++) {
        Vedette__V1__Loss *loss = batch->loss[i];
        if (protobuf_c_enum_descriptor_get_value(&vedette__v1__loss_stage__descriptor, (int)loss->stage) == NULL)
            loss->stage = VEDETTE__V1__LOSS_STAGE__LOSS_UNKNOWN;
        if (loss->event_class >= CLASS_COUNT)
            loss->event_class = UINT8_MAX;
    }
    Vedette__V1__Statistics *statistics = batch->statistics;
    if (statistics == NULL)
        return;
    size_t *const counts[] = {&statistics->n_attempts, &statistics->n_lost_ring, &statistics->n_drained,
                              &statistics->n_queued, &statistics->n_lost_queue};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        if (*counts[i] > CLASS_COUNT)
            *counts[i] = CLASS_COUNT;
}

int decoder_unpack(struct decoder *decoder, const uint8_t *bytes, size_t size, const Vedette__V1__Request **ret_request)
{
    ProtobufCMessage *message = NULL;
    int result = unpack(decoder, &vedette__v1__request__descriptor, decoder->max_bytes, bytes, size, &message);
    if (result != 0)
        return result;
    Vedette__V1__Request *request = (Vedette__V1__Request *)message;
    switch (request->body_case) {
    case VEDETTE__V1__REQUEST__BODY_HELLO:
        break;
    case VEDETTE__V1__REQUEST__BODY_BATCH:
    case VEDETTE__V1__REQUEST__BODY_SNAPSHOT:
        normalise_batch(request->batch);
        break;
    default:
        return decoder_fail(decoder, "Request: neither hello, batch nor snapshot");
    }
    *ret_request = request;
    return 0;
}

static int check_plan(struct decoder *decoder, const Vedette__V1__Plan *plan)
{
    if (plan == NULL)
        return 0;
    if (plan->n_event_id > WIRE_PLAN_EVENTS)
        return decoder_fail(decoder, "Plan.event_id: %zu, the limit is %d", plan->n_event_id, WIRE_PLAN_EVENTS);
    for (size_t i = 0; i < plan->n_event_id; i++)
        if (plan->event_id[i] >= EVENT_ID_LIMIT)
            return decoder_fail(decoder, "Plan.event_id: %u, the limit is %d", plan->event_id[i], EVENT_ID_LIMIT);
    if (plan->n_whole > WIRE_PLAN_EVENTS)
        return decoder_fail(decoder, "Plan.whole: %zu, the limit is %d", plan->n_whole, WIRE_PLAN_EVENTS);
    if (plan->n_watch > WIRE_PLAN_WATCHES)
        return decoder_fail(decoder, "Plan.watch: %zu, the limit is %d", plan->n_watch, WIRE_PLAN_WATCHES);
    for (size_t i = 0; i < plan->n_watch; i++)
        if (plan->watch[i]->event_id >= EVENT_ID_LIMIT || plan->watch[i]->text.len > WIRE_WATCH_TEXT)
            return decoder_fail(decoder, "Plan.watch: event %u with a text of %zu bytes; the limits are %d and %d",
                                plan->watch[i]->event_id, plan->watch[i]->text.len, EVENT_ID_LIMIT, WIRE_WATCH_TEXT);
    if (plan->n_scope > WIRE_PLAN_SCOPES)
        return decoder_fail(decoder, "Plan.scope: %zu, the limit is %d", plan->n_scope, WIRE_PLAN_SCOPES);
    return 0;
}

int decoder_unpack_reply(struct decoder *decoder, const uint8_t *bytes, size_t size,
                         const Vedette__V1__Reply **ret_reply)
{
    ProtobufCMessage *message = NULL;
    size_t max_bytes = decoder->max_bytes < WIRE_REPLY_BYTES ? decoder->max_bytes : WIRE_REPLY_BYTES;
    int result = unpack(decoder, &vedette__v1__reply__descriptor, max_bytes, bytes, size, &message);
    if (result != 0)
        return result;
    Vedette__V1__Reply *reply = (Vedette__V1__Reply *)message;
    switch (reply->body_case) {
    case VEDETTE__V1__REPLY__BODY_WELCOME:
        result = check_plan(decoder, reply->welcome->plan);
        break;
    case VEDETTE__V1__REPLY__BODY_ACK:
        result = check_plan(decoder, reply->ack->plan);
        break;
    case VEDETTE__V1__REPLY__BODY_REFUSAL:
        if (strnlen(reply->refusal->reason, WIRE_TEXT_BYTES + 1) > WIRE_TEXT_BYTES)
            result = decoder_fail(decoder, "Refusal.reason: over %d bytes", WIRE_TEXT_BYTES);
        break;
    default:
        result = decoder_fail(decoder, "Reply: neither welcome, ack nor refusal");
    }
    if (result == 0)
        *ret_reply = reply;
    return result;
}
