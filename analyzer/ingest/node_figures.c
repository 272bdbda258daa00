// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/node_internal.h"

#include "analyzer/alert/json.h"
#include "common/base/clock.h"
#include "common/events/events.h"

static double load(const atomic_uint_fast64_t *counter)
{
    return (double)atomic_load_explicit(counter, memory_order_relaxed);
}

static void write_classes(struct node *node, struct metrics_writer *writer)
{
    for (int class = 0; class < CLASS_COUNT; class ++) {
        const struct metric_label labels[] = {
            {"node", node->name}, {"class", event_class_name((enum event_class) class)}, {0}};
        metrics_put(writer, METRIC_EVENTS_RECEIVED, labels, load(&node->received[class]));
        metrics_put(writer, METRIC_EVENTS_RESERVED, labels, load(&node->reserved[class]));
    }
}

static void write_findings(const struct node *node, struct metrics_writer *writer)
{
    for (int severity = 0; severity < SEVERITIES; severity++) {
        const struct metric_label labels[] = {{"node", node->name}, {"severity", severity_names[severity]}, {0}};
        metrics_put(writer, METRIC_NODE_FINDINGS, labels, load(&node->findings[severity]));
    }
}

/* Hooks that did not run and times of which nothing is known: nobody counted events there. */
static bool is_upper_bound(size_t stage)
{
    return stage == VEDETTE__V1__LOSS_STAGE__LOSS_HOOK || stage == VEDETTE__V1__LOSS_STAGE__LOSS_ABSENCE;
}

void node_add_sums(const struct node *node, struct node_sums *sums)
{
    for (int class = 0; class < CLASS_COUNT; class ++)
        sums->received += atomic_load_explicit(&node->received[class], memory_order_relaxed);
    for (size_t stage = 0; stage < LOSS_STAGES; stage++)
        for (int class = 0; class < LOSS_CLASSES && !is_upper_bound(stage); class ++)
            sums->lost += atomic_load_explicit(&node->lost[stage][class], memory_order_relaxed);
    sums->not_selected += atomic_load_explicit(&node->events_selected_not, memory_order_relaxed);
}

bool node_is_connected(const struct node *node)
{
    return atomic_load(&node->connected);
}

static void write_losses(struct node *node, struct metrics_writer *writer)
{
    for (size_t stage = 0; stage < LOSS_STAGES; stage++)
        for (int class = 0; class < LOSS_CLASSES; class ++) {
            double lost = load(&node->lost[stage][class]);
            const struct metric_label labels[] = {{"node", node->name},
                                                  {"stage", loss_stage_name((unsigned)stage)},
                                                  {"class", event_class_name((enum event_class) class)},
                                                  {0}};
            /* What cannot happen to a class is left out, but the usual losses show their zero, so that a rate has a
             * beginning. */
            if (lost > 0 || (stage == VEDETTE__V1__LOSS_STAGE__LOSS_RING && class < CLASS_COUNT))
                metrics_put(writer, METRIC_EVENTS_LOST, labels, lost);
        }
}

static void write_state(const struct node *node, struct metrics_writer *writer, const struct metric_label *labels)
{
    if (node->state == NULL)
        return;
    const struct state_counters *counters = state_counters(node->state);
    metrics_put(writer, METRIC_STATE_PROCESSES, labels, load(&counters->processes));
    metrics_put(writer, METRIC_STATE_CONTAINERS, labels, load(&counters->containers));
    metrics_put(writer, METRIC_STATE_EVICTED_PROCESSES, labels, load(&counters->evicted_processes));
    metrics_put(writer, METRIC_STATE_EVICTED_CONTAINERS, labels, load(&counters->evicted_containers));
    metrics_put(writer, METRIC_STATE_FORGOTTEN_LOSSES, labels, load(&counters->losses_forgotten));
}

/* One series an event only for what is asked for and does not come, and not for all of a node that can give nothing. */
static void write_missing(const struct node *node, struct metrics_writer *writer, const struct metric_label *labels)
{
    size_t missing = 0;
    for (size_t i = 0; i < node->coverage->count; i++) {
        const struct coverage_row *row = &node->coverage->row[i];
        const struct schema_event *event = schema_event_by_id(node->schema, row->event_id);
        if (row->covered || event == NULL || event->known == NULL || node->wanted[event->known->id] == 0)
            continue;
        const struct metric_label named[] = {{"node", node->name}, {"event", row->event}, {0}};
        if (missing++ < NAMED_MISSING)
            metrics_put(writer, METRIC_EVENT_MISSING, named, 1);
    }
    metrics_put(writer, METRIC_EVENTS_MISSING, labels, (double)missing);
}

static void write_coverage(const struct node *node, struct metrics_writer *writer, const struct metric_label *labels)
{
    if (node->coverage == NULL)
        return;
    size_t covered = coverage_count(node->coverage);
    metrics_put(writer, METRIC_EVENTS_COVERED, labels, (double)covered);
    metrics_put(writer, METRIC_EVENTS_NOT_COVERED, labels, (double)(node->coverage->count - covered));
    write_missing(node, writer, labels);
}

static void write_judgement(const struct node *node, struct metrics_writer *writer, const struct metric_label *labels)
{
    if (node->judgement == NULL)
        return;
    const struct metric_label set[] = {
        {"node", node->name}, {"version", loaded_set_version(node->judgement->set)}, {0}};
    metrics_put(writer, METRIC_NODE_SET, set, 1);
    metrics_put(writer, METRIC_TUNING_EVICTED, labels, (double)tuner_evicted(node->judgement->tuner));
    metrics_put(writer, METRIC_POLICY_EVICTED, labels, (double)policy_judge_evicted(node->judgement->policies));
}

static void number(struct text *text, const char *words, const atomic_uint_fast64_t *value)
{
    text_string(text, words);
    text_unsigned(text, atomic_load_explicit(value, memory_order_relaxed));
}

void node_describe_spool(const struct node *node, struct text *text)
{
    const struct node_spool *spool = &node->spool;
    if (load(&spool->size) == 0)
        return;
    number(text, "\nspool: ", &spool->batches);
    number(text, " batches in ", &spool->used);
    number(text, " of ", &spool->size);
    number(text, " bytes; since the collector's start ", &spool->written);
    number(text, " batches written, ", &spool->evicted);
    number(text, " bulk events given up, ", &spool->errors);
    text_literal(text, " errors of the disk\n");
}

/* As of the newest totals, which come with the batches: while the analyzer was away, those of that time. */
static void write_spool(const struct node *node, struct metrics_writer *writer, const struct metric_label *labels)
{
    const struct node_spool *spool = &node->spool;
    if (load(&spool->size) == 0)
        return;
    metrics_put(writer, METRIC_NODE_SPOOL_SIZE, labels, load(&spool->size));
    metrics_put(writer, METRIC_NODE_SPOOL_USED, labels, load(&spool->used));
    metrics_put(writer, METRIC_NODE_SPOOL_BATCHES, labels, load(&spool->batches));
    metrics_put(writer, METRIC_NODE_SPOOL_OLDEST, labels, load(&spool->oldest_wall_ns) / 1e9);
    metrics_put(writer, METRIC_NODE_SPOOL_WRITTEN, labels, load(&spool->written));
    metrics_put(writer, METRIC_NODE_SPOOL_EVICTED, labels, load(&spool->evicted));
    metrics_put(writer, METRIC_NODE_SPOOL_ERRORS, labels, load(&spool->errors));
}

static void write_sight(const struct node *node, struct metrics_writer *writer)
{
    const struct canary_watch *canary = &node->canary;
    const uint32_t expected = atomic_load_explicit(&canary->shown_expected, memory_order_relaxed);
    const uint32_t blind = atomic_load_explicit(&canary->blind, memory_order_relaxed);
    const double wall_minus_boot_ns = (double)atomic_load_explicit(&canary->wall_minus_boot_ns, memory_order_relaxed);
    for (unsigned part = 0; part < CANARY_PART_COLLECTOR; part++) {
        const bool is_family = part < CANARY_FAMILIES;
        const struct metric_label labels[] = {{"node", node->name}, {"family", canary_part_names[part]}, {0}};
        if (is_family && (expected >> part & 1) == 0)
            continue;
        metrics_put(writer, METRIC_NODE_BLIND, labels, blind >> part & 1);
        if (!is_family)
            continue;
        const uint64_t last_ns = atomic_load_explicit(&canary->last_ns[part], memory_order_relaxed);
        metrics_put(writer, METRIC_NODE_CANARY, labels,
                    last_ns == 0 ? 0 : ((double)last_ns + wall_minus_boot_ns) / 1e9);
    }
}

void node_collect(struct node *node, struct metrics_writer *writer)
{
    const struct metric_label labels[] = {{"node", node->name}, {0}};
    uint64_t seen_ns = atomic_load_explicit(&node->last_seen_ns, memory_order_relaxed);
    double seen = ((double)seen_ns + (double)clock_wall_minus_boot_ns()) / 1e9;
    metrics_put(writer, METRIC_NODE_UP, labels, atomic_load(&node->connected) ? 1 : 0);
    metrics_put(writer, METRIC_NODE_LAST_SEEN, labels, seen);
    metrics_put(writer, METRIC_NODE_BATCHES, labels, load(&node->batches));
    metrics_put(writer, METRIC_NODE_THROTTLED, labels, load(&node->throttled));
    metrics_put(writer, METRIC_NODE_DUPLICATES, labels, load(&node->duplicates));
    metrics_put(writer, METRIC_NODE_QUEUE_FILL, labels, load(&node->queue_fill_permille) / 1000);
    metrics_put(writer, METRIC_NODE_PLAN_EPOCH, labels, load(&node->plan_epoch));
    metrics_put(writer, METRIC_NODE_LAST_EVENT, labels, load(&node->last_event_wall_ns) / 1e9);
    metrics_put(writer, METRIC_EVENTS_SHOWN, labels, load(&node->events_shown));
    metrics_put(writer, METRIC_EVENTS_SAMPLED_OUT, labels, load(&node->events_sampled_out));
    write_findings(node, writer);
    write_classes(node, writer);
    write_losses(node, writer);
    write_spool(node, writer, labels);
    write_sight(node, writer);

    pthread_mutex_lock(&node->lock);
    const struct metric_label build[] = {{"node", node->name},
                                         {"version", node->version == NULL ? "" : node->version},
                                         {"kernel", node->kernel == NULL ? "" : node->kernel},
                                         {0}};
    metrics_put(writer, METRIC_NODE_INFO, build, 1);
    write_state(node, writer, labels);
    write_coverage(node, writer, labels);
    write_judgement(node, writer, labels);
    pthread_mutex_unlock(&node->lock);
}
