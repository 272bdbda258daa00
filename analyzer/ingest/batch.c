// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/node_internal.h"

#include <errno.h>

#include "analyzer/derive/derive.h"
#include "common/base/fault.h"
#include "common/base/log.h"

enum { SHOWN_FLUSH_BYTES = 256 * 1024 };

/* What applying one batch needs. */
struct applying {
    struct node *node;
    struct event_context context;
    uint64_t delivered[CLASS_COUNT];
    uint64_t lost_findings;
    uint64_t first_ns, last_ns; /* of the batch's events */
};

static void count_suppressed(struct ingest_totals *totals, const struct finding *finding, enum suppression why)
{
    size_t n;
    const struct detection *const *all = detections_all(&n);
    for (size_t i = 0; i < n && i < TOTALS_DETECTIONS; i++)
        if (all[i]->event_id == finding->detection->event_id)
            totals_count(&totals->suppressed[i][why], 1);
}

static void emit(void *arg, const struct finding *finding)
{
    struct applying *applying = arg;
    size_t n_policies;
    const char *const *policies = policy_judge_finding(applying->node->judgement->policies, finding, &n_policies);
    if (n_policies == 0)
        return; /* no policy asks for this one */
    enum suppression why = tuner_judge(applying->node->judgement->tuner, finding);
    if (why != SUPPRESSED_NOT) {
        count_suppressed(applying->node->environment->totals, finding, why);
        return;
    }
    if (pending_add(&applying->node->pending, applying->node->name, finding, policies, n_policies,
                    applying->node->environment->arguments) < 0)
        applying->lost_findings++;
    else
        totals_count(&applying->node->findings[finding->severity], 1);
}

static void show(struct node *node, const struct event_context *context)
{
    const struct node_environment *environment = node->environment;
    const struct event *known = context->event->schema->known;
    if (environment->output == NULL || known == NULL ||
        atomic_load_explicit(&environment->output->broken, memory_order_relaxed))
        return;
    size_t n_policies;
    const char *const *policies = policy_judge_event(node->judgement->policies, context, &n_policies);
    if (n_policies == 0) {
        totals_count(&node->events_selected_not, 1);
        return;
    }
    if (!output_samples(environment->output)) {
        totals_count(&node->events_sampled_out, 1);
        return;
    }
    if (output_event(environment->output, &node->shown, context, policies, n_policies))
        totals_count(&node->events_shown, 1);
    if (node->shown.size >= SHOWN_FLUSH_BYTES)
        output_flush(environment->output, &node->shown);
}

static void judge_and_show(void *arg, const struct event_context *context)
{
    struct applying *applying = arg;
    policy_judge_begin_event(applying->node->judgement->policies, context);
    engine_judge(applying->node->judgement->engine, context, emit, applying);
    show(applying->node, context);
}

static uint8_t class_of(const struct event_view *event)
{
    if ((event->flags & RECORD_WATCHED) != 0)
        return CLASS_WATCHED;
    return event->schema->class < CLASS_COUNT ? event->schema->class : CLASS_BULK;
}

static void apply_event(struct applying *applying, const struct event_view *event, uint64_t now_ns)
{
    struct node *node = applying->node;
    struct event_context *context = &applying->context;
    const uint8_t class = class_of(event);
    applying->delivered[class]++;
    if (event->time_ns > node->last_event_ns)
        node->last_event_ns = event->time_ns;
    applying->first_ns =
        applying->first_ns == 0 || event->time_ns < applying->first_ns ? event->time_ns : applying->first_ns;
    applying->last_ns = event->time_ns > applying->last_ns ? event->time_ns : applying->last_ns;

    context->event = event;
    context->process = state_apply(node->state, event);
    if (context->process == NULL) {
        /* No memory: what follows would judge by half the facts. */
        struct loss loss = {.stage = VEDETTE__V1__LOSS_STAGE__LOSS_STATE,
                            .class = class,
                            .cpu = event->cpu,
                            .from_ns = event->time_ns,
                            .to_ns = event->time_ns,
                            .count = 1,
                            .count_exact = true};
        node_lose(node, &loss, now_ns);
        canary_take_failed(&node->canary);
        return;
    }
    if (canary_is_own(&node->canary, event)) {
        canary_take(&node->canary, event, context->session, now_ns);
        return; /* seen, and nobody's business */
    }
    context->container = state_container_of(node->state, context->process, event->task);
    judge_and_show(applying, context);
    derive(node->schema, context, judge_and_show, applying);
    if (node->pending.bytes >= PENDING_FLUSH_BYTES && node_commit_is_due(node, true, now_ns))
        node_commit_alerts(node, now_ns);
}

static void apply_events(struct node *node, struct decoder *decoder, const Vedette__V1__EventBatch *batch,
                         uint32_t skip, uint64_t now_ns, uint64_t ret_delivered[CLASS_COUNT])
{
    struct applying applying = {
        .node = node,
        .context = {.node = node->name,
                    .boot_id = node->boot_id,
                    .set = loaded_set_version(node->judgement->set),
                    .session = batch->session,
                    .wall_minus_boot_ns = batch->wall_minus_boot_ns,
                    .architecture = node->architecture,
                    .decoder = decoder,
                    .state = node->state},
    };
    struct event_view event;
    judgement_begin_batch(node->judgement, decoder_string_count(decoder));
    state_use_decoder(node->state, decoder);
    totals_count(&node->duplicates, skip);
    while (decoder_next(decoder, &event)) {
        if (skip > 0)
            skip--;
        else
            apply_event(&applying, &event, now_ns);
    }
    state_use_decoder(node->state, NULL);
    struct loss evicted;
    if (engine_take_evicted(node->judgement->engine, &evicted))
        node_lose(node, &evicted, now_ns);
    node_lose_evicted(node, applying.first_ns, applying.last_ns, now_ns);
    if (node->last_event_ns != 0)
        atomic_store_explicit(&node->last_event_wall_ns, node->last_event_ns + (uint64_t)batch->wall_minus_boot_ns,
                              memory_order_relaxed);
    if (node->shown.size > 0)
        output_flush(node->environment->output, &node->shown);
    for (size_t class = 0; class < CLASS_COUNT; class ++)
        totals_count(&node->received[class], applying.delivered[class]);
    memcpy(ret_delivered, applying.delivered, sizeof(applying.delivered));
    if (applying.lost_findings > 0) {
        const struct loss loss = {.stage = VEDETTE__V1__LOSS_STAGE__LOSS_OUTBOX,
                                  .class = 255,
                                  .cpu = UINT32_MAX,
                                  .from_ns = applying.first_ns,
                                  .to_ns = applying.last_ns,
                                  .count = applying.lost_findings,
                                  .count_exact = true};
        totals_count(&node->environment->totals->findings_lost, applying.lost_findings);
        node_lose(node, &loss, now_ns);
    }
}

static void take_spool(struct node_spool *spool, const Vedette__V1__Statistics *statistics, int64_t wall_minus_boot_ns)
{
    uint64_t oldest_ns = statistics->spool_oldest_ns;
    const struct {
        atomic_uint_fast64_t *to;
        uint64_t value;
    } figures[] = {
        {&spool->size, statistics->spool_bytes},
        {&spool->used, statistics->spool_used},
        {&spool->batches, statistics->spool_batches},
        {&spool->written, statistics->spool_written},
        {&spool->evicted, statistics->spool_evicted},
        {&spool->errors, statistics->spool_errors},
        {&spool->oldest_wall_ns, oldest_ns == 0 ? 0 : oldest_ns + (uint64_t)wall_minus_boot_ns},
    };
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        atomic_store_explicit(figures[i].to, figures[i].value, memory_order_relaxed);
}

/* Sequences that never came. */
struct gone {
    uint64_t missing;               /* of a class that is not known */
    uint64_t given_up[CLASS_COUNT]; /* of which a loss record tells the class */
};

/* All numbers of a batch at once, so that whoever looks sees a sum that adds up. */
static void settle_balance(struct node *node, struct balance *balance, const Vedette__V1__EventBatch *batch,
                           const uint64_t delivered[CLASS_COUNT], const struct gone *gone)
{
    uint64_t more[CLASS_COUNT] = {0}, n_gone = gone->missing;
    pthread_mutex_lock(&node->lock);
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
        balance->delivered[class] += delivered[class];
        balance->given_up[class] += gone->given_up[class];
        n_gone += gone->given_up[class];
    }
    balance->missing += gone->missing;
    balance->ended = balance->ended || batch->final;
    if (batch->statistics != NULL)
        balance_take_statistics(balance, batch->statistics, more);
    pthread_mutex_unlock(&node->lock);
    if (n_gone > 0)
        balance->told = false;
    for (size_t class = 0; class < CLASS_COUNT; class ++)
        totals_count(&node->reserved[class], more[class]);
    if (batch->statistics != NULL)
        take_spool(&node->spool, batch->statistics, batch->wall_minus_boot_ns);
}

/* Events of a plan that is newer than ours: the clock went back, or another analyzer spoke to this node. Ours must win.
 */
static void raise_epoch(struct node *node, const Vedette__V1__EventBatch *batch)
{
    for (size_t i = 0; i < batch->n_plan_epoch; i++)
        if (batch->plan_epoch[i] > node->plan.epoch && batch->plan_epoch[i] < UINT32_MAX)
            node->plan.epoch = batch->plan_epoch[i] + 1;
    atomic_store_explicit(&node->plan_epoch, node->plan.epoch, memory_order_relaxed);
}

static void acknowledge(struct node *node, const struct session_cursor *cursor, uint64_t now_ns, struct reply *reply)
{
    const struct plan *plan = node->plan.epoch > node->sent_epoch ? &node->plan : NULL;
    bool snapshot =
        node->wants_snapshot && now_ns - node->snapshot_asked_ns >= (uint64_t)NODE_SNAPSHOT_INTERVAL_S * 1000000000;
    node->sent_epoch = node->plan.epoch;
    if (snapshot) {
        node->wants_snapshot = false;
        node->snapshot_asked_ns = now_ns;
    }
    reply_ack(reply, cursor, plan, snapshot);
}

/* A courier's own heartbeat says nothing about a place in the stream. */
static bool is_heartbeat(const Vedette__V1__EventBatch *batch)
{
    return batch->count == 0 && batch->n_loss == 0 && !batch->final && batch->statistics == NULL;
}

/*
 * Of an entry that was refused the courier says how many events it held, in an empty batch that begins behind them, and
 * so does the spool of what it gave up: that gap has its loss record. A drain's own queue losses have no sequence
 * numbers and explain nothing; its batches carry statistics.
 */
static bool explains(const Vedette__V1__EventBatch *batch, const Vedette__V1__Loss *loss)
{
    return (loss->stage == VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE || loss->stage == VEDETTE__V1__LOSS_STAGE__LOSS_SPOOL) &&
           (loss->session == 0 || loss->session == batch->session);
}

static uint64_t explained_by_courier(const Vedette__V1__EventBatch *batch)
{
    uint64_t explained = 0;
    for (size_t i = 0; i < batch->n_loss && batch->count == 0 && batch->statistics == NULL && !batch->final; i++)
        if (explains(batch, batch->loss[i]) && batch->loss[i]->count <= UINT64_MAX - explained)
            explained += batch->loss[i]->count;
    return explained;
}

/* The sequences of a gap that was explained: by class, where one record tells it of all. */
static void count_explained(struct gone *gone, const Vedette__V1__EventBatch *batch, uint64_t explained)
{
    const Vedette__V1__Loss *loss = batch->loss[0];
    if (batch->n_loss == 1 && loss->event_class < CLASS_COUNT)
        gone->given_up[loss->event_class] += explained;
    else
        gone->missing += explained;
}

/*
 * A session without a cursor is new to this outbox, not lost: what a living collector delivered to an earlier one it
 * has forgotten. It begins where its first batch does, or before what that batch explains.
 */
static void place(struct node *node, struct session_cursor *cursor, const Vedette__V1__EventBatch *batch)
{
    if (cursor->placed)
        return;
    uint64_t explained = explained_by_courier(batch);
    sequence_place(cursor, explained < batch->first_seq ? batch->first_seq - explained : 0);
    struct balance *balance = node_balance(node, cursor);
    pthread_mutex_lock(&node->lock);
    balance->from_seq = cursor->start;
    pthread_mutex_unlock(&node->lock);
}

static bool is_busy(struct node *node, uint64_t now_ns)
{
    if (node->pending.bytes < PENDING_BUSY_BYTES)
        return false;
    return !node_commit_is_due(node, true, now_ns) || node_commit(node, now_ns) < 0;
}

static void apply(struct node *node, struct decoder *decoder, const Vedette__V1__EventBatch *batch,
                  struct session_cursor *cursor, uint64_t now_ns)
{
    struct balance *balance = node_balance(node, cursor);
    struct sequence_step step = sequence_judge(cursor, batch->first_seq, batch->count);
    struct gone gone = {0};
    uint64_t explained = explained_by_courier(batch), delivered[CLASS_COUNT];
    if (explained > step.gap)
        explained = step.gap;
    node->batch_session = cursor->session;
    node->wall_minus_boot_ns = batch->wall_minus_boot_ns;
    node_lose_alerts(node, now_ns);
    step.gap -= explained;
    gone.missing = step.gap;
    if (explained > 0)
        count_explained(&gone, batch, explained);
    if (step.gap > 0)
        node_lose_gap(node, &step, batch, now_ns);
    node_apply_losses(node, batch, now_ns);
    FAULT_POINT(ingest_before_apply);
    apply_events(node, decoder, batch, step.skip, now_ns, delivered);
    FAULT_POINT(ingest_after_apply);
    sequence_advance(cursor, batch->first_seq, batch->count);
    FAULT_POINT(ingest_after_advance);
    raise_epoch(node, batch);
    settle_balance(node, balance, batch, delivered, &gone);
    atomic_store_explicit(&node->canary.wall_minus_boot_ns, batch->wall_minus_boot_ns, memory_order_relaxed);
    if (batch->count > 0)
        canary_stream(&node->canary, cursor->session, node->last_event_ns);
    if (batch->final)
        node_tell_final(node, balance, now_ns);
    if (batch->final)
        canary_end(&node->canary, cursor->session);
}

static bool wants_room(const struct node *node, const Vedette__V1__Request *request, uint64_t now_ns)
{
    return request->queue_fill_permille > NODE_FULL_PERMILLE &&
           now_ns - node->last_commit_ns >= NODE_FULL_INTERVAL_MS * (uint64_t)1000000;
}

void node_batch(struct node *node, struct decoder *decoder, const Vedette__V1__Request *request,
                const Vedette__V1__EventBatch *batch, uint64_t now_ns, struct reply *reply)
{
    uint64_t session = batch->session != 0 ? batch->session : node->session;
    struct session_cursor *cursor = sequence_open(&node->sequence, session);
    node_adopt(node, now_ns);
    atomic_store_explicit(&node->last_seen_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&node->queue_fill_permille, request->queue_fill_permille, memory_order_relaxed);
    totals_count(&node->batches, 1);
    quota_charge_events(&node->quota, &node->environment->quota, batch->count);
    canary_seen(&node->canary, !is_heartbeat(batch), now_ns);

    if (is_busy(node, now_ns)) {
        totals_count(&node->environment->totals->refused[VEDETTE__V1__REFUSAL_CODE__REFUSED_BUSY], 1);
        reply_refusal(reply, VEDETTE__V1__REFUSAL_CODE__REFUSED_BUSY, "alerts cannot be stored at the moment", cursor,
                      NODE_BUSY_RETRY_MS);
        return;
    }
    if (batch->first_seq > UINT64_MAX - batch->count) {
        node_refuse(node, VEDETTE__V1__REFUSAL_CODE__REFUSED_MALFORMED, "first_seq: the sequence would overflow",
                    now_ns, reply);
        return;
    }
    if (!is_heartbeat(batch))
        place(node, cursor, batch);
    if (decoder_open_batch(decoder, batch, node->schema) < 0) {
        node_refuse(node, VEDETTE__V1__REFUSAL_CODE__REFUSED_MALFORMED, decoder_error(decoder), now_ns, reply);
        return;
    }
    if (!is_heartbeat(batch))
        apply(node, decoder, batch, cursor, now_ns);
    if (node_commit_is_due(node, batch->final || wants_room(node, request, now_ns), now_ns))
        node_commit(node, now_ns);
    acknowledge(node, cursor, now_ns, reply);
}
