// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/node_internal.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"

static const uint64_t MS_NS = 1000000;

bool node_commit_is_due(const struct node *node, bool urgent, uint64_t now_ns)
{
    /* A disk that is full is not asked at the rate of the batches. */
    if (node->last_failure_ns != 0 && now_ns - node->last_failure_ns < NODE_COMMIT_INTERVAL_MS * MS_NS)
        return false;
    return urgent || node->pending.count > 0 || now_ns - node->last_commit_ns >= NODE_COMMIT_INTERVAL_MS * MS_NS;
}

/* From what people do not notice to what wakes them. */
const double totals_latency_bounds[TOTALS_LATENCIES - 1] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                            0.5,   1,    2.5,   10,   60,  600};

static void note_latency_of(struct ingest_totals *totals, uint64_t latency_ns)
{
    size_t bucket = 0;
    while (bucket < TOTALS_LATENCIES - 1 && (double)latency_ns / 1e9 > totals_latency_bounds[bucket])
        bucket++;
    totals_count(&totals->alert_latency[bucket], 1);
    totals_count(&totals->alert_latency_ns, latency_ns);
}

static void note_latency(struct node *node)
{
    struct ingest_totals *totals = node->environment->totals;
    uint64_t wall_ns = clock_boot_ns() + (uint64_t)clock_wall_minus_boot_ns();
    for (size_t i = 0; i < node->pending.count; i++) {
        uint64_t time_ns = node->pending.alert[i].time_ns;
        note_latency_of(totals, wall_ns > time_ns ? wall_ns - time_ns : 0);
    }
    totals_count(&totals->alerts, node->pending.count);
}

static int commit(struct node *node, const struct outbox_cursor *cursors, size_t n_cursors, uint64_t now_ns)
{
    struct ingest_totals *totals = node->environment->totals;
    struct outbox *outbox = node->environment->outbox;
    FAULT_POINT(checkpoint_before);
    /* What detections know stands at the end of a batch: in the middle of one there is no cursor that it belongs to. */
    int result = n_cursors > 0
                     ? memory_collect(&node->memory_rows, node->judgement == NULL ? NULL : node->judgement->engine,
                                      node->name, node->boot_id)
                     : 0;
    if (n_cursors == 0)
        node->memory_rows.count = 0;
    if (result == 0)
        result = outbox_commit_memory(outbox, node->pending.alert, node->pending.count, cursors, n_cursors,
                                      node->memory_rows.row, node->memory_rows.count);
    if (result < 0) {
        node->last_failure_ns = now_ns;
        totals_count(&totals->commit_failures, 1);
        if (!atomic_exchange(&totals->outbox_failing, true)) {
            char words[OUTBOX_ERROR_BYTES];
            outbox_last_error(outbox, words);
            log_error("alerts cannot be stored: %s; they are kept in memory, and the collectors keep their batches, "
                      "until it works again",
                      words);
        }
        return result;
    }
    FAULT_POINT(checkpoint_after);
    node->last_failure_ns = 0;
    totals_count(&totals->commits, 1);
    if (atomic_exchange(&totals->outbox_failing, false))
        log_info("alerts are stored again");
    if (n_cursors > 0 && node->judgement != NULL)
        engine_memory_saved(node->judgement->engine);
    note_latency(node);
    pending_clear(&node->pending);
    return 0;
}

int node_commit(struct node *node, uint64_t now_ns)
{
    struct outbox_cursor cursors[WIRE_CURSORS];
    size_t n_cursors = 0;
    for (size_t i = 0; i < node->sequence.count; i++) {
        const struct session_cursor *cursor = &node->sequence.cursor[i];
        if (cursor->processed != cursor->durable)
            cursors[n_cursors++] =
                (struct outbox_cursor){.node = node->name, .session = cursor->session, .seq = cursor->processed};
    }
    if (n_cursors == 0 && node->pending.count == 0)
        return 0;
    int result = commit(node, cursors, n_cursors, now_ns);
    if (result < 0)
        return result;
    for (size_t i = 0; i < node->sequence.count; i++)
        node->sequence.cursor[i].durable = node->sequence.cursor[i].processed;
    node->last_commit_ns = now_ns;
    return 0;
}

int node_commit_alerts(struct node *node, uint64_t now_ns)
{
    return node->pending.count == 0 ? 0 : commit(node, NULL, 0, now_ns);
}
