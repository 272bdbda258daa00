/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/correlation.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdarg.h>

#include "analyzer/detect/definition.h"
#include "analyzer/detect/field.h"

static const uint64_t MS_NS = 1000000;

struct feed {
    uint8_t n_keys, step; /* the step counts from 1 */
    bool has_value;
    struct field keys[CORRELATION_MAX_KEYS], value; /* value: to be told apart, or remembered */
};

/* What is kept for a key, by kind. Times are never 0. */
struct counted {
    uint64_t next, times[]; /* a ring of `threshold`, 0 free */
};
struct distinct {
    uint64_t value, time; /* the value's digest */
};
struct reached {
    uint64_t first_ns, last_ns; /* of the steps up to this one; 0 not reached */
};
struct kept {
    uint64_t number;
    uint32_t length;
    uint8_t state, kind, pad[2];
    char bytes[CORRELATION_VALUE_BYTES];
};

struct correlator {
    const struct detection *detection;
    struct keyed *keyed;
    size_t size; /* of a key's bytes */
    uint64_t definition;
    unsigned n_steps; /* of a sequence */
    uint64_t now_ns;  /* the newest event's */
    struct field_room room;
    struct kept recalled;
    struct remembered remembered;
};

static unsigned steps_of(const struct detection *detection)
{
    unsigned steps = 0;
    for (size_t t = 0; t < DETECTION_MAX_TRIGGERS && detection->triggers[t].event != NULL; t++)
        if (detection->triggers[t].step > steps)
            steps = detection->triggers[t].step;
    return steps;
}

static size_t size_of(const struct detection *detection)
{
    const struct correlation *c = &detection->correlation;
    switch (c->kind) {
    case CORRELATE_COUNT:
        return sizeof(struct counted) + c->threshold * sizeof(uint64_t);
    case CORRELATE_DISTINCT:
        return c->threshold * sizeof(struct distinct);
    case CORRELATE_SEQUENCE:
        return (steps_of(detection) - 1) * sizeof(struct reached);
    default:
        return sizeof(struct kept);
    }
}

static size_t limit_of(const struct correlation *correlation)
{
    return correlation->limit != 0 ? correlation->limit : CORRELATION_KEYS;
}

/* NULL when every step from 1 has a trigger and they stand in order: those of later steps are asked first. */
static const char *wrong_steps(const struct detection *detection)
{
    unsigned before = 0;
    for (size_t t = 0; t < DETECTION_MAX_TRIGGERS && detection->triggers[t].event != NULL; t++) {
        const unsigned step = detection->triggers[t].step;
        if (step == 0 || step < before || step > before + 1)
            return "its triggers' steps are not 1, 2, ... in this order";
        before = step;
    }
    return before < 2 ? "a sequence has at least two steps" : NULL;
}

static bool remembers(const struct detection *detection)
{
    for (size_t t = 0; t < DETECTION_MAX_TRIGGERS && detection->triggers[t].event != NULL; t++)
        if (detection->triggers[t].remember != NULL)
            return true;
    return false;
}

static const char *what_is_wrong(const struct detection *detection)
{
    const struct correlation *c = &detection->correlation;
    if (c->kind != CORRELATE_REMEMBER && c->window_ms == 0)
        return "its correlation has no window";
    if (c->kind == CORRELATE_COUNT || c->kind == CORRELATE_DISTINCT) {
        if (c->threshold < 2 || c->threshold > CORRELATION_MAX_THRESHOLD)
            return "its threshold is not between 2 and 1000";
        if ((c->kind == CORRELATE_DISTINCT) != (c->value != NULL))
            return "different values are counted of one field, and only then one is named";
    }
    if (c->kind == CORRELATE_SEQUENCE) {
        const char *wrong = wrong_steps(detection);
        if (wrong != NULL)
            return wrong;
    }
    if (c->kind == CORRELATE_REMEMBER && !remembers(detection))
        return "none of its triggers remembers a field";
    if (limit_of(c) > CORRELATION_MAX_KEYS_KEPT || limit_of(c) * size_of(detection) > CORRELATION_MAX_BYTES)
        return "its correlation would take more than 16 MiB";
    return NULL;
}

int correlator_new(const struct detection *detection, struct correlator **ret_correlator,
                   char words[CORRELATION_ERROR_BYTES])
{
    const char *wrong = what_is_wrong(detection);
    if (wrong != NULL) {
        snprintf(words, CORRELATION_ERROR_BYTES, "detection \"%.64s\": %s", detection->name, wrong);
        return -EINVAL;
    }
    struct correlator *correlator = calloc(1, sizeof(*correlator));
    if (correlator == NULL)
        return -ENOMEM;
    correlator->detection = detection;
    correlator->size = size_of(detection);
    correlator->n_steps = steps_of(detection);
    correlator->definition = definition_of(detection);
    correlator->keyed = keyed_new(limit_of(&detection->correlation));
    if (correlator->keyed == NULL) {
        free(correlator);
        return -ENOMEM;
    }
    *ret_correlator = correlator;
    return 0;
}

void correlator_free(struct correlator *correlator)
{
    if (correlator == NULL)
        return;
    keyed_free(correlator->keyed);
    field_room_fini(&correlator->room);
    free(correlator);
}

uint64_t correlator_definition(const struct correlator *correlator)
{
    return correlator->definition;
}

/* It was ours when it was written; it must not do harm if somebody else has written to the file since. */
static bool makes_sense(const struct correlator *correlator, const void *bytes, size_t size)
{
    struct counted counted;
    struct kept kept;
    if (size != correlator->size)
        return false;
    switch (correlator->detection->correlation.kind) {
    case CORRELATE_COUNT:
        memcpy(&counted, bytes, sizeof(counted));
        return counted.next < correlator->detection->correlation.threshold;
    case CORRELATE_REMEMBER:
        memcpy(&kept, bytes, sizeof(kept));
        return kept.length <= sizeof(kept.bytes) && kept.kind <= FIELD_STRING;
    default:
        return true;
    }
}

bool correlator_restore(struct correlator *correlator, const uint8_t key[KEY_BYTES], uint64_t touched_ns,
                        const void *bytes, size_t size)
{
    if (!makes_sense(correlator, bytes, size))
        return false;
    struct keyed_entry *entry = keyed_touch(correlator->keyed, key, size, touched_ns);
    if (entry == NULL)
        return false;
    memcpy(entry->bytes, bytes, size);
    if (touched_ns > correlator->now_ns)
        correlator->now_ns = touched_ns;
    return true;
}

void correlator_take(struct correlator *correlator, struct correlator *from)
{
    struct keyed *keyed = correlator->keyed;
    correlator->keyed = from->keyed;
    from->keyed = keyed;
    correlator->now_ns = from->now_ns;
}

bool correlator_remembers(const struct correlator *correlator)
{
    return correlator->detection->correlation.kind == CORRELATE_REMEMBER;
}

struct keyed *correlator_keyed(struct correlator *correlator)
{
    return correlator->keyed;
}

bool correlator_takes_event_once(const struct correlator *correlator)
{
    const enum correlation_kind kind = correlator->detection->correlation.kind;
    return kind == CORRELATE_COUNT || kind == CORRELATE_DISTINCT;
}

static int resolve_keys(struct matcher *matcher, const struct schema_event *event, const char *owner,
                        const char *const *names, struct feed *feed)
{
    for (; feed->n_keys < CORRELATION_MAX_KEYS && names[feed->n_keys] != NULL; feed->n_keys++) {
        int result = matcher_resolve(matcher, event, owner, names[feed->n_keys], &feed->keys[feed->n_keys]);
        if (result != 0)
            return result;
    }
    return 0;
}

int feed_new(struct matcher *matcher, const struct schema_event *event, const char *owner,
             const struct detection *detection, const struct trigger *trigger, struct feed **ret_feed)
{
    struct feed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL)
        return -ENOMEM;
    feed->step = trigger->step;
    const char *value = trigger->remember != NULL ? trigger->remember : detection->correlation.value;
    feed->has_value = value != NULL;
    int result = resolve_keys(matcher, event, owner,
                              trigger->keys[0] != NULL ? trigger->keys : detection->correlation.keys, feed);
    if (result == 0 && value != NULL)
        result = matcher_resolve(matcher, event, owner, value, &feed->value);
    if (result == 0)
        *ret_feed = feed;
    else
        feed_free(feed);
    return result;
}

void feed_free(struct feed *feed)
{
    free(feed);
}

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
    const struct keyed_entry *entry = keyed_find(correlator->keyed, key);
    if (entry == NULL ||
        (window_ns(correlator) != 0 && age(context->event->time_ns, entry->touched_ns) > window_ns(correlator)))
        return NULL;
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
