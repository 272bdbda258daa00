/* SPDX-License-Identifier: Apache-2.0 */
/* Making an engine: triggers compiled for a schema and sorted by what they judge. */
#include <errno.h>
#include <stdarg.h>

#include "analyzer/detect/engine_internal.h"
#include "analyzer/detect/field.h"
#include "analyzer/detect/finding_event.h"

/* What stays the same while an engine is made. */
struct loading {
    struct engine *engine;
    const struct schema *schema;
    bool is_here; /* the schema is this build's own: what it lacks, no peer can be blamed for */
    int result;   /* of making a row */
};

static const struct schema_event *event_of_schema(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema_count(schema); i++) {
        const struct schema_event *event = schema_event_at(schema, i);
        if (strcmp(event->name, name) == 0)
            return event;
    }
    return NULL;
}

/* Index in the table of the detection of that name, n_table when there is none. */
static size_t index_of(const struct engine *engine, const char *name)
{
    size_t i = 0;
    while (i < engine->n_table && strcmp(engine->table[i]->name, name) != 0)
        i++;
    return i;
}

/* The row of an event or, made when it is first asked for, of a detection's findings. */
static const struct schema_event *row_of(void *arg, const char *name)
{
    struct loading *loading = arg;
    struct engine *engine = loading->engine;
    const struct schema_event *event = event_of_schema(loading->schema, name);
    const size_t index = index_of(engine, name);
    if (event != NULL || index == engine->n_table)
        return event;
    if (engine->rows[index] == NULL) {
        int result = finding_event_row(engine->matcher, engine->table[index], row_of, loading, &engine->rows[index]);
        if (result != 0)
            loading->result = result;
    }
    return engine->rows[index];
}

/* What the detection's first trigger that remembers anything remembers. */
static enum matcher_memory memory_of(struct loading *loading, const struct detection *detection)
{
    for (size_t t = 0; t < DETECTION_MAX_TRIGGERS && detection->triggers[t].event != NULL; t++) {
        const struct trigger *trigger = &detection->triggers[t];
        const struct schema_event *event = row_of(loading, trigger->event);
        enum field_kind kind;
        if (trigger->remember != NULL && event != NULL &&
            matcher_kind(loading->engine->matcher, event, detection->name, trigger->remember, &kind) == 0)
            return kind == FIELD_STRING ? MEMORY_STRING : MEMORY_NUMBER;
    }
    return MEMORY_NONE;
}

static int compile_trigger(struct loading *loading, const struct schema_event *event, const struct detection *detection,
                           const struct trigger *trigger, struct loaded_trigger *ret)
{
    struct matcher *matcher = loading->engine->matcher;
    char owner[128];
    snprintf(owner, sizeof(owner), "detection \"%s\"", detection->name);
    matcher_set_memory(matcher, memory_of(loading, detection));
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

static int load_table(struct loading *loading, const struct detection *const *table, size_t n_table);

/* Whether the whole table is right by this build's own events, so that only the peer's schema is at fault. */
static bool compiles_here(const struct engine *engine)
{
    struct schema *schema = schema_new_builtin();
    struct loading loading = {.engine = calloc(1, sizeof(*engine)), .schema = schema, .is_here = true};
    bool right = schema != NULL && loading.engine != NULL && load_table(&loading, engine->table, engine->n_table) == 0;
    engine_free(loading.engine);
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

static int lacks(struct loading *loading, uint32_t index, const struct trigger *trigger)
{
    if (detection_by_name(trigger->event) != NULL)
        return add_gap(loading->engine, index, trigger, "detection %s is not selected", trigger->event);
    return add_gap(loading->engine, index, trigger, "the collector has no event %s", trigger->event);
}

static int load_trigger(struct loading *loading, uint32_t index, const struct trigger *trigger)
{
    struct engine *engine = loading->engine;
    const struct schema_event *event = event_of_schema(loading->schema, trigger->event);
    const size_t source = index_of(engine, trigger->event);
    if (event == NULL && source == engine->n_table)
        return lacks(loading, index, trigger);
    if (event != NULL && event->id >= EVENT_ID_LIMIT)
        return add_gap(engine, index, trigger, "the collector gives event %s the number %u, which is out of range",
                       trigger->event, event->id);

    struct loaded_trigger *loaded = &engine->triggers[engine->n_triggers];
    *loaded = (struct loaded_trigger){
        .trigger = trigger, .slot = event != NULL ? event->id : EVENT_ID_LIMIT + (uint32_t)source, .detection = index};
    if (event == NULL)
        event = row_of(loading, trigger->event);
    int result =
        event != NULL ? compile_trigger(loading, event, engine->table[index], trigger, loaded) : loading->result;
    if (result == 0) {
        engine->n_triggers++;
        return 0;
    }
    snprintf(engine_error, sizeof(engine_error), "%s", matcher_error(engine->matcher));
    if (result != -EINVAL || loading->is_here)
        return result;
    char words[ENGINE_ERROR_BYTES];
    snprintf(words, sizeof(words), "%s", engine_error);
    if (!compiles_here(engine))
        return result;
    return add_gap(engine, index, trigger, "the collector's events are of another version: %s", words);
}

static struct span *span_of(struct engine *engine, uint32_t slot)
{
    return slot < EVENT_ID_LIMIT ? &engine->by_event[slot] : &engine->by_finding[slot - EVENT_ID_LIMIT];
}

/* Stable, so that the order within an event stays the table's. */
static int sort_triggers(struct engine *engine)
{
    struct loaded_trigger *sorted = calloc(engine->n_triggers + 1, sizeof(*sorted));
    if (sorted == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < engine->n_triggers; i++)
        span_of(engine, engine->triggers[i].slot)->count++;
    uint32_t first = 0;
    for (uint32_t slot = 0; slot < EVENT_ID_LIMIT + engine->n_table; slot++) {
        struct span *span = span_of(engine, slot);
        span->first = first;
        first += span->count;
        span->count = 0;
    }
    for (size_t i = 0; i < engine->n_triggers; i++) {
        struct span *span = span_of(engine, engine->triggers[i].slot);
        sorted[span->first + span->count++] = engine->triggers[i];
    }
    free(engine->triggers);
    engine->triggers = sorted;
    return 0;
}

/* For each event that several triggers name. */
static int make_guards(struct engine *engine)
{
    engine->guards = calloc(EVENT_ID_LIMIT, sizeof(*engine->guards));
    if (engine->guards == NULL)
        return -ENOMEM;
    for (uint32_t id = 0; id < EVENT_ID_LIMIT; id++) {
        struct span *span = &engine->by_event[id];
        const struct condition *conditions[GUARD_CONDITIONS];
        if (span->count < 2 || span->count > GUARD_CONDITIONS)
            continue;
        for (uint32_t i = 0; i < span->count; i++)
            conditions[i] = engine->triggers[span->first + i].when;
        span->guard = guard_new(conditions, span->count);
        if (span->guard == NULL && errno != 0)
            return -ENOMEM;
        if (span->guard != NULL)
            engine->guards[engine->n_guards++] = span->guard;
    }
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

/* How many findings lie between the detection and events; more than DETECTION_MAX_DEPTH where they lie in a circle. */
static unsigned depth_of(const struct engine *engine, const struct detection *detection, unsigned above)
{
    unsigned depth = above;
    for (size_t t = 0; t < DETECTION_MAX_TRIGGERS && detection->triggers[t].event != NULL; t++) {
        const size_t source = index_of(engine, detection->triggers[t].event);
        if (source == engine->n_table || depth > DETECTION_MAX_DEPTH)
            continue;
        const unsigned below = depth_of(engine, engine->table[source], above + 1);
        depth = below > depth ? below : depth;
    }
    return depth;
}

static int check_depth(const struct engine *engine)
{
    for (size_t i = 0; i < engine->n_table; i++)
        if (depth_of(engine, engine->table[i], 0) > DETECTION_MAX_DEPTH) {
            snprintf(engine_error, sizeof(engine_error),
                     "detection \"%s\": it is made of findings of findings, more than %d deep or in a circle",
                     engine->table[i]->name, DETECTION_MAX_DEPTH);
            return -EINVAL;
        }
    return 0;
}

/* Of a sequence the later steps are asked first: an event that is two of them must not be both of one way. */
static int load_detection(struct loading *loading, uint32_t index)
{
    const struct detection *detection = loading->engine->table[index];
    size_t n = 0;
    int result = load_correlation(loading->engine, index);
    while (n < DETECTION_MAX_TRIGGERS && detection->triggers[n].event != NULL)
        n++;
    for (size_t i = 0; result == 0 && i < n; i++) {
        const size_t at = detection->correlation.kind == CORRELATE_SEQUENCE ? n - 1 - i : i;
        result = load_trigger(loading, index, &detection->triggers[at]);
    }
    return result;
}

static int make_room(struct engine *engine, size_t n_table)
{
    engine->matcher = matcher_new();
    engine->table = calloc(n_table + 1, sizeof(const struct detection *));
    engine->costs = calloc(n_table + 1, sizeof(*engine->costs));
    engine->outputs = calloc(n_table + 1, sizeof(*engine->outputs));
    engine->rows = calloc(n_table + 1, sizeof(*engine->rows));
    engine->by_finding = calloc(n_table + 1, sizeof(*engine->by_finding));
    engine->correlators = calloc(n_table + 1, sizeof(*engine->correlators));
    engine->triggers = calloc(n_table * DETECTION_MAX_TRIGGERS + 1, sizeof(*engine->triggers));
    engine->gaps = calloc(n_table * DETECTION_MAX_TRIGGERS + 1, sizeof(*engine->gaps));
    bool all = engine->matcher != NULL && engine->table != NULL && engine->costs != NULL && engine->outputs != NULL &&
               engine->rows != NULL && engine->by_finding != NULL && engine->correlators != NULL &&
               engine->triggers != NULL && engine->gaps != NULL;
    return all ? 0 : -ENOMEM;
}

static int load_table(struct loading *loading, const struct detection *const *table, size_t n_table)
{
    struct engine *engine = loading->engine;
    int result = make_room(engine, n_table);
    if (result != 0)
        return result;
    engine->n_table = n_table;
    memcpy(engine->table, table, n_table * sizeof(const struct detection *));
    for (size_t i = 0; i < n_table; i++)
        engine->outputs[i].seq = UINT64_MAX;
    result = check_depth(engine);
    for (uint32_t i = 0; result == 0 && i < n_table; i++)
        result = load_detection(loading, i);
    if (result == 0)
        result = sort_triggers(engine);
    return result == 0 ? make_guards(engine) : result;
}

struct engine *engine_new_from(const struct schema *schema, const struct detection *const *table, size_t n_table,
                               const char **ret_error)
{
    snprintf(engine_error, sizeof(engine_error), "out of memory");
    struct loading loading = {.engine = calloc(1, sizeof(struct engine)), .schema = schema};
    int result = loading.engine != NULL ? load_table(&loading, table, n_table) : -ENOMEM;
    if (result == 0)
        return loading.engine;
    engine_free(loading.engine);
    *ret_error = engine_error;
    errno = -result;
    return NULL;
}
