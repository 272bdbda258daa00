// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/tuner.h"

#include <errno.h>
#include <nettle/sha2.h>

#include "analyzer/detect/field.h"
#include "analyzer/detect/matcher.h"
#include "analyzer/policy/rows.h"
#include "analyzer/state/hash.h"

enum { KEY_DIGEST_BYTES = 16 };

enum window_kind { WINDOW_DEDUPLICATE, WINDOW_RATE_LIMIT, WINDOW_THRESHOLD, WINDOW_KINDS };

struct key {
    uint8_t digest[KEY_DIGEST_BYTES];
    uint32_t detection; /* its event id */
    uint32_t kind;      /* enum window_kind */
};

/* What was counted of one key since the window began. */
struct counted {
    struct key key;
    uint64_t since_ns, count;
    UT_hash_handle hh;
};

/* One trigger of a tuned detection. */
struct tuned_trigger {
    const struct condition **exceptions; /* by place; NULL where the event lacks a field */
    bool *compiled;
    struct field key[WINDOW_KINDS][TUNING_MAX_KEY];
    bool has_key[WINDOW_KINDS][TUNING_MAX_KEY];
};

struct tuned_detection {
    const struct tuned *tuned; /* NULL: nothing is set */
    struct tuned_trigger triggers[DETECTION_MAX_TRIGGERS];
};

struct tuner {
    struct matcher *matcher;
    struct rows rows;
    struct tuned_detection *detections; /* by place in detections_all */
    size_t n_detections;
    struct counted *counted;      /* in the order in which they came */
    atomic_uint_fast64_t evicted; /* read by scrapes */
    struct field_room room;
};

static _Thread_local char tuner_error[FILTER_WORDS_BYTES];

const char *suppression_name(enum suppression suppression)
{
    static const char *const names[SUPPRESSED_COUNT] = {
        [SUPPRESSED_NOT] = "",
        [SUPPRESSED_EXCEPTION] = "exception",
        [SUPPRESSED_BELOW_THRESHOLD] = "threshold",
        [SUPPRESSED_DUPLICATE] = "duplicate",
        [SUPPRESSED_RATE_LIMIT] = "rate_limit",
    };
    return names[suppression];
}

/* -- making one -- */

static const struct tuning_window *window_of(const struct tuned *tuned, enum window_kind kind)
{
    return kind == WINDOW_DEDUPLICATE  ? &tuned->deduplicate
           : kind == WINDOW_RATE_LIMIT ? &tuned->rate_limit
                                       : &tuned->threshold;
}

static const char *name_in_event(const struct trigger *trigger, const char *field)
{
    for (size_t i = 0; i < TRIGGER_MAX_DATA && trigger->data[i].name != NULL; i++)
        if (strncmp(field, "data.", 5) == 0 && strcmp(field + 5, trigger->data[i].name) == 0)
            return trigger->data[i].field;
    return field;
}

static int compile_exception(struct tuner *tuner, const struct tuning_exception *exception,
                             const struct schema_event *event, const struct trigger *trigger,
                             enum architecture architecture, struct tuned_trigger *target, size_t at)
{
    struct pool pool = {0};
    struct lowering lowering = {.pool = &pool, .event = event, .trigger = trigger, .architecture = architecture};
    const struct predicate *tree = NULL;
    int result = filters_lower(&lowering, exception->filters, exception->n_filters, &tree);
    const char *words = lowering.words;
    if (result == 0) {
        result = matcher_add(tuner->matcher, event, "an exception", tree, &target->exceptions[at]);
        words = matcher_error(tuner->matcher);
        target->compiled[at] = result == 0;
    }
    if (result < 0)
        snprintf(tuner_error, sizeof(tuner_error), "%.200s:%zu: %.180s", exception->path, exception->line, words);
    pool_fini(&pool);
    return result == -ENOENT ? 0 : result; /* a trigger without the field cannot meet it */
}

static int add_trigger(struct tuner *tuner, const struct tuned *tuned, const struct schema_event *event,
                       const struct trigger *trigger, enum architecture architecture, struct tuned_trigger *target)
{
    int result = 0;
    target->exceptions = calloc(tuned->n_exceptions + 1, sizeof(const struct condition *));
    target->compiled = calloc(tuned->n_exceptions + 1, sizeof(*target->compiled));
    if (target->exceptions == NULL || target->compiled == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < tuned->n_exceptions && result == 0; i++)
        result = compile_exception(tuner, &tuned->exceptions[i], event, trigger, architecture, target, i);
    for (int kind = 0; kind < WINDOW_KINDS; kind++) {
        const struct tuning_window *window = window_of(tuned, (enum window_kind)kind);
        for (size_t i = 0; i < window->n_key; i++)
            target->has_key[kind][i] =
                field_resolve(event, name_in_event(trigger, window->key[i]), &target->key[kind][i]) == 0;
    }
    return result;
}

static int fill(struct tuner *tuner, const struct tuning *tuning, const struct schema *schema,
                enum architecture architecture)
{
    size_t n;
    const struct detection *const *all = detections_all(&n);
    int result = 0;
    tuner->matcher = matcher_new();
    tuner->detections = calloc(n + 1, sizeof(*tuner->detections));
    if (tuner->matcher == NULL || tuner->detections == NULL)
        return -ENOMEM;
    if (rows_init(&tuner->rows, schema, tuner->matcher) < 0)
        return -ENOMEM;
    tuner->n_detections = n;
    for (size_t i = 0; i < n && result == 0; i++) {
        if (tuning->tuned[i].detection == NULL)
            continue;
        tuner->detections[i].tuned = &tuning->tuned[i];
        for (size_t t = 0; t < DETECTION_MAX_TRIGGERS && all[i]->triggers[t].event != NULL && result == 0; t++) {
            const struct schema_event *event = rows_find(&tuner->rows, all[i]->triggers[t].event);
            if (event != NULL)
                result = add_trigger(tuner, &tuning->tuned[i], event, &all[i]->triggers[t], architecture,
                                     &tuner->detections[i].triggers[t]);
        }
    }
    return result;
}

struct tuner *tuner_new(const struct tuning *tuning, const struct schema *schema, enum architecture architecture,
                        const char **ret_error)
{
    struct tuner *tuner = calloc(1, sizeof(*tuner));
    snprintf(tuner_error, sizeof(tuner_error), "out of memory");
    *ret_error = tuner_error;
    if (tuner == NULL)
        return NULL;
    int result = fill(tuner, tuning, schema, architecture);
    if (result == 0)
        return tuner;
    tuner_free(tuner);
    errno = -result;
    return NULL;
}

static void forget(struct tuner *tuner, struct counted *counted)
{
    HASH_DEL(tuner->counted, counted);
    free(counted);
}

void tuner_free(struct tuner *tuner)
{
    struct counted *counted, *next;
    if (tuner == NULL)
        return;
    HASH_ITER(hh, tuner->counted, counted, next)
    {
        forget(tuner, counted);
    }
    for (size_t i = 0; tuner->detections != NULL && i < tuner->n_detections; i++)
        for (size_t t = 0; t < DETECTION_MAX_TRIGGERS; t++) {
            free(tuner->detections[i].triggers[t].exceptions);
            free(tuner->detections[i].triggers[t].compiled);
        }
    field_room_fini(&tuner->room);
    rows_fini(&tuner->rows);
    matcher_free(tuner->matcher);
    free(tuner->detections);
    free(tuner);
}

void tuner_inherit(struct tuner *tuner, struct tuner *from)
{
    if (from == NULL || tuner->counted != NULL)
        return;
    tuner->counted = from->counted;
    atomic_store_explicit(&tuner->evicted, tuner_evicted(from), memory_order_relaxed);
    from->counted = NULL;
}

uint64_t tuner_evicted(const struct tuner *tuner)
{
    return atomic_load_explicit(&tuner->evicted, memory_order_relaxed);
}

/* -- judging -- */

static bool is_excepted(struct tuner *tuner, const struct tuned *tuned, const struct tuned_trigger *trigger,
                        const struct event_context *context)
{
    int64_t now_ns = (int64_t)(context->event->time_ns + (uint64_t)context->wall_minus_boot_ns);
    for (size_t i = 0; i < tuned->n_exceptions; i++) {
        const struct tuning_exception *exception = &tuned->exceptions[i];
        if ((exception->expires_ns == 0 || now_ns < exception->expires_ns) && trigger->compiled[i] &&
            matcher_judge(tuner->matcher, trigger->exceptions[i], context) == VERDICT_YES)
            return true;
    }
    return false;
}

static void hash_bytes(struct sha256_ctx *hash, const char *data, uint32_t length, uint8_t state)
{
    uint8_t head[5] = {state, (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                       (uint8_t)length};
    sha256_update(hash, sizeof(head), head);
    sha256_update(hash, length, (const uint8_t *)data);
}

static void hash_field(struct tuner *tuner, struct sha256_ctx *hash, const struct field *field,
                       const struct event_context *context)
{
    if (field->kind == FIELD_STRING) {
        struct string_view view = field_string(field, context, &tuner->room);
        hash_bytes(hash, view.data, view.length, view.state);
    } else if (field->kind == FIELD_STRINGS) {
        struct field_list list;
        field_list(field, context, &list);
        hash_bytes(hash, "", 0, list.state);
        for (uint32_t i = 0; i < list.count; i++) {
            struct string_view item = field_list_item(field, context, &list, i);
            hash_bytes(hash, item.data, item.length, item.state);
        }
    } else {
        struct field_number number = field_number(field, context);
        hash_bytes(hash, (const char *)&number.value, sizeof(number.value), number.state);
    }
}

/* The key's count, made at this event if it is new or its window is over. NULL without memory. */
static struct counted *look_up(struct tuner *tuner, const struct finding *finding, const struct tuned_trigger *trigger,
                               enum window_kind kind, const struct tuning_window *window)
{
    const uint64_t now_ns = finding->context->event->time_ns;
    struct key key = {.detection = finding->detection->event_id, .kind = (uint32_t)kind};
    struct sha256_ctx hash;
    struct counted *counted;
    sha256_init(&hash);
    for (size_t i = 0; i < window->n_key; i++)
        if (trigger->has_key[kind][i])
            hash_field(tuner, &hash, &trigger->key[kind][i], finding->context);
    sha256_digest(&hash, sizeof(key.digest), key.digest);
    HASH_FIND(hh, tuner->counted, &key, sizeof(key), counted);
    if (counted == NULL) {
        if (HASH_COUNT(tuner->counted) >= TUNER_MAX_KEYS) {
            forget(tuner, tuner->counted);
            atomic_fetch_add_explicit(&tuner->evicted, 1, memory_order_relaxed);
        }
        counted = calloc(1, sizeof(*counted));
        if (counted == NULL)
            return NULL;
        counted->key = key;
        counted->since_ns = now_ns;
        HASH_ADD(hh, tuner->counted, key, sizeof(key), counted);
        if (counted->hh.tbl == NULL) {
            free(counted);
            return NULL;
        }
    } else if (now_ns - counted->since_ns >= window->window_ns && now_ns > counted->since_ns) {
        counted->since_ns = now_ns;
        counted->count = 0;
    }
    return counted;
}

/* So many within the window are not told, and then one is: the next begins to count anew. */
static bool is_below_threshold(struct tuner *tuner, const struct finding *finding, const struct tuned *tuned,
                               const struct tuned_trigger *trigger)
{
    if (tuned->threshold.window_ns == 0)
        return false;
    struct counted *counted = look_up(tuner, finding, trigger, WINDOW_THRESHOLD, &tuned->threshold);
    if (counted == NULL || ++counted->count < tuned->threshold.count)
        return counted != NULL;
    forget(tuner, counted);
    return false;
}

/* More than `limit` of the key since its window began. */
static bool is_over(struct tuner *tuner, const struct finding *finding, const struct tuned_trigger *trigger,
                    enum window_kind kind, const struct tuning_window *window, uint64_t limit)
{
    if (window->window_ns == 0)
        return false;
    struct counted *counted = look_up(tuner, finding, trigger, kind, window);
    return counted != NULL && ++counted->count > limit;
}

enum suppression tuner_judge(struct tuner *tuner, const struct finding *finding)
{
    size_t n, at = 0;
    const struct detection *const *all = detections_all(&n);
    while (at < n && all[at]->event_id != finding->detection->event_id)
        at++;
    if (at >= tuner->n_detections || tuner->detections[at].tuned == NULL)
        return SUPPRESSED_NOT;
    const struct tuned *tuned = tuner->detections[at].tuned;
    const struct tuned_trigger *trigger =
        &tuner->detections[at].triggers[finding->trigger - finding->detection->triggers];
    if (trigger->compiled != NULL && is_excepted(tuner, tuned, trigger, finding->context))
        return SUPPRESSED_EXCEPTION;
    if (is_below_threshold(tuner, finding, tuned, trigger))
        return SUPPRESSED_BELOW_THRESHOLD;
    if (is_over(tuner, finding, trigger, WINDOW_DEDUPLICATE, &tuned->deduplicate, 1))
        return SUPPRESSED_DUPLICATE;
    return is_over(tuner, finding, trigger, WINDOW_RATE_LIMIT, &tuned->rate_limit, tuned->rate_limit.count)
               ? SUPPRESSED_RATE_LIMIT
               : SUPPRESSED_NOT;
}
