// SPDX-License-Identifier: Apache-2.0
/* Our figures by the names that Tracee gives them, for dashboards and rules that ask for those (metrics.tracee_names).
 */
#include "analyzer/ingest/ingest_internal.h"
#include "common/base/clock.h"

static bool add_node(struct node *node, void *arg)
{
    node_add_sums(node, arg);
    return true;
}

static void write_detector(struct metrics_writer *writer, const struct detection *detection,
                           const struct engine_cost *cost)
{
    const struct metric_label labels[] = {{"detector_id", detection->id}, {0}};
    const struct metric_histogram times = {.bounds = engine_cost_bounds,
                                           .counts = cost->timed,
                                           .n = ENGINE_COST_BUCKETS - 1,
                                           .sum = (double)cost->timed_ns / 1e9};
    metrics_put(writer, METRIC_TRACEE_DETECTOR_PROCESSED, labels, (double)cost->judged);
    metrics_put(writer, METRIC_TRACEE_DETECTOR_PRODUCED, labels, (double)cost->findings);
    metrics_put_histogram(writer, METRIC_TRACEE_DETECTOR_TIME, labels, &times);
}

static void write_detectors(struct ingest *ingest, struct metrics_writer *writer)
{
    size_t count;
    const struct detection *const *all = detections_all(&count);
    struct engine_cost *costs = calloc(count + 1, sizeof(*costs));
    uint64_t judged = 0, findings = 0;
    if (costs == NULL)
        return; /* this scrape goes without */
    for (unsigned i = 0; i < ingest->n_shards; i++)
        shard_add_costs(ingest->shard[i], costs, count);
    for (size_t i = 0; i < count; i++) {
        write_detector(writer, all[i], &costs[i]);
        judged += costs[i].judged;
        findings += costs[i].findings;
    }
    free(costs);
    metrics_put(writer, METRIC_TRACEE_SIGNATURE_EVENTS, NULL, (double)judged);
    metrics_put(writer, METRIC_TRACEE_SIGNATURE_DETECTIONS, NULL, (double)findings);
}

static uint64_t errors(const struct ingest_totals *totals)
{
    uint64_t sum = atomic_load_explicit(&totals->commit_failures, memory_order_relaxed);
    for (size_t reason = 0; reason < REFUSED_COUNT; reason++)
        sum += atomic_load_explicit(&totals->refused[reason], memory_order_relaxed);
    return sum;
}

void ingest_collect_tracee(void *arg, struct metrics_writer *writer)
{
    struct ingest *ingest = arg;
    struct node_sums sums = {0};
    uint64_t now_ns = clock_boot_ns(), number;
    size_t waiting = 0, n_detections;
    for (unsigned i = 0; i < ingest->n_shards; i++) {
        shard_walk(ingest->shard[i], add_node, &sums);
        waiting += shard_queue(ingest->shard[i], now_ns).requests;
    }
    struct loaded_set *set = loaded_current_get(ingest->settings.loaded, &number);
    loaded_set_detections(set, &n_detections);
    loaded_set_unref(set);
    metrics_put(writer, METRIC_TRACEE_EVENTS, NULL, (double)sums.received);
    metrics_put(writer, METRIC_TRACEE_FILTERED, NULL, (double)sums.not_selected);
    metrics_put(writer, METRIC_TRACEE_ERRORS, NULL, (double)errors(&ingest->totals));
    metrics_put(writer, METRIC_TRACEE_LOST, NULL, (double)sums.lost);
    metrics_put(writer, METRIC_TRACEE_WRITE_LOST, NULL, 0);
    metrics_put(writer, METRIC_TRACEE_NETWORK_LOST, NULL, 0);
    metrics_put(writer, METRIC_TRACEE_CAPTURE_LOST, NULL, 0);
    metrics_put(writer, METRIC_TRACEE_CHANNEL_DECODE, NULL, (double)waiting);
    metrics_put(writer, METRIC_TRACEE_SIGNATURES, NULL, (double)n_detections);
    metrics_put(writer, METRIC_TRACEE_SIGNATURES_TWICE, NULL, (double)n_detections);
    write_detectors(ingest, writer);
}
