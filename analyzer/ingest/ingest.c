// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/ingest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/supplemental/util/platform.h>
#include <sys/stat.h>

#include "analyzer/ingest/ingest_internal.h"
#include "common/base/clock.h"
#include "common/base/log.h"

static const uint64_t SECOND_NS = 1000000000;

enum {
    RECEIVE_MAX_BYTES = 2 * WIRE_REQUEST_BYTES
}; /* up to it a request too large gets words, beyond it nng closes the pipe */

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

static bool may_speak(const struct ingest *ingest, nng_pipe pipe)
{
    uint64_t uid;
    if (!ingest->is_ipc)
        return true; /* loopback TCP knows no user */
    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0)
        return false;
    for (size_t i = 0; i < ingest->settings.n_allowed_uids; i++)
        if (ingest->settings.allowed_uid[i] == uid)
            return true;
    return false;
}

static void turn_away(struct ingest *ingest, nng_pipe pipe, enum refused reason, const char *words, uint64_t now_ns)
{
    totals_count(&ingest->totals.refused[reason], 1);
    if (ingest_may_complain(ingest, now_ns))
        log_warning("bus: a connection was closed: %s", words);
    nng_pipe_close(pipe);
}

/* nng's threads. */
static void pipe_came(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct ingest *ingest = arg;
    uint64_t now_ns = clock_boot_ns();
    uint32_t id = (uint32_t)nng_pipe_id(pipe);
    (void)event;
    if (!may_speak(ingest, pipe))
        turn_away(ingest, pipe, REFUSED_PEER, "its user may not speak on the bus (bus.allow_uids)", now_ns);
    else if (!peers_add(ingest->peers, id, id % ingest->n_shards, now_ns))
        turn_away(ingest, pipe, REFUSED_PIPES, "too many connections", now_ns);
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
        turn_away(ingest, pipe, REFUSED_FLOOD, "it sends requests without waiting for replies", now_ns);
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

/* HOST:PORT, where HOST is a loopback address and no name that could resolve to anything else. */
static bool is_loopback(const char *address)
{
    const char *colon = strrchr(address, ':');
    char host[32], *end;
    struct in_addr parsed;
    if (colon == NULL || (size_t)(colon - address) >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
        return false;
    unsigned long port = strtoul(colon + 1, &end, 10);
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    bool is_ipv4 = inet_pton(AF_INET, host, &parsed) == 1 && ntohl(parsed.s_addr) >> 24 == 127;
    return *end == '\0' && port <= 65535 && (is_ipv4 || strcmp(host, "[::1]") == 0);
}

static int fail(char *error, int result, const char *url, const char *words)
{
    snprintf(error, INGEST_ERROR_BYTES, "bus %.300s: %s", url, words);
    return result;
}

/* nng would remove any file in its way that nobody answers on; only a socket is ours to remove. */
static int check_url(struct ingest *ingest, const char *url, char *error)
{
    struct stat facts;
    ingest->is_ipc = strncmp(url, "ipc://", 6) == 0;
    if (ingest->is_ipc && url[6] != '/')
        return fail(error, -EINVAL, url, "needs an absolute path, as in ipc:///run/vedette/bus.ipc");
    if (ingest->is_ipc && lstat(url + 6, &facts) == 0 && !S_ISSOCK(facts.st_mode))
        return fail(error, -EADDRINUSE, url,
                    "a file that is no socket stands there: remove it, or give another bus.listen");
    if (!ingest->is_ipc && strncmp(url, "tcp://", 6) != 0)
        return fail(error, -EINVAL, url, "only ipc:///PATH and tcp://LOOPBACK:PORT are supported");
    if (!ingest->is_ipc && !is_loopback(url + 6))
        return fail(error, -EINVAL, url,
                    "tcp:// needs a loopback address and a port, as in tcp://127.0.0.1:3367, because it is neither "
                    "encrypted nor authenticated");
    return 0;
}

static int listen_problem(const char *url, int problem, char *error)
{
    switch (problem) {
    case NNG_EADDRINUSE:
        return fail(error, -EADDRINUSE, url, "another program listens there: stop it, or give another bus.listen");
    case NNG_EPERM:
        return fail(error, -EACCES, url, "not allowed there: its directory must belong to this user");
    case NNG_ENOENT:
        return fail(error, -ENOENT, url, "its directory does not exist");
    case NNG_EADDRINVAL:
        return fail(error, -EINVAL, url, "is no address that can be listened on");
    default:
        return fail(error, -EIO, url, nng_strerror(problem));
    }
}

static int listen_on(struct ingest *ingest, const char *url, char *error)
{
    char *bound;
    int problem = nng_rep0_open_raw(&ingest->socket);
    if (problem != 0)
        return listen_problem(url, problem, error);
    ingest->socket_open = true;
    problem = nng_listener_create(&ingest->listener, ingest->socket, url);
    if (problem == 0)
        problem = nng_listener_set_size(ingest->listener, NNG_OPT_RECVMAXSZ, RECEIVE_MAX_BYTES);
    if (problem == 0 && ingest->is_ipc)
        problem = nng_listener_set_int(ingest->listener, NNG_OPT_IPC_PERMISSIONS, 0660);
    if (problem == 0)
        problem = nng_pipe_notify(ingest->socket, NNG_PIPE_EV_ADD_PRE, pipe_came, ingest);
    if (problem == 0)
        problem = nng_pipe_notify(ingest->socket, NNG_PIPE_EV_REM_POST, pipe_went, ingest);
    if (problem == 0)
        problem = nng_listener_start(ingest->listener, 0);
    if (problem == 0)
        problem = nng_listener_get_string(ingest->listener, NNG_OPT_URL, &bound);
    if (problem != 0)
        return listen_problem(url, problem, error);
    ingest->url = strdup(bound);
    nng_strfree(bound);
    return ingest->url == NULL ? fail(error, -ENOMEM, url, "no memory") : 0;
}

static int start(struct ingest *ingest, char *error)
{
    const char *url = ingest->settings.url;
    int result = check_url(ingest, url, error);
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
    result = listen_on(ingest, url, error);
    if (result < 0)
        return result;
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
        .selection = settings->selection,
        .outbox = settings->outbox,
        .output = settings->output,
        .first_epoch = plan_first_epoch(clock_boot_ns() + (uint64_t)clock_wall_minus_boot_ns()),
        .totals = &ingest->totals,
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

void ingest_reap(struct ingest *ingest, uint64_t now_ns)
{
    uint32_t pipes[64];
    uint64_t silent_ns = INGEST_SILENT_S * SECOND_NS;
    size_t n = now_ns < silent_ns
                   ? 0
                   : peers_silent(ingest->peers, now_ns - silent_ns, pipes, sizeof(pipes) / sizeof(pipes[0]));
    for (size_t i = 0; i < n; i++)
        nng_pipe_close((nng_pipe){.id = pipes[i]});
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
    free(ingest->url);
    free(ingest);
    return result;
}
