// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/reply.h"

enum { FLUSH_MS = 50, REASON_BYTES = 512 };

static void pack(struct reply *reply, const Vedette__V1__Reply *message)
{
    reply->size = vedette__v1__reply__get_packed_size(message);
    if (reply->size > sizeof(reply->bytes))
        abort(); /* 1,024 plan ids, 512 watches, 64 values of scopes, 64 cursors and a reason take less than half of it
                  */
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

/* What the scopes of a plan point to. A key has a value at least, a row of events an event. */
struct wire_scopes {
    Vedette__V1__Scope scope[WIRE_PLAN_SCOPES], *scope_at[WIRE_PLAN_SCOPES];
    Vedette__V1__ScopeKey key[WIRE_SCOPE_VALUES], *key_at[WIRE_SCOPE_VALUES];
    Vedette__V1__ScopeValue value[WIRE_SCOPE_VALUES], *value_at[WIRE_SCOPE_VALUES];
    uint8_t text[WIRE_SCOPE_VALUES][WIRE_SCOPE_TEXT];
    Vedette__V1__ScopedEvents scoped[WIRE_PLAN_EVENTS], *scoped_at[WIRE_PLAN_EVENTS];
    uint32_t ids[WIRE_PLAN_EVENTS];
};

/* What a message of a plan points to. */
struct wire_plan {
    Vedette__V1__Plan plan;
    uint32_t ids[WIRE_PLAN_EVENTS], whole[WIRE_PLAN_EVENTS];
    Vedette__V1__Watch watch[WIRE_PLAN_WATCHES];
    Vedette__V1__Watch *watch_at[WIRE_PLAN_WATCHES];
    uint8_t text[WIRE_PLAN_WATCHES][WIRE_WATCH_TEXT];
    struct wire_scopes scopes;
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

static void wire_value(struct wire_scopes *wire, size_t i, const struct task_value *from)
{
    Vedette__V1__ScopeValue *value = &wire->value[i];
    vedette__v1__scope_value__init(value);
    memcpy(wire->text[i], from->text, from->length);
    value->field = (Vedette__V1__ScopeField)from->field;
    value->from = from->from;
    value->to = from->to;
    value->text = (ProtobufCBinaryData){.len = from->length, .data = wire->text[i]};
    value->is_prefix = (from->flags & TASK_VALUE_PREFIX) != 0;
    wire->value_at[i] = value;
}

/* The scope's values, key by key; returns how many keys there are so far. */
static size_t wire_scope(struct wire_scopes *wire, size_t i, const struct task_scopes *from, size_t n_keys)
{
    size_t first = from->first[i];
    Vedette__V1__Scope *scope = wire->scope_at[i] = &wire->scope[i];
    vedette__v1__scope__init(scope);
    scope->key = &wire->key_at[n_keys];
    for (size_t v = first; v < from->first[i + 1]; v++) {
        wire_value(wire, v, &from->value[v]);
        if ((from->value[v].flags & TASK_VALUE_ENDS_KEY) == 0)
            continue;
        Vedette__V1__ScopeKey *key = wire->key_at[n_keys] = &wire->key[n_keys];
        vedette__v1__scope_key__init(key);
        key->none_of = (from->value[v].flags & TASK_VALUE_NONE_OF) != 0;
        key->value = &wire->value_at[first];
        key->n_value = v + 1 - first;
        first = v + 1;
        n_keys++;
        scope->n_key++;
    }
    return n_keys;
}

/* The events of one mask, from the first that has it; returns how many ids there are so far. */
static size_t wire_scoped(struct wire_scopes *wire, Vedette__V1__ScopedEvents *scoped, const struct plan *from,
                          size_t first, size_t n_ids)
{
    vedette__v1__scoped_events__init(scoped);
    scoped->scopes = from->scopes_of[first];
    scoped->event_id = &wire->ids[n_ids];
    for (size_t i = first; i < from->count; i++)
        if (from->scopes_of[i] == scoped->scopes)
            wire->ids[n_ids + scoped->n_event_id++] = from->event_id[i];
    return n_ids + scoped->n_event_id;
}

static bool is_first_of_mask(const struct plan *plan, size_t i)
{
    for (size_t before = 0; before < i; before++)
        if (plan->scopes_of[before] == plan->scopes_of[i])
            return false;
    return plan->scopes_of[i] != 0;
}

static void wire_scopes(struct wire_scopes *wire, Vedette__V1__Plan *plan, const struct plan *from)
{
    size_t n_keys = 0, n_ids = 0;
    for (size_t i = 0; i < from->scopes.n; i++)
        n_keys = wire_scope(wire, i, &from->scopes, n_keys);
    for (size_t i = 0; i < from->count; i++)
        if (is_first_of_mask(from, i)) {
            Vedette__V1__ScopedEvents *scoped = &wire->scoped[plan->n_scoped];
            wire->scoped_at[plan->n_scoped++] = scoped;
            n_ids = wire_scoped(wire, scoped, from, i, n_ids);
        }
    plan->n_scope = from->scopes.n;
    plan->scope = wire->scope_at;
    plan->scoped = wire->scoped_at;
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
    wire_scopes(&wire->scopes, &wire->plan, from);
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
