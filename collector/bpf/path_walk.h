/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that path.h declares; included by path.bpf.c, in the plain flavour by path.h. */
#ifndef VEDETTE_COLLECTOR_BPF_PATH_WALK_H
#define VEDETTE_COLLECTOR_BPF_PATH_WALK_H

#include "collector/bpf/place.h"
#include "collector/bpf/store.h"

enum {
    NAME_SHORT = 64,   /* nearly every name: a copy of constant size then needs little room */
    NAME_LONG = 256,   /* NAME_MAX and its NUL */
    NAME_CGROUP = 128, /* nearly every cgroup's: a hash of 64 digits, the runtime before it and ".scope" behind */
    CGROUP_STEPS = 24,
};

/* One component with its NUL, after what is there; false when there is no room. */
static __always_inline bool store_name(struct record_header *header, __u64 capacity, const void *name, __u32 length)
{
    __u64 at = store_at(header);
    long n;
    if (length < NAME_SHORT) {
        if (at > capacity - NAME_SHORT)
            return false;
        n = bpf_probe_read_kernel_str((void *)header + at, NAME_SHORT, name);
    } else {
        if (at > capacity - NAME_LONG)
            return false;
        n = bpf_probe_read_kernel_str((void *)header + at, NAME_LONG, name);
    }
    if (n > 0)
        store_set(header, at + n);
    return true;
}

/* "pipe:[" and the like, the inode's number in decimal, "]". Digits are written from the last to the first. */
static __always_inline void store_numbered(struct record_header *header, __u64 capacity, bool is_pipe,
                                           unsigned long number)
{
    enum { DIGITS = 20, ROOM = 8 + DIGITS + 1 };
    __u64 at = store_at(header);
    if (at > capacity - 8) {
        store_cut(header);
        return;
    }
    *(__u64 *)((void *)header + at) =
        is_pipe ? 0x5b3a65706970ULL : 0x5b3a74656b636f73ULL; /* "pipe:[", "socket:[", little-endian */
    store_set(header, at + (is_pipe ? 6 : 8) + 1);
    at = store_at(header);
    for (unsigned long rest = number, i = 1; i < DIGITS && rest >= 10; i++) {
        rest /= 10;
        at++;
    }
    store_set(header, at + 1);
    __u64 first = store_at(header) -
                  ROOM; /* unknown again, see store.h; at least the header's size, since that much came before */
    if (first > capacity - ROOM) {
        store_cut(header);
        return;
    }
    asm volatile(""
                 : "+r"(first)); /* else the compiler writes through another register than the one that was checked */
    char *room = (void *)header + first;
    room[ROOM - 1] = ']';
    for (int i = ROOM - 2; i >= ROOM - 1 - DIGITS; i--) {
        room[i] = '0' + number % 10;
        number /= 10;
        if (number == 0)
            break;
    }
}

/* A dentry that is its own parent and no mount's root: the kernel's own name for it. */
static __always_inline void store_unnamed(struct record_header *header, __u64 capacity, struct dentry *dentry)
{
    unsigned long magic = BPF_CORE_READ(dentry, d_sb, s_magic);
    if (magic == PIPEFS_MAGIC || magic == SOCKFS_MAGIC) {
        store_numbered(header, capacity, magic == PIPEFS_MAGIC, BPF_CORE_READ(dentry, d_inode, i_ino));
        return;
    }
    __u64 at = store_at(header);
    if (at > capacity - 16 - NAME_LONG) {
        store_cut(header);
        return;
    }
    if (magic == ANON_INODE_FS_MAGIC) {
        __builtin_memcpy((void *)header + at, "anon_inode:", 11);
        at += 11;
    }
    long n = bpf_probe_read_kernel_str((void *)header + at, NAME_LONG, BPF_CORE_READ(dentry, d_name.name));
    store_set(header, at + (n > 0 ? n - 1 : 0));
}

enum walk_end {
    WALK_BOUND, /* not at an end: the bound was reached, or a tree that is not connected (of a removed bind mount, or a
                   file system's own) */
    WALK_ROOT,
    WALK_DETACHED, /* the mount is in no namespace any more (runc executes itself from such a one): the path within its
                      file system, from that one's root */
    WALK_UNNAMED,
};

struct walk {
    struct record_header *header;
    __u64 capacity;
    struct place place;
    __u64 end; /* enum walk_end */
};

static long walk_step(__u32 index, struct walk *walk)
{
    enum place_step step = place_look(&walk->place);
    if (step == PLACE_CROSSED)
        return 0;
    if (step == PLACE_ROOT)
        walk->end = WALK_ROOT;
    else if (step == PLACE_TOP && walk->place.mount_root == NULL)
        walk->end = WALK_DETACHED;
    else if (step == PLACE_TOP && index == 0)
        walk->end = WALK_UNNAMED;
    if (step != PLACE_NAME)
        return 1;
    if (!store_name(walk->header, walk->capacity, walk->place.names.name, walk->place.names.length)) {
        store_cut(walk->header);
        return 1;
    }
    place_climb(&walk->place);
    return 0;
}

/* Mount 0: within the file system. Its root, read of address 0, is none then. */
static __always_inline int walk_into(struct record_header *header, __u64 capacity, __u64 start, __u64 dentry_address,
                                     __u64 mount_address)
{
    struct dentry *dentry = (struct dentry *)dentry_address;
    struct vfsmount *vfsmount = (struct vfsmount *)mount_address;
    struct walk walk = {
        .header = header,
        .capacity = capacity,
        .end = WALK_BOUND,
    };
    if (header == NULL || start > capacity - ITEM_HEADER) /* never, but the verifier has to see it */
        return 0;
    place_begin(&walk.place, dentry, vfsmount);
    REPEAT(PATH_STEPS, walk_step, &walk);
    if (walk.end == WALK_UNNAMED) {
        store_unnamed(header, capacity, dentry);
        store_close(header, start, ITEM_BYTES, ITEM_COMPLETE);
    } else {
        store_close(header, start, ITEM_COMPONENTS, walk.end != WALK_BOUND ? ITEM_COMPLETE : ITEM_TRUNCATED);
    }
    return 0;
}

struct cgroup_walk {
    struct record_header *header;
    __u64 capacity;
    struct kernfs_node *node;
    __u64 state;
};

/* The same for a cgroup's name, whose length is not known. */
static __always_inline bool store_cgroup_name(struct record_header *header, __u64 capacity, const void *name)
{
    __u64 at = store_at(header);
    if (at > capacity - NAME_CGROUP)
        return false;
    long n = bpf_probe_read_kernel_str((void *)header + at, NAME_CGROUP, name);
    if (n == NAME_CGROUP) { /* cut, or exactly that long */
        at = store_at(
            header); /* unknown again, see store.h: the address that the first bound gave is not good for this */
        if (at > capacity - NAME_LONG)
            return false;
        n = bpf_probe_read_kernel_str((void *)header + at, NAME_LONG, name);
    }
    if (n > 0)
        store_set(header, at + n);
    return true;
}

static long cgroup_step(__u32 index, struct cgroup_walk *walk)
{
    struct kernfs_node *node = walk->node;
    struct kernfs_node *up = kernfs_parent_read(node);
    if (up == NULL) {
        walk->state = ITEM_COMPLETE;
        return 1;
    }
    if (!store_cgroup_name(walk->header, walk->capacity, BPF_CORE_READ(node, name))) {
        store_cut(walk->header);
        return 1;
    }
    walk->node = FORGET(up);
    return 0;
}

static __always_inline int cgroup_into(struct record_header *header, __u64 capacity, __u32 arg, __u64 node)
{
    struct cgroup_walk walk = {
        .header = header, .capacity = capacity, .node = (struct kernfs_node *)node, .state = ITEM_TRUNCATED};
    if (header == NULL)
        return 0;
    __u64 start = store_open(header, capacity, arg, ITEM_COMPONENTS, ITEM_COMPLETE);
    if (start == 0)
        return 0;
    REPEAT(CGROUP_STEPS, cgroup_step, &walk);
    store_close(header, start, ITEM_COMPONENTS, walk.state);
    return 0;
}

ROOM_FUNCTION(store_walk_, walk_into, (__u64 start, __u64 dentry, __u64 mount), (start, dentry, mount))
ROOM_FUNCTION(store_cgroup_, cgroup_into, (__u32 arg, __u64 node), (arg, node))

#endif
