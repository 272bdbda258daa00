/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipes of the bus and which node each speaks for. One lock for all of it, held for a few instructions; no nng call
 * is made under it, because nng calls back into here.
 */
#ifndef VEDETTE_ANALYZER_INGEST_PEERS_H
#define VEDETTE_ANALYZER_INGEST_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/ingest/enrolment.h"

struct node;
struct peers;

struct peers *peers_new(size_t limit);
void peers_free(struct peers *peers);

/* A pipe came; false when there are too many or no memory. `shard` is where its requests go until a node is bound. */
bool peers_add(struct peers *peers, uint32_t pipe, unsigned shard, uint64_t now_ns);
/* When more than `limit` pipes have no node, the one that came first, for closing; else 0. */
uint32_t peers_oldest_stranger(struct peers *peers, size_t limit);
/* A pipe went: its node is free again. */
void peers_remove(struct peers *peers, uint32_t pipe);

enum peer_admission {
    PEER_ADMITTED,
    PEER_UNKNOWN,  /* the pipe has gone */
    PEER_FLOODING, /* more requests in flight than allowed */
};
/* A request came: one more is in flight. *ret_shard is where it goes. */
enum peer_admission peers_begin(struct peers *peers, uint32_t pipe, uint32_t max_in_flight, uint64_t now_ns,
                                unsigned *ret_shard);
void peers_end(struct peers *peers, uint32_t pipe);

/* The node the pipe speaks for, NULL before its hello; *ret_shard owns it: no other thread may touch it. False when the
 * pipe has gone. */
bool peers_node(struct peers *peers, uint32_t pipe, struct node **ret_node, unsigned *ret_shard);

enum peer_binding {
    PEER_BOUND,
    PEER_GONE,
    PEER_TAKEN, /* another live pipe speaks for that node */
    PEER_OTHER, /* this pipe speaks for another node */
};
/* Binds the pipe to the node, whose shard gets its requests from now on. Calls node_set_connected. `digest`: of the
 * token that proved it, NULL where none was needed. A pipe not heard
 * since stale_ns is not alive: it loses the node, and *ret_stale, else 0, is to be closed. */
enum peer_binding peers_bind(struct peers *peers, uint32_t pipe, struct node *node, unsigned shard,
                             const uint8_t digest[ENROLMENT_DIGEST_BYTES], uint64_t stale_ns, uint32_t *ret_stale);
/* The node was not welcome after all. */
void peers_unbind(struct peers *peers, uint32_t pipe);
/* Whether a pipe speaks for that node. */
bool peers_is_connected(struct peers *peers, const struct node *node);

/* What a pipe is known by. */
struct peer_facts {
    const struct node *node; /* NULL: none yet */
    const uint8_t *digest;   /* NULL: none was needed */
    uint64_t came_ns;
};
/* Pipes that `wanted` wants, at most `limit`; returns how many. It is called under the lock: it calls nothing of
 * here. */
size_t peers_select(struct peers *peers, bool (*wanted)(void *arg, const struct peer_facts *facts), void *arg,
                    uint32_t *ret_pipes, size_t limit);

/* Pipes not heard since before_ns, at most `limit`; returns how many. */
size_t peers_silent(struct peers *peers, uint64_t before_ns, uint32_t *ret_pipes, size_t limit);
size_t peers_count(struct peers *peers);

#endif
