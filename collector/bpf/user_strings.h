/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of the caller's pointers to strings, ended by NULL: the caller's copy. */
#ifndef VEDETTE_COLLECTOR_BPF_USER_STRINGS_H
#define VEDETTE_COLLECTOR_BPF_USER_STRINGS_H

#include "collector/bpf/store.h"

/* What one string of the caller may take of a reservation. */
#define USER_STRING_MOST(capacity_) ((capacity_) <= 512 ? 128 : (capacity_) <= 8192 ? 1024 : PATH_MOST)

#ifdef VEDETTE_PLAIN
#include "collector/bpf/user_strings_store.h"
#else
ROOM_DECLARE(store_strings_, (__u32 arg, __u64 pointers, __u32 narrow));

struct room_lists {
    __u64 words[RECORD_LISTS / 8];
};
int store_strings_lists(struct room_lists *room, __u32 arg, __u64 pointers, __u32 narrow);
#endif

/* `narrow`: the pointers have 4 bytes. */
static __always_inline void store_user_strings(struct record_header *header, __u64 capacity, __u32 arg, __u64 pointers,
                                               __u32 narrow)
{
#ifndef VEDETTE_PLAIN
    if (capacity > RECORD_LARGE) {
        store_strings_lists((struct room_lists *)header, arg, pointers, narrow);
        return;
    }
#endif
    FOR_ROOM(store_strings_, header, capacity, arg, pointers, narrow);
}

#endif
