/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/messages.h"

#include <endian.h>
#include <errno.h>

#include "common/base/clock.h"
#include "common/transport/credential.h"
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

static bool unpack_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* A receiver refuses a second Request.hello, so the field goes to the end of the one that there is. */
uint8_t *message_add_credential(const uint8_t *hello, size_t size, const char *credential, size_t credential_size,
                                size_t *ret_size)
{
    enum { HELLO_TAG = 1 << 3 | 2, CREDENTIAL_TAG = 13 << 3 | 2, VARINT_BYTES = 10 };
    const uint8_t *at = hello + 1, *end = hello + size;
    uint64_t length;
    if (size < 2 || hello[0] != HELLO_TAG || !unpack_varint(&at, end, &length) || length != (uint64_t)(end - at)) {
        errno = EBADMSG;
        return NULL;
    }
    uint8_t *out = malloc(size + credential_size + 3 * VARINT_BYTES), field[1 + VARINT_BYTES];
    if (!out)
        return NULL;
    field[0] = CREDENTIAL_TAG;
    size_t field_size = 1 + pack_varint(field + 1, credential_size), done = 0;
    out[done++] = HELLO_TAG;
    done += pack_varint(out + done, length + field_size + credential_size);
    memcpy(out + done, at, length);
    done += length;
    memcpy(out + done, field, field_size);
    done += field_size;
    memcpy(out + done, credential, credential_size);
    done += credential_size;
    if (done > WIRE_REQUEST_BYTES) {
        credential_free((char *)out, done);
        errno = EMSGSIZE;
        return NULL;
    }
    *ret_size = done;
    return out;
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
        if (row->length > 0) /* else there is no data either */
            memcpy(row->text, from->text.data, row->length);
    }
    for (size_t i = 0; i < plan->n_whole; i++)
        if (plan->whole[i] < EVENT_ID_LIMIT)
            whole[plan->whole[i]] = 1;
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        if (whole[id] != 0 && out->selected[id] != SELECTED_NOT)
            out->selected[id] = SELECTED_ALL;
}

_Static_assert((int)TASK_KEY_UID == (int)VEDETTE__V1__SCOPE_FIELD__SCOPE_UID &&
                   (int)TASK_KEY_PID == (int)VEDETTE__V1__SCOPE_FIELD__SCOPE_PID &&
                   (int)TASK_KEY_TID == (int)VEDETTE__V1__SCOPE_FIELD__SCOPE_TID &&
                   (int)TASK_KEY_MNT_NS == (int)VEDETTE__V1__SCOPE_FIELD__SCOPE_MNT_NS &&
                   (int)TASK_KEY_PID_NS == (int)VEDETTE__V1__SCOPE_FIELD__SCOPE_PID_NS &&
                   (int)TASK_KEY_COMM == (int)VEDETTE__V1__SCOPE_FIELD__SCOPE_COMM &&
                   (int)TASK_KEY_HOSTNAME == (int)VEDETTE__V1__SCOPE_FIELD__SCOPE_HOSTNAME,
               "the contract's numbers");

/* A name's bytes and `rest` behind them, as words that compare as bytes do. */
static void name_words(uint64_t words[2], const ProtobufCBinaryData *text, uint8_t rest)
{
    memset(words, rest, 2 * sizeof(words[0]));
    memcpy(words, text->data, text->len);
    words[0] = be64toh(words[0]);
    words[1] = be64toh(words[1]);
}

static bool read_scope_value(const Vedette__V1__ScopeValue *from, struct scope_value *to)
{
    *to = (struct scope_value){.key = (uint8_t)from->field};
    if (from->field <= 0 || (unsigned)from->field >= TASK_KEYS || from->text.len > SCOPE_TEXT)
        return false;
    if ((unsigned)from->field < TASK_KEY_COMM) {
        to->low[0] = from->from;
        to->high[0] = from->to;
        to->high[1] = UINT64_MAX;
        return from->text.len == 0;
    }
    if (from->text.len > 0) { /* else it has no data either */
        name_words(to->low, &from->text, 0);
        name_words(to->high, &from->text, from->is_prefix ? UINT8_MAX : 0);
    }
    return from->text.len > 0;
}

/* Of a key that is not known whole nothing is taken. */
static bool read_scope_key(const Vedette__V1__ScopeKey *key, uint8_t scope, struct scope_table *out)
{
    uint32_t n = out->n_values;
    for (size_t i = 0; i < key->n_value; i++, n++) {
        if (n == SCOPE_VALUES || !read_scope_value(key->value[i], &out->value[n]))
            return false;
        out->value[n].scope = scope;
    }
    if (n == out->n_values)
        return false;
    out->value[n - 1].flags = (uint8_t)(SCOPE_ENDS_KEY | (key->none_of ? SCOPE_NONE_OF : 0));
    out->n_values = n;
    return true;
}

/* False when no key of it is known: everybody's. */
static bool read_scope(const Vedette__V1__Scope *scope, uint8_t number, struct scope_table *out)
{
    bool any = false;
    for (size_t i = 0; i < scope->n_key; i++)
        any = read_scope_key(scope->key[i], number, out) || any;
    if (any)
        out->value[out->n_values - 1].flags |= SCOPE_ENDS;
    return any;
}

/* An event with a scope that we do not know, or that there is no room for, is wanted of everybody. */
static void read_scopes(const Vedette__V1__Plan *plan, struct scope_table *out)
{
    uint8_t everybodys[EVENT_ID_LIMIT] = {0};
    uint32_t known = 0;
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < plan->n_scope && i < PLAN_SCOPES; i++)
        known |= read_scope(plan->scope[i], (uint8_t)i, out) ? 1u << i : 0;
    for (size_t i = 0; i < plan->n_scoped; i++) {
        const Vedette__V1__ScopedEvents *events = plan->scoped[i];
        for (size_t e = 0; e < events->n_event_id; e++) {
            const uint32_t id = events->event_id[e];
            if (id >= EVENT_ID_LIMIT)
                continue;
            out->of_event[id] |= (uint16_t)(events->scopes & known);
            everybodys[id] |= events->scopes == 0 || (events->scopes & ~known) != 0;
        }
    }
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        if (everybodys[id] != 0)
            out->of_event[id] = 0;
}

void message_read_plan(const Vedette__V1__Plan *plan, struct plan_request *out)
{
    out->epoch = plan->epoch;
    memset(out->selected, SELECTED_NOT, sizeof(out->selected));
    for (size_t i = 0; i < plan->n_event_id && i < WIRE_PLAN_EVENTS; i++)
        if (plan->event_id[i] < EVENT_ID_LIMIT)
            out->selected[plan->event_id[i]] = SELECTED_ALL;
    read_watches(plan, out);
    read_scopes(plan, &out->scopes);
}
