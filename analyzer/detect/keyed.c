/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/keyed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/state/hash.h"

#include <utlist.h>

struct node {
    struct keyed_entry entry; /* first: a node is found by its entry */
    UT_hash_handle hh;
    struct node *prev, *next; /* oldest first */
};

struct keyed {
    struct node *by_key, *oldest;
    size_t limit;
    atomic_size_t count;
    atomic_uint_fast64_t evicted;
    uint8_t (*gone)[KEY_BYTES]; /* saved ones */
    size_t n_gone, gone_capacity;
    bool must_save_all;
    uint64_t taken, from_ns, to_ns; /* of the evicted that were not asked for yet */
};

struct keyed *keyed_new(size_t limit)
{
    struct keyed *keyed = calloc(1, sizeof(*keyed));
    if (keyed != NULL)
        keyed->limit = limit;
    return keyed;
}

static void note_gone(struct keyed *keyed, const uint8_t key[KEY_BYTES])
{
    if (keyed->n_gone == keyed->gone_capacity) {
        const size_t capacity = keyed->gone_capacity == 0 ? 64 : keyed->gone_capacity * 2;
        void *grown = capacity <= 2 * keyed->limit + 64 ? reallocarray(keyed->gone, capacity, KEY_BYTES) : NULL;
        if (grown == NULL) {
            keyed->must_save_all = true;
            return;
        }
        keyed->gone = grown;
        keyed->gone_capacity = capacity;
    }
    memcpy(keyed->gone[keyed->n_gone++], key, KEY_BYTES);
}

static void forget(struct keyed *keyed, struct node *node)
{
    if (node->entry.is_saved)
        note_gone(keyed, node->entry.key);
    DL_DELETE(keyed->oldest, node);
    HASH_DELETE(hh, keyed->by_key, node);
    atomic_store_explicit(&keyed->count, HASH_COUNT(keyed->by_key), memory_order_relaxed);
    free(node->entry.bytes);
    free(node);
}

void keyed_free(struct keyed *keyed)
{
    if (keyed == NULL)
        return;
    while (keyed->oldest != NULL)
        forget(keyed, keyed->oldest);
    free(keyed->gone);
    free(keyed);
}

void keyed_forget(struct keyed *keyed, struct keyed_entry *entry)
{
    forget(keyed, (struct node *)entry);
}

struct keyed_entry *keyed_find(struct keyed *keyed, const uint8_t key[KEY_BYTES])
{
    struct node *found;
    HASH_FIND(hh, keyed->by_key, key, KEY_BYTES, found);
    return found != NULL ? &found->entry : NULL;
}

static void note_evicted(struct keyed *keyed, uint64_t from_ns, uint64_t to_ns)
{
    const uint64_t evicted = atomic_load_explicit(&keyed->evicted, memory_order_relaxed);
    if (evicted == keyed->taken || from_ns < keyed->from_ns)
        keyed->from_ns = from_ns;
    if (evicted == keyed->taken || to_ns > keyed->to_ns)
        keyed->to_ns = to_ns;
    atomic_store_explicit(&keyed->evicted, evicted + 1, memory_order_relaxed);
}

static struct node *make(struct keyed *keyed, const uint8_t key[KEY_BYTES], size_t size)
{
    struct node *node = calloc(1, sizeof(*node));
    if (node == NULL)
        return NULL;
    memcpy(node->entry.key, key, KEY_BYTES);
    node->entry.size = size;
    node->entry.bytes = calloc(1, size + 1);
    if (node->entry.bytes != NULL)
        HASH_ADD(hh, keyed->by_key, entry.key, KEY_BYTES, node);
    if (node->entry.bytes == NULL || node->hh.tbl == NULL) {
        free(node->entry.bytes);
        free(node);
        return NULL;
    }
    DL_APPEND(keyed->oldest, node);
    atomic_store_explicit(&keyed->count, HASH_COUNT(keyed->by_key), memory_order_relaxed);
    return node;
}

struct keyed_entry *keyed_touch(struct keyed *keyed, const uint8_t key[KEY_BYTES], size_t size, uint64_t now_ns)
{
    struct node *node = (struct node *)keyed_find(keyed, key);
    if (node != NULL && node->entry.size != size) {
        forget(keyed, node);
        node = NULL;
    }
    if (node == NULL) {
        while (HASH_COUNT(keyed->by_key) >= keyed->limit) {
            note_evicted(keyed, keyed->oldest->entry.touched_ns, now_ns);
            forget(keyed, keyed->oldest);
        }
        node = make(keyed, key, size);
        if (node == NULL) {
            note_evicted(keyed, now_ns, now_ns);
            return NULL;
        }
    } else if (node->next != NULL) {
        DL_DELETE(keyed->oldest, node);
        DL_APPEND(keyed->oldest, node);
    }
    if (now_ns > node->entry.touched_ns)
        node->entry.touched_ns = now_ns;
    node->entry.is_changed = true;
    return &node->entry;
}

void keyed_changes(const struct keyed *keyed, void (*each)(void *arg, const struct keyed_entry *entry), void *arg)
{
    for (size_t i = 0; i < keyed->n_gone; i++) {
        struct keyed_entry entry = {.is_saved = true};
        memcpy(entry.key, keyed->gone[i], KEY_BYTES);
        each(arg, &entry);
    }
    /* What changed was touched: it stands behind all that did not. In a utlist the first's `prev` is the last. */
    const struct node *node = keyed->oldest != NULL ? keyed->oldest->prev : NULL;
    while (node != NULL && node != keyed->oldest && node->prev->entry.is_changed)
        node = node->prev;
    for (; node != NULL && node->entry.is_changed; node = node->next)
        each(arg, &node->entry);
}

void keyed_saved(struct keyed *keyed)
{
    struct node *node = keyed->oldest != NULL ? keyed->oldest->prev : NULL;
    while (node != NULL && node->entry.is_changed) {
        node->entry.is_changed = false;
        node->entry.is_saved = true;
        node = node == keyed->oldest ? NULL : node->prev;
    }
    keyed->n_gone = 0;
    keyed->must_save_all = false;
}

bool keyed_must_save_all(const struct keyed *keyed)
{
    return keyed->must_save_all;
}

void keyed_expire(struct keyed *keyed, uint64_t before_ns)
{
    while (keyed->oldest != NULL && keyed->oldest->entry.touched_ns < before_ns)
        forget(keyed, keyed->oldest);
}

const struct keyed_entry *keyed_next(const struct keyed *keyed, const struct keyed_entry *entry)
{
    const struct node *next = entry == NULL ? keyed->oldest : ((const struct node *)entry)->next;
    return next != NULL ? &next->entry : NULL;
}

size_t keyed_count(const struct keyed *keyed)
{
    return atomic_load_explicit(&keyed->count, memory_order_relaxed);
}

uint64_t keyed_evicted(const struct keyed *keyed)
{
    return atomic_load_explicit(&keyed->evicted, memory_order_relaxed);
}

bool keyed_take_evicted(struct keyed *keyed, uint64_t *ret_count, uint64_t *ret_from_ns, uint64_t *ret_to_ns)
{
    const uint64_t evicted = atomic_load_explicit(&keyed->evicted, memory_order_relaxed);
    if (evicted == keyed->taken)
        return false;
    *ret_count = evicted - keyed->taken;
    *ret_from_ns = keyed->from_ns;
    *ret_to_ns = keyed->to_ns;
    keyed->taken = evicted;
    return true;
}
