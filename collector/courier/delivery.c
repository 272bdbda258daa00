/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker says to the analyzer and what it makes of the answers. */
#include "collector/courier/taken_over.h"
#include "collector/courier/worker.h"

#include <poll.h>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"

enum {
    CLOSING_HEARTBEAT_MS = 50, /* the last batch is acknowledged: ask until it is durable */
    FULL_HEARTBEAT_MS = 25,    /* all in a queue that is over half full is processed: its room is wanted */
    FULL_PERMILLE = 500,       /* beyond this the analyzer commits when it is asked, though not more often than that */
    UNSETTLED_HEARTBEAT_MS =
        1500, /* the analyzer commits about every second: one question then lets the queue forget */
    BUSY_MIN_MS = 10,
    BUSY_MAX_MS = 30000,
    SEQUENCE_PAUSE_MS = 100,
    ALL_CLASSES = 255,
};

static const uint32_t all_cpus = 0xffffffff;

static struct known_session *find_session(struct worker *worker, uint64_t session)
{
    for (size_t i = 0; i < worker->n_sessions; i++)
        if (worker->sessions[i].session == session)
            return &worker->sessions[i];
    return NULL;
}

/* What was processed need not be sent again; what is durable need not be kept. */
static void take_cursor(struct worker *worker, const Vedette__V1__Cursor *cursor)
{
    FAULT_POINT(worker_before_cursor);
    struct known_session *known = find_session(worker, cursor->session);
    if (!known) {
        known = &worker->sessions[worker->next_session];
        worker->next_session = (worker->next_session + 1) % WIRE_CURSORS;
        if (worker->n_sessions < WIRE_CURSORS)
            worker->n_sessions++;
    }
    *known = (struct known_session){cursor->session, cursor->processed_seq};
    queue_set_durable(worker->queue, cursor->session, cursor->durable_seq);
    FAULT_POINT(worker_after_cursor);
}

static void take_plan(struct worker *worker, const Vedette__V1__Plan *plan, bool need_snapshot)
{
    if (!plan && !need_snapshot)
        return;
    if (plan)
        message_read_plan(plan, &worker->plan);
    if (need_snapshot)
        worker->plan.need_snapshot++;
    queue_put_plan(worker->queue, &worker->plan);
}

static uint32_t fill_permille(const struct worker *worker)
{
    return (uint32_t)(queue_used(worker->queue) * 1000 / queue_size(worker->queue));
}

/* NULL when the connection is of no more use; said. */
static const Vedette__V1__Reply *exchange(struct worker *worker, const uint8_t *bytes, size_t size,
                                          const uint8_t *extra, size_t extra_size)
{
    const uint8_t *answer;
    size_t answer_size;
    const char *why = bus_exchange(worker->bus, bytes, size, extra, extra_size, &answer, &answer_size);
    if (why) {
        worker_note_lost(worker, 0, why);
        return NULL;
    }
    worker->silent_since_ns = clock_boot_ns();
    const Vedette__V1__Reply *reply = replies_unpack(worker->replies, answer, answer_size);
    if (!reply || reply->body_case == VEDETTE__V1__REPLY__BODY__NOT_SET) {
        worker_note_lost(worker, 0, "its reply is malformed");
        bus_hang_up(worker->bus);
        return NULL;
    }
    return reply;
}

static enum step take_welcome(struct worker *worker, const Vedette__V1__Welcome *welcome)
{
    if (welcome->wire < WIRE_VERSION_MIN || welcome->wire > WIRE_VERSION_MAX) {
        worker_note_lost(worker, VEDETTE__V1__REFUSAL_CODE__REFUSED_VERSION, "it chose a version that was not offered");
        return STEP_LOST;
    }
    worker->hello_unused = true;
    worker->n_sessions = worker->next_session = 0; /* another analyzer may remember less */
    for (size_t i = 0; i < welcome->n_cursor && i < WIRE_CURSORS; i++)
        take_cursor(worker, welcome->cursor[i]);
    take_plan(worker, welcome->plan, welcome->need_snapshot);
    return STEP_ON;
}

/* The hello, with the token that is in its file now. NULL when the connection is of no more use; said. */
static const Vedette__V1__Reply *say_hello(struct worker *worker)
{
    char error[CREDENTIAL_ERROR_BYTES], *token;
    size_t token_size, size;
    if (credentials_token(&worker->credentials, &token, &token_size, error) != 0) {
        worker_note_lost(worker, 0, error);
        bus_hang_up(worker->bus);
        return NULL;
    }
    if (!token)
        return exchange(worker, worker->hello, worker->hello_size, NULL, 0);
    uint8_t *hello = message_add_credential(worker->hello, worker->hello_size, token, token_size, &size);
    const Vedette__V1__Reply *reply = NULL;
    credential_free(token, token_size);
    if (hello)
        reply = exchange(worker, hello, size, NULL, 0);
    else
        worker_note_lost(worker, 0, "the hello has no room for a token");
    if (hello)
        explicit_bzero(hello, size);
    free(hello);
    return reply;
}

enum step delivery_greet(struct worker *worker)
{
    worker->has_current = false;
    queue_rewind(worker->queue);
    FAULT_POINT(worker_before_hello);
    worker->is_greeting = true;
    const Vedette__V1__Reply *reply = say_hello(worker);
    worker->is_greeting = false;
    FAULT_POINT(worker_after_welcome);
    if (!reply)
        return STEP_LOST;
    if (reply->body_case == VEDETTE__V1__REPLY__BODY_WELCOME)
        return take_welcome(worker, reply->welcome);
    if (reply->body_case == VEDETTE__V1__REPLY__BODY_REFUSAL)
        worker_note_lost(worker, (int)reply->refusal->code, reply->refusal->reason);
    else
        worker_note_lost(worker, 0, "it answered the hello with something else than a welcome");
    return STEP_LOST;
}

static enum step take_ack(struct worker *worker, const Vedette__V1__Ack *ack)
{
    if (ack->cursor)
        take_cursor(worker, ack->cursor);
    take_plan(worker, ack->plan, ack->need_snapshot);
    worker->backoff_ms = worker->backoff_min_ms; /* only now is it known to work */
    worker->hello_unused = false;
    return STEP_ON;
}

/* The answer to a request that carried no entry. */
static enum step take_plain_reply(struct worker *worker, const Vedette__V1__Reply *reply)
{
    if (reply->body_case == VEDETTE__V1__REPLY__BODY_ACK)
        return take_ack(worker, reply->ack);
    if (reply->body_case != VEDETTE__V1__REPLY__BODY_REFUSAL) {
        worker_note_lost(worker, 0, "it answered a batch with a welcome");
        return STEP_LOST;
    }
    const Vedette__V1__Refusal *refusal = reply->refusal;
    switch (refusal->code) {
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_NO_HELLO:
        if (worker->hello_unused) { /* it was just given: they would go round for ever */
            worker_note_lost(worker, (int)refusal->code, refusal->reason);
            return STEP_LOST;
        }
        return STEP_HELLO;
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_VERSION:
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_NODE_TAKEN:
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_IDENTITY:
        worker_note_lost(worker, (int)refusal->code, refusal->reason);
        return STEP_LOST;
    default: /* nothing is lost with a heartbeat; the next one comes in its time */
        if (refusal->cursor)
            take_cursor(worker, refusal->cursor);
        return STEP_ON;
    }
}

static enum step send_heartbeat(struct worker *worker, uint64_t session, uint64_t first_seq,
                                const Vedette__V1__Loss *loss)
{
    uint8_t message[MESSAGE_BYTES];
    size_t size = message_pack_heartbeat(message, session, first_seq, fill_permille(worker), loss);
    const Vedette__V1__Reply *reply = exchange(worker, message, size, NULL, 0);
    return reply ? take_plain_reply(worker, reply) : STEP_LOST;
}

/*
 * A time before all events of `current`: the queue time of the entry before it. Without one, its session's beginning,
 * which for a session of a life before is known to lie after the boot and no more.
 */
static uint64_t current_begins_ns(const struct worker *worker)
{
    uint64_t begins_ns = worker->before_ns;
    if (begins_ns == 0 && worker->current.session == worker->session)
        begins_ns = worker->began_ns;
    return begins_ns < worker->current.time_ns ? begins_ns : worker->current.time_ns;
}

/*
 * The analyzer will never take this entry: what was in it becomes a loss record, sent at once. Its first_seq is what
 * comes after the entry, so that the analyzer expects that and does not take it for a gap. If the connection breaks
 * meanwhile, all this happens again.
 */
static enum step drop_current(struct worker *worker, const char *reason)
{
    struct queue_entry entry = worker->current;
    Vedette__V1__Loss loss;
    vedette__v1__loss__init(&loss);
    loss.stage = VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE;
    loss.event_class = ALL_CLASSES;
    loss.cpu = all_cpus;
    loss.from_ns = current_begins_ns(worker);
    loss.to_ns = entry.time_ns;
    loss.count = entry.next_seq - entry.first_seq;
    loss.count_exact = true;
    loss.session = entry.session;
    if (worker->refused_batches++ == 0)
        log_error("courier: the analyzer will not take a batch of %llu events (%s): dropped and reported as lost; more "
                  "are only counted",
                  (unsigned long long)loss.count, reason);
    enum step step = send_heartbeat(worker, entry.session, entry.next_seq, &loss);
    if (step != STEP_ON)
        return step;
    worker->has_current = false;
    queue_forget(worker->queue, entry.position);
    return STEP_ON;
}

/* Something before this entry is missing. Start again from the analyzer's cursor; if that leads here again, it is
 * really missing. */
static enum step take_gap(struct worker *worker, const Vedette__V1__Refusal *refusal)
{
    bool again = worker->stuck_position == worker->current.position + 1;
    if (refusal->cursor)
        take_cursor(worker, refusal->cursor);
    if (again)
        return drop_current(worker, "events before it are missing");
    worker->stuck_position = worker->current.position + 1;
    worker->has_current = false;
    queue_rewind(worker->queue);
    worker_pause(worker, SEQUENCE_PAUSE_MS);
    return STEP_ON;
}

static enum step take_refusal(struct worker *worker, const Vedette__V1__Reply *reply)
{
    const Vedette__V1__Refusal *refusal = reply->refusal;
    uint32_t wait = refusal->retry_ms;
    switch (refusal->code) {
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_MALFORMED:
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_TOO_LARGE:
        return drop_current(worker, refusal->reason);
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_SEQUENCE:
        return take_gap(worker, refusal);
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_NO_HELLO:
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_VERSION:
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_NODE_TAKEN:
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_IDENTITY:
        return take_plain_reply(worker, reply);
    default: /* busy, or a reason that a newer analyzer has */
        worker_pause(worker, wait < BUSY_MIN_MS ? BUSY_MIN_MS : wait > BUSY_MAX_MS ? BUSY_MAX_MS : wait);
        return STEP_ON;
    }
}

static enum step send_current(struct worker *worker)
{
    const struct queue_entry *entry = &worker->current;
    uint8_t extra[MESSAGE_EXTRA_BYTES];
    size_t extra_size = message_pack_extra(extra, fill_permille(worker), entry->time_ns);
    if (entry->size + extra_size > WIRE_REQUEST_BYTES)
        extra_size = 0; /* rather a batch without its gauges than one that is too large */
    FAULT_POINT(worker_before_send);
    const Vedette__V1__Reply *reply = exchange(worker, entry->bytes, entry->size, extra, extra_size);
    FAULT_POINT(worker_after_reply);
    if (!reply)
        return STEP_LOST;
    if (reply->body_case == VEDETTE__V1__REPLY__BODY_REFUSAL)
        return take_refusal(worker, reply);
    enum step step = take_plain_reply(worker, reply);
    if (step == STEP_ON) {
        worker->has_current = false;
        worker->last_time_ns = entry->time_ns;
    }
    return step;
}

/* Below the analyzer's cursor, or, without events of its own, before events that were processed. */
static bool is_processed(struct worker *worker, const struct queue_entry *entry)
{
    const struct known_session *known = find_session(worker, entry->session);
    if (!known)
        return false;
    return entry->next_seq > entry->first_seq ? entry->next_seq <= known->processed
                                              : entry->next_seq < known->processed;
}

/* After a rewind the entry given before lies behind this one, and says nothing about when its events began; or it is
 * this one. */
static void note_given(struct worker *worker, const struct queue_entry *entry)
{
    if (worker->given_position == entry->position + 1)
        return;
    worker->before_ns = worker->given_position <= entry->position ? worker->given_time_ns : 0;
    worker->given_position = entry->position + 1;
    worker->given_time_ns = entry->time_ns;
}

static bool find_current(struct worker *worker)
{
    while (!worker->has_current) {
        const struct queue_entry *entry = queue_next(worker->queue);
        if (!entry)
            return false;
        note_given(worker, entry);
        if (is_processed(worker, entry))
            continue;
        worker->current = *entry;
        worker->has_current = true;
    }
    return true;
}

/* Entries that damage in memory hid from us: how many they were cannot be known. */
static enum step report_damage(struct worker *worker)
{
    Vedette__V1__Loss loss;
    vedette__v1__loss__init(&loss);
    const struct known_session *known = find_session(worker, worker->session);
    loss.stage = VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE;
    loss.event_class = ALL_CLASSES;
    loss.cpu = all_cpus;
    loss.from_ns = worker->last_time_ns;
    loss.to_ns = clock_boot_ns();
    loss.session = worker->session;
    log_error("courier: the queue is damaged: what was waiting in it is given up and reported as lost");
    worker->damage_told = queue_damaged(worker->queue);
    return send_heartbeat(worker, worker->session, known ? known->processed : 0, &loss);
}

static uint64_t heartbeat_ms(const struct worker *worker)
{
    if (queue_is_closing(worker->queue))
        return CLOSING_HEARTBEAT_MS;
    if (fill_permille(worker) > FULL_PERMILLE && worker->heartbeat_ms > FULL_HEARTBEAT_MS)
        return FULL_HEARTBEAT_MS;
    if (!queue_is_delivered(worker->queue) && worker->heartbeat_ms > UNSETTLED_HEARTBEAT_MS)
        return UNSETTLED_HEARTBEAT_MS;
    return worker->heartbeat_ms;
}

/* Nothing to send: wait for work, for the connection's end, or for the time of a heartbeat. */
static enum step idle(struct worker *worker)
{
    const struct known_session *known = find_session(worker, worker->session);
    uint64_t silent_ms = (clock_boot_ns() - worker->silent_since_ns) / 1000000;
    uint64_t due_ms = heartbeat_ms(worker);
    if (silent_ms >= due_ms)
        return send_heartbeat(worker, worker->session, known ? known->processed : 0, NULL);
    struct pollfd fds[] = {{.fd = queue_worker_fd(worker->queue), .events = POLLIN},
                           {.fd = bus_change_fd(worker->bus), .events = POLLIN}};
    if (poll(fds, 2, (int)(due_ms - silent_ms)) > 0 && fds[1].revents && !bus_is_still_there(worker->bus)) {
        worker_note_lost(worker, 0, "it closed the connection");
        return STEP_LOST;
    }
    return STEP_ON;
}

enum step delivery_step(struct worker *worker)
{
    taken_over(worker->queue);
    if (credentials_look(&worker->credentials, worker->bus, false) == CREDENTIALS_TRUST) {
        bus_hang_up(worker->bus);
        return STEP_LOST;
    }
    if (find_current(worker))
        return send_current(worker);
    if (queue_damaged(worker->queue) != worker->damage_told)
        return report_damage(worker);
    if (queue_is_closing(worker->queue) && queue_is_delivered(worker->queue))
        return STEP_DONE;
    return idle(worker);
}
