/* SPDX-License-Identifier: Apache-2.0 */
/* What several events say of an open file. */
#ifndef VEDETTE_COLLECTOR_BPF_FILE_FACTS_H
#define VEDETTE_COLLECTOR_BPF_FILE_FACTS_H

#include "collector/bpf/descriptor.h"
#include "collector/bpf/path.h"

enum {
    /* Reservations for events that carry the path of one file. */
    FILE_SMALL = 512,
    FILE_MIDDLE = 2048,
    FILE_LARGE = 8192,

    S_IFMT = 0170000,
    S_IFREG = 0100000,
};

static __always_inline void store_inode_id(struct record_header *header, __u64 capacity, __u32 dev_arg, __u32 inode_arg,
                                           struct inode *inode)
{
    store_integer(header, capacity, dev_arg, BPF_CORE_READ(inode, i_sb, s_dev));
    store_integer(header, capacity, inode_arg, BPF_CORE_READ(inode, i_ino));
}

static __always_inline void store_file_id(struct record_header *header, __u64 capacity, __u32 dev_arg, __u32 inode_arg,
                                          struct file *file)
{
    store_inode_id(header, capacity, dev_arg, inode_arg, BPF_CORE_READ(file, f_inode));
}

static __always_inline bool is_regular(struct file *file)
{
    return (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFREG;
}

/* Whether an open file is one of the nameless inodes that the kernel calls so: the first eight bytes of that name. */
static __always_inline bool is_anonymous(struct file *file, __u64 name)
{
    __u64 found = 0;
    if (file == NULL || BPF_CORE_READ(file, f_inode, i_sb, s_magic) != 0x09041934 /* ANON_INODE_FS_MAGIC */)
        return false;
    bpf_probe_read_kernel(&found, sizeof(found), BPF_CORE_READ(file, f_path.dentry, d_name.name));
    return found == name;
}

/* What the current task has as its standard input; nothing when that is closed. */
static __always_inline void store_stdin(struct record_header *header, __u64 capacity, __u32 type_arg, __u32 path_arg)
{
    struct file *file = current_file(0);
    if (file == NULL)
        return;
    store_integer(header, capacity, type_arg, BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT);
    store_file_path(header, capacity, path_arg, file);
}

#endif
