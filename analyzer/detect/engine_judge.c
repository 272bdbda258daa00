/* SPDX-License-Identifier: Apache-2.0 */
/* One event through the triggers that name it. The hot path: an event that no trigger names costs one load. */
#include "analyzer/detect/engine_internal.h"

enum {
    FINDING_WINDOW_S = 60, /* how far back a finding's story is taken to reach */
    COST_SAMPLE = 64,      /* one judgement in so many is timed: reading the clock costs as much as judging */
    MAX_ERRNO = 4095,      /* a result from -4095 to -1 is an error; any other is a value, an address too */
};

void engine_begin_batch(struct engine *engine, uint32_t n_strings)
{
    matcher_begin_batch(engine->matcher, n_strings);
}

/* One writer, so that no locked instruction is needed. */
static void add(atomic_uint_fast64_t *counter, uint64_t amount)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount, memory_order_relaxed);
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool fires(struct engine *engine, const struct loaded_trigger *loaded, const struct event_context *context,
                  bool failed)
{
    if (failed && !loaded->trigger->attempt)
        return false;
    return matcher_judge(engine->matcher, loaded->when, context) != VERDICT_NO;
}

static bool judge(struct engine *engine, const struct loaded_trigger *loaded, const struct event_context *context,
                  bool failed)
{
    struct cost *cost = &engine->costs[loaded->detection];
    uint64_t judged = atomic_load_explicit(&cost->judged, memory_order_relaxed);
    atomic_store_explicit(&cost->judged, judged + 1, memory_order_relaxed);
    if (judged % COST_SAMPLE != 0)
        return fires(engine, loaded, context, failed);
    uint64_t before = monotonic_ns();
    bool result = fires(engine, loaded, context, failed);
    add(&cost->nanoseconds, (monotonic_ns() - before) * COST_SAMPLE);
    return result;
}

static uint64_t window_start(const struct event_context *context)
{
    const uint64_t reach = FINDING_WINDOW_S * UINT64_C(1000000000), now = context->event->time_ns;
    uint64_t earliest = now > reach ? now - reach : 0, start = context->process->start_ns;
    if (start > now)
        return now;
    return start > earliest ? start : earliest;
}

static enum severity severity_of(struct engine *engine, const struct loaded_trigger *loaded,
                                 const struct event_context *context, bool failed)
{
    enum severity severity = engine->table[loaded->detection]->severity;
    bool lower = failed || (loaded->lower_when != NULL &&
                            matcher_judge(engine->matcher, loaded->lower_when, context) == VERDICT_YES);
    return lower && severity > SEVERITY_INFO ? severity - 1 : severity;
}

static void emit_finding(struct engine *engine, const struct loaded_trigger *loaded,
                         const struct event_context *context, bool failed,
                         void (*emit)(void *arg, const struct finding *finding), void *arg)
{
    const struct detection *detection = engine->table[loaded->detection];
    struct finding finding = {
        .detection = detection,
        .trigger = loaded->trigger,
        .context = context,
        .severity = severity_of(engine, loaded, context, failed),
        .succeeded = !failed,
        .window_from_ns = window_start(context),
        .window_to_ns = context->event->time_ns,
    };
    for (size_t i = 0; i < TRIGGER_MAX_DATA && loaded->trigger->data[i].name != NULL; i++) {
        struct finding_data *data = &finding.data[finding.n_data];
        data->name = loaded->trigger->data[i].name;
        finding.n_data += matcher_value(engine->matcher, loaded->when, loaded->trigger->data[i].field, context, data);
    }
    add(&engine->costs[loaded->detection].findings, 1);
    emit(arg, &finding);
}

void engine_judge(struct engine *engine, const struct event_context *context,
                  void (*emit)(void *arg, const struct finding *finding), void *arg)
{
    const uint16_t id = context->event->schema->id;
    if (id >= EVENT_ID_LIMIT || engine->by_event[id].count == 0)
        return;
    const struct loaded_trigger *loaded = &engine->triggers[engine->by_event[id].first];
    const struct loaded_trigger *end = loaded + engine->by_event[id].count;
    const int64_t ret = context->event->ret;
    const bool failed = ret < 0 && ret >= -MAX_ERRNO;
    uint32_t fired = UINT32_MAX;
    for (; loaded < end; loaded++) {
        if (loaded->detection == fired || !judge(engine, loaded, context, failed))
            continue;
        fired = loaded->detection;
        emit_finding(engine, loaded, context, failed, emit, arg);
    }
}
