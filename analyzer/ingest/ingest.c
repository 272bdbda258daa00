// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/ingest.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/supplemental/tls/tls.h>
#include <nng/supplemental/util/platform.h>
#include <nng/transport/tls/tls.h>

#include "analyzer/ingest/ingest_internal.h"
#include "analyzer/ingest/listener.h"
#include "common/base/clock.h"
#include "common/base/log.h"

static const uint64_t SECOND_NS = 1000000000;

bool ingest_may_complain(struct ingest *ingest, uint64_t now_ns)
{
    uint_fast64_t last = atomic_load(&ingest->complained_ns);
    if (last != 0 && now_ns - last < 60 * SECOND_NS)
        return false;
    return atomic_compare_exchange_strong(&ingest->complained_ns, &last, now_ns);
}

void ingest_reply(struct ingest *ingest, nng_msg *message, const struct reply *reply)
{
    nng_msg_clear(message);
    if (nng_msg_append(message, reply->bytes, reply->size) != 0 || nng_sendmsg(ingest->socket, message, 0) != 0)
        nng_msg_free(message); /* the collector asks again after its time-out */
}

static bool is_own(nng_pipe pipe)
{
    uint64_t pid;
    return nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid) == 0 && pid == (uint64_t)getpid();
}

static bool may_speak(const struct ingest *ingest, nng_pipe pipe)
{
    uint64_t uid;
    if (!ingest->is_ipc)
        return true; /* its hello must prove it: credentials_enrol */
    if (atomic_load(&ingest->probing) && is_own(pipe))
        return true; /* ingest_mend's, whoever else may speak */
    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0)
        return false;
    for (size_t i = 0; i < ingest->settings.n_allowed_uids; i++)
        if (ingest->settings.allowed_uid[i] == uid)
            return true;
    return false;
}

void ingest_turn_away(struct ingest *ingest, nng_pipe pipe, enum refused reason, const char *words, uint64_t now_ns)
{
    totals_count(&ingest->totals.refused[reason], 1);
    if (ingest_may_complain(ingest, now_ns))
        log_warning("bus: a connection was closed: %s", words);
    nng_pipe_close(pipe);
}

/* TLS has required it already: a configuration that did not is a mistake that must not go unseen. */
static bool is_verified(const struct ingest *ingest, nng_pipe pipe)
{
    bool verified = false;
    return !ingest->is_tls || (nng_pipe_get_bool(pipe, NNG_OPT_TLS_VERIFIED, &verified) == 0 && verified);
}

/* Whoever holds a certificate and no token can open connections: they push out each other, not the nodes. */
static void make_room_for_strangers(struct ingest *ingest, uint64_t now_ns)
{
    uint32_t oldest =
        credentials_enrol(ingest->credentials) ? peers_oldest_stranger(ingest->peers, INGEST_MAX_STRANGERS) : 0;
    if (oldest != 0)
        ingest_turn_away(ingest, (nng_pipe){.id = oldest}, REFUSED_PIPES,
                         "too many connections that have not said which node they are", now_ns);
}

/* nng's threads. */
static void pipe_came(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct ingest *ingest = arg;
    uint64_t now_ns = clock_boot_ns();
    uint32_t id = (uint32_t)nng_pipe_id(pipe);
    (void)event;
    if (!may_speak(ingest, pipe))
        ingest_turn_away(ingest, pipe, REFUSED_PEER, "its user may not speak on the bus (bus.allow_uids)", now_ns);
    else if (!is_verified(ingest, pipe))
        ingest_turn_away(ingest, pipe, REFUSED_HANDSHAKE, "its certificate was not verified", now_ns);
    else if (!peers_add(ingest->peers, id, id % ingest->n_shards, now_ns))
        ingest_turn_away(ingest, pipe, REFUSED_PIPES, "too many connections", now_ns);
    else
        make_room_for_strangers(ingest, now_ns);
}

static void pipe_went(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct ingest *ingest = arg;
    (void)event;
    peers_remove(ingest->peers, (uint32_t)nng_pipe_id(pipe));
}

static void refuse_busy(struct ingest *ingest, nng_msg *message, struct reply *reply)
{
    totals_count(&ingest->totals.refused[VEDETTE__V1__REFUSAL_CODE__REFUSED_BUSY], 1);
    reply_refusal(reply, VEDETTE__V1__REFUSAL_CODE__REFUSED_BUSY, "too many requests wait", NULL, INGEST_BUSY_RETRY_MS);
    ingest_reply(ingest, message, reply);
}

static void dispatch(struct ingest *ingest, nng_msg *message, struct reply *reply)
{
    nng_pipe pipe = nng_msg_get_pipe(message);
    uint32_t id = (uint32_t)nng_pipe_id(pipe);
    uint64_t now_ns = clock_boot_ns();
    unsigned shard = 0;
    if (nng_msg_len(message) == strlen(LISTENER_PROBE) &&
        memcmp(nng_msg_body(message), LISTENER_PROBE, strlen(LISTENER_PROBE)) == 0 && is_own(pipe)) {
        *reply = (struct reply){.size = 0};
        ingest_reply(ingest, message, reply);
        return;
    }
    enum peer_admission admission = atomic_load(&ingest->stopping)
                                        ? PEER_UNKNOWN
                                        : peers_begin(ingest->peers, id, INGEST_MAX_IN_FLIGHT, now_ns, &shard);
    if (admission == PEER_ADMITTED) {
        if (shard_put(ingest->shard[shard], message, false))
            return;
        peers_end(ingest->peers, id);
        refuse_busy(ingest, message, reply);
        return;
    }
    if (admission == PEER_FLOODING)
        ingest_turn_away(ingest, pipe, REFUSED_FLOOD, "it sends requests without waiting for replies", now_ns);
    nng_msg_free(message);
}

/* A thread of its own, ended by closing the socket: cancelling a receive can crash nng 1.5.2. */
static void *receive(void *arg)
{
    struct ingest *ingest = arg;
    struct reply reply;
    nng_msg *message;
    int problem;
    while ((problem = nng_recvmsg(ingest->socket, &message, 0)) != NNG_ECLOSED) {
        if (problem == 0)
            dispatch(ingest, message, &reply);
        else
            nng_msleep(10); /* no memory: nothing better to do than to let others give some back */
    }
    return NULL;
}

static int fail(char *error, int result, const char *url, const char *words)
{
    snprintf(error, INGEST_ERROR_BYTES, "bus %.300s: %s", url, words);
    return result;
}

static int open_socket(struct ingest *ingest)
{
    int problem = nng_rep0_open_raw(&ingest->socket);
    if (problem != 0)
        return problem;
    ingest->socket_open = true;
    problem = nng_pipe_notify(ingest->socket, NNG_PIPE_EV_ADD_PRE, pipe_came, ingest);
    return problem == 0 ? nng_pipe_notify(ingest->socket, NNG_PIPE_EV_REM_POST, pipe_went, ingest) : problem;
}

static int listen_again(struct ingest *ingest, const char *url, char *error)
{
    nng_tls_config *tls = credentials_tls(ingest->credentials);
    int result = listener_start(ingest->socket, url, tls, &ingest->listener, error);
    if (tls != NULL)
        nng_tls_config_free(tls);
    return result;
}

static int start(struct ingest *ingest, char *error)
{
    const struct ingest_settings *settings = &ingest->settings;
    const char *url = settings->url;
    bool enrols = settings->enrolment != NULL && settings->enrolment[0] != '\0';
    int result = listener_check(settings, error);
    if (result < 0)
        return result;
    ingest->is_ipc = strncmp(url, "ipc://", 6) == 0;
    ingest->is_tls = strncmp(url, "tls+tcp://", 10) == 0;
    nng_tls_register(); /* Debian's nng knows tls+tcp:// only then */
    result = credentials_new(ingest->is_tls ? settings->tls : NULL, enrols ? settings->enrolment : NULL,
                             &ingest->credentials, error);
    if (result < 0)
        return result;
    ingest->peers = peers_new(INGEST_MAX_PIPES);
    ingest->shard = calloc(ingest->n_shards, sizeof(*ingest->shard));
    if (ingest->peers == NULL || ingest->shard == NULL)
        return fail(error, -ENOMEM, url, "no memory");
    for (unsigned i = 0; i < ingest->n_shards; i++) {
        ingest->shard[i] = shard_start(ingest, i);
        if (ingest->shard[i] == NULL)
            return fail(error, -errno, url, strerror(errno));
    }
    result = open_socket(ingest);
    if (result != 0)
        return fail(error, -EIO, url, nng_strerror(result));
    result = listen_again(ingest, url, error);
    if (result < 0)
        return result;
    ingest->url = listener_url(ingest->listener);
    if (ingest->url == NULL)
        return fail(error, -ENOMEM, url, "no memory");
    result = pthread_create(&ingest->receiver, NULL, receive, ingest);
    ingest->receiving = result == 0;
    return result == 0 ? 0 : fail(error, -result, url, strerror(result));
}

int ingest_start(const struct ingest_settings *settings, struct ingest **ret_ingest, char error[INGEST_ERROR_BYTES])
{
    struct ingest *ingest = calloc(1, sizeof(*ingest));
    if (ingest == NULL)
        return fail(error, -ENOMEM, settings->url, "no memory");
    ingest->settings = *settings;
    ingest->n_shards = settings->shards == 0                  ? 1
                       : settings->shards > INGEST_MAX_SHARDS ? INGEST_MAX_SHARDS
                                                              : settings->shards;
    ingest->environment = (struct node_environment){
        .loaded = settings->loaded,
        .outbox = settings->outbox,
        .output = settings->output,
        .arguments = settings->arguments,
        .first_epoch = plan_first_epoch(clock_boot_ns() + (uint64_t)clock_wall_minus_boot_ns()),
        .totals = &ingest->totals,
        .quota = settings->quota,
    };
    int result = start(ingest, error);
    if (result < 0)
        ingest_stop(ingest);
    else
        *ret_ingest = ingest;
    return result;
}

const char *ingest_url(const struct ingest *ingest)
{
    return ingest->url;
}

/* Closes its pipes too: their collectors dial again and go on from the cursor. */
static void stop_listening(struct ingest *ingest)
{
    uint64_t counts[HANDSHAKE_ENDS];
    ingest_handshakes(ingest, counts);
    nng_listener_close(ingest->listener);
    for (size_t i = 0; i < HANDSHAKE_ENDS; i++)
        atomic_store(&ingest->handshakes_before[i], counts[i]);
}

static bool is_late(void *arg, const struct peer_facts *facts)
{
    const uint64_t now_ns = *(const uint64_t *)arg;
    return facts->node == NULL && now_ns > facts->came_ns && now_ns - facts->came_ns > INGEST_HELLO_S * SECOND_NS;
}

void ingest_reap(struct ingest *ingest, uint64_t now_ns)
{
    uint32_t pipes[64];
    uint64_t silent_ns = INGEST_SILENT_S * SECOND_NS;
    size_t n = now_ns < silent_ns
                   ? 0
                   : peers_silent(ingest->peers, now_ns - silent_ns, pipes, sizeof(pipes) / sizeof(pipes[0]));
    for (size_t i = 0; i < n; i++)
        nng_pipe_close((nng_pipe){.id = pipes[i]});
    if (!credentials_enrol(ingest->credentials))
        return;
    n = peers_select(ingest->peers, is_late, &now_ns, pipes, sizeof(pipes) / sizeof(pipes[0]));
    for (size_t i = 0; i < n; i++)
        ingest_turn_away(ingest, (nng_pipe){.id = pipes[i]}, REFUSED_ENROLMENT,
                         "it has not said within 10 s which node it is", now_ns);
}

static bool is_no_longer_enrolled(void *arg, const struct peer_facts *facts)
{
    struct ingest *ingest = arg;
    return facts->node != NULL && facts->digest != NULL &&
           !credentials_hold(ingest->credentials, node_name(facts->node), facts->digest);
}

static void close_unenrolled(struct ingest *ingest)
{
    uint32_t pipes[INGEST_MAX_PIPES];
    size_t n = peers_select(ingest->peers, is_no_longer_enrolled, ingest, pipes, INGEST_MAX_PIPES);
    for (size_t i = 0; i < n; i++)
        nng_pipe_close((nng_pipe){.id = pipes[i]});
    if (n > 0)
        log_info("bus: %zu connections were closed: their tokens are no longer enrolled", n);
}

static void tell_handshakes(struct ingest *ingest, uint64_t now_ns)
{
    uint64_t counts[HANDSHAKE_ENDS];
    ingest_handshakes(ingest, counts);
    uint64_t refused = counts[HANDSHAKE_AUTH];
    if (refused <= ingest->handshakes_told || !ingest_may_complain(ingest, now_ns))
        return;
    log_warning("bus: %llu connections were refused by TLS: no certificate, or one that is not trusted, revoked or "
                "expired, or the peer refused ours",
                (unsigned long long)(refused - ingest->handshakes_told));
    ingest->handshakes_told = refused;
}

/*
 * libnng cannot say who holds which certificate, so all show theirs again, also those whose handshake is under way:
 * their collectors dial and go on from their cursors.
 */
static void start_over(struct ingest *ingest)
{
    char error[INGEST_ERROR_BYTES];
    if (!atomic_load(&ingest->deaf))
        stop_listening(ingest);
    bool is_deaf = listen_again(ingest, ingest->url, error) < 0;
    atomic_store(&ingest->deaf, is_deaf);
    if (is_deaf)
        log_error("%s; trying again", error);
}

void ingest_renew(struct ingest *ingest, uint64_t now_ns)
{
    struct credentials_news news = credentials_look(ingest->credentials, now_ns);
    if (news.trust || (!ingest->is_ipc && atomic_load(&ingest->deaf)))
        start_over(ingest);
    else if (news.tls) {
        nng_tls_config *tls = credentials_tls(ingest->credentials);
        /* The accept that is pending keeps what was there before: one more connection sees the old certificate. */
        int problem = nng_listener_set_ptr(ingest->listener, NNG_OPT_TLS_CONFIG, tls);
        nng_tls_config_free(tls);
        if (problem != 0)
            log_error("bus: the new certificates cannot be taken into use: %s", nng_strerror(problem));
    }
    if (news.enrolment)
        close_unenrolled(ingest);
    atomic_store(&ingest->expired, credentials_are_over(ingest->credentials));
    if (ingest->is_tls)
        tell_handshakes(ingest, now_ns);
}

void ingest_mend(struct ingest *ingest)
{
    char error[INGEST_ERROR_BYTES];
    if (!ingest->is_ipc)
        return;
    atomic_store(&ingest->probing, true);
    bool answers = listener_answers(ingest->url + strlen("ipc://"));
    atomic_store(&ingest->probing, false);
    if (answers) {
        atomic_store(&ingest->deaf, false);
        return;
    }
    log_warning("bus: the listener accepts nobody any more (a defect of libnng before 1.6); listening again");
    totals_count(&ingest->totals.listener_restarts, 1);
    stop_listening(ingest);
    int result = listen_again(ingest, ingest->url, error);
    atomic_store(&ingest->deaf, result < 0);
    if (result < 0)
        log_error("%s", error); /* and the next check tries again */
}

int ingest_stop(struct ingest *ingest)
{
    int result = 0;
    atomic_store(&ingest->stopping, true);
    for (unsigned i = 0; ingest->shard != NULL && i < ingest->n_shards; i++) {
        int stopped = shard_stop(ingest->shard[i]);
        if (stopped < 0)
            result = stopped;
    }
    if (ingest->socket_open)
        nng_close(ingest->socket); /* every pipe has gone when it returns, and with them their callbacks */
    if (ingest->receiving)
        pthread_join(ingest->receiver, NULL);
    peers_free(ingest->peers);
    for (unsigned i = 0; ingest->shard != NULL && i < ingest->n_shards; i++)
        shard_free(ingest->shard[i]);
    free(ingest->shard);
    credentials_free(ingest->credentials);
    free(ingest->url);
    free(ingest);
    return result;
}
