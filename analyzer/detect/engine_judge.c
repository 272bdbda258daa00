/* SPDX-License-Identifier: Apache-2.0 */
/* One event through the triggers that name it. The hot path: an event that no trigger names costs one load. */
#include "analyzer/detect/engine_internal.h"
#include "analyzer/detect/finding_event.h"

enum {
    FINDING_WINDOW_S = 60, /* how far back a finding's story is taken to reach */
    COST_SAMPLE = 64,      /* one judgement in so many is timed: reading the clock costs as much as judging */
    LOSS_OF_ALL = 255,     /* not of one event class */
    MAX_ERRNO = 4095,      /* a result from -4095 to -1 is an error; any other is a value, an address too */
};

void engine_begin_batch(struct engine *engine, uint32_t n_strings)
{
    matcher_begin_batch(engine->matcher, n_strings);
    for (size_t i = 0; i < engine->n_guards; i++)
        guard_begin_batch(engine->guards[i], n_strings);
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

const double engine_cost_bounds[ENGINE_COST_BUCKETS - 1] = {0.25e-6, 1e-6, 4e-6, 16e-6, 64e-6, 256e-6, 1024e-6};

static void note_time(struct cost *cost, uint64_t ns)
{
    size_t bucket = 0;
    while (bucket < ENGINE_COST_BUCKETS - 1 && (double)ns > engine_cost_bounds[bucket] * 1e9)
        bucket++;
    add(&cost->timed[bucket], 1);
    add(&cost->timed_ns, ns);
    add(&cost->nanoseconds, ns * COST_SAMPLE);
}

/* Charges what was given up to the detection that was judged last. */
static void note_given_up(struct engine *engine, struct cost *cost)
{
    const uint64_t given_up = matcher_given_up(engine->matcher);
    if (given_up == engine->seen_given_up)
        return;
    add(&cost->patterns_given_up, given_up - engine->seen_given_up);
    engine->seen_given_up = given_up;
}

/* One event before one trigger. */
struct moment {
    const struct event_context *context;
    bool failed, succeeded;
    uint64_t from_ns; /* of the first event that the finding is about, 0: of this one alone */
    bool is_done;     /* no further trigger of the detection is to be asked about this event */
    struct recall recall;
    struct event_context *recalling; /* room for the context with what the detection remembers */
};

static bool feeds(struct engine *engine, const struct loaded_trigger *loaded, struct moment *moment)
{
    struct correlator *correlator = engine->correlators[loaded->detection];
    if (correlator_remembers(correlator)) {
        moment->recall = (struct recall){.correlator = correlator, .feed = loaded->feed};
        *moment->recalling = *moment->context;
        moment->recalling->recall = &moment->recall;
        moment->context = moment->recalling;
    }
    if (matcher_judge(engine->matcher, loaded->when, moment->context) == VERDICT_NO)
        return false;
    if (loaded->trigger->remember != NULL)
        (void)event_recall(moment->context); /* while it is there: the finding may tell it */
    bool fires = correlator_feed(correlator, loaded->feed, moment->context, &moment->from_ns);
    moment->is_done = correlator_takes_event_once(correlator);
    return fires && !loaded->trigger->silent;
}

static bool fires(struct engine *engine, const struct loaded_trigger *loaded, struct moment *moment)
{
    if (moment->failed && !loaded->trigger->attempt)
        return false;
    if (loaded->feed != NULL)
        return feeds(engine, loaded, moment);
    return matcher_judge(engine->matcher, loaded->when, moment->context) != VERDICT_NO;
}

static bool judge(struct engine *engine, const struct loaded_trigger *loaded, struct moment *moment)
{
    struct cost *cost = &engine->costs[loaded->detection];
    uint64_t judged = atomic_load_explicit(&cost->judged, memory_order_relaxed);
    atomic_store_explicit(&cost->judged, judged + 1, memory_order_relaxed);
    if (judged % COST_SAMPLE != 0)
        return fires(engine, loaded, moment);
    uint64_t before = monotonic_ns();
    bool result = fires(engine, loaded, moment);
    note_time(cost, monotonic_ns() - before);
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
                                 const struct moment *moment)
{
    enum severity severity = engine->table[loaded->detection]->severity;
    bool lower = moment->failed || (loaded->lower_when != NULL &&
                                    matcher_judge(engine->matcher, loaded->lower_when, moment->context) == VERDICT_YES);
    return lower && severity > SEVERITY_INFO ? severity - 1 : severity;
}

/* One event, and what comes of it. */
struct pass {
    struct engine *engine;
    const struct event_context *context; /* of the event itself, which every finding tells */
    void (*emit)(void *arg, const struct finding *finding);
    void *arg;
};

/* A finding's number among those of its detection on this event, and on others that are made of the same. */
static uint32_t next_output(struct output *output, const struct event_context *context)
{
    const bool is_same = output->session == context->session && output->seq == context->event->seq;
    output->session = context->session;
    output->seq = context->event->seq;
    output->index = is_same ? output->index + 1 : 0;
    return output->index;
}

static void judge_span(const struct pass *pass, const struct span *span, const struct event_context *context,
                       const struct finding *source);

/* The finding before the detections that are made of it. */
static void judge_finding(const struct pass *pass, uint32_t detection, const struct finding *finding)
{
    struct engine *engine = pass->engine;
    if (engine->by_finding[detection].count == 0)
        return;
    struct event_view view;
    struct event_context context = *pass->context;
    finding_event_make(finding, engine->rows[detection], &view);
    context.event = &view;
    judge_span(pass, &engine->by_finding[detection], &context, finding);
}

static void emit_finding(const struct pass *pass, const struct loaded_trigger *loaded, const struct moment *moment)
{
    struct engine *engine = pass->engine;
    const unsigned mark = matcher_values_begin(engine->matcher);
    struct finding finding = {
        .detection = engine->table[loaded->detection],
        .trigger = loaded->trigger,
        .context = pass->context,
        .severity = severity_of(engine, loaded, moment),
        .succeeded = moment->succeeded,
        .output_index = next_output(&engine->outputs[loaded->detection], pass->context),
        .window_from_ns = moment->from_ns != 0 ? moment->from_ns : window_start(pass->context),
        .window_to_ns = pass->context->event->time_ns,
    };
    for (size_t i = 0; i < TRIGGER_MAX_DATA && loaded->trigger->data[i].name != NULL; i++) {
        struct finding_data *data = &finding.data[finding.n_data];
        data->name = loaded->trigger->data[i].name;
        data->as_string = loaded->trigger->data[i].as_string;
        finding.n_data +=
            matcher_value(engine->matcher, loaded->when, loaded->trigger->data[i].field, moment->context, data);
    }
    add(&engine->costs[loaded->detection].findings, 1);
    pass->emit(pass->arg, &finding);
    judge_finding(pass, loaded->detection, &finding);
    matcher_values_end(engine->matcher, mark);
}

static uint64_t ask_guard(struct engine *engine, const struct span *span, const struct event_context *context)
{
    const uint64_t mask = guard_ask(span->guard, engine->matcher, context);
    if (matcher_given_up(engine->matcher) == engine->seen_given_up)
        return mask;
    for (uint32_t i = 0; i < span->count; i++)
        add(&engine->costs[engine->triggers[span->first + i].detection].patterns_given_up,
            guard_take_given_up(span->guard, i));
    engine->seen_given_up = matcher_given_up(engine->matcher);
    return mask;
}

/* `source`: the finding that the context tells, NULL when it tells the event itself. */
static void judge_span(const struct pass *pass, const struct span *span, const struct event_context *context,
                       const struct finding *source)
{
    struct engine *engine = pass->engine;
    const int64_t ret = context->event->ret;
    const bool failed = ret < 0 && ret >= -MAX_ERRNO;
    uint64_t mask = span->guard != NULL ? ask_guard(engine, span, context) : 0;
    struct event_context recalling;
    uint32_t done = UINT32_MAX;
    for (uint32_t i = 0; span->guard != NULL ? mask != 0 : i < span->count; i++) {
        if (span->guard != NULL) {
            i = (uint32_t)__builtin_ctzll(mask);
            mask &= mask - 1;
        }
        const struct loaded_trigger *loaded = &engine->triggers[span->first + i];
        if (loaded->detection == done)
            continue;
        struct moment moment = {
            .context = context,
            .failed = source == NULL && failed, /* a finding has been lowered for it */
            .succeeded = source != NULL ? source->succeeded : !failed,
            .from_ns = source != NULL ? source->window_from_ns : 0,
            .recalling = &recalling,
        };
        const bool fired = judge(engine, loaded, &moment);
        note_given_up(engine, &engine->costs[loaded->detection]);
        if (fired || moment.is_done)
            done = loaded->detection;
        if (fired)
            emit_finding(pass, loaded, &moment);
    }
}

void engine_judge(struct engine *engine, const struct event_context *context,
                  void (*emit)(void *arg, const struct finding *finding), void *arg)
{
    const uint16_t id = context->event->schema->id;
    if (id >= EVENT_ID_LIMIT || engine->by_event[id].count == 0)
        return;
    const struct pass pass = {.engine = engine, .context = context, .emit = emit, .arg = arg};
    judge_span(&pass, &engine->by_event[id], context, NULL);
}

bool engine_take_evicted(struct engine *engine, struct loss *ret_loss)
{
    struct loss loss = {
        .stage = VEDETTE__V1__LOSS_STAGE__LOSS_STATE, .class = LOSS_OF_ALL, .cpu = UINT32_MAX, .count_exact = true};
    for (size_t i = 0; i < engine->n_table; i++) {
        uint64_t count, from_ns, to_ns;
        if (engine->correlators[i] == NULL ||
            !keyed_take_evicted(correlator_keyed(engine->correlators[i]), &count, &from_ns, &to_ns))
            continue;
        loss.from_ns = loss.count == 0 || from_ns < loss.from_ns ? from_ns : loss.from_ns;
        loss.to_ns = to_ns > loss.to_ns ? to_ns : loss.to_ns;
        loss.count += count;
    }
    if (loss.count == 0)
        return false;
    *ret_loss = loss;
    return true;
}
