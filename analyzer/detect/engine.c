/* SPDX-License-Identifier: Apache-2.0 */
/* Making an engine: selection, triggers compiled and sorted by event. engine_judge.c runs it. */
#include <errno.h>
#include <stdarg.h>

#include "analyzer/detect/engine_internal.h"
#include "analyzer/detect/field.h"

enum {
    ENGINE_ERROR_BYTES = 768,
    NEAR_EDITS = 5, /* more edits than this are another name, not a slip */
};

static _Thread_local char engine_error[ENGINE_ERROR_BYTES];

static const struct schema_event *event_of_schema(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema_count(schema); i++) {
        const struct schema_event *event = schema_event_at(schema, i);
        if (strcmp(event->name, name) == 0)
            return event;
    }
    return NULL;
}

/* What the detection's first trigger that remembers anything remembers. */
static enum matcher_memory memory_of(struct matcher *matcher, const struct schema *schema,
                                     const struct detection *detection)
{
    for (size_t t = 0; t < DETECTION_MAX_TRIGGERS && detection->triggers[t].event != NULL; t++) {
        const struct trigger *trigger = &detection->triggers[t];
        const struct schema_event *event = event_of_schema(schema, trigger->event);
        struct field field;
        if (trigger->remember != NULL && event != NULL &&
            matcher_resolve(matcher, event, detection->name, trigger->remember, &field) == 0)
            return field.kind == FIELD_STRING ? MEMORY_STRING : MEMORY_NUMBER;
    }
    return MEMORY_NONE;
}

static int compile_trigger(struct matcher *matcher, const struct schema *schema, const struct schema_event *event,
                           const struct detection *detection, const struct trigger *trigger, struct loaded_trigger *ret)
{
    char owner[128];
    snprintf(owner, sizeof(owner), "detection \"%s\"", detection->name);
    matcher_set_memory(matcher, memory_of(matcher, schema, detection));
    for (size_t i = 0; i < TRIGGER_MAX_DATA && trigger->data[i].name != NULL; i++) {
        int result = matcher_check_field(matcher, event, owner, trigger->data[i].field);
        if (result != 0)
            return result;
    }
    int result = matcher_add(matcher, event, owner, trigger->when, &ret->when);
    if (result == 0)
        result = matcher_add(matcher, event, owner, trigger->lower_when, &ret->lower_when);
    if (result == 0 && detection->correlation.kind != CORRELATE_NOTHING)
        result = feed_new(matcher, event, owner, detection, trigger, &ret->feed);
    return result;
}

/* Whether the trigger is right by this build's own table, so that only the peer's schema is at fault. */
static bool compiles_here(const struct detection *detection, const struct trigger *trigger)
{
    struct schema *schema = schema_new_builtin();
    struct matcher *matcher = matcher_new();
    struct loaded_trigger ignored = {0};
    const struct schema_event *event = schema != NULL ? event_of_schema(schema, trigger->event) : NULL;
    bool right =
        matcher != NULL && event != NULL && compile_trigger(matcher, schema, event, detection, trigger, &ignored) == 0;
    feed_free(ignored.feed);
    matcher_free(matcher);
    schema_free(schema);
    return right;
}

__attribute__((format(printf, 4, 5))) static int add_gap(struct engine *engine, uint32_t detection,
                                                         const struct trigger *trigger, const char *format, ...)
{
    struct gap *gap = &engine->gaps[engine->n_gaps];
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&gap->reason, format, arguments);
    va_end(arguments);
    if (length < 0)
        return -ENOMEM;
    gap->detection = detection;
    gap->trigger = trigger;
    engine->n_gaps++;
    return 0;
}

static int load_trigger(struct engine *engine, const struct schema *schema, uint32_t index,
                        const struct trigger *trigger)
{
    const struct detection *detection = engine->table[index];
    const struct schema_event *event = event_of_schema(schema, trigger->event);
    if (event == NULL)
        return add_gap(engine, index, trigger, "the collector has no event %s", trigger->event);
    if (event->id >= EVENT_ID_LIMIT)
        return add_gap(engine, index, trigger, "the collector gives event %s the number %u, which is out of range",
                       trigger->event, event->id);

    struct loaded_trigger *loaded = &engine->triggers[engine->n_triggers];
    *loaded = (struct loaded_trigger){.trigger = trigger, .detection = index};
    int result = compile_trigger(engine->matcher, schema, event, detection, trigger, loaded);
    if (result == -EINVAL && compiles_here(detection, trigger))
        return add_gap(engine, index, trigger, "the collector's events are of another version: %s",
                       matcher_error(engine->matcher));
    if (result != 0) {
        snprintf(engine_error, sizeof(engine_error), "%s", matcher_error(engine->matcher));
        return result;
    }
    engine->by_event[event->id].count++;
    engine->n_triggers++;
    return 0;
}

/* Stable, so that the order within an event stays the table's. */
static int sort_by_event(struct engine *engine, const struct schema *schema)
{
    struct loaded_trigger *sorted = calloc(engine->n_triggers + 1, sizeof(*sorted));
    if (sorted == NULL)
        return -ENOMEM;
    uint32_t first = 0;
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++) {
        engine->by_event[id].first = first;
        first += engine->by_event[id].count;
        engine->by_event[id].count = 0;
    }
    for (size_t i = 0; i < engine->n_triggers; i++) {
        const struct schema_event *event = event_of_schema(schema, engine->triggers[i].trigger->event);
        struct span *span = &engine->by_event[event->id];
        sorted[span->first + span->count++] = engine->triggers[i];
    }
    free(engine->triggers);
    engine->triggers = sorted;
    return 0;
}

static int load_correlation(struct engine *engine, uint32_t index)
{
    if (engine->table[index]->correlation.kind == CORRELATE_NOTHING)
        return 0;
    char words[CORRELATION_ERROR_BYTES] = "out of memory";
    int result = correlator_new(engine->table[index], &engine->correlators[index], words);
    if (result != 0)
        snprintf(engine_error, sizeof(engine_error), "%s", words);
    return result;
}

/* Of a sequence the later steps are asked first: an event that is two of them must not be both of one way. */
static int load_detection(struct engine *engine, const struct schema *schema, uint32_t index)
{
    const struct detection *detection = engine->table[index];
    size_t n = 0;
    int result = load_correlation(engine, index);
    while (n < DETECTION_MAX_TRIGGERS && detection->triggers[n].event != NULL)
        n++;
    for (size_t i = 0; result == 0 && i < n; i++) {
        const size_t at = detection->correlation.kind == CORRELATE_SEQUENCE ? n - 1 - i : i;
        result = load_trigger(engine, schema, index, &detection->triggers[at]);
    }
    return result;
}

static int load_table(struct engine *engine, const struct schema *schema, const struct detection *const *table,
                      size_t n_table)
{
    engine->matcher = matcher_new();
    engine->table = calloc(n_table + 1, sizeof(const struct detection *));
    engine->costs = calloc(n_table + 1, sizeof(*engine->costs));
    engine->correlators = calloc(n_table + 1, sizeof(*engine->correlators));
    engine->triggers = calloc(n_table * DETECTION_MAX_TRIGGERS + 1, sizeof(*engine->triggers));
    engine->gaps = calloc(n_table * DETECTION_MAX_TRIGGERS + 1, sizeof(*engine->gaps));
    if (engine->matcher == NULL || engine->table == NULL || engine->costs == NULL || engine->correlators == NULL ||
        engine->triggers == NULL || engine->gaps == NULL)
        return -ENOMEM;
    engine->n_table = n_table;
    memcpy(engine->table, table, n_table * sizeof(const struct detection *));
    for (uint32_t i = 0; i < n_table; i++) {
        int result = load_detection(engine, schema, i);
        if (result != 0)
            return result;
    }
    return sort_by_event(engine, schema);
}

struct engine *engine_new_from(const struct schema *schema, const struct detection *const *table, size_t n_table,
                               const char **ret_error)
{
    snprintf(engine_error, sizeof(engine_error), "out of memory");
    struct engine *engine = calloc(1, sizeof(*engine));
    int result = engine != NULL ? load_table(engine, schema, table, n_table) : -ENOMEM;
    if (result == 0)
        return engine;
    engine_free(engine);
    *ret_error = engine_error;
    errno = -result;
    return NULL;
}

static void say_unknown(const char *name)
{
    size_t count;
    const struct detection *const *all = detections_all(&count);
    const char *nearest = NULL;
    unsigned best = NEAR_EDITS + 1;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = name_distance(name, all[i]->name);
        if (distance < best) {
            best = distance;
            nearest = all[i]->name;
        }
    }
    if (nearest != NULL)
        snprintf(engine_error, sizeof(engine_error), "there is no detection \"%.64s\"; did you mean \"%s\"?", name,
                 nearest);
    else
        snprintf(engine_error, sizeof(engine_error), "there is no detection \"%.64s\"", name);
}

static int select_table(const char *const *selected, size_t n_selected, const struct detection **table, size_t *n_table)
{
    size_t n_all;
    const struct detection *const *all = detections_all(&n_all);
    for (size_t i = 0; i < n_selected; i++)
        if (detection_by_name(selected[i]) == NULL) {
            say_unknown(selected[i]);
            return -ENOENT;
        }
    *n_table = 0;
    for (size_t d = 0; d < n_all; d++)
        for (size_t i = 0; i < n_selected; i++)
            if (detection_by_name(selected[i]) == all[d]) {
                table[(*n_table)++] = all[d];
                break;
            }
    return 0;
}

struct engine *engine_new(const struct schema *schema, const char *const *selected, size_t n_selected,
                          const char **ret_error)
{
    size_t n_table;
    const struct detection *const *all = detections_all(&n_table);
    if (selected == NULL)
        return engine_new_from(schema, all, n_table, ret_error);

    struct engine *engine = NULL;
    const struct detection **table = calloc(n_table, sizeof(const struct detection *));
    snprintf(engine_error, sizeof(engine_error), "out of memory");
    int result = table != NULL ? select_table(selected, n_selected, table, &n_table) : -ENOMEM;
    if (result == 0) {
        engine = engine_new_from(schema, table, n_table, ret_error);
        result = engine != NULL ? 0 : -errno;
    }
    free(table);
    if (result != 0) {
        *ret_error = engine_error;
        errno = -result;
    }
    return engine;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    for (size_t i = 0; i < engine->n_gaps; i++)
        free(engine->gaps[i].reason);
    free(engine->gaps);
    for (size_t i = 0; i < engine->n_triggers; i++)
        feed_free(engine->triggers[i].feed);
    for (size_t i = 0; i < engine->n_table && engine->correlators != NULL; i++)
        correlator_free(engine->correlators[i]);
    free(engine->correlators);
    free(engine->triggers);
    free(engine->costs);
    free(engine->table);
    matcher_free(engine->matcher);
    free(engine);
}

size_t engine_gaps(const struct engine *engine, struct engine_gap *ret, size_t limit)
{
    for (size_t i = 0; i < engine->n_gaps && i < limit; i++)
        ret[i] = (struct engine_gap){
            .detection = engine->table[engine->gaps[i].detection],
            .trigger = engine->gaps[i].trigger,
            .reason = engine->gaps[i].reason,
        };
    return engine->n_gaps;
}

void engine_wanted_events(const struct engine *engine, uint8_t *want)
{
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        if (engine->by_event[id].count > 0)
            want[id] = 1;
}

static uint64_t load(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void engine_cost_add(struct engine_cost *sum, const struct engine_cost *cost)
{
    sum->judged += cost->judged;
    sum->findings += cost->findings;
    sum->nanoseconds += cost->nanoseconds;
    for (size_t i = 0; i < ENGINE_COST_BUCKETS; i++)
        sum->timed[i] += cost->timed[i];
    sum->timed_ns += cost->timed_ns;
    sum->patterns_given_up += cost->patterns_given_up;
    sum->evicted += cost->evicted;
}

static struct engine_cost cost_of(const struct engine *engine, size_t i)
{
    struct engine_cost cost = {
        .detection = engine->table[i],
        .judged = load(&engine->costs[i].judged),
        .findings = load(&engine->costs[i].findings),
        .nanoseconds = load(&engine->costs[i].nanoseconds),
        .timed_ns = load(&engine->costs[i].timed_ns),
        .patterns_given_up = load(&engine->costs[i].patterns_given_up),
    };
    for (size_t b = 0; b < ENGINE_COST_BUCKETS; b++)
        cost.timed[b] = load(&engine->costs[i].timed[b]);
    if (engine->correlators[i] != NULL) {
        cost.keys = keyed_count(correlator_keyed(engine->correlators[i]));
        cost.evicted = keyed_evicted(correlator_keyed(engine->correlators[i]));
    }
    return cost;
}

size_t engine_costs(const struct engine *engine, struct engine_cost *ret, size_t limit)
{
    for (size_t i = 0; i < engine->n_table && i < limit; i++)
        ret[i] = cost_of(engine, i);
    return engine->n_table;
}
