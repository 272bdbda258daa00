/* SPDX-License-Identifier: Apache-2.0 */
/* What an event does to a correlation. */
#include <nettle/sha2.h>
#include <string.h>

#include "analyzer/detect/correlation_internal.h"

static const uint64_t MS_NS = 1000000;
/* A key that is asked for is not quiet; but each time that it moves, the copy on disk is written. */
static const uint64_t ASKED_AGAIN_NS = 60000000000;

/* Each value is told from every other: by what it is, its length and its bytes. A missing one is a value of its own. */
static void hash_field(struct correlator *correlator, struct sha256_ctx *hash, const struct field *field,
                       const struct event_context *context)
{
    struct {
        uint64_t number;
        uint32_t state, length;
    } head = {0};
    if (field->kind != FIELD_STRING) {
        const struct field_number number = field_number(field, context);
        head.number = number.value;
        head.state = number.state;
        sha256_update(hash, sizeof(head), (const uint8_t *)&head);
        return;
    }
    const struct string_view view = field_string(field, context, &correlator->room);
    head.state = UINT32_C(0x100) | (view.state & ITEM_STATE_MASK);
    head.length = view.length;
    sha256_update(hash, sizeof(head), (const uint8_t *)&head);
    sha256_update(hash, view.length, (const uint8_t *)view.data);
}

static void make_key(struct correlator *correlator, const struct feed *feed, const struct event_context *context,
                     uint8_t ret_key[KEY_BYTES])
{
    struct sha256_ctx hash;
    sha256_init(&hash);
    for (uint8_t i = 0; i < feed->n_keys; i++)
        hash_field(correlator, &hash, &feed->keys[i], context);
    sha256_digest(&hash, KEY_BYTES, ret_key);
}

static uint64_t age(uint64_t now_ns, uint64_t then_ns)
{
    return now_ns > then_ns ? now_ns - then_ns : 0;
}

static uint64_t window_ns(const struct correlator *correlator)
{
    return correlator->detection->correlation.window_ms * MS_NS;
}

/* The last `threshold` times are within the window. They begin anew with each finding. */
static bool feed_count(const struct correlator *correlator, struct counted *counted, uint64_t now_ns,
                       uint64_t *ret_from_ns)
{
    const uint32_t threshold = correlator->detection->correlation.threshold;
    counted->times[counted->next] = now_ns;
    counted->next = (counted->next + 1) % threshold;
    const uint64_t oldest = counted->times[counted->next];
    if (oldest == 0 || age(now_ns, oldest) > window_ns(correlator))
        return false;
    *ret_from_ns = oldest;
    memset(counted, 0, correlator->size);
    return true;
}

static bool feed_distinct(struct correlator *correlator, struct distinct *seen, const struct feed *feed,
                          const struct event_context *context, uint64_t *ret_from_ns)
{
    const uint32_t threshold = correlator->detection->correlation.threshold;
    const uint64_t now_ns = context->event->time_ns;
    struct sha256_ctx hash;
    uint64_t value, from_ns = now_ns;
    sha256_init(&hash);
    hash_field(correlator, &hash, &feed->value, context);
    sha256_digest(&hash, sizeof(value), (uint8_t *)&value);

    struct distinct *at = NULL, *free_one = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < threshold; i++) {
        const bool is_recent = seen[i].time != 0 && age(now_ns, seen[i].time) <= window_ns(correlator);
        if (is_recent && seen[i].value == value)
            at = &seen[i];
        else if (!is_recent && free_one == NULL)
            free_one = &seen[i];
        n += is_recent;
        if (is_recent && seen[i].time < from_ns)
            from_ns = seen[i].time;
    }
    n += at == NULL;
    at = at != NULL ? at : free_one != NULL ? free_one : &seen[0]; /* a finding empties the table when it is full */
    *at = (struct distinct){.value = value, .time = now_ns};
    if (n < threshold)
        return false;
    *ret_from_ns = from_ns;
    memset(seen, 0, correlator->size);
    return true;
}

/*
 * For each step the newest way there is kept. The event of a step takes the way of the step before with it, so that one
 * begin makes one finding.
 */
static bool feed_sequence(const struct correlator *correlator, struct reached *reached, unsigned step, uint64_t now_ns,
                          uint64_t *ret_from_ns)
{
    if (step == 1) {
        reached[0] = (struct reached){now_ns, now_ns};
        return false;
    }
    struct reached *before = &reached[step - 2];
    if (before->first_ns == 0 || now_ns < before->last_ns || now_ns - before->first_ns > window_ns(correlator))
        return false;
    const uint64_t first_ns = before->first_ns;
    *before = (struct reached){0};
    if (step < correlator->n_steps) {
        reached[step - 1] = (struct reached){first_ns, now_ns};
        return false;
    }
    *ret_from_ns = first_ns;
    return true;
}

/* False when the value is missing: what is remembered stays. */
static bool read_value(struct correlator *correlator, const struct field *field, const struct event_context *context,
                       struct kept *ret_kept)
{
    *ret_kept = (struct kept){.kind = field->kind, .state = ITEM_COMPLETE};
    if (field->kind != FIELD_STRING) {
        const struct field_number number = field_number(field, context);
        ret_kept->number = number.value;
        return number.state != ITEM_UNREADABLE;
    }
    const struct string_view view = field_string(field, context, &correlator->room);
    ret_kept->state = view.state;
    ret_kept->length = view.length;
    if (view.length > sizeof(ret_kept->bytes)) {
        ret_kept->length = sizeof(ret_kept->bytes);
        ret_kept->state = (uint8_t)((view.state & ~ITEM_STATE_MASK) | ITEM_TRUNCATED);
    }
    memcpy(ret_kept->bytes, view.data, ret_kept->length);
    return (view.state & ITEM_STATE_MASK) != ITEM_UNREADABLE;
}

static const struct remembered *look_for(struct correlator *correlator, const struct feed *feed,
                                         const struct event_context *context)
{
    uint8_t key[KEY_BYTES];
    make_key(correlator, feed, context, key);
    struct keyed_entry *entry = keyed_find(correlator->keyed, key);
    if (entry == NULL ||
        (window_ns(correlator) != 0 && age(context->event->time_ns, entry->touched_ns) > window_ns(correlator)))
        return NULL;
    if (window_ns(correlator) == 0 && age(context->event->time_ns, entry->touched_ns) >= ASKED_AGAIN_NS)
        entry = keyed_touch(correlator->keyed, key, correlator->size, context->event->time_ns);
    /* A copy: the finding still tells it when the event's own value has taken its place. */
    memcpy(&correlator->recalled, entry->bytes, sizeof(correlator->recalled));
    const struct kept *kept = &correlator->recalled;
    correlator->remembered = (struct remembered){
        .kind = kept->kind,
        .number = kept->number,
        .string = {.data = kept->bytes, .length = kept->length, .index = STRING_NOT_IN_BATCH, .state = kept->state}};
    return &correlator->remembered;
}

const struct remembered *event_recall(const struct event_context *context)
{
    struct recall *recall = context->recall;
    if (recall == NULL)
        return NULL;
    if (!recall->is_done)
        recall->remembered = look_for(recall->correlator, recall->feed, context);
    recall->is_done = true;
    return recall->remembered;
}

/* Of a sequence, the steps after the first say nothing of a key that is not on its way. */
static struct keyed_entry *entry_for(struct correlator *correlator, const struct feed *feed,
                                     const struct event_context *context)
{
    uint8_t key[KEY_BYTES];
    make_key(correlator, feed, context, key);
    if (feed->step > 1 && keyed_find(correlator->keyed, key) == NULL)
        return NULL;
    return keyed_touch(correlator->keyed, key, correlator->size, context->event->time_ns);
}

static void expire(struct correlator *correlator, uint64_t now_ns)
{
    const uint64_t window = window_ns(correlator);
    if (now_ns > correlator->now_ns)
        correlator->now_ns = now_ns;
    if (window != 0 && correlator->now_ns > window)
        keyed_expire(correlator->keyed, correlator->now_ns - window);
}

static bool feed_memory(struct correlator *correlator, const struct feed *feed, const struct event_context *context,
                        uint64_t *ret_from_ns)
{
    struct kept kept;
    *ret_from_ns = context->event->time_ns;
    if (!feed->has_value || !read_value(correlator, &feed->value, context, &kept))
        return true;
    struct keyed_entry *entry = entry_for(correlator, feed, context);
    if (entry != NULL)
        memcpy(entry->bytes, &kept, sizeof(kept));
    return true;
}

bool correlator_feed(struct correlator *correlator, const struct feed *feed, const struct event_context *context,
                     uint64_t *ret_from_ns)
{
    const enum correlation_kind kind = correlator->detection->correlation.kind;
    const uint64_t now_ns = context->event->time_ns;
    expire(correlator, now_ns);
    if (kind == CORRELATE_REMEMBER)
        return feed_memory(correlator, feed, context, ret_from_ns);
    struct keyed_entry *entry = entry_for(correlator, feed, context);
    if (entry == NULL)
        return false;
    if (kind == CORRELATE_COUNT)
        return feed_count(correlator, (struct counted *)entry->bytes, now_ns, ret_from_ns);
    if (kind == CORRELATE_DISTINCT)
        return feed_distinct(correlator, (struct distinct *)entry->bytes, feed, context, ret_from_ns);
    return feed_sequence(correlator, (struct reached *)entry->bytes, feed->step, now_ns, ret_from_ns);
}
