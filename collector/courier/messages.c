/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/messages.h"

#include <errno.h>

#include "common/base/clock.h"
#include "common/wire/limits.h"

int message_hello_session(const uint8_t *hello, size_t size, uint64_t *ret_session)
{
    Vedette__V1__Request *request = vedette__v1__request__unpack(NULL, size, hello);
    if (!request)
        return -EBADMSG;
    bool is_hello = request->body_case == VEDETTE__V1__REQUEST__BODY_HELLO && request->hello;
    if (is_hello)
        *ret_session = request->hello->session;
    vedette__v1__request__free_unpacked(request, NULL);
    return is_hello ? 0 : -EBADMSG;
}

size_t message_pack_heartbeat(uint8_t out[MESSAGE_BYTES], uint64_t session, uint64_t first_seq, uint32_t fill_permille,
                              const Vedette__V1__Loss *loss)
{
    Vedette__V1__EventBatch batch;
    vedette__v1__event_batch__init(&batch);
    Vedette__V1__Request request;
    vedette__v1__request__init(&request);
    Vedette__V1__Loss copy;
    Vedette__V1__Loss *losses[] = {&copy};
    batch.session = session;
    batch.first_seq = first_seq;
    batch.base_boot_ns = clock_boot_ns();
    batch.wall_minus_boot_ns = clock_wall_minus_boot_ns();
    if (loss) {
        copy = *loss;
        batch.n_loss = 1;
        batch.loss = losses;
    }
    request.body_case = VEDETTE__V1__REQUEST__BODY_BATCH;
    request.batch = &batch;
    request.queue_fill_permille = fill_permille;
    /* Integers only, and no string but the empty one: at most some 130 bytes. */
    return vedette__v1__request__get_packed_size(&request) <= MESSAGE_BYTES ? vedette__v1__request__pack(&request, out)
                                                                            : 0;
}

static size_t pack_varint(uint8_t *out, uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        out[size++] = (uint8_t)(value | 0x80);
    out[size++] = (uint8_t)value;
    return size;
}

size_t message_pack_extra(uint8_t out[MESSAGE_EXTRA_BYTES], uint32_t fill_permille, uint64_t oldest_ns)
{
    enum { FILL_TAG = 14 << 3, OLDEST_TAG = 15 << 3 }; /* wire type 0 */
    size_t size = 0;
    out[size++] = FILL_TAG;
    size += pack_varint(out + size, fill_permille);
    out[size++] = OLDEST_TAG;
    return size + pack_varint(out + size, oldest_ns);
}

enum { ARENA_BYTES = WIRE_REPLY_BYTES * WIRE_ARENA_FACTOR + WIRE_ARENA_SLACK, ARENA_ALIGN = 16 };

struct replies {
    ProtobufCAllocator allocator;
    size_t used;
    _Alignas(ARENA_ALIGN) uint8_t arena[ARENA_BYTES]; /* untouched pages cost nothing */
};

static void *arena_alloc(void *data, size_t size)
{
    struct replies *replies = data;
    if (size > ARENA_BYTES - replies->used)
        return NULL; /* protobuf-c then fails cleanly */
    void *memory = replies->arena + replies->used;
    size_t padded = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    replies->used = padded < ARENA_BYTES - replies->used ? replies->used + padded : ARENA_BYTES;
    return memory;
}

static void arena_free(void *data, void *memory)
{
    (void)data;
    (void)memory; /* all at once, by the next reply */
}

struct replies *replies_new(void)
{
    struct replies *replies = aligned_alloc(ARENA_ALIGN, sizeof(*replies));
    if (!replies)
        return NULL;
    replies->allocator = (ProtobufCAllocator){arena_alloc, arena_free, replies};
    replies->used = 0;
    return replies;
}

const Vedette__V1__Reply *replies_unpack(struct replies *replies, const uint8_t *bytes, size_t size)
{
    replies->used = 0;
    return size <= WIRE_REPLY_BYTES ? vedette__v1__reply__unpack(&replies->allocator, size, bytes) : NULL;
}

_Static_assert((int)WATCH_NAME == (int)VEDETTE__V1__WATCH_PART__WATCH_NAME &&
                   (int)WATCH_DIRECTORY == (int)VEDETTE__V1__WATCH_PART__WATCH_DIRECTORY &&
                   (int)WATCH_NAME_END == (int)VEDETTE__V1__WATCH_PART__WATCH_NAME_END &&
                   (int)WATCH_CONTENT == (int)VEDETTE__V1__WATCH_PART__WATCH_CONTENT,
               "the contract's numbers");

static bool is_watch(const Vedette__V1__Watch *watch)
{
    return watch->part > 0 ? (unsigned)watch->part < WATCH_PARTS && watch->text.len > 0 : watch->text.len == 0;
}

/* An event with a row that we do not know, or that there is no room for, is wanted whole: more than was asked for. */
static void read_watches(const Vedette__V1__Plan *plan, struct plan_request *out)
{
    uint8_t whole[EVENT_ID_LIMIT] = {0};
    out->n_watches = 0;
    for (size_t i = 0; i < plan->n_watch; i++) {
        const Vedette__V1__Watch *from = plan->watch[i];
        if (from->event_id >= EVENT_ID_LIMIT || out->selected[from->event_id] == SELECTED_NOT)
            continue;
        out->selected[from->event_id] = SELECTED_WATCHED;
        if (!is_watch(from) || out->n_watches == WATCH_ROWS) {
            whole[from->event_id] = 1;
            continue;
        }
        struct watch_row *row = &out->watch[out->n_watches++];
        *row = (struct watch_row){.event_id = (uint16_t)from->event_id,
                                  .part = (uint8_t)from->part,
                                  .access = (uint8_t)(from->access & ((1u << WATCH_ACCESS_BITS) - 1)),
                                  .length = (uint8_t)(from->text.len < WATCH_TEXT ? from->text.len : WATCH_TEXT)};
        memcpy(row->text, from->text.data, row->length);
    }
    for (size_t i = 0; i < plan->n_whole; i++)
        if (plan->whole[i] < EVENT_ID_LIMIT)
            whole[plan->whole[i]] = 1;
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        if (whole[id] != 0 && out->selected[id] != SELECTED_NOT)
            out->selected[id] = SELECTED_ALL;
}

void message_read_plan(const Vedette__V1__Plan *plan, struct plan_request *out)
{
    out->epoch = plan->epoch;
    memset(out->selected, SELECTED_NOT, sizeof(out->selected));
    for (size_t i = 0; i < plan->n_event_id && i < WIRE_PLAN_EVENTS; i++)
        if (plan->event_id[i] < EVENT_ID_LIMIT)
            out->selected[plan->event_id[i]] = SELECTED_ALL;
    read_watches(plan, out);
}
