/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of user_path.h: of user_path.bpf.c, or of every file in the plain flavour. */
#ifndef VEDETTE_COLLECTOR_BPF_USER_PATH_STORE_H
#define VEDETTE_COLLECTOR_BPF_USER_PATH_STORE_H

#include "collector/bpf/descriptor.h"
#include "collector/bpf/path.h"

/* Where a name starts: dentry and mount of the directory. */
static __always_inline void directory_of(struct task_struct *task, int dirfd, bool absolute, struct dentry **ret_dentry,
                                         struct vfsmount **ret_mount)
{
    struct fs_struct *fs = BPF_CORE_READ(task, fs);
    if (absolute) {
        *ret_dentry = BPF_CORE_READ(fs, root.dentry);
        *ret_mount = BPF_CORE_READ(fs, root.mnt);
    } else if (dirfd == AT_FDCWD) {
        *ret_dentry = BPF_CORE_READ(fs, pwd.dentry);
        *ret_mount = BPF_CORE_READ(fs, pwd.mnt);
    } else {
        struct file *file = current_file(dirfd);
        *ret_dentry = BPF_CORE_READ(file, f_path.dentry);
        *ret_mount = BPF_CORE_READ(file, f_path.mnt);
    }
}

static __always_inline int user_path_into(struct record_header *header, __u64 capacity, __u32 arg, __u64 from,
                                          __u32 dirfd)
{
    const __u32 most = USER_PATH_MOST(capacity);
    const char *string = (const char *)from;
    if (header == NULL) /* never, but the verifier has to see it */
        return 0;
    struct task_struct *task = (void *)bpf_get_current_task();
    __u64 start = store_at(header);
    if (start > capacity - ITEM_HEADER - most) {
        store_cut(header);
        return 0;
    }
    char first = 0;
    __u32 absolute = FORGET(bpf_probe_read_user(&first, 1, string) == 0 && first == '/');
    long length = bpf_probe_read_user_str((void *)header + start + ITEM_HEADER, most, string + absolute);
    if (length <= 0) {
        store_item(header, start, arg, ITEM_COMPONENTS, ITEM_UNREADABLE | ITEM_USER, 0);
        return 0;
    }
    if (length == most)
        store_cut(header);
    store_item(header, start, arg, ITEM_COMPONENTS, ITEM_USER | (length == most ? ITEM_TRUNCATED : ITEM_COMPLETE), 0);
    store_set(header, start + ITEM_HEADER + length);
    struct dentry *dentry;
    struct vfsmount *mount;
    directory_of(task, (int)dirfd, absolute, &dentry, &mount);
    if (dentry != NULL && mount != NULL)
        FOR_ROOM(store_walk_, header, capacity, start, FORGET((__u64)dentry), FORGET((__u64)mount));
    else
        store_close(header, start, ITEM_COMPONENTS, ITEM_TRUNCATED);
    return 0;
}

ROOM_FUNCTION(store_user_path_, user_path_into, (__u32 arg, __u64 string, __u32 dirfd), (arg, string, dirfd))

#endif
