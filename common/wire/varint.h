/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf's variable-length integers and field tags, as the encoder writes them. Inline: several run for every event.
 */
#ifndef VEDETTE_COMMON_WIRE_VARINT_H
#define VEDETTE_COMMON_WIRE_VARINT_H

#include <stddef.h>
#include <stdint.h>

enum {
    VARINT32_BYTES = 5,
    VARINT64_BYTES = 10,
    VARINT_SLACK = 8, /* varint_put_fast may write so many bytes beyond what it returns */
};

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_LENGTH = 2,
    WIRE_FIXED32 = 5,
};

static inline uint8_t *varint_put(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline size_t varint_size(uint64_t value)
{
    /* Seven bits a byte; zero takes one. */
    return (size_t)(63 - __builtin_clzll(value | 1)) / 7 + 1;
}

/*
 * varint_put where VARINT_SLACK bytes are free behind it. The lengths of an event's values are not predictable, and a
 * mispredicted branch costs more than all the arithmetic: the seven-bit groups are spread to bytes by three steps of
 * halving, and eight bytes are stored.
 */
static inline uint8_t *varint_put_fast(uint8_t *at, uint64_t value)
{
    if (value < 0x80) {
        *at = (uint8_t)value;
        return at + 1;
    }
    if (value >= 1ull << 56)
        return varint_put(at, value);
    size_t size = varint_size(value);
    uint64_t x = (value & 0x00fffffff0000000ull) << 4 | (value & 0x000000000fffffffull);
    x = (x & 0x0fffc0000fffc000ull) << 2 | (x & 0x00003fff00003fffull);
    x = (x & 0x3f803f803f803f80ull) << 1 | (x & 0x007f007f007f007full);
    x |= 0x8080808080808080ull & ((1ull << (8 * size - 8)) - 1);
    for (size_t i = 0; i < 8; i++) /* one store on a little-endian machine */
        at[i] = (uint8_t)(x >> (8 * i));
    return at + size;
}

static inline uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline uint8_t *tag_put(uint8_t *at, uint32_t field, enum wire_type type)
{
    return varint_put(at, (uint64_t)field << 3 | type);
}

static inline size_t tag_size(uint32_t field)
{
    return varint_size((uint64_t)field << 3);
}

/* A whole length-delimited field. */
static inline size_t field_size(uint32_t field, size_t payload)
{
    return tag_size(field) + varint_size(payload) + payload;
}

#endif
