/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths as the kernel's objects have them: from a dentry and its mount up to the root of the mount namespace, across
 * mounts. Neither the caller's memory nor its root directory has a say. A deleted file keeps its last name (no "
 * (deleted)"). What lives in no directory has the kernel's own name: memfd:NAME, pipe:[INODE], socket:[INODE],
 * anon_inode:NAME.
 * In a mount that is in no namespace any more the path is the one within its file system. A mount that open_tree cloned
 * and nobody attached has an anonymous namespace: there the path begins at the clone's root.
 */
#ifndef VEDETTE_COLLECTOR_BPF_PATH_H
#define VEDETTE_COLLECTOR_BPF_PATH_H

#include "collector/bpf/store.h"

/* The walk into the item opened at `start`, which they close; and a whole item of a cgroup's names, leaf first. */
#ifdef VEDETTE_PLAIN
#include "collector/bpf/path_walk.h"
#else
ROOM_DECLARE(store_walk_, (__u64 start, __u64 dentry, __u64 mount));
ROOM_DECLARE(store_cgroup_, (__u32 arg, __u64 node));
#endif

static __always_inline void store_path(struct record_header *header, __u64 capacity, __u32 arg, struct dentry *dentry,
                                       struct vfsmount *mount)
{
    bool there = dentry != NULL && mount != NULL;
    __u64 start = store_open(header, capacity, arg, ITEM_COMPONENTS, there ? ITEM_COMPLETE : ITEM_UNREADABLE);
    if (there && start != 0)
        FOR_ROOM(store_walk_, header, capacity, start, (__u64)dentry, (__u64)mount);
}

/* The path within the dentry's own file system, whatever is mounted where. */
static __always_inline void store_path_within(struct record_header *header, __u64 capacity, __u32 arg,
                                              struct dentry *dentry)
{
    __u64 start = store_open(header, capacity, arg, ITEM_COMPONENTS, dentry != NULL ? ITEM_COMPLETE : ITEM_UNREADABLE);
    if (dentry != NULL && start != 0)
        FOR_ROOM(store_walk_, header, capacity, start, (__u64)dentry, 0);
}

static __always_inline void store_file_path(struct record_header *header, __u64 capacity, __u32 arg, struct file *file)
{
    store_path(header, capacity, arg, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt));
}

static __always_inline void store_cgroup(struct record_header *header, __u64 capacity, __u32 arg,
                                         struct kernfs_node *node)
{
    FOR_ROOM(store_cgroup_, header, capacity, arg, (__u64)node);
}

#endif
