/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that user_strings.h calls. */
#ifndef VEDETTE_COLLECTOR_BPF_USER_STRINGS_STORE_H
#define VEDETTE_COLLECTOR_BPF_USER_STRINGS_STORE_H

#include "collector/bpf/user_strings.h"

enum {
    LIST_BYTES = 8192,
#ifdef VEDETTE_PLAIN
    LIST_STRINGS = 16,
#else
    LIST_STRINGS = 64,
#endif
};

struct strings {
    struct record_header *header;
    __u64 capacity;
    __u64 start;
    __u64 pointers;
    __u64 narrow;
    __u64 state;
};

static long strings_step(__u32 index, struct strings *strings)
{
    const __u32 most = USER_STRING_MOST(strings->capacity);
    struct record_header *header = strings->header;
    __u64 string = 0, step = strings->narrow ? 4 : 8;
    if (bpf_probe_read_user(&string, step, (void *)strings->pointers) != 0) {
        strings->state = ITEM_UNREADABLE;
        return 1;
    }
    if (string == 0) {
        strings->state = ITEM_COMPLETE;
        return 1;
    }
    __u64 at = store_at(header);
    if (at > strings->capacity - most || at - strings->start > LIST_BYTES)
        return 1;
    long length = user_string_read((void *)header + at, most, (void *)string);
    if (length <= 0) {
        strings->state = ITEM_UNREADABLE;
        return 1;
    }
    store_set(header, at + length);
    strings->pointers += step;
    return length == most;
}

static __always_inline int strings_into(struct record_header *header, __u64 capacity, __u32 arg, __u64 pointers,
                                        __u32 narrow)
{
    struct strings strings = {
        .header = header, .capacity = capacity, .pointers = pointers, .narrow = narrow, .state = ITEM_TRUNCATED};
    if (header == NULL)
        return 0;
    __u64 start = store_open(header, capacity, arg, ITEM_LIST, ITEM_USER);
    if (start == 0)
        return 0;
    strings.start = start;
    if (pointers != 0)
        REPEAT(LIST_STRINGS, strings_step, &strings);
    else
        strings.state = ITEM_COMPLETE;
    if (strings.state == ITEM_TRUNCATED)
        store_cut(header);
    store_close(header, start, ITEM_LIST, strings.state);
    return 0;
}

ROOM_FUNCTION(store_strings_, strings_into, (__u32 arg, __u64 pointers, __u32 narrow), (arg, pointers, narrow))

#endif
