// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/shard.h"

#include <errno.h>

#include "analyzer/ingest/ingest_internal.h"
#include "analyzer/ingest/self.h"
#include "analyzer/state/hash.h"
#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"

/* Between two rounds that are a second apart: stopped, suspended, or at a disk that hung. */
static const uint64_t STOOD_STILL_NS = 3000000000;

struct job {
    nng_msg *message;
    bool forwarded;
    uint64_t put_ns; /* CLOCK_BOOTTIME */
};

struct resident {
    struct node *node;
    UT_hash_handle hh; /* by the node's name */
};

struct shard {
    struct ingest *ingest;
    unsigned index;
    pthread_t thread;
    bool running;
    int result;      /* of the last commits */
    bool owes_lines; /* a node keeps lines of the log back; the thread's own */
    uint64_t told_ns;

    pthread_mutex_t lock; /* the queue */
    pthread_cond_t wake;
    struct job jobs[INGEST_QUEUE_JOBS]; /* a ring */
    size_t first, count, bytes;
    bool stopping;
    uint64_t pulse_ns; /* when it was asked whether it moves; 0: answered */

    pthread_mutex_t nodes_lock; /* scrapes walk the nodes; only the thread changes them */
    struct resident *nodes;
    struct decoder *decoder;
    struct reply reply;
    atomic_uint_fast64_t busy_since_ns;
};

static unsigned shard_of_name(const struct ingest *ingest, const char *name)
{
    return hash_of_key(name, strlen(name)) % ingest->n_shards;
}

bool shard_put(struct shard *shard, nng_msg *message, bool forwarded)
{
    pthread_mutex_lock(&shard->lock);
    bool room = shard->count < INGEST_QUEUE_JOBS && shard->bytes < INGEST_QUEUE_BYTES && !shard->stopping;
    if (room) {
        shard->jobs[(shard->first + shard->count++) % INGEST_QUEUE_JOBS] =
            (struct job){.message = message, .forwarded = forwarded, .put_ns = clock_boot_ns()};
        shard->bytes += nng_msg_len(message);
        pthread_cond_signal(&shard->wake);
    }
    pthread_mutex_unlock(&shard->lock);
    return room;
}

/* Waits, no longer than until `deadline` if there is one; false when there is no job. */
static bool take(struct shard *shard, const struct timespec *deadline, struct job *ret_job)
{
    int waited = 0;
    pthread_mutex_lock(&shard->lock);
    while (shard->count == 0 && !shard->stopping && waited == 0 && shard->pulse_ns == 0)
        waited = deadline == NULL ? pthread_cond_wait(&shard->wake, &shard->lock)
                                  : pthread_cond_timedwait(&shard->wake, &shard->lock, deadline);
    shard->pulse_ns = 0;
    bool taken = shard->count > 0;
    if (taken) {
        *ret_job = shard->jobs[shard->first];
        shard->first = (shard->first + 1) % INGEST_QUEUE_JOBS;
        shard->count--;
        shard->bytes -= nng_msg_len(ret_job->message);
    }
    pthread_mutex_unlock(&shard->lock);
    return taken;
}

static bool is_stopping(struct shard *shard)
{
    pthread_mutex_lock(&shard->lock);
    bool stopping = shard->stopping && shard->count == 0;
    pthread_mutex_unlock(&shard->lock);
    return stopping;
}

static void forget(struct shard *shard, struct resident *resident)
{
    pthread_mutex_lock(&shard->nodes_lock);
    HASH_DELETE(hh, shard->nodes, resident);
    pthread_mutex_unlock(&shard->nodes_lock);
    node_free(resident->node);
    free(resident);
}

/* Room for one more: the node that is gone longest gives its place. */
static bool make_room(struct shard *shard, uint64_t now_ns)
{
    if (HASH_COUNT(shard->nodes) < INGEST_MAX_NODES / shard->ingest->n_shards)
        return true;
    struct resident *resident, *next, *oldest = NULL;
    HASH_ITER(hh, shard->nodes, resident, next)
    {
        if (!peers_is_connected(shard->ingest->peers, resident->node) &&
            (oldest == NULL || node_last_seen_ns(resident->node) < node_last_seen_ns(oldest->node)))
            oldest = resident;
    }
    if (oldest == NULL || node_settle(oldest->node, now_ns) < 0)
        return false;
    forget(shard, oldest);
    return true;
}

static struct node *find_or_make(struct shard *shard, const char *name, uint64_t now_ns)
{
    struct resident *resident;
    HASH_FIND_STR(shard->nodes, name, resident);
    if (resident != NULL)
        return resident->node;
    if (!make_room(shard, now_ns))
        return NULL;
    resident = calloc(1, sizeof(*resident));
    struct node *node = resident == NULL ? NULL : node_new(&shard->ingest->environment, name);
    if (node == NULL) {
        free(resident);
        return NULL;
    }
    resident->node = node;
    pthread_mutex_lock(&shard->nodes_lock);
    HASH_ADD_KEYPTR(hh, shard->nodes, node_name(node), strlen(node_name(node)), resident);
    bool added = resident->hh.tbl != NULL;
    pthread_mutex_unlock(&shard->nodes_lock);
    if (!added) {
        node_free(node);
        free(resident);
        return NULL;
    }
    return node;
}

static void refuse(struct shard *shard, Vedette__V1__RefusalCode code, const char *words, uint32_t retry_ms)
{
    totals_count(&shard->ingest->totals.refused[code], 1);
    if (ingest_may_complain(shard->ingest, clock_boot_ns()))
        log_warning("bus: a request was refused: %s", words);
    reply_refusal(&shard->reply, code, words, NULL, retry_ms);
}

static void refuse_binding(struct shard *shard, const char *name, enum peer_binding binding)
{
    char words[400];
    if (binding == PEER_TAKEN) {
        snprintf(words, sizeof(words),
                 "node %.200s already speaks over another connection: two collectors use one node name, or one of them "
                 "is forged",
                 name);
        refuse(shard, VEDETTE__V1__REFUSAL_CODE__REFUSED_NODE_TAKEN, words, 0);
    } else {
        snprintf(words, sizeof(words), "this connection speaks for another node than %.200s", name);
        refuse(shard, VEDETTE__V1__REFUSAL_CODE__REFUSED_IDENTITY, words, 0);
    }
}

/* What became of a request. */
enum handled {
    HANDLED,   /* shard->reply is to be sent */
    FORWARDED, /* another shard has the message */
    DROPPED,   /* the pipe has gone */
};

/* Nobody who cannot prove to be a node that is enrolled learns more than that the connection ends. */
static enum handled turn_away(struct shard *shard, uint32_t pipe, const char *words, uint64_t now_ns)
{
    ingest_turn_away(shard->ingest, (nng_pipe){.id = pipe}, REFUSED_ENROLMENT, words, now_ns);
    return DROPPED;
}

static enum handled turn_away_hello(struct shard *shard, uint32_t pipe, const Vedette__V1__Hello *hello,
                                    uint64_t now_ns)
{
    char words[400];
    snprintf(words, sizeof(words), "its hello is for node %.200s and has %s (bus.enrolment)", hello->node,
             hello->credential.len == 0 ? "no token" : "a token that this node is not enrolled with");
    return turn_away(shard, pipe, words, now_ns);
}

static void refuse_taken(struct shard *shard, struct node *node, const Vedette__V1__Hello *hello,
                         enum peer_binding binding, uint64_t now_ns)
{
    refuse_binding(shard, hello->node, binding);
    if (binding == PEER_TAKEN)
        node_raise(node, SELF_NODE_ON_TWO_CONNECTIONS, now_ns);
}

/* False when there is nobody to reply to any more. `digest`: NULL where no token is needed. */
static bool handle_hello(struct shard *shard, uint32_t pipe, const Vedette__V1__Hello *hello, const uint8_t *digest,
                         uint64_t now_ns)
{
    struct node *node = find_or_make(shard, hello->node, now_ns);
    if (node == NULL) {
        refuse(shard, VEDETTE__V1__REFUSAL_CODE__REFUSED_BUSY, "this analyzer has no room for one more node",
               INGEST_BUSY_RETRY_MS);
        return true;
    }
    uint64_t stale_ns = (hello->heartbeat_ms > INGEST_STALE_S * 1000 / 3 ? UINT64_C(3) * hello->heartbeat_ms
                                                                         : INGEST_STALE_S * UINT64_C(1000)) *
                        1000000;
    uint32_t stale = 0;
    enum peer_binding binding = peers_bind(shard->ingest->peers, pipe, node, shard->index, digest,
                                           now_ns > stale_ns ? now_ns - stale_ns : 0, &stale);
    if (stale != 0) {
        log_info("node %s: its connection before has been silent for long and is closed for the new one", hello->node);
        nng_pipe_close((nng_pipe){.id = stale});
    }
    if (binding == PEER_GONE)
        return false;
    if (binding != PEER_BOUND)
        refuse_taken(shard, node, hello, binding, now_ns);
    else if (digest != NULL && !credentials_hold(shard->ingest->credentials, hello->node, digest))
        return turn_away_hello(shard, pipe, hello, now_ns) != DROPPED; /* the enrolment has changed meanwhile */
    else if (!node_may_send(node, QUOTA_HELLO_BYTES, now_ns, &shard->reply))
        peers_unbind(shard->ingest->peers, pipe);
    else if (!node_hello(node, hello, now_ns, &shard->reply))
        peers_unbind(shard->ingest->peers, pipe);
    return true;
}

static void refuse_undecoded(struct shard *shard, struct node *node, int result, uint64_t now_ns)
{
    Vedette__V1__RefusalCode code = result == -EMSGSIZE ? VEDETTE__V1__REFUSAL_CODE__REFUSED_TOO_LARGE
                                                        : VEDETTE__V1__REFUSAL_CODE__REFUSED_MALFORMED;
    if (node != NULL)
        node_refuse(node, code, decoder_error(shard->decoder), now_ns, &shard->reply);
    else
        refuse(shard, code, decoder_error(shard->decoder), 0);
}

static enum handled forward(struct shard *shard, unsigned to, nng_msg *message)
{
    if (shard_put(shard->ingest->shard[to], message, true))
        return FORWARDED;
    refuse(shard, VEDETTE__V1__REFUSAL_CODE__REFUSED_BUSY, "too many requests wait", INGEST_BUSY_RETRY_MS);
    return HANDLED;
}

static enum handled handle_decoded(struct shard *shard, const struct job *job, uint32_t pipe, struct node *node,
                                   const Vedette__V1__Request *request, uint64_t now_ns)
{
    const Vedette__V1__EventBatch *batch = request->body_case == VEDETTE__V1__REQUEST__BODY_BATCH ? request->batch
                                           : request->body_case == VEDETTE__V1__REQUEST__BODY_SNAPSHOT
                                               ? request->snapshot
                                               : NULL;
    if (request->body_case == VEDETTE__V1__REQUEST__BODY_HELLO && request->hello != NULL) {
        const Vedette__V1__Hello *hello = request->hello;
        int result = decoder_check_hello(shard->decoder, hello);
        unsigned owner = shard_of_name(shard->ingest, hello->node);
        uint8_t digest[ENROLMENT_DIGEST_BYTES];
        const bool enrols = credentials_enrol(shard->ingest->credentials);
        if (enrols)
            enrolment_digest(hello->credential.data, hello->credential.len, digest);
        if (result == 0 && enrols && !credentials_hold(shard->ingest->credentials, hello->node, digest))
            return turn_away_hello(shard, pipe, hello, now_ns);
        if (result < 0)
            refuse_undecoded(shard, node, result, now_ns);
        else if (node != NULL && strcmp(node_name(node), hello->node) != 0)
            refuse_binding(shard, hello->node, PEER_OTHER); /* before a node is made for the name */
        else if (owner != shard->index && !job->forwarded)
            return forward(shard, owner, job->message);
        else
            return handle_hello(shard, pipe, hello, enrols ? digest : NULL, now_ns) ? HANDLED : DROPPED;
    } else if (batch == NULL) {
        refuse(shard, VEDETTE__V1__REFUSAL_CODE__REFUSED_MALFORMED,
               "a request must hold a hello, a batch or a snapshot", 0);
    } else if (node == NULL) {
        refuse(shard, VEDETTE__V1__REFUSAL_CODE__REFUSED_NO_HELLO, "a batch came before a hello", 0);
    } else {
        node_batch(node, shard->decoder, request, batch, now_ns, &shard->reply);
        shard->owes_lines = node_tell_due(node, now_ns) || shard->owes_lines;
    }
    return HANDLED;
}

/* Before it is unpacked, which costs more: Request.hello is field 1, and a courier sends nothing before it. */
static bool begins_as_hello(nng_msg *message)
{
    return nng_msg_len(message) > 0 && *(const uint8_t *)nng_msg_body(message) == (1 << 3 | 2);
}

static enum handled handle(struct shard *shard, const struct job *job, uint64_t now_ns)
{
    uint32_t pipe = (uint32_t)nng_msg_get_pipe(job->message).id;
    struct node *node = NULL;
    unsigned owner;
    const Vedette__V1__Request *request;
    if (!peers_node(shard->ingest->peers, pipe, &node, &owner))
        return DROPPED;
    if (node != NULL && owner != shard->index)
        return forward(shard, owner, job->message);
    const bool must_prove = node == NULL && credentials_enrol(shard->ingest->credentials);
    if (must_prove && !begins_as_hello(job->message))
        return turn_away(shard, pipe, "it said something else than a hello first", now_ns);
    if (node != NULL && !node_may_send(node, nng_msg_len(job->message), now_ns, &shard->reply))
        return HANDLED;
    FAULT_POINT(ingest_before_unpack);
    int result = decoder_unpack(shard->decoder, nng_msg_body(job->message), nng_msg_len(job->message), &request);
    FAULT_POINT(ingest_after_unpack);
    if (result == 0)
        return handle_decoded(shard, job, pipe, node, request, now_ns);
    if (must_prove)
        return turn_away(shard, pipe, "its first request is malformed", now_ns);
    refuse_undecoded(shard, node, result, now_ns);
    return HANDLED;
}

static void settle_nodes(struct shard *shard)
{
    uint64_t now_ns = clock_boot_ns();
    struct resident *resident, *next;
    HASH_ITER(hh, shard->nodes, resident, next)
    {
        int result = node_settle(resident->node, now_ns);
        if (result < 0)
            shard->result = result;
    }
}

/* Whether what came is handled: only then can something be missed. */
static bool is_up_to_date(struct shard *shard, uint64_t now_ns)
{
    return shard_queue(shard, now_ns).age_ns < NODE_LINE_INTERVAL_MS * UINT64_C(1000000);
}

/* Once a second, also of nodes that say nothing more: lines that were kept back, and what is missed. */
static void tell_due(struct shard *shard)
{
    uint64_t now_ns = clock_boot_ns();
    struct resident *resident, *next;
    shard->owes_lines = false;
    const bool stood_still = now_ns - shard->told_ns > STOOD_STILL_NS;
    shard->told_ns = now_ns;
    const bool up_to_date = is_up_to_date(shard, now_ns);
    HASH_ITER(hh, shard->nodes, resident, next)
    {
        if (up_to_date)
            node_check_sight(resident->node, stood_still, now_ns);
        if (node_tell_due(resident->node, now_ns))
            shard->owes_lines = true;
    }
}

/* The next job; false when the shard stops and nothing is left. */
static bool next_job(struct shard *shard, struct job *ret_job)
{
    for (;;) {
        struct timespec deadline;
        clock_gettime(CLOCK_MONOTONIC, &deadline);
        deadline.tv_sec++;
        if (take(shard, shard->owes_lines || shard->nodes != NULL ? &deadline : NULL, ret_job))
            return true;
        if (is_stopping(shard))
            return false;
        tell_due(shard);
    }
}

static void *run(void *arg)
{
    struct shard *shard = arg;
    struct job job;
    while (next_job(shard, &job)) {
        uint64_t now_ns = clock_boot_ns();
        atomic_store_explicit(&shard->busy_since_ns, now_ns, memory_order_relaxed);
        uint32_t pipe = (uint32_t)nng_msg_get_pipe(job.message).id;
        enum handled handled = handle(shard, &job, now_ns);
        if (handled != FORWARDED)
            peers_end(shard->ingest->peers, pipe);
        FAULT_POINT(ingest_before_reply);
        if (handled == HANDLED)
            ingest_reply(shard->ingest, job.message, &shard->reply);
        else if (handled == DROPPED)
            nng_msg_free(job.message);
        FAULT_POINT(ingest_after_reply);
        atomic_store_explicit(&shard->busy_since_ns, 0, memory_order_relaxed);
        if (now_ns - shard->told_ns >= NODE_LINE_INTERVAL_MS * UINT64_C(1000000))
            tell_due(shard); /* others may keep this thread busy */
    }
    settle_nodes(shard);
    return NULL;
}

struct shard *shard_start(struct ingest *ingest, unsigned index)
{
    struct shard *shard = calloc(1, sizeof(*shard));
    if (shard == NULL)
        return NULL;
    shard->ingest = ingest;
    shard->index = index;
    pthread_mutex_init(&shard->lock, NULL);
    pthread_mutex_init(&shard->nodes_lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&shard->wake, &clock);
    pthread_condattr_destroy(&clock);
    shard->decoder = decoder_new(WIRE_REQUEST_BYTES);
    int result = shard->decoder == NULL ? ENOMEM : pthread_create(&shard->thread, NULL, run, shard);
    if (result != 0) {
        shard_free(shard);
        errno = result;
        return NULL;
    }
    shard->running = true;
    return shard;
}

int shard_stop(struct shard *shard)
{
    if (shard == NULL || !shard->running)
        return 0;
    pthread_mutex_lock(&shard->lock);
    shard->stopping = true;
    pthread_cond_signal(&shard->wake);
    pthread_mutex_unlock(&shard->lock);
    pthread_join(shard->thread, NULL);
    shard->running = false;
    return shard->result;
}

void shard_free(struct shard *shard)
{
    if (shard == NULL)
        return;
    struct resident *resident, *next;
    HASH_ITER(hh, shard->nodes, resident, next)
    {
        forget(shard, resident);
    }
    decoder_free(shard->decoder);
    pthread_cond_destroy(&shard->wake);
    pthread_mutex_destroy(&shard->nodes_lock);
    pthread_mutex_destroy(&shard->lock);
    free(shard);
}

uint64_t shard_busy_since_ns(const struct shard *shard)
{
    return atomic_load_explicit(&shard->busy_since_ns, memory_order_relaxed);
}

void shard_walk(struct shard *shard, bool (*visit)(struct node *node, void *arg), void *arg)
{
    struct resident *resident, *next;
    bool more = true;
    pthread_mutex_lock(&shard->nodes_lock);
    HASH_ITER(hh, shard->nodes, resident, next)
    {
        more = more && visit(resident->node, arg);
    }
    pthread_mutex_unlock(&shard->nodes_lock);
}

void shard_pulse(struct shard *shard, uint64_t now_ns)
{
    pthread_mutex_lock(&shard->lock);
    if (shard->pulse_ns == 0 && !shard->stopping) {
        shard->pulse_ns = now_ns;
        pthread_cond_signal(&shard->wake);
    }
    pthread_mutex_unlock(&shard->lock);
}

uint64_t shard_pulse_age_ns(struct shard *shard, uint64_t now_ns)
{
    pthread_mutex_lock(&shard->lock);
    uint64_t asked_ns = shard->pulse_ns;
    pthread_mutex_unlock(&shard->lock);
    return asked_ns != 0 && now_ns > asked_ns ? now_ns - asked_ns : 0;
}

struct shard_queue shard_queue(struct shard *shard, uint64_t now_ns)
{
    pthread_mutex_lock(&shard->lock);
    struct shard_queue queue = {.requests = shard->count, .bytes = shard->bytes};
    if (shard->count > 0 && now_ns > shard->jobs[shard->first].put_ns)
        queue.age_ns = now_ns - shard->jobs[shard->first].put_ns;
    pthread_mutex_unlock(&shard->lock);
    uint64_t since_ns = shard_busy_since_ns(shard);
    queue.busy_ns = since_ns != 0 && now_ns > since_ns ? now_ns - since_ns : 0;
    return queue;
}

void shard_collect(struct shard *shard, struct metrics_writer *writer)
{
    struct resident *resident, *next;
    pthread_mutex_lock(&shard->nodes_lock);
    HASH_ITER(hh, shard->nodes, resident, next)
    {
        node_collect(resident->node, writer);
    }
    pthread_mutex_unlock(&shard->nodes_lock);
}

void shard_add_costs(struct shard *shard, struct engine_cost *costs, size_t n_costs)
{
    struct resident *resident, *next;
    pthread_mutex_lock(&shard->nodes_lock);
    HASH_ITER(hh, shard->nodes, resident, next)
    {
        node_add_costs(resident->node, costs, n_costs);
    }
    pthread_mutex_unlock(&shard->nodes_lock);
}
