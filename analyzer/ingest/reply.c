// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/reply.h"

enum { FLUSH_MS = 50, REASON_BYTES = 512 };

static void pack(struct reply *reply, const Vedette__V1__Reply *message)
{
    reply->size = vedette__v1__reply__get_packed_size(message);
    if (reply->size > sizeof(reply->bytes))
        abort(); /* 1,024 plan ids, 512 watches, 64 cursors and a reason take less than half of it */
    vedette__v1__reply__pack(message, reply->bytes);
}

static Vedette__V1__Cursor wire_cursor(const struct session_cursor *from)
{
    Vedette__V1__Cursor cursor;
    vedette__v1__cursor__init(&cursor);
    cursor.session = from->session;
    cursor.processed_seq = from->processed;
    cursor.durable_seq = from->durable;
    return cursor;
}

/* What a message of a plan points to. */
struct wire_plan {
    Vedette__V1__Plan plan;
    uint32_t ids[WIRE_PLAN_EVENTS], whole[WIRE_PLAN_EVENTS];
    Vedette__V1__Watch watch[WIRE_PLAN_WATCHES];
    Vedette__V1__Watch *watch_at[WIRE_PLAN_WATCHES];
    uint8_t text[WIRE_PLAN_WATCHES][WIRE_WATCH_TEXT];
};

static void wire_watch(struct wire_plan *wire, size_t i, const struct plan_watch *from)
{
    Vedette__V1__Watch *watch = &wire->watch[i];
    vedette__v1__watch__init(watch);
    memcpy(wire->text[i], from->watch.text, from->watch.length);
    watch->event_id = from->event_id;
    watch->part = (Vedette__V1__WatchPart)from->watch.part;
    watch->text = (ProtobufCBinaryData){.len = from->watch.length, .data = wire->text[i]};
    watch->access = from->watch.access;
    wire->watch_at[i] = watch;
}

static Vedette__V1__Plan *wire_plan(struct wire_plan *wire, const struct plan *from)
{
    vedette__v1__plan__init(&wire->plan);
    memcpy(wire->ids, from->event_id, from->count * sizeof(wire->ids[0]));
    for (size_t i = 0; i < from->n_watches; i++)
        wire_watch(wire, i, &from->watch[i]);
    wire->plan.epoch = from->epoch;
    wire->plan.n_event_id = from->count;
    wire->plan.event_id = wire->ids;
    wire->plan.n_watch = from->n_watches;
    wire->plan.watch = wire->watch_at;
    memcpy(wire->whole, from->whole, from->n_whole * sizeof(wire->whole[0]));
    wire->plan.n_whole = from->n_whole;
    wire->plan.whole = wire->whole;
    return &wire->plan;
}

void reply_welcome(struct reply *reply, uint32_t wire, const struct sequence *sequence, const struct plan *plan,
                   bool need_snapshot)
{
    struct wire_plan planned;
    Vedette__V1__Cursor cursors[WIRE_CURSORS];
    Vedette__V1__Cursor *cursor_at[WIRE_CURSORS];
    for (size_t i = 0; i < sequence->count; i++) {
        cursors[i] = wire_cursor(&sequence->cursor[i]);
        cursor_at[i] = &cursors[i];
    }
    Vedette__V1__Welcome welcome;
    vedette__v1__welcome__init(&welcome);
    welcome.wire = wire;
    welcome.n_cursor = sequence->count;
    welcome.cursor = cursor_at;
    welcome.max_batch_bytes = WIRE_REQUEST_BYTES;
    welcome.flush_ms = FLUSH_MS;
    welcome.plan = wire_plan(&planned, plan);
    welcome.need_snapshot = need_snapshot;
    Vedette__V1__Reply message;
    vedette__v1__reply__init(&message);
    message.body_case = VEDETTE__V1__REPLY__BODY_WELCOME;
    message.welcome = &welcome;
    pack(reply, &message);
}

void reply_ack(struct reply *reply, const struct session_cursor *cursor, const struct plan *plan, bool need_snapshot)
{
    struct wire_plan planned;
    Vedette__V1__Cursor where = wire_cursor(cursor);
    Vedette__V1__Ack ack;
    vedette__v1__ack__init(&ack);
    ack.cursor = &where;
    ack.need_snapshot = need_snapshot;
    if (plan != NULL)
        ack.plan = wire_plan(&planned, plan);
    Vedette__V1__Reply message;
    vedette__v1__reply__init(&message);
    message.body_case = VEDETTE__V1__REPLY__BODY_ACK;
    message.ack = &ack;
    pack(reply, &message);
}

void reply_refusal(struct reply *reply, Vedette__V1__RefusalCode code, const char *reason,
                   const struct session_cursor *cursor, uint32_t retry_ms)
{
    char words[REASON_BYTES];
    snprintf(words, sizeof(words), "%s", reason);
    Vedette__V1__Cursor where;
    Vedette__V1__Refusal refusal;
    vedette__v1__refusal__init(&refusal); /* the initializer macro casts away const where a message has strings */
    refusal.code = code;
    refusal.reason = words;
    refusal.retry_ms = retry_ms;
    if (cursor != NULL) {
        where = wire_cursor(cursor);
        refusal.cursor = &where;
    }
    Vedette__V1__Reply message;
    vedette__v1__reply__init(&message);
    message.body_case = VEDETTE__V1__REPLY__BODY_REFUSAL;
    message.refusal = &refusal;
    pack(reply, &message);
}
