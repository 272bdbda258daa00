/* SPDX-License-Identifier: Apache-2.0 */
/* What the socket (ingest.c), the threads (shard.c) and the scrapes (figures.c) share. */
#ifndef VEDETTE_ANALYZER_INGEST_INGEST_INTERNAL_H
#define VEDETTE_ANALYZER_INGEST_INGEST_INTERNAL_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

#include "analyzer/ingest/ingest.h"
#include "analyzer/ingest/peers.h"
#include "analyzer/ingest/shard.h"

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
    bool is_ipc;
    pthread_t receiver;
    bool receiving;
    atomic_bool stopping;
    atomic_bool deaf;                   /* the listener is gone and could not be replaced yet */
    atomic_bool probing;                /* ingest_mend asks the listener */
    atomic_uint_fast64_t complained_ns; /* about peers, at most once a minute */
};

/* Puts the reply in the message that asked, whose header knows the way back, and sends it. Takes the message. */
void ingest_reply(struct ingest *ingest, nng_msg *message, const struct reply *reply);

/* Whether a line about a peer may be logged now. */
bool ingest_may_complain(struct ingest *ingest, uint64_t now_ns);

#endif
