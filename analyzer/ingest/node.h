/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is known of one node: schema, cursors, state, detections, what waits to be committed. A node belongs to one
 * shard thread; only node_collect and node_add_costs may be called from another. Knows nothing of sockets: requests in,
 * reply bytes out.
 */
#ifndef VEDETTE_ANALYZER_INGEST_NODE_H
#define VEDETTE_ANALYZER_INGEST_NODE_H

#include "analyzer/alert/outbox.h"
#include "analyzer/detect/engine.h"
#include "analyzer/ingest/coverage.h"
#include "analyzer/ingest/output.h"
#include "analyzer/ingest/quota.h"
#include "analyzer/ingest/reply.h"
#include "analyzer/ingest/totals.h"
#include "analyzer/metrics/metrics.h"
#include "analyzer/policy/loaded.h"

enum {
    NODE_COMMIT_INTERVAL_MS = 1000,
    NODE_BUSY_RETRY_MS = 1000,
    NODE_FULL_PERMILLE = 500,   /* a collector's queue beyond this wants its room back soon: */
    NODE_FULL_INTERVAL_MS = 20, /* not with every batch, which may be small, while a commit may take 10 ms */
    NODE_SNAPSHOT_INTERVAL_S = 60,
    NODE_LINE_INTERVAL_MS = 1000, /* between two log lines of one kind of loss, and between two balances */
};

/* Shared by all nodes, constant but for what its members synchronise themselves. */
struct node_environment {
    struct loaded_current *loaded;             /* which set is in force */
    const struct detection *const *detections; /* for tests: in place of the set's; NULL: those */
    size_t n_detections;
    struct outbox *outbox;
    struct output *output;         /* NULL: events are not shown */
    enum json_arguments arguments; /* in findings */
    uint32_t first_epoch;
    struct ingest_totals *totals;
    struct quota_limits quota; /* of one node */
};

struct node;

/* NULL with errno. The name is copied. */
struct node *node_new(const struct node_environment *environment, const char *name);
void node_free(struct node *node);
const char *node_name(const struct node *node);
uint64_t node_last_seen_ns(const struct node *node);

/* A hello that decoder_check_hello accepted. True when the node is welcome; the reply is filled either way. `now_ns` is
 * CLOCK_BOOTTIME here. */
bool node_hello(struct node *node, const Vedette__V1__Hello *hello, uint64_t now_ns, struct reply *reply);

/* A batch or snapshot of a request of this decoder, from a node that was welcomed. */
void node_batch(struct node *node, struct decoder *decoder, const Vedette__V1__Request *request,
                const Vedette__V1__EventBatch *batch, uint64_t now_ns, struct reply *reply);

/* Whether the node may send `bytes` more now; if not, the reply says when, and it is counted. Before decoding. */
bool node_may_send(struct node *node, uint64_t bytes, uint64_t now_ns, struct reply *reply);

/* Refuses what could not be decoded, counts it, and logs it at most once a minute a node. */
void node_refuse(struct node *node, Vedette__V1__RefusalCode code, const char *words, uint64_t now_ns,
                 struct reply *reply);

/* Misses what should have come by now: an alert for what stopped and for what goes on again. Only while no request of
 * the node waits to be handled. stood_still: this thread did since it was called last, so that nothing is missed yet.
 */
void node_check_sight(struct node *node, bool stood_still, uint64_t now_ns);

/* Logs the lines that were kept back and whose time has come; true when some still wait. */
bool node_tell_due(struct node *node, uint64_t now_ns);

/* Commits what waits, and logs all lines that were kept back and the balance of sessions that have not said theirs. 0,
 * or -errno when alerts could not be committed. */
int node_settle(struct node *node, uint64_t now_ns);

void node_set_connected(struct node *node, bool connected);
bool node_is_connected(const struct node *node); /* any thread */

/* What has been counted of it; any thread. `lost` without the upper bounds. */
struct node_sums {
    uint64_t received, lost, not_selected;
};
void node_add_sums(const struct node *node, struct node_sums *sums);

/* Writes what the newest hello said of every event. Any thread. */
void node_coverage(struct node *node, void (*write)(const struct coverage *coverage, struct text *text),
                   struct text *text);
/* A line for people about the collector's spool, if it has one. Any thread. */
void node_describe_spool(const struct node *node, struct text *text);
/* False before the first hello. Any thread. */
bool node_has_coverage(struct node *node);

/*
 * Appends one JSON object: what became of every event of the node, session by session, and its losses. True when all of
 * it adds up. Any thread.
 */
bool node_balance_json(struct node *node, struct text *text);
/* Alerts of this node that the outbox or a sink has lost: they are counted, told and remembered with the next batch.
 * Any thread. */
void node_take_outside(struct node *node, const struct outbox_loss *loss);

/* vedette_node_* and the others that carry a node label. Any thread. */
void node_collect(struct node *node, struct metrics_writer *writer);
/* Adds judged, findings and nanoseconds of this node's engines to costs[position in detections_all]. Any thread. */
void node_add_costs(struct node *node, struct engine_cost *costs, size_t n_costs);

#endif
