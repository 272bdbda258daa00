// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/node_internal.h"

#include <inttypes.h>

#include "analyzer/ingest/loss_words.h"
#include "common/base/log.h"
#include "common/events/events.h"

static const uint64_t MS_NS = 1000000, RANGE_JOIN_NS = 1000000000;

enum { RANGE_LOOK_BACK = 64 };

static const char *const stage_words[LOSS_STAGES] = {
    [VEDETTE__V1__LOSS_STAGE__LOSS_UNKNOWN] = "at a stage this analyzer does not know",
    [VEDETTE__V1__LOSS_STAGE__LOSS_HOOK] = "hook programs were skipped",
    [VEDETTE__V1__LOSS_STAGE__LOSS_RING] = "ring full",
    [VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE] = "the collector's queue was full",
    [VEDETTE__V1__LOSS_STAGE__LOSS_ABSENCE] = "no collector was running",
    [VEDETTE__V1__LOSS_STAGE__LOSS_ENCODE] = "records that made no sense",
    [VEDETTE__V1__LOSS_STAGE__LOSS_INGEST] = "batches never came or were refused",
    [VEDETTE__V1__LOSS_STAGE__LOSS_STATE] = "a table of the analyzer was full",
    [VEDETTE__V1__LOSS_STAGE__LOSS_THROTTLE] = "a cgroup made more than its share while a ring filled",
    [VEDETTE__V1__LOSS_STAGE__LOSS_OUTBOX] = "the outbox had no room",
    [VEDETTE__V1__LOSS_STAGE__LOSS_SINK] = "a sink gave up",
    [VEDETTE__V1__LOSS_STAGE__LOSS_SPOOL] = "the collector's spool on disk was full or damaged",
};

const char *loss_stage_words(unsigned stage)
{
    return stage_words[stage < LOSS_STAGES ? stage : VEDETTE__V1__LOSS_STAGE__LOSS_UNKNOWN];
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 33);
}

static uint64_t identity_of(const Vedette__V1__Loss *loss, uint64_t session)
{
    uint64_t hash = mix(0x9e3779b97f4a7c15u, loss->session != 0 ? loss->session : session);
    hash = mix(hash, (uint64_t)loss->stage << 40 ^ (uint64_t)loss->event_class << 32 ^ loss->cpu);
    hash = mix(hash, loss->from_ns);
    hash = mix(hash, loss->to_ns);
    hash = mix(hash, loss->count);
    hash = mix(hash, loss->cgroup_id);
    for (const char *c = loss->hook; *c != '\0'; c++)
        hash = mix(hash, (uint64_t)*c);
    return hash;
}

/* Whether this very record came before; it is remembered. Without memory every record is new, and a repeated one counts
 * twice. */
static bool was_seen(struct node *node, uint64_t identity)
{
    if (node->seen_losses == NULL)
        node->seen_losses = calloc(SEEN_LOSSES, sizeof(*node->seen_losses));
    if (node->seen_losses == NULL)
        return false;
    for (size_t i = 0; i < node->n_seen; i++)
        if (node->seen_losses[i] == identity)
            return true;
    node->seen_losses[node->next_seen] = identity;
    node->next_seen = (node->next_seen + 1) % SEEN_LOSSES;
    if (node->n_seen < SEEN_LOSSES)
        node->n_seen++;
    return false;
}

/* Looks a little back, as stages, classes and CPUs alternate. */
static struct loss_range *range_that_goes_on(struct loss_ranges *ranges, const struct loss_range *range)
{
    for (size_t i = 1; i <= RANGE_LOOK_BACK && i <= ranges->count; i++) {
        struct loss_range *old = &ranges->range[(ranges->next + NODE_LOSS_RANGES - i) % NODE_LOSS_RANGES];
        if (old->stage == range->stage && old->class == range->class && old->cpu == range->cpu &&
            old->session == range->session && old->count_exact == range->count_exact &&
            range->from_ns <= old->to_ns + RANGE_JOIN_NS && old->from_ns <= range->to_ns + RANGE_JOIN_NS)
            return old;
    }
    return NULL;
}

static void remember(struct node *node, const struct loss *loss, uint64_t session)
{
    const struct loss_range range = {.session = session,
                                     .stage = loss->stage,
                                     .class = loss->class < CLASS_COUNT ? loss->class : CLASS_COUNT,
                                     .cpu = loss->cpu,
                                     .from_ns = loss->from_ns + (uint64_t)node->wall_minus_boot_ns,
                                     .to_ns = loss->to_ns + (uint64_t)node->wall_minus_boot_ns,
                                     .count = loss->count,
                                     .ranges = 1,
                                     .count_exact = loss->count_exact};
    pthread_mutex_lock(&node->lock);
    if (node->ranges == NULL)
        node->ranges = calloc(1, sizeof(*node->ranges));
    struct loss_ranges *ranges = node->ranges;
    struct loss_range *old = ranges == NULL ? NULL : range_that_goes_on(ranges, &range);
    if (old != NULL) {
        old->from_ns = range.from_ns < old->from_ns ? range.from_ns : old->from_ns;
        old->to_ns = range.to_ns > old->to_ns ? range.to_ns : old->to_ns;
        old->count += range.count;
        old->ranges++;
    } else if (ranges != NULL) {
        ranges->forgotten += ranges->count == NODE_LOSS_RANGES ? ranges->range[ranges->next].ranges : 0;
        ranges->range[ranges->next] = range;
        ranges->next = (ranges->next + 1) % NODE_LOSS_RANGES;
        ranges->count += ranges->count < NODE_LOSS_RANGES;
    }
    node->absence = node->absence || loss->stage == VEDETTE__V1__LOSS_STAGE__LOSS_ABSENCE;
    pthread_mutex_unlock(&node->lock);
}

static void count_loss(struct node *node, const struct loss *loss, uint64_t session)
{
    size_t class = loss->class < CLASS_COUNT ? loss->class : CLASS_COUNT;
    totals_count(&node->lost[loss->stage][class], loss->count);
    state_apply_loss(node->state, loss);
    remember(node, loss, session);
    /* The process tree may lack what was lost. */
    bool may_be_critical =
        class == CLASS_CRITICAL || (class == CLASS_COUNT && loss->stage == VEDETTE__V1__LOSS_STAGE__LOSS_SPOOL);
    if (may_be_critical && loss->stage != VEDETTE__V1__LOSS_STAGE__LOSS_HOOK)
        node->wants_snapshot = true;
}

static enum loss_kind kind_of(const struct loss *loss)
{
    return loss->count_exact ? LOSS_EXACT : loss->count > 0 ? LOSS_UP_TO : LOSS_UNCOUNTED;
}

static void add(struct node *node, const struct loss *loss, int64_t wall_minus_boot_ns)
{
    size_t class = loss->class < CLASS_COUNT ? loss->class : CLASS_COUNT;
    struct loss_line *line = &node->loss_line[loss->stage][class][kind_of(loss)];
    if (line->ranges == 0) {
        line->from_ns = loss->from_ns;
        line->to_ns = loss->to_ns;
    }
    line->count += loss->count;
    line->ranges++;
    line->wall_minus_boot_ns = wall_minus_boot_ns;
    if (loss->from_ns < line->from_ns)
        line->from_ns = loss->from_ns;
    if (loss->to_ns > line->to_ns)
        line->to_ns = loss->to_ns;
    node->owes_lines = true;
}

static void format_time(uint64_t boot_ns, int64_t wall_minus_boot_ns, char text[40])
{
    uint64_t wall_ns = boot_ns + (uint64_t)wall_minus_boot_ns;
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm parts;
    char date[24] = "";
    if (gmtime_r(&seconds, &parts) != NULL)
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, 40, "%s.%03uZ", date, (unsigned)(wall_ns / 1000000 % 1000));
}

static void tell(const struct node *node, struct loss_line *line, size_t stage, size_t class, enum loss_kind kind)
{
    char from[40], to[40];
    format_time(line->from_ns, line->wall_minus_boot_ns, from);
    format_time(line->to_ns, line->wall_minus_boot_ns, to);
    const char *what = stage == VEDETTE__V1__LOSS_STAGE__LOSS_OUTBOX || stage == VEDETTE__V1__LOSS_STAGE__LOSS_SINK
                           ? "alerts"
                       : stage == VEDETTE__V1__LOSS_STAGE__LOSS_STATE ? "entries"
                                                                      : "events";
    const char *classes = class < CLASS_COUNT ? event_class_name((enum event_class) class) : "any";
    if (kind == LOSS_UNCOUNTED)
        log_warning("lost an unknown number of %s of class %s on node %s between %s and %s: %s", what, classes,
                    node->name, from, to, stage_words[stage]);
    else
        log_warning("lost %s%" PRIu64 " %s of class %s on node %s between %s and %s: %s",
                    kind == LOSS_EXACT ? "" : "up to ", line->count, what, classes, node->name, from, to,
                    stage_words[stage]);
    line->count = line->ranges = 0;
}

/* The first line of a kind at once; then one a second, of all that came meanwhile. */
static bool is_due(const struct loss_line *line, uint64_t now_ns)
{
    return line->told_ns == 0 || now_ns - line->told_ns >= NODE_LINE_INTERVAL_MS * MS_NS;
}

bool node_tell_losses(struct node *node, bool all, uint64_t now_ns)
{
    bool some_wait = false;
    for (size_t i = 0; i < LOSS_STAGES * LOSS_CLASSES * LOSS_KINDS; i++) {
        size_t stage = i / (LOSS_CLASSES * LOSS_KINDS), class = i / LOSS_KINDS % LOSS_CLASSES;
        struct loss_line *line = &node->loss_line[stage][class][i % LOSS_KINDS];
        if (line->ranges == 0)
            continue;
        if (all || is_due(line, now_ns)) {
            tell(node, line, stage, class, (enum loss_kind)(i % LOSS_KINDS));
            line->told_ns = now_ns;
        } else {
            some_wait = true;
        }
    }
    return some_wait;
}

void node_lose(struct node *node, const struct loss *loss, uint64_t now_ns)
{
    count_loss(node, loss, node->batch_session);
    add(node, loss, node->wall_minus_boot_ns);
    node_tell_losses(node, false, now_ns);
}

/* A drain's own exact losses are those that its statistics count; the courier's have no statistics beside them. */
static void note_record(struct node *node, const Vedette__V1__EventBatch *batch, const Vedette__V1__Loss *from)
{
    const bool before_queue =
        from->stage == VEDETTE__V1__LOSS_STAGE__LOSS_RING || from->stage == VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE ||
        from->stage == VEDETTE__V1__LOSS_STAGE__LOSS_THROTTLE || from->stage == VEDETTE__V1__LOSS_STAGE__LOSS_ENCODE;
    const bool own = from->session == 0 || from->session == batch->session;
    if (!before_queue || !from->count_exact || batch->statistics == NULL)
        return;
    struct session_cursor *cursor = sequence_find(&node->sequence, own ? batch->session : from->session);
    if (cursor == NULL)
        return;
    struct balance *balance = node_balance(node, cursor);
    pthread_mutex_lock(&node->lock);
    if (!own)
        balance->told_later += from->count;
    else if (from->event_class < CLASS_COUNT)
        balance->recorded[from->event_class] += from->count;
    pthread_mutex_unlock(&node->lock);
}

void node_apply_losses(struct node *node, const Vedette__V1__EventBatch *batch, uint64_t now_ns)
{
    for (size_t i = 0; i < batch->n_loss; i++) {
        const Vedette__V1__Loss *from = batch->loss[i];
        if (was_seen(node, identity_of(from, batch->session)))
            continue;
        node_tell_absence(node, from, now_ns);
        struct loss loss = {
            .stage = (unsigned)from->stage < LOSS_STAGES ? from->stage : VEDETTE__V1__LOSS_STAGE__LOSS_UNKNOWN,
            .class = from->event_class,
            .cpu = from->cpu,
            .from_ns = from->from_ns,
            .to_ns = from->to_ns,
            .count = from->count,
            .count_exact = from->count_exact,
        };
        count_loss(node, &loss, from->session != 0 ? from->session : batch->session);
        add(node, &loss, batch->wall_minus_boot_ns);
        note_record(node, batch, from);
        node_note_throttled(node, from);
    }
    node_tell_losses(node, false, now_ns);
}

void node_lose_gap(struct node *node, const struct sequence_step *step, const Vedette__V1__EventBatch *batch,
                   uint64_t now_ns)
{
    uint64_t to_ns = batch->base_boot_ns;
    uint64_t from_ns = node->last_event_ns != 0 && node->last_event_ns < to_ns ? node->last_event_ns : to_ns;
    struct loss loss = {
        .stage = VEDETTE__V1__LOSS_STAGE__LOSS_INGEST,
        .class = 255,
        .cpu = UINT32_MAX,
        .from_ns = from_ns,
        .to_ns = to_ns,
        .count = step->gap,
        .count_exact = true,
    };
    node_lose(node, &loss, now_ns);
    node->wants_snapshot = true; /* any class may be among them */
}

void node_lose_evicted(struct node *node, uint64_t from_ns, uint64_t to_ns, uint64_t now_ns)
{
    const struct state_counters *counters = state_counters(node->state);
    uint64_t evicted = atomic_load_explicit(&counters->evicted_processes, memory_order_relaxed) +
                       atomic_load_explicit(&counters->evicted_containers, memory_order_relaxed) +
                       tuner_evicted(node->judgement->tuner) + policy_judge_evicted(node->judgement->policies);
    /* A new state or set begins to count anew. */
    uint64_t more = evicted > node->evicted_before ? evicted - node->evicted_before : 0;
    node->evicted_before = evicted;
    if (more == 0)
        return;
    const struct loss loss = {.stage = VEDETTE__V1__LOSS_STAGE__LOSS_STATE,
                              .class = 255,
                              .cpu = UINT32_MAX,
                              .from_ns = from_ns,
                              .to_ns = to_ns,
                              .count = more,
                              .count_exact = true};
    node_lose(node, &loss, now_ns);
}

void node_take_outside(struct node *node, const struct outbox_loss *loss)
{
    pthread_mutex_lock(&node->lock);
    bool full = node->n_outside == NODE_OUTSIDE_LOSSES;
    struct outbox_loss *last = &node->outside[NODE_OUTSIDE_LOSSES - 1];
    if (!full) {
        node->outside[node->n_outside++] = *loss;
    } else {
        last->from_ns = loss->from_ns < last->from_ns ? loss->from_ns : last->from_ns;
        last->to_ns = loss->to_ns > last->to_ns ? loss->to_ns : last->to_ns;
        last->count += loss->count;
    }
    pthread_mutex_unlock(&node->lock);
}

void node_lose_alerts(struct node *node, uint64_t now_ns)
{
    struct outbox_loss outside[NODE_OUTSIDE_LOSSES];
    pthread_mutex_lock(&node->lock);
    size_t n = node->n_outside;
    memcpy(outside, node->outside, n * sizeof(outside[0]));
    node->n_outside = 0;
    pthread_mutex_unlock(&node->lock);
    for (size_t i = 0; i < n; i++) {
        const struct loss loss = {.stage = outside[i].refused ? VEDETTE__V1__LOSS_STAGE__LOSS_SINK
                                                              : VEDETTE__V1__LOSS_STAGE__LOSS_OUTBOX,
                                  .class = 255,
                                  .cpu = UINT32_MAX,
                                  .from_ns = outside[i].from_ns - (uint64_t)node->wall_minus_boot_ns,
                                  .to_ns = outside[i].to_ns - (uint64_t)node->wall_minus_boot_ns,
                                  .count = outside[i].count,
                                  .count_exact = true};
        node_lose(node, &loss, now_ns);
    }
}
