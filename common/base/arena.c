/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/arena.h"

#include <errno.h>

int arena_init(struct arena *arena, size_t capacity)
{
    *arena = (struct arena){.bytes = malloc(capacity), .capacity = capacity, .limit = capacity};
    return arena->bytes != NULL ? 0 : -ENOMEM;
}

void arena_fini(struct arena *arena)
{
    free(arena->bytes);
    *arena = (struct arena){0};
}

void arena_reset(struct arena *arena, size_t limit)
{
    arena->used = 0;
    arena->is_exhausted = false;
    arena->limit = limit < arena->capacity ? limit : arena->capacity;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > arena->limit - arena->used) {
        arena->is_exhausted = true;
        return NULL;
    }
    void *at = arena->bytes + arena->used;
    size_t rounded = (size + 7) & ~(size_t)7;
    arena->used = rounded > arena->limit - arena->used ? arena->limit : arena->used + rounded;
    return at;
}
