/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the floor programs and their loader. */
#ifndef VEDETTE_BENCH_FLOOR_FLOOR_H
#define VEDETTE_BENCH_FLOOR_FLOOR_H

#include <linux/types.h>

enum {
    FLOOR_RING_BYTES = 8 << 20,
    FLOOR_PATH_COMPONENTS = 32,
    FLOOR_NAME_BYTES = 256,
    FLOOR_PATH_BYTES = 512, /* a name may begin below this offset */
};

struct floor_header {
    __u64 time_ns;
    __s64 ret;
    __u32 tgid, tid;
    __u32 syscall;
    __u32 size;
};

struct floor_path_record {
    struct floor_header header;
    __u32 path_bytes;
    char path[FLOOR_PATH_BYTES + FLOOR_NAME_BYTES]; /* and reach beyond it */
};

struct floor_counts {
    __u64 submitted;
    __u64 lost; /* no room in the ring */
    __u64 filtered;
    __u64 path_bytes; /* of the last path, to see that one was read */
};

#endif
