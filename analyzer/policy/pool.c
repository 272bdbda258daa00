// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/pool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 4096 };

struct pool_chunk {
    struct pool_chunk *next;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

void *pool_take(struct pool *pool, size_t size)
{
    const size_t step = alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + step - 1) / step * step;
    if (pool->chunks == NULL || pool->chunks->size - pool->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        struct pool_chunk *chunk = calloc(1, sizeof(*chunk) + room);
        if (chunk == NULL)
            return NULL;
        *chunk = (struct pool_chunk){.next = pool->chunks, .size = room};
        pool->chunks = chunk;
        pool->used = 0;
    }
    void *taken = pool->chunks->bytes + pool->used;
    pool->used += size;
    return taken;
}

char *pool_text(struct pool *pool, const char *text, size_t length)
{
    char *copy = pool_take(pool, length + 1);
    if (copy != NULL)
        memcpy(copy, text, length);
    return copy;
}

void pool_fini(struct pool *pool)
{
    while (pool->chunks != NULL) {
        struct pool_chunk *next = pool->chunks->next;
        free(pool->chunks);
        pool->chunks = next;
    }
    pool->used = 0;
}
