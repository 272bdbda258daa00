/* SPDX-License-Identifier: Apache-2.0 */
/* The encoder's string table: every distinct string once. Memory is fixed; the caller checks room before it interns. */
#ifndef VEDETTE_COMMON_WIRE_STRINGS_H
#define VEDETTE_COMMON_WIRE_STRINGS_H

#include <stddef.h>
#include <stdint.h>

enum { STRINGS_SLACK = 8 };

struct string_slot;

struct string_table {
    struct string_slot *slots;
    uint64_t seed;       /* random: names come from anybody, and must not be chosen to collide */
    uint32_t generation; /* a slot of another generation is empty, so that a new batch clears nothing */
    uint32_t count;
    uint32_t *offset; /* of each string in blob, and the end of the last */
    uint8_t *blob;
    uint8_t *lengths; /* packed varints */
    size_t lengths_size;
};

/* blob_bytes bounds the sum of all strings. 0 or -errno. */
int strings_init(struct string_table *table, size_t blob_bytes);
void strings_fini(struct string_table *table);

/* Empties the table, up to the empty string at index 0. */
void strings_reset(struct string_table *table);

/* Index of these bytes, which may already stand at strings_tail. */
uint32_t strings_intern(struct string_table *table, const void *data, size_t length);

/* Where the next new string will stand: free to be built in, STRINGS_SLACK bytes beyond what the caller made room for
 * included. */
static inline uint8_t *strings_tail(const struct string_table *table)
{
    return table->blob + table->offset[table->count];
}

static inline size_t strings_bytes(const struct string_table *table)
{
    return table->offset[table->count];
}

/* What the table weighs in the packed message, but for tags. */
static inline size_t strings_weight(const struct string_table *table)
{
    return table->offset[table->count] + table->lengths_size;
}

/* A keyed hash of bytes, also used for tasks. */
uint64_t strings_hash(const void *data, size_t length, uint64_t seed);

/* A seed that nobody outside knows. */
uint64_t strings_random_seed(void);

#endif
