/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is freed all at once: what a file was read into, and trees of predicates made of it. */
#ifndef VEDETTE_ANALYZER_POLICY_POOL_H
#define VEDETTE_ANALYZER_POLICY_POOL_H

#include <stddef.h>

struct pool_chunk;

/* Zero-initialise. */
struct pool {
    struct pool_chunk *chunks;
    size_t used; /* of the first chunk */
};

/* Zeroed, aligned for any type; NULL without memory. */
void *pool_take(struct pool *pool, size_t size);
/* `length` bytes of `text`, NUL terminated; NULL without memory. */
char *pool_text(struct pool *pool, const char *text, size_t length);
void pool_fini(struct pool *pool);

#endif
