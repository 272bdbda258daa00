/* SPDX-License-Identifier: Apache-2.0 */
/* Correlations checked, made, and filled from a copy. correlation.c runs them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/detect/correlation_internal.h"
#include "analyzer/detect/definition.h"

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
