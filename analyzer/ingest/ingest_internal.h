/* SPDX-License-Identifier: Apache-2.0 */
/* What the socket (ingest.c), the threads (shard.c) and the scrapes (figures.c) share. */
#ifndef VEDETTE_ANALYZER_INGEST_INGEST_INTERNAL_H
#define VEDETTE_ANALYZER_INGEST_INGEST_INTERNAL_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

#include "analyzer/ingest/credentials.h"
#include "analyzer/ingest/ingest.h"
#include "analyzer/ingest/peers.h"
#include "analyzer/ingest/shard.h"

enum handshake_end {
    HANDSHAKE_AUTH,
    HANDSHAKE_DISCONNECT,
    HANDSHAKE_OTHER,
    HANDSHAKE_PROTO,
    HANDSHAKE_TIMEOUT,
    HANDSHAKE_ENDS
};

struct ingest {
    struct ingest_settings settings;
    struct node_environment environment;
    struct ingest_totals totals;
    struct peers *peers;
    struct shard **shard;
    unsigned n_shards;

    nng_socket socket;
    bool socket_open;
    nng_listener listener;
    char *url;
    bool is_ipc, is_tls;
    struct credentials *credentials;
    uint64_t handshakes_told;                               /* of those that TLS refused; the housekeeper's own */
    atomic_uint_fast64_t handshakes_before[HANDSHAKE_ENDS]; /* of listeners before this one */
    atomic_bool expired;
    pthread_t receiver;
    bool receiving;
    atomic_bool stopping;
    atomic_bool deaf;                   /* the listener is gone and could not be replaced yet */
    atomic_bool probing;                /* ingest_mend asks the listener */
    atomic_uint_fast64_t complained_ns; /* about peers, at most once a minute */
};

/* Puts the reply in the message that asked, whose header knows the way back, and sends it. Takes the message. */
void ingest_reply(struct ingest *ingest, nng_msg *message, const struct reply *reply);

/* Closes a connection without a reply, counts it, and says so at most once a minute. */
void ingest_turn_away(struct ingest *ingest, nng_pipe pipe, enum refused reason, const char *words, uint64_t now_ns);

/* figures.c: connections that ended before they were a pipe, of this listener and those before it. A lower bound:
 * libnng counts one only while its listener waits. */
void ingest_handshakes(struct ingest *ingest, uint64_t ret_counts[HANDSHAKE_ENDS]);

/* Whether a line about a peer may be logged now. */
bool ingest_may_complain(struct ingest *ingest, uint64_t now_ns);

#endif
