/* SPDX-License-Identifier: Apache-2.0 */
/* How the drain and the BPF programs find a row of the watch table. */
#ifndef VEDETTE_COLLECTOR_WATCH_KEY_H
#define VEDETTE_COLLECTOR_WATCH_KEY_H

#include "collector/plan.h"

enum { WATCH_WORDS = WATCH_TEXT / 8 };

/* Text in words of the machine's order, zeros after its end. Never 0. Odd multipliers spread what is alike. */
static inline uint64_t watch_key(uint32_t part, const uint64_t text[WATCH_WORDS])
{
    uint64_t key = (text[0] + part) * 0x9e3779b97f4a7c15ULL;
    key = (key ^ key >> 32 ^ text[1]) * 0xbf58476d1ce4e5b9ULL;
    key = (key ^ key >> 32 ^ text[2]) * 0x94d049bb133111ebULL;
    return (key ^ key >> 32) | 1ULL << 63;
}

/* The bit of a name's length in watch_table.lengths; those that are not compared whole share one. */
static inline uint32_t watch_length_bit(uint32_t length)
{
    return 1u << (length < WATCH_TEXT ? length : WATCH_TEXT);
}

#endif
