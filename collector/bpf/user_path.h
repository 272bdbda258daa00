/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name that only the caller's copy tells: read after the call, below the kernel's path of the directory that it
 * starts from (working directory, descriptor, or the caller's root for an absolute name). Stored as components: the
 * caller's string whole as the leaf, then the directory's names. Not resolved: "." and ".." and repeated slashes inside
 * the string, and symbolic links on its way.
 */
#ifndef VEDETTE_COLLECTOR_BPF_USER_PATH_H
#define VEDETTE_COLLECTOR_BPF_USER_PATH_H

#include "collector/bpf/path.h"

enum {
    /* Reservations for events that carry such names. */
    USER_PATH_SMALL = 512,
    USER_PATH_MIDDLE = 2048,
    USER_PATH_LARGE = 24576,
};

/* What a string of the caller may take of each. */
#define USER_PATH_MOST(capacity_)                                                                                      \
    ((capacity_) == USER_PATH_SMALL ? 128 : (capacity_) == USER_PATH_MIDDLE ? 512 : PATH_MOST)

#ifdef VEDETTE_PLAIN
#include "collector/bpf/user_path_store.h"
#else
ROOM_DECLARE(store_user_path_, (__u32 arg, __u64 string, __u32 dirfd));
#endif

static __always_inline void store_user_path(struct record_header *header, __u64 capacity, __u32 arg, __u64 string,
                                            __u64 dirfd)
{
    FOR_ROOM(store_user_path_, header, capacity, arg, string, (__u32)dirfd);
}

#endif
