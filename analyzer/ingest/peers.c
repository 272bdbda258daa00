// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/peers.h"

#include <pthread.h>

#include "analyzer/ingest/node.h"
#include "analyzer/state/hash.h"

struct peer {
    uint32_t pipe;
    unsigned shard;
    uint32_t in_flight;
    uint64_t heard_ns, came_ns;
    struct node *node;
    bool is_leaving; /* picked for closing */
    bool has_digest;
    uint8_t digest[ENROLMENT_DIGEST_BYTES];
    UT_hash_handle by_pipe, by_node;
};

struct peers {
    pthread_mutex_t lock;
    struct peer *by_pipe;
    struct peer *by_node; /* those that are bound */
    size_t n_leaving;
    size_t limit;
};

struct peers *peers_new(size_t limit)
{
    struct peers *peers = calloc(1, sizeof(*peers));
    if (peers == NULL || pthread_mutex_init(&peers->lock, NULL) != 0) {
        free(peers);
        return NULL;
    }
    peers->limit = limit;
    return peers;
}

static struct peer *find(struct peers *peers, uint32_t pipe)
{
    struct peer *peer;
    HASH_FIND(by_pipe, peers->by_pipe, &pipe, sizeof(pipe), peer);
    return peer;
}

static struct peer *find_node(struct peers *peers, const struct node *node)
{
    struct peer *peer;
    HASH_FIND(by_node, peers->by_node, &node, sizeof(node), peer);
    return peer;
}

static void unbind(struct peers *peers, struct peer *peer)
{
    if (peer->node == NULL)
        return;
    node_set_connected(peer->node, false);
    HASH_DELETE(by_node, peers->by_node, peer);
    peer->node = NULL;
}

static void forget(struct peers *peers, struct peer *peer)
{
    unbind(peers, peer);
    peers->n_leaving -= peer->is_leaving;
    HASH_DELETE(by_pipe, peers->by_pipe, peer);
    free(peer);
}

void peers_free(struct peers *peers)
{
    if (peers == NULL)
        return;
    struct peer *peer, *next;
    HASH_ITER(by_pipe, peers->by_pipe, peer, next)
    {
        forget(peers, peer);
    }
    pthread_mutex_destroy(&peers->lock);
    free(peers);
}

static bool add(struct peers *peers, uint32_t pipe, unsigned shard, uint64_t now_ns)
{
    if (HASH_CNT(by_pipe, peers->by_pipe) >= peers->limit)
        return false;
    struct peer *peer = calloc(1, sizeof(*peer));
    if (peer == NULL)
        return false;
    peer->pipe = pipe;
    peer->shard = shard;
    peer->heard_ns = peer->came_ns = now_ns;
    HASH_ADD(by_pipe, peers->by_pipe, pipe, sizeof(peer->pipe), peer);
    if (peer->by_pipe.tbl == NULL) {
        free(peer);
        return false;
    }
    return true;
}

bool peers_add(struct peers *peers, uint32_t pipe, unsigned shard, uint64_t now_ns)
{
    pthread_mutex_lock(&peers->lock);
    bool added = add(peers, pipe, shard, now_ns);
    pthread_mutex_unlock(&peers->lock);
    return added;
}

/* uthash keeps the order in which they came. */
uint32_t peers_oldest_stranger(struct peers *peers, size_t limit)
{
    uint32_t pipe = 0;
    pthread_mutex_lock(&peers->lock);
    struct peer *peer = peers->by_pipe;
    if (HASH_CNT(by_pipe, peers->by_pipe) - HASH_CNT(by_node, peers->by_node) - peers->n_leaving <= limit)
        peer = NULL;
    while (peer != NULL && (peer->node != NULL || peer->is_leaving))
        peer = peer->by_pipe.next;
    if (peer != NULL) {
        pipe = peer->pipe;
        peer->is_leaving = true;
        peers->n_leaving++;
    }
    pthread_mutex_unlock(&peers->lock);
    return pipe;
}

void peers_remove(struct peers *peers, uint32_t pipe)
{
    pthread_mutex_lock(&peers->lock);
    struct peer *peer = find(peers, pipe);
    if (peer != NULL)
        forget(peers, peer);
    pthread_mutex_unlock(&peers->lock);
}

enum peer_admission peers_begin(struct peers *peers, uint32_t pipe, uint32_t max_in_flight, uint64_t now_ns,
                                unsigned *ret_shard)
{
    enum peer_admission admission = PEER_ADMITTED;
    pthread_mutex_lock(&peers->lock);
    struct peer *peer = find(peers, pipe);
    if (peer == NULL) {
        admission = PEER_UNKNOWN;
    } else if (peer->in_flight >= max_in_flight) {
        admission = PEER_FLOODING;
    } else {
        peer->in_flight++;
        peer->heard_ns = now_ns;
        *ret_shard = peer->shard;
    }
    pthread_mutex_unlock(&peers->lock);
    return admission;
}

void peers_end(struct peers *peers, uint32_t pipe)
{
    pthread_mutex_lock(&peers->lock);
    struct peer *peer = find(peers, pipe);
    if (peer != NULL && peer->in_flight > 0)
        peer->in_flight--;
    pthread_mutex_unlock(&peers->lock);
}

bool peers_node(struct peers *peers, uint32_t pipe, struct node **ret_node, unsigned *ret_shard)
{
    pthread_mutex_lock(&peers->lock);
    struct peer *peer = find(peers, pipe);
    if (peer != NULL) {
        *ret_node = peer->node;
        *ret_shard = peer->shard;
    }
    pthread_mutex_unlock(&peers->lock);
    return peer != NULL;
}

static enum peer_binding bind_locked(struct peers *peers, uint32_t pipe, struct node *node, unsigned shard,
                                     const uint8_t *digest, uint64_t stale_ns, uint32_t *ret_stale)
{
    struct peer *peer = find(peers, pipe);
    if (peer == NULL || peer->is_leaving)
        return PEER_GONE;
    if (peer->node == NULL || peer->node == node) {
        peer->has_digest = digest != NULL;
        if (digest != NULL)
            memcpy(peer->digest, digest, sizeof(peer->digest));
    }
    if (peer->node == node)
        return PEER_BOUND;
    if (peer->node != NULL)
        return PEER_OTHER;
    struct peer *other = find_node(peers, node);
    if (other != NULL && (other->heard_ns >= stale_ns || other->in_flight > 0))
        return PEER_TAKEN;
    if (other != NULL) {
        unbind(peers, other);
        peers->n_leaving += !other->is_leaving;
        other->is_leaving = true;
        *ret_stale = other->pipe;
    }
    peer->node = node;
    peer->shard = shard;
    HASH_ADD_KEYPTR(by_node, peers->by_node, &peer->node, sizeof(peer->node), peer);
    if (peer->by_node.tbl == NULL) {
        peer->node = NULL;
        return PEER_GONE; /* no memory: as if it had gone, it will try again */
    }
    node_set_connected(node, true);
    return PEER_BOUND;
}

enum peer_binding peers_bind(struct peers *peers, uint32_t pipe, struct node *node, unsigned shard,
                             const uint8_t digest[ENROLMENT_DIGEST_BYTES], uint64_t stale_ns, uint32_t *ret_stale)
{
    *ret_stale = 0;
    pthread_mutex_lock(&peers->lock);
    enum peer_binding binding = bind_locked(peers, pipe, node, shard, digest, stale_ns, ret_stale);
    pthread_mutex_unlock(&peers->lock);
    return binding;
}

void peers_unbind(struct peers *peers, uint32_t pipe)
{
    pthread_mutex_lock(&peers->lock);
    struct peer *peer = find(peers, pipe);
    if (peer != NULL)
        unbind(peers, peer);
    pthread_mutex_unlock(&peers->lock);
}

bool peers_is_connected(struct peers *peers, const struct node *node)
{
    pthread_mutex_lock(&peers->lock);
    bool connected = find_node(peers, node) != NULL;
    pthread_mutex_unlock(&peers->lock);
    return connected;
}

size_t peers_select(struct peers *peers, bool (*wanted)(void *arg, const struct peer_facts *facts), void *arg,
                    uint32_t *ret_pipes, size_t limit)
{
    size_t n = 0;
    pthread_mutex_lock(&peers->lock);
    for (struct peer *peer = peers->by_pipe; peer != NULL && n < limit; peer = peer->by_pipe.next) {
        const struct peer_facts facts = {
            .node = peer->node, .digest = peer->has_digest ? peer->digest : NULL, .came_ns = peer->came_ns};
        if (wanted(arg, &facts))
            ret_pipes[n++] = peer->pipe;
    }
    pthread_mutex_unlock(&peers->lock);
    return n;
}

size_t peers_silent(struct peers *peers, uint64_t before_ns, uint32_t *ret_pipes, size_t limit)
{
    size_t n = 0;
    struct peer *peer, *next;
    pthread_mutex_lock(&peers->lock);
    HASH_ITER(by_pipe, peers->by_pipe, peer, next)
    {
        if (n < limit && peer->heard_ns < before_ns && peer->in_flight == 0)
            ret_pipes[n++] = peer->pipe;
    }
    pthread_mutex_unlock(&peers->lock);
    return n;
}

size_t peers_count(struct peers *peers)
{
    pthread_mutex_lock(&peers->lock);
    size_t count = HASH_CNT(by_pipe, peers->by_pipe);
    pthread_mutex_unlock(&peers->lock);
    return count;
}
