/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that user_strings.h calls. */
#ifndef VEDETTE_COLLECTOR_BPF_USER_STRINGS_STORE_H
#define VEDETTE_COLLECTOR_BPF_USER_STRINGS_STORE_H

#include "collector/bpf/user_strings.h"

enum {
#ifdef VEDETTE_PLAIN
    LIST_STEPS = 16,
#else
    LIST_STEPS = 4096 + 64, /* as many strings as the wire takes of one list, and parts of long ones */
#endif
};

/* A string comes in parts of this size: what must be free behind the last. */
#define PART_MOST(capacity_)                                                                                           \
    ((capacity_) <= 512 ? 128 : (capacity_) <= 8192 ? 1024 : (capacity_) <= RECORD_LARGE ? 2048 : 8192)

struct strings {
    struct record_header *header;
    __u64 capacity;
    __u64 start, most; /* where its item is, and how many bytes it may have */
    __u64 pointers;
    __u64 rest; /* of a string of which a part is stored; 0 before the next one */
    __u64 narrow;
    __u64 state;
};

/* The next string's address; 0 with a state at the list's end. */
static __always_inline __u64 strings_next(struct strings *strings)
{
    __u64 string = 0, step = strings->narrow ? 4 : 8;
    if (bpf_probe_read_user(&string, step, (void *)strings->pointers) != 0)
        strings->state = ITEM_UNREADABLE;
    else if (string == 0)
        strings->state = ITEM_COMPLETE;
    strings->pointers += step;
    return strings->state == ITEM_TRUNCATED ? string : 0;
}

static long strings_step(__u32 index, struct strings *strings)
{
    const __u32 part = PART_MOST(strings->capacity);
    struct record_header *header = strings->header;
    __u64 from = strings->rest != 0 ? strings->rest : strings_next(strings);
    __u64 at = store_at(header);
    if (from == 0 || at > strings->capacity - part)
        return 1;
    long length = user_string_read((void *)header + at, part, (void *)from);
    if (length <= 0) {
        strings->state = ITEM_UNREADABLE;
        return 1;
    }
    bool is_part = length == part; /* or just as long: then its NUL is the next one */
    __u64 end = at + length - is_part, most = strings->start + ITEM_HEADER + strings->most;
    if (end > most) {
        store_set(header, most);
        return 1;
    }
    store_set(header, end);
    if (is_part && strings->capacity < RECORD_LARGE) /* there will be a larger one: less for the verifier */
        return 1;
    strings->rest = FORGET(is_part ? from + length - 1 : 0);
    return 0;
}

static __always_inline int strings_into(struct record_header *header, __u64 capacity, __u32 arg, __u64 pointers,
                                        __u32 narrow)
{
    struct strings strings = {
        .header = header,
        .capacity = capacity,
        .most = capacity > RECORD_LARGE ? argv_size : LISTS_USUAL,
        .pointers = pointers,
        .rest = FORGET(0ULL),
        .narrow = narrow,
        .state = ITEM_TRUNCATED,
    };
    if (header == NULL)
        return 0;
    __u64 start = store_open(header, capacity, arg, ITEM_LIST, ITEM_USER);
    if (start == 0)
        return 0;
    strings.start = start;
    if (pointers != 0)
        REPEAT(LIST_STEPS, strings_step, &strings);
    else
        strings.state = ITEM_COMPLETE;
    if (strings.state == ITEM_TRUNCATED)
        store_cut(header);
    store_close(header, start, ITEM_LIST, strings.state);
    return 0;
}

ROOM_FUNCTION(store_strings_, strings_into, (__u32 arg, __u64 pointers, __u32 narrow), (arg, pointers, narrow))

#ifndef VEDETTE_PLAIN
/* Nothing for the verifier where nobody asked for such lists. */
__noinline int store_strings_lists(struct room_lists *room, __u32 arg, __u64 pointers, __u32 narrow)
{
    if (argv_size <= LISTS_USUAL)
        return 0;
    return strings_into((struct record_header *)room, RECORD_LISTS, arg, pointers, narrow);
}
#endif

#endif
