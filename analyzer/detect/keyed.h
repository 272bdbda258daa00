/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept for each key of a detection: bytes, by a digest of the key, in the order in which they were touched.
 * Bounded: when full, the key that was quiet longest goes. Time is the events'. One thread; the counters are any's.
 */
#ifndef VEDETTE_ANALYZER_DETECT_KEYED_H
#define VEDETTE_ANALYZER_DETECT_KEYED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEY_BYTES = 16 };

struct keyed_entry {
    uint8_t key[KEY_BYTES];
    uint64_t touched_ns;
    bool is_changed; /* since keyed_saved */
    bool is_saved;   /* somewhere else, perhaps as it was before */
    size_t size;
    uint8_t *bytes; /* aligned for any type, begins as zeros */
};

struct keyed;

/* NULL with errno. */
struct keyed *keyed_new(size_t limit);
void keyed_free(struct keyed *keyed);

/* NULL if unknown. Does not touch. */
struct keyed_entry *keyed_find(struct keyed *keyed, const uint8_t key[KEY_BYTES]);

/*
 * The entry of that key with `size` bytes, now the newest; made when it is not there, or there with another size. NULL
 * without memory, which counts as an eviction. Lives until the next touch or expiry.
 */
struct keyed_entry *keyed_touch(struct keyed *keyed, const uint8_t key[KEY_BYTES], size_t size, uint64_t now_ns);
void keyed_forget(struct keyed *keyed, struct keyed_entry *entry);

/* Forgets what was not touched since `before_ns`. */
void keyed_expire(struct keyed *keyed, uint64_t before_ns);

/* Oldest first; `entry` NULL begins. NULL at the end. */
const struct keyed_entry *keyed_next(const struct keyed *keyed, const struct keyed_entry *entry);

/*
 * For what keeps a copy: the keys that changed since keyed_saved, and those that were saved and are gone (`entry` has
 * no bytes then). A key that is gone and made anew is both, in this order. keyed_saved says that the copy has them.
 */
void keyed_changes(const struct keyed *keyed, void (*each)(void *arg, const struct keyed_entry *entry), void *arg);
void keyed_saved(struct keyed *keyed);
/* Whether keys that are gone could not be noted, without memory: the whole copy is to be made anew. */
bool keyed_must_save_all(const struct keyed *keyed);

size_t keyed_count(const struct keyed *keyed);
/* How often a key went because the table was full or there was no memory. */
uint64_t keyed_evicted(const struct keyed *keyed);

/* What went since this was asked last: false when nothing did. [from, to]: the events that the forgotten were about. */
bool keyed_take_evicted(struct keyed *keyed, uint64_t *ret_count, uint64_t *ret_from_ns, uint64_t *ret_to_ns);

#endif
