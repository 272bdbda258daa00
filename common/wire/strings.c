/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/strings.h"

#include <errno.h>
#include <sys/random.h>

#include "common/wire/limits.h"
#include "common/wire/varint.h"

enum {
    SLOTS = 2 * WIRE_BATCH_STRINGS, /* a power of two, at most half full */
    PROBES = 32, /* beyond, a string is stored again instead of searched: bounded work even if the seed were known */
    LENGTH_BYTES = 3, /* varint of WIRE_STRING_BYTES */
};

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "masked");

struct string_slot {
    uint32_t generation;
    uint32_t hash;
    uint32_t index;
};

static uint64_t load64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static uint64_t load32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

/* Both halves of a 128-bit product, the mixing step of wyhash. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t strings_hash(const void *data, size_t length, uint64_t seed)
{
    static const uint64_t odd[2] = {0xa0761d6478bd642full, 0xe7037ed1a0b428dbull};
    const uint8_t *at = data;
    uint64_t hash = seed ^ length, tail = 0;
    for (; length > 16; at += 16, length -= 16)
        hash = mix(load64(at) ^ odd[0], load64(at + 8) ^ hash);
    if (length > 8) {
        hash = mix(load64(at) ^ odd[0], hash ^ odd[1]);
        tail = load64(at + length - 8);
    } else if (length >= 4) {
        tail = load32(at) | load32(at + length - 4) << 32;
    } else if (length > 0) {
        tail = (uint64_t)at[0] | (uint64_t)at[length / 2] << 8 | (uint64_t)at[length - 1] << 16;
    }
    return mix(tail ^ odd[1], hash ^ odd[0]);
}

uint64_t strings_random_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        seed = (uint64_t)(uintptr_t)&seed ^ (uint64_t)clock(); /* weaker, and the probe limit still holds */
    return seed;
}

int strings_init(struct string_table *table, size_t blob_bytes)
{
    memset(table, 0, sizeof(*table));
    table->slots = calloc(SLOTS, sizeof(*table->slots));
    table->offset = calloc(WIRE_BATCH_STRINGS + 1, sizeof(*table->offset));
    table->lengths = malloc(WIRE_BATCH_STRINGS * LENGTH_BYTES + VARINT_SLACK);
    table->blob = malloc(blob_bytes + STRINGS_SLACK);
    if (table->slots == NULL || table->offset == NULL || table->lengths == NULL || table->blob == NULL) {
        strings_fini(table);
        return -ENOMEM;
    }
    table->seed = strings_random_seed();
    strings_reset(table);
    return 0;
}

void strings_fini(struct string_table *table)
{
    free(table->slots);
    free(table->offset);
    free(table->lengths);
    free(table->blob);
    memset(table, 0, sizeof(*table));
}

static uint32_t append(struct string_table *table, const void *data, size_t length)
{
    uint8_t *end = strings_tail(table);
    if (length > 0 && data != end)
        memcpy(end, data, length);
    table->offset[table->count + 1] = table->offset[table->count] + (uint32_t)length;
    table->lengths_size = (size_t)(varint_put_fast(table->lengths + table->lengths_size, length) - table->lengths);
    return table->count++;
}

void strings_reset(struct string_table *table)
{
    if (++table->generation == 0) { /* wrapped: the oldest slots would look new */
        memset(table->slots, 0, SLOTS * sizeof(*table->slots));
        table->generation = 1;
    }
    table->count = 0;
    table->lengths_size = 0;
    append(table, "", 0);
}

uint32_t strings_intern(struct string_table *table, const void *data, size_t length)
{
    if (length == 0)
        return 0;
    uint64_t wide = strings_hash(data, length, table->seed);
    uint32_t hash = (uint32_t)(wide >> 32);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct string_slot *slot = &table->slots[(wide + i) & (SLOTS - 1)];
        if (slot->generation != table->generation) {
            *slot = (struct string_slot){.generation = table->generation, .hash = hash, .index = table->count};
            break;
        }
        uint32_t start = table->offset[slot->index];
        if (slot->hash == hash && table->offset[slot->index + 1] - start == length &&
            memcmp(table->blob + start, data, length) == 0)
            return slot->index;
    }
    return append(table, data, length);
}
