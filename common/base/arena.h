/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a fixed size that is handed out in order and given back all at once: what a hostile message can make us
 * allocate ends at its limit. One thread.
 */
#ifndef VEDETTE_COMMON_BASE_ARENA_H
#define VEDETTE_COMMON_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena {
    uint8_t *bytes;
    size_t capacity;
    size_t limit; /* of this use, at most the capacity */
    size_t used;
    bool is_exhausted; /* an allocation was refused since the reset */
};

/* 0 or -ENOMEM. */
int arena_init(struct arena *arena, size_t capacity);
void arena_fini(struct arena *arena);

/* Everything given out before is void; at most `limit` bytes will be given out until the next reset. */
void arena_reset(struct arena *arena, size_t limit);

/* Aligned to 8 bytes, not cleared; NULL when the limit is reached. */
void *arena_alloc(struct arena *arena, size_t size);

#endif
