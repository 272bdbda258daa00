/* SPDX-License-Identifier: Apache-2.0 */
/* An engine's selection, end and figures. engine_load.c makes it, engine_judge.c runs it. */
#include <errno.h>

#include "analyzer/detect/engine_internal.h"
#include "analyzer/detect/field.h"
#include "analyzer/detect/finding_event.h"

enum {
    NEAR_EDITS = 5, /* more edits than this are another name, not a slip */
};

_Thread_local char engine_error[ENGINE_ERROR_BYTES];

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
    for (size_t i = 0; i < engine->n_table && engine->rows != NULL; i++)
        finding_event_free(engine->rows[i]);
    free(engine->rows);
    free(engine->by_finding);
    free(engine->outputs);
    free(engine->correlators);
    for (size_t i = 0; i < engine->n_guards; i++)
        guard_free(engine->guards[i]);
    free(engine->guards);
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
            want[id] = WANT_SOME;
}

bool engine_watches(const struct engine *engine, const struct schema_event *event, struct watches *watches)
{
    if (event->id >= EVENT_ID_LIMIT)
        return false;
    const struct span *span = &engine->by_event[event->id];
    for (size_t i = 0; i < span->count; i++)
        watches_add(watches, event, engine->triggers[span->first + i].trigger->when);
    return span->count > 0;
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
