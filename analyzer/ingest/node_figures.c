// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/node_internal.h"

#include "common/base/clock.h"
#include "common/events/events.h"

static const char *const stage_names[LOSS_STAGES] = {
    [VEDETTE__V1__LOSS_STAGE__LOSS_UNKNOWN] = "unknown", [VEDETTE__V1__LOSS_STAGE__LOSS_HOOK] = "hook",
    [VEDETTE__V1__LOSS_STAGE__LOSS_RING] = "ring",       [VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE] = "queue",
    [VEDETTE__V1__LOSS_STAGE__LOSS_ABSENCE] = "absence", [VEDETTE__V1__LOSS_STAGE__LOSS_ENCODE] = "encode",
    [VEDETTE__V1__LOSS_STAGE__LOSS_INGEST] = "ingest",   [VEDETTE__V1__LOSS_STAGE__LOSS_STATE] = "state",
    [VEDETTE__V1__LOSS_STAGE__LOSS_OUTBOX] = "outbox",   [VEDETTE__V1__LOSS_STAGE__LOSS_SINK] = "sink",
};

static double load(const atomic_uint_fast64_t *counter)
{
    return (double)atomic_load_explicit(counter, memory_order_relaxed);
}

static void write_classes(struct node *node, struct metrics_writer *writer)
{
    for (int class = 0; class < CLASS_COUNT; class ++) {
        const struct metric_label labels[] = {
            {"node", node->name}, {"class", event_class_name((enum event_class) class)}, {0}};
        metrics_write(writer, "vedette_events_received_total", METRIC_COUNTER,
                      "Events applied, without those sent twice.", labels, load(&node->received[class]));
        metrics_write(writer, "vedette_events_reserved_total", METRIC_COUNTER,
                      "Ring reservations the collector attempted.", labels, load(&node->reserved[class]));
    }
}

static void write_losses(struct node *node, struct metrics_writer *writer)
{
    for (size_t stage = 0; stage < LOSS_STAGES; stage++)
        for (int class = 0; class < LOSS_CLASSES; class ++) {
            double lost = load(&node->lost[stage][class]);
            const struct metric_label labels[] = {{"node", node->name},
                                                  {"stage", stage_names[stage]},
                                                  {"class", event_class_name((enum event_class) class)},
                                                  {0}};
            /* What cannot happen to a class is left out, but the usual losses show their zero, so that a rate has a
             * beginning. */
            if (lost > 0 || (stage == VEDETTE__V1__LOSS_STAGE__LOSS_RING && class < CLASS_COUNT))
                metrics_write(writer, "vedette_events_lost_total", METRIC_COUNTER,
                              "Events lost, by where; hook and absence are upper bounds.", labels, lost);
        }
}

static void write_state(const struct node *node, struct metrics_writer *writer, const struct metric_label *labels)
{
    if (node->state == NULL)
        return;
    const struct state_counters *counters = state_counters(node->state);
    metrics_write(writer, "vedette_state_processes", METRIC_GAUGE, "Processes known.", labels,
                  load(&counters->processes));
    metrics_write(writer, "vedette_state_containers", METRIC_GAUGE, "Container cgroups known.", labels,
                  load(&counters->containers));
    metrics_write(writer, "vedette_state_evicted_processes_total", METRIC_COUNTER,
                  "Processes forgotten because the table was full.", labels, load(&counters->evicted_processes));
    metrics_write(writer, "vedette_state_evicted_containers_total", METRIC_COUNTER,
                  "Containers forgotten because the table was full.", labels, load(&counters->evicted_containers));
    metrics_write(writer, "vedette_state_forgotten_losses_total", METRIC_COUNTER,
                  "Loss ranges too old to be told in a finding.", labels, load(&counters->losses_forgotten));
}

/* One series an event only for what is asked for and does not come: the rest is two numbers. */
static void write_coverage(const struct node *node, struct metrics_writer *writer, const struct metric_label *labels)
{
    if (node->coverage == NULL)
        return;
    size_t covered = coverage_count(node->coverage);
    metrics_write(writer, "vedette_events_covered", METRIC_GAUGE, "Events that the node's kernel can give.", labels,
                  (double)covered);
    metrics_write(writer, "vedette_events_not_covered", METRIC_GAUGE, "Events that the node's kernel cannot give.",
                  labels, (double)(node->coverage->count - covered));
    for (size_t i = 0; i < node->coverage->count; i++) {
        const struct coverage_row *row = &node->coverage->row[i];
        const struct schema_event *event = schema_event_by_id(node->schema, row->event_id);
        if (row->covered || event == NULL || event->known == NULL || node->wanted[event->known->id] == 0)
            continue;
        const struct metric_label named[] = {{"node", node->name}, {"event", row->event}, {0}};
        metrics_write(writer, "vedette_event_missing", METRIC_GAUGE,
                      "1 for an event that is asked for and that the node's kernel cannot give.", named, 1);
    }
}

static void write_judgement(const struct node *node, struct metrics_writer *writer, const struct metric_label *labels)
{
    if (node->judgement == NULL)
        return;
    const struct metric_label set[] = {
        {"node", node->name}, {"version", loaded_set_version(node->judgement->set)}, {0}};
    metrics_write(writer, "vedette_node_set", METRIC_GAUGE, "The set that judges the node's events.", set, 1);
    metrics_write(writer, "vedette_tuning_evicted_keys_total", METRIC_COUNTER,
                  "Keys of deduplication, thresholds and rate limits forgotten because there were too many.", labels,
                  (double)tuner_evicted(node->judgement->tuner));
    metrics_write(writer, "vedette_policy_evicted_processes_total", METRIC_COUNTER,
                  "Processes of which `tree` and `follow` forgot because there were too many.", labels,
                  (double)policy_judge_evicted(node->judgement->policies));
}

void node_collect(struct node *node, struct metrics_writer *writer)
{
    const struct metric_label labels[] = {{"node", node->name}, {0}};
    uint64_t seen_ns = atomic_load_explicit(&node->last_seen_ns, memory_order_relaxed);
    double seen = ((double)seen_ns + (double)clock_wall_minus_boot_ns()) / 1e9;
    metrics_write(writer, "vedette_node_up", METRIC_GAUGE, "1 while the node's collector is connected.", labels,
                  atomic_load(&node->connected) ? 1 : 0);
    metrics_write(writer, "vedette_node_last_seen_seconds", METRIC_GAUGE,
                  "When the node's collector last spoke, in seconds since the epoch.", labels, seen);
    metrics_write(writer, "vedette_node_batches_total", METRIC_COUNTER, "Batches and heartbeats received.", labels,
                  load(&node->batches));
    metrics_write(writer, "vedette_node_duplicate_events_total", METRIC_COUNTER,
                  "Events that came again and were skipped.", labels, load(&node->duplicates));
    metrics_write(writer, "vedette_node_queue_fill_ratio", METRIC_GAUGE, "How full the collector's queue is.", labels,
                  load(&node->queue_fill_permille) / 1000);
    metrics_write(writer, "vedette_node_plan_epoch", METRIC_GAUGE, "The plan the collector was given.", labels,
                  load(&node->plan_epoch));
    write_classes(node, writer);
    write_losses(node, writer);

    pthread_mutex_lock(&node->lock);
    const struct metric_label build[] = {{"node", node->name},
                                         {"version", node->version == NULL ? "" : node->version},
                                         {"kernel", node->kernel == NULL ? "" : node->kernel},
                                         {0}};
    metrics_write(writer, "vedette_node_info", METRIC_GAUGE, "The collector and kernel of the node.", build, 1);
    write_state(node, writer, labels);
    write_coverage(node, writer, labels);
    write_judgement(node, writer, labels);
    pthread_mutex_unlock(&node->lock);
}
