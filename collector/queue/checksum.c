/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/queue/checksum.h"

static const uint64_t prime1 = 0x9e3779b185ebca87ull;
static const uint64_t prime2 = 0xc2b2ae3d27d4eb4full;
static const uint64_t prime3 = 0x165667b19e3779f9ull;
static const uint64_t prime4 = 0x85ebca77c2b2ae63ull;
static const uint64_t prime5 = 0x27d4eb2f165667c5ull;

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t word64(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

static uint64_t word32(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

static uint64_t mix(uint64_t lane, uint64_t word)
{
    return rotate(lane + word * prime2, 31) * prime1;
}

static uint64_t merge(uint64_t hash, uint64_t lane)
{
    return (hash ^ mix(0, lane)) * prime1 + prime4;
}

static uint64_t finish(uint64_t hash, const uint8_t *bytes, size_t rest)
{
    for (; rest >= 8; bytes += 8, rest -= 8)
        hash = rotate(hash ^ mix(0, word64(bytes)), 27) * prime1 + prime4;
    if (rest >= 4) {
        hash = rotate(hash ^ word32(bytes) * prime1, 23) * prime2 + prime3;
        bytes += 4;
        rest -= 4;
    }
    for (; rest > 0; bytes++, rest--)
        hash = rotate(hash ^ *bytes * prime5, 11) * prime1;
    hash = (hash ^ hash >> 33) * prime2;
    hash = (hash ^ hash >> 29) * prime3;
    return hash ^ hash >> 32;
}

/* Sums and products wrap by design. */
uint64_t checksum(const void *data, size_t size, uint64_t seed)
{
    const uint8_t *bytes = data;
    size_t rest = size;
    uint64_t hash = seed + prime5;
    if (rest >= 32) {
        uint64_t a = seed + prime1 + prime2, b = seed + prime2, c = seed, d = seed - prime1;
        for (; rest >= 32; bytes += 32, rest -= 32) {
            a = mix(a, word64(bytes));
            b = mix(b, word64(bytes + 8));
            c = mix(c, word64(bytes + 16));
            d = mix(d, word64(bytes + 24));
        }
        hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
        hash = merge(merge(merge(merge(hash, a), b), c), d);
    }
    return finish(hash + size, bytes, rest);
}
