/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a node, for the files that make it: node.c (life, hello), batch.c, losses.c, commit.c, node_figures.c.
 */
#ifndef VEDETTE_ANALYZER_INGEST_NODE_INTERNAL_H
#define VEDETTE_ANALYZER_INGEST_NODE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "analyzer/ingest/balance.h"
#include "analyzer/ingest/canary.h"
#include "analyzer/ingest/judgement.h"
#include "analyzer/ingest/memory.h"
#include "analyzer/ingest/node.h"
#include "analyzer/ingest/pending.h"
#include "analyzer/ingest/plan.h"
#include "analyzer/ingest/self.h"
#include "analyzer/ingest/sequence.h"
#include "analyzer/state/state.h"

enum {
    LOSS_STAGES = VEDETTE__V1__LOSS_STAGE__LOSS_THROTTLE + 1,
    LOSS_CLASSES = CLASS_COUNT + 1, /* the last is "all" */
    NAMED_MISSING = 32,             /* events of one node that a scrape names as missing; the rest is a number */
    SEEN_LOSSES = 2 * WIRE_BATCH_LOSSES,
    NODE_LOSS_RANGES = 256,
    NODE_OUTSIDE_LOSSES = 8, /* beyond it they join the newest */
    NODE_THROTTLED = 16,     /* cgroups */
};

/* A joined line of the log that waits: losses of one stage, class and kind, which differ in CPU and time. */
struct loss_line {
    uint64_t count, ranges, from_ns, to_ns;
    int64_t wall_minus_boot_ns;
    uint64_t told_ns; /* when the last such line was logged, 0 never */
};

/* How well a count is known: joined over this, an exact sum would not stay one. */
enum loss_kind { LOSS_EXACT, LOSS_UP_TO, LOSS_UNCOUNTED, LOSS_KINDS };

/* Of the collector's spool, as its newest totals say; size 0: it has none. For scrapes. */
struct node_spool {
    atomic_uint_fast64_t size, used, batches, written, evicted, errors, oldest_wall_ns;
};

/* A loss as `balance` shows it; one that goes on is one range. Times since the epoch. */
struct loss_range {
    uint64_t session;
    unsigned stage, class; /* class: CLASS_COUNT all */
    uint32_t cpu;
    uint64_t from_ns, to_ns, count, ranges;
    bool count_exact;
};

/* The newest of them, and what came before: of the stage and class only the sums are known. */
struct loss_ranges {
    struct loss_range range[NODE_LOSS_RANGES]; /* a ring */
    size_t count, next;
    uint64_t forgotten;
};

/* A cgroup whose bulk events a collector gave up; what of it was not told yet. Event times. */
struct throttled_cgroup {
    uint64_t cgroup_id, from_ns, to_ns, count;
    uint64_t told_ns; /* 0: a free place */
};

struct node {
    const struct node_environment *environment;
    char *name;

    /* Of the newest hello. Swapped under `lock`, because scrapes read them; the shard thread reads them without. */
    pthread_mutex_t lock;
    struct schema *schema;
    struct judgement *judgement; /* also replaced when another set is in force */
    struct state *state;
    struct coverage *coverage;
    uint8_t wanted[EVENT_ID_LIMIT]; /* by our ids */
    char *version, *kernel;
    struct engine_cost *past_costs; /* of engines before this one, by position in detections_all */

    char *boot_id;
    enum architecture architecture;
    uint64_t session;
    struct plan plan;
    uint32_t sent_epoch; /* on this connection */
    bool wants_snapshot;
    uint64_t snapshot_asked_ns; /* 0: never */
    bool knows_cursors;         /* those of former lives were read from the outbox */

    struct canary_watch canary;
    uint32_t n_blind; /* alerts of that: a part of their ids */

    struct sequence sequence;
    struct balance balance[WIRE_CURSORS]; /* beside sequence.cursor; its numbers change under `lock`, as scrapes and */
    struct balance earlier;               /* `balance` read them. The sums of sessions that gave their place */
    struct loss_ranges *ranges;           /* under `lock`; NULL: nothing was lost yet */
    bool absence;                         /* a loss record of that stage has come */
    struct outbox_loss outside[NODE_OUTSIDE_LOSSES]; /* under `lock`: alerts lost behind us, not yet taken over */
    size_t n_outside;
    uint64_t batch_session; /* of the batch that is being applied */
    int64_t wall_minus_boot_ns;
    uint64_t evicted_before; /* of all tables of the state and the policies, at the last look */
    uint64_t last_event_ns;
    uint64_t *seen_losses; /* hashes of the last ones: a batch that is sent again repeats its losses */
    size_t n_seen, next_seen;
    struct loss_line loss_line[LOSS_STAGES][LOSS_CLASSES][LOSS_KINDS];
    bool owes_lines; /* lines wait for their second */
    uint64_t balance_told_ns;

    struct pending pending;
    struct memory_rows memory_rows; /* of the commit that is being made */
    uint64_t last_commit_ns, last_failure_ns;
    struct text shown;
    uint8_t told_uncovered[EVENT_ID_LIMIT]; /* was said of this event, by our ids */
    bool told_gaps;
    uint64_t last_complaint_ns, last_hello_line_ns;
    uint64_t complaints_kept_back;
    struct quota quota;
    uint64_t raised_ns[SELF_FINDINGS]; /* 0: never */
    struct throttled_cgroup noisy[NODE_THROTTLED];

    /* For scrapes. */
    atomic_bool connected;
    atomic_uint_fast64_t last_seen_ns, received[CLASS_COUNT], reserved[CLASS_COUNT], lost[LOSS_STAGES][LOSS_CLASSES];
    atomic_uint_fast64_t findings[SEVERITIES], events_shown, events_sampled_out, events_selected_not;
    atomic_uint_fast64_t last_event_wall_ns; /* since the epoch, 0: none yet */
    atomic_uint_fast64_t throttled, duplicates, batches, queue_fill_permille, plan_epoch;
    struct node_spool spool;
};

/* Another set is in force: the node is judged by it from here on, and the next reply has its plan. */
void node_adopt(struct node *node, uint64_t now_ns);

/* losses.c: counts, remembers and logs one that was found here. */
void node_lose(struct node *node, const struct loss *loss, uint64_t now_ns);
/* throttled.c: tells of the cgroup that a loss record of that stage names. */
void node_note_throttled(struct node *node, const Vedette__V1__Loss *loss);
/* losses.c: alerts that the outbox or a sink has lost. */
void node_lose_alerts(struct node *node, uint64_t now_ns);
/* losses.c: tables of the analyzer that have been full since the last look, for events between these times. */
void node_lose_evicted(struct node *node, uint64_t from_ns, uint64_t to_ns, uint64_t now_ns);
/* losses.c: counts, remembers in the state and logs what was lost; repeated records are left out. */
void node_apply_losses(struct node *node, const Vedette__V1__EventBatch *batch, uint64_t now_ns);
void node_lose_gap(struct node *node, const struct sequence_step *step, const Vedette__V1__EventBatch *batch,
                   uint64_t now_ns);
/* Logs the loss lines that waited, those whose second is over or all; true when some still wait. */
bool node_tell_losses(struct node *node, bool all, uint64_t now_ns);

/* blind.c: an alert for a loss record of an absence that is a surprise. */
void node_tell_absence(struct node *node, const Vedette__V1__Loss *loss, uint64_t now_ns);

/* commit.c */
bool node_commit_is_due(const struct node *node, bool urgent, uint64_t now_ns);
int node_commit(struct node *node, uint64_t now_ns);
/* The alerts alone, in the middle of a batch: the cursor does not move. */
int node_commit_alerts(struct node *node, uint64_t now_ns);

/* The balance of a cursor's session. */
struct balance *node_balance(struct node *node, const struct session_cursor *cursor);
void node_tell_final(struct node *node, struct balance *balance, uint64_t now_ns);

#endif
