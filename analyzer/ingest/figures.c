// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "analyzer/ingest/ingest_internal.h"
#include "common/base/clock.h"

static const char *const refused_names[REFUSED_COUNT] = {
    [VEDETTE__V1__REFUSAL_CODE__REFUSED_UNKNOWN] = "unknown",
    [VEDETTE__V1__REFUSAL_CODE__REFUSED_MALFORMED] = "malformed",
    [VEDETTE__V1__REFUSAL_CODE__REFUSED_TOO_LARGE] = "too_large",
    [VEDETTE__V1__REFUSAL_CODE__REFUSED_NO_HELLO] = "no_hello",
    [VEDETTE__V1__REFUSAL_CODE__REFUSED_VERSION] = "version",
    [VEDETTE__V1__REFUSAL_CODE__REFUSED_NODE_TAKEN] = "node_taken",
    [VEDETTE__V1__REFUSAL_CODE__REFUSED_IDENTITY] = "identity",
    [VEDETTE__V1__REFUSAL_CODE__REFUSED_BUSY] = "busy",
    [VEDETTE__V1__REFUSAL_CODE__REFUSED_SEQUENCE] = "sequence",
    [REFUSED_PEER] = "peer_uid",
    [REFUSED_PIPES] = "too_many_connections",
    [REFUSED_FLOOD] = "flood",
};

const char *ingest_health(struct ingest *ingest)
{
    uint64_t now_ns = clock_boot_ns();
    for (unsigned i = 0; i < ingest->n_shards; i++) {
        uint64_t since_ns = shard_busy_since_ns(ingest->shard[i]);
        if (since_ns != 0 && now_ns > since_ns && now_ns - since_ns > (uint64_t)INGEST_STUCK_S * 1000000000)
            return "an ingest thread has been at one request for more than 30 s: does the reader of standard output "
                   "stand still?";
    }
    return NULL;
}

const char *ingest_readiness(struct ingest *ingest)
{
    if (atomic_load(&ingest->stopping))
        return "stopping";
    return atomic_load(&ingest->totals.outbox_failing) ? "alerts cannot be stored: see the log" : NULL;
}

/* Looks for one node; with several, collects some of their names. */
struct search {
    const char *name; /* NULL: any */
    size_t count;
    char names[512];
};

static bool look_at(struct node *node, void *arg)
{
    struct search *search = arg;
    if (!node_has_coverage(node) || (search->name != NULL && strcmp(node_name(node), search->name) != 0))
        return true;
    size_t used = strlen(search->names);
    snprintf(search->names + used, sizeof(search->names) - used, "%s%s", search->count == 0 ? "" : ", ",
             node_name(node));
    search->count++;
    return true;
}

struct writing {
    const char *name;
    bool json;
    struct text *text;
};

static bool write_one(struct node *node, void *arg)
{
    const struct writing *writing = arg;
    if (!node_has_coverage(node) || (writing->name != NULL && strcmp(node_name(node), writing->name) != 0))
        return true;
    node_coverage(node, writing->json ? coverage_json : coverage_table, writing->text);
    return false;
}

int ingest_coverage(struct ingest *ingest, const char *node, bool json, struct text *text)
{
    struct search search = {.name = node};
    struct writing writing = {.name = node, .json = json, .text = text};
    for (unsigned i = 0; i < ingest->n_shards; i++)
        shard_walk(ingest->shard[i], look_at, &search);
    if (search.count == 0) {
        text_string(text, node != NULL ? "no node of that name has said hello" : "no collector has said hello yet");
        return -ENOENT;
    }
    if (search.count > 1) {
        text_literal(text, "several nodes: give one of them with --node: ");
        text_string(text, search.names);
        return -ENOTUNIQ;
    }
    for (unsigned i = 0; i < ingest->n_shards; i++)
        shard_walk(ingest->shard[i], write_one, &writing);
    return 0;
}

static double load(const atomic_uint_fast64_t *counter)
{
    return (double)atomic_load_explicit(counter, memory_order_relaxed);
}

static void write_detection(struct metrics_writer *writer, const struct detection *detection,
                            const struct engine_cost *cost)
{
    const struct metric_label labels[] = {{"detection", detection->name}, {0}};
    const struct metric_histogram times = {.bounds = engine_cost_bounds,
                                           .counts = cost->timed,
                                           .n = ENGINE_COST_BUCKETS - 1,
                                           .sum = (double)cost->timed_ns / 1e9};
    metrics_write(writer, "vedette_findings_total", METRIC_COUNTER, "Findings, by detection.", labels,
                  (double)cost->findings);
    metrics_write(writer, "vedette_detection_judged_total", METRIC_COUNTER,
                  "Events a detection looked at: those that their path alone did not rule out.", labels,
                  (double)cost->judged);
    metrics_write(writer, "vedette_detection_seconds_total", METRIC_COUNTER,
                  "Time a detection took, estimated from one event in 64.", labels, (double)cost->nanoseconds / 1e9);
    metrics_write_histogram(writer, "vedette_detection_judgement_seconds",
                            "Time a detection took for an event, of one event in 64.", labels, &times);
    metrics_write(writer, "vedette_detection_patterns_given_up_total", METRIC_COUNTER,
                  "Patterns that took too long on a string; they count as unknown.", labels,
                  (double)cost->patterns_given_up);
    if (detection->correlation.kind == CORRELATE_NOTHING)
        return;
    metrics_write(writer, "vedette_detection_keys", METRIC_GAUGE, "Keys that a correlation keeps something for.",
                  labels, (double)cost->keys);
    metrics_write(writer, "vedette_detection_evicted_keys_total", METRIC_COUNTER,
                  "Keys that a correlation gave up because its table was full.", labels, (double)cost->evicted);
}

static void write_suppressed(struct metrics_writer *writer, const struct detection *detection,
                             const atomic_uint_fast64_t suppressed[SUPPRESSED_COUNT])
{
    for (int why = SUPPRESSED_NOT + 1; why < SUPPRESSED_COUNT; why++) {
        const struct metric_label labels[] = {
            {"detection", detection->name}, {"reason", suppression_name((enum suppression)why)}, {0}};
        double count = load(&suppressed[why]);
        if (count > 0)
            metrics_write(writer, "vedette_findings_suppressed_total", METRIC_COUNTER,
                          "Findings that were not told, by detection and what in its tuning kept them back.", labels,
                          count);
    }
}

static void write_detections(struct ingest *ingest, struct metrics_writer *writer)
{
    size_t count;
    const struct detection *const *all = detections_all(&count);
    struct engine_cost *costs = calloc(count + 1, sizeof(*costs));
    if (costs == NULL)
        return; /* this scrape goes without */
    for (unsigned i = 0; i < ingest->n_shards; i++)
        shard_add_costs(ingest->shard[i], costs, count);
    for (size_t i = 0; i < count; i++) {
        write_detection(writer, all[i], &costs[i]);
        if (i < TOTALS_DETECTIONS)
            write_suppressed(writer, all[i], ingest->totals.suppressed[i]);
    }
    free(costs);
}

void ingest_collect(void *arg, struct metrics_writer *writer)
{
    struct ingest *ingest = arg;
    const struct ingest_totals *totals = &ingest->totals;
    const struct metric_label build[] = {{"version", VEDETTE_VERSION}, {0}};
    metrics_write(writer, "vedette_build_info", METRIC_GAUGE, "The version of this analyzer.", build, 1);
    metrics_write(writer, "vedette_ingest_connections", METRIC_GAUGE, "Connections on the bus.", NULL,
                  (double)peers_count(ingest->peers));
    for (size_t reason = 0; reason < REFUSED_COUNT; reason++) {
        const struct metric_label labels[] = {{"reason", refused_names[reason]}, {0}};
        metrics_write(writer, "vedette_ingest_refused_total", METRIC_COUNTER, "Requests and connections refused.",
                      labels, load(&totals->refused[reason]));
    }
    metrics_write(writer, "vedette_bus_listener_restarts_total", METRIC_COUNTER,
                  "Times the bus was listened on again because it accepted nobody any more.", NULL,
                  load(&totals->listener_restarts));
    metrics_write(writer, "vedette_commits_total", METRIC_COUNTER, "Transactions of alerts and cursors.", NULL,
                  load(&totals->commits));
    metrics_write(writer, "vedette_commit_failures_total", METRIC_COUNTER,
                  "Transactions that failed; nothing is lost by one.", NULL, load(&totals->commit_failures));
    metrics_write(writer, "vedette_findings_lost_total", METRIC_COUNTER,
                  "Findings lost because neither outbox nor memory had room.", NULL, load(&totals->findings_lost));
    metrics_write(writer, "vedette_alerts_committed_total", METRIC_COUNTER, "Alerts committed.", NULL,
                  load(&totals->alerts));
    metrics_write(writer, "vedette_alert_latency_seconds_total", METRIC_COUNTER,
                  "From an event to the commit of its alert, summed over alerts.", NULL,
                  load(&totals->alert_latency_ns) / 1e9);
    write_detections(ingest, writer);
    for (unsigned i = 0; i < ingest->n_shards; i++)
        shard_collect(ingest->shard[i], writer);
}
