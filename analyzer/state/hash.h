/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uthash as this folder uses it: an allocation that fails leaves the item out (its hh.tbl is NULL) instead of ending
 * the program, and keys, which are short and fixed, are hashed by multiplication: uthash's own function was made for
 * strings.
 *
 * A hostile node can make its own keys collide; uthash's chains then grow with the table, which is bounded, and it
 * costs that node's shard only.
 */
#ifndef VEDETTE_ANALYZER_STATE_HASH_H
#define VEDETTE_ANALYZER_STATE_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline unsigned hash_of_key(const void *key, size_t length)
{
    uint64_t hash = 0x9e3779b97f4a7c15u;
    const unsigned char *bytes = key;
    for (size_t at = 0; at < length; at += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + at, length - at < 8 ? length - at : 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    return (unsigned)hash;
}

#define HASH_NONFATAL_OOM                    1
#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = hash_of_key(keyptr, keylen))
#include <uthash.h>

#endif
