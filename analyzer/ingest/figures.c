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
    [REFUSED_ENROLMENT] = "enrolment",
    [REFUSED_HANDSHAKE] = "handshake",
    [REFUSED_FLOOD] = "flood",
};

const char *ingest_health(struct ingest *ingest)
{
    uint64_t now_ns = clock_boot_ns();
    for (unsigned i = 0; i < ingest->n_shards; i++) {
        if (shard_queue(ingest->shard[i], now_ns).busy_ns > (uint64_t)INGEST_STUCK_S * 1000000000)
            return "an ingest thread has been at one request for more than 30 s: does the reader of standard output "
                   "stand still?";
        if (shard_pulse_age_ns(ingest->shard[i], now_ns) > (uint64_t)INGEST_STUCK_S * 1000000000)
            return "an ingest thread has not moved for more than 30 s";
    }
    return NULL;
}

void ingest_pulse(struct ingest *ingest, uint64_t now_ns)
{
    for (unsigned i = 0; i < ingest->n_shards; i++)
        shard_pulse(ingest->shard[i], now_ns);
}

const char *ingest_bus_readiness(struct ingest *ingest)
{
    if (atomic_load(&ingest->stopping))
        return "stopping";
    if (atomic_load(&ingest->deaf))
        return "the bus cannot be listened on: see the log";
    return atomic_load(&ingest->expired) ? "the bus's certificate or revocation list has expired: see the log" : NULL;
}

bool ingest_warning(struct ingest *ingest, char words[EXPIRY_WORDS_BYTES])
{
    return credentials_expiry(ingest->credentials, words) != EXPIRY_FAR;
}

const char *ingest_outbox_readiness(struct ingest *ingest)
{
    return atomic_load(&ingest->totals.outbox_failing) ? "alerts cannot be stored: see the log" : NULL;
}

const char *ingest_readiness(struct ingest *ingest)
{
    const char *words = ingest_bus_readiness(ingest);
    return words != NULL ? words : ingest_outbox_readiness(ingest);
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
    if (!writing->json)
        node_describe_spool(node, writing->text);
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

struct balancing {
    const char *name;
    struct text *text;
    size_t count;
    bool balanced;
};

static bool balance_one(struct node *node, void *arg)
{
    struct balancing *balancing = arg;
    if (balancing->name != NULL && strcmp(node_name(node), balancing->name) != 0)
        return true;
    text_string(balancing->text, balancing->count++ == 0 ? "" : ",");
    balancing->balanced = node_balance_json(node, balancing->text) && balancing->balanced;
    return true;
}

int ingest_balance(struct ingest *ingest, const char *node, struct text *text, bool *ret_balanced)
{
    struct balancing balancing = {.name = node, .text = text, .balanced = true};
    text_literal(text, "[");
    for (unsigned i = 0; i < ingest->n_shards; i++)
        shard_walk(ingest->shard[i], balance_one, &balancing);
    text_literal(text, "]");
    *ret_balanced = balancing.balanced;
    if (node == NULL || balancing.count > 0)
        return 0;
    text->size = 0;
    text_literal(text, "no node of that name has said hello");
    return -ENOENT;
}

struct outside {
    const struct outbox_loss *loss;
    bool taken;
};

static bool take_outside(struct node *node, void *arg)
{
    struct outside *outside = arg;
    if (strcmp(node_name(node), outside->loss->node) != 0)
        return true;
    node_take_outside(node, outside->loss);
    outside->taken = true;
    return false;
}

bool ingest_take_loss(struct ingest *ingest, const struct outbox_loss *loss)
{
    struct outside outside = {.loss = loss};
    for (unsigned i = 0; i < ingest->n_shards && !outside.taken; i++)
        shard_walk(ingest->shard[i], take_outside, &outside);
    return outside.taken;
}

static double load(const atomic_uint_fast64_t *counter)
{
    return (double)atomic_load_explicit(counter, memory_order_relaxed);
}

static void write_info(struct metrics_writer *writer, const struct detection *detection)
{
    const struct metric_label labels[] = {{"detection", detection->name},
                                          {"id", detection->id},
                                          {"severity", severity_names[detection->severity]},
                                          {"tactic", detection->category},
                                          {"technique", detection->technique_id},
                                          {0}};
    metrics_put(writer, METRIC_DETECTION_INFO, labels, 1);
}

static void write_detection(struct metrics_writer *writer, const struct detection *detection,
                            const struct engine_cost *cost)
{
    const struct metric_label labels[] = {{"detection", detection->name}, {0}};
    const struct metric_histogram times = {.bounds = engine_cost_bounds,
                                           .counts = cost->timed,
                                           .n = ENGINE_COST_BUCKETS - 1,
                                           .sum = (double)cost->timed_ns / 1e9};
    metrics_put(writer, METRIC_FINDINGS, labels, (double)cost->findings);
    metrics_put(writer, METRIC_DETECTION_JUDGED, labels, (double)cost->judged);
    metrics_put(writer, METRIC_DETECTION_TIME, labels, (double)cost->nanoseconds / 1e9);
    metrics_put_histogram(writer, METRIC_DETECTION_JUDGEMENT, labels, &times);
    metrics_put(writer, METRIC_DETECTION_PATTERNS, labels, (double)cost->patterns_given_up);
    if (detection->correlation.kind == CORRELATE_NOTHING)
        return;
    metrics_put(writer, METRIC_DETECTION_KEYS, labels, (double)cost->keys);
    metrics_put(writer, METRIC_DETECTION_EVICTED, labels, (double)cost->evicted);
}

static void write_suppressed(struct metrics_writer *writer, const struct detection *detection,
                             const atomic_uint_fast64_t suppressed[SUPPRESSED_COUNT])
{
    for (int why = SUPPRESSED_NOT + 1; why < SUPPRESSED_COUNT; why++) {
        const struct metric_label labels[] = {
            {"detection", detection->name}, {"reason", suppression_name((enum suppression)why)}, {0}};
        double count = load(&suppressed[why]);
        if (count > 0)
            metrics_put(writer, METRIC_FINDINGS_SUPPRESSED, labels, count);
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
        write_info(writer, all[i]);
        write_detection(writer, all[i], &costs[i]);
        if (i < TOTALS_DETECTIONS)
            write_suppressed(writer, all[i], ingest->totals.suppressed[i]);
    }
    free(costs);
}

/* As libnng counts them: its names are no part of its contract, so what it does not know is left out. */
static const char *const handshake_ends[HANDSHAKE_ENDS] = {
    [HANDSHAKE_AUTH] = "auth",   [HANDSHAKE_DISCONNECT] = "disconnect", [HANDSHAKE_OTHER] = "other",
    [HANDSHAKE_PROTO] = "proto", [HANDSHAKE_TIMEOUT] = "timeout",
};

void ingest_handshakes(struct ingest *ingest, uint64_t ret_counts[HANDSHAKE_ENDS])
{
    nng_stat *stats;
    nng_stat *of_listener = NULL;
    bool has_stats = nng_stats_get(&stats) == 0;
    if (has_stats)
        of_listener = nng_stat_find_listener(stats, ingest->listener);
    for (size_t i = 0; i < HANDSHAKE_ENDS; i++) {
        nng_stat *stat = of_listener == NULL ? NULL : nng_stat_find(of_listener, handshake_ends[i]);
        ret_counts[i] = atomic_load(&ingest->handshakes_before[i]) + (stat == NULL ? 0 : nng_stat_value(stat));
    }
    if (has_stats)
        nng_stats_free(stats);
}

static void write_handshakes(struct ingest *ingest, struct metrics_writer *writer)
{
    uint64_t counts[HANDSHAKE_ENDS];
    ingest_handshakes(ingest, counts);
    for (size_t i = 0; i < HANDSHAKE_ENDS; i++) {
        const struct metric_label labels[] = {{"reason", handshake_ends[i]}, {0}};
        metrics_put(writer, METRIC_HANDSHAKES_FAILED, labels, (double)counts[i]);
    }
}

static void write_queues(struct ingest *ingest, struct metrics_writer *writer)
{
    uint64_t now_ns = clock_boot_ns();
    for (unsigned i = 0; i < ingest->n_shards; i++) {
        struct shard_queue queue = shard_queue(ingest->shard[i], now_ns);
        char number[12];
        snprintf(number, sizeof(number), "%u", i);
        const struct metric_label labels[] = {{"shard", number}, {0}};
        metrics_put(writer, METRIC_QUEUE_REQUESTS, labels, (double)queue.requests);
        metrics_put(writer, METRIC_QUEUE_BYTES, labels, (double)queue.bytes);
        metrics_put(writer, METRIC_QUEUE_AGE, labels, (double)queue.age_ns / 1e9);
        metrics_put(writer, METRIC_BUSY, labels, (double)queue.busy_ns / 1e9);
    }
}

static void write_latency(const struct ingest_totals *totals, struct metrics_writer *writer)
{
    uint64_t counts[TOTALS_LATENCIES];
    for (size_t i = 0; i < TOTALS_LATENCIES; i++)
        counts[i] = atomic_load_explicit(&totals->alert_latency[i], memory_order_relaxed);
    const struct metric_histogram latency = {.bounds = totals_latency_bounds,
                                             .counts = counts,
                                             .n = TOTALS_LATENCIES - 1,
                                             .sum = load(&totals->alert_latency_ns) / 1e9};
    metrics_put_histogram(writer, METRIC_ALERT_LATENCY, NULL, &latency);
}

static bool count_node(struct node *node, void *arg)
{
    size_t *counts = arg;
    counts[node_is_connected(node) ? 1 : 0]++;
    return true;
}

static void write_nodes(struct ingest *ingest, struct metrics_writer *writer)
{
    static const char *const states[] = {"away", "connected"};
    size_t counts[2] = {0};
    for (unsigned i = 0; i < ingest->n_shards; i++)
        shard_walk(ingest->shard[i], count_node, counts);
    for (size_t i = 0; i < 2; i++) {
        const struct metric_label labels[] = {{"state", states[i]}, {0}};
        metrics_put(writer, METRIC_NODES, labels, (double)counts[i]);
    }
}

void ingest_collect(void *arg, struct metrics_writer *writer)
{
    struct ingest *ingest = arg;
    const struct ingest_totals *totals = &ingest->totals;
    const struct metric_label build[] = {{"version", VEDETTE_VERSION}, {0}};
    metrics_put(writer, METRIC_BUILD_INFO, build, 1);
    metrics_put(writer, METRIC_CONNECTIONS, NULL, (double)peers_count(ingest->peers));
    for (size_t reason = 0; reason < REFUSED_COUNT; reason++) {
        const struct metric_label labels[] = {{"reason", refused_names[reason]}, {0}};
        metrics_put(writer, METRIC_REFUSED, labels, load(&totals->refused[reason]));
    }
    write_handshakes(ingest, writer);
    credentials_collect(ingest->credentials, writer);
    metrics_put(writer, METRIC_LISTENER_RESTARTS, NULL, load(&totals->listener_restarts));
    write_queues(ingest, writer);
    metrics_put(writer, METRIC_COMMITS, NULL, load(&totals->commits));
    metrics_put(writer, METRIC_COMMIT_FAILURES, NULL, load(&totals->commit_failures));
    metrics_put(writer, METRIC_FINDINGS_LOST, NULL, load(&totals->findings_lost));
    metrics_put(writer, METRIC_ALERTS_COMMITTED, NULL, load(&totals->alerts));
    write_latency(totals, writer);
    if (ingest->settings.output != NULL)
        metrics_put(writer, METRIC_EVENTS_UNWRITTEN, NULL, load(&ingest->settings.output->unwritten));
    write_detections(ingest, writer);
    write_nodes(ingest, writer);
    for (unsigned i = 0; i < ingest->n_shards; i++)
        shard_collect(ingest->shard[i], writer);
}
