/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security_inode_rename, from rename calls that succeeded. The names are the caller's copy, read after the call; the
 * directory that they start from (working directory, descriptor, or the caller's root for an absolute name) is the
 * kernel's path. Emitted as components: the caller's string whole as the leaf, then the directory's names. Not
 * resolved: "." and ".." and repeated slashes inside the string, and symbolic links on its way.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/path.h"
#include "collector/bpf/scope.h"

#include <bpf/bpf_tracing.h>

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_old_path,
    ARG_new_path,
};

enum {
    RENAME_SMALL = 512,
    RENAME_MIDDLE = 2048,
    RENAME_LARGE = 24576,
};

#define STRING_MOST(capacity_) ((capacity_) == RENAME_SMALL ? 128 : (capacity_) == RENAME_MIDDLE ? 512 : 4096)

/* Where a name starts: dentry and mount of the directory. */
static __always_inline void directory_of(struct task_struct *task, int dirfd, bool absolute, struct dentry **ret_dentry,
                                         struct vfsmount **ret_mount)
{
    struct fs_struct *fs = BPF_CORE_READ(task, fs);
    struct fdtable *table = BPF_CORE_READ(task, files, fdt);
    struct file *file = NULL;
    if (absolute) {
        *ret_dentry = BPF_CORE_READ(fs, root.dentry);
        *ret_mount = BPF_CORE_READ(fs, root.mnt);
    } else if (dirfd == AT_FDCWD) {
        *ret_dentry = BPF_CORE_READ(fs, pwd.dentry);
        *ret_mount = BPF_CORE_READ(fs, pwd.mnt);
    } else {
        if (dirfd >= 0 && (__u32)dirfd < BPF_CORE_READ(table, max_fds))
            bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + dirfd);
        *ret_dentry = BPF_CORE_READ(file, f_path.dentry);
        *ret_mount = BPF_CORE_READ(file, f_path.mnt);
    }
}

struct user_path {
    const char *string;
    __u64 dirfd;
};

static __always_inline int store_user_path(struct record_header *header, __u64 capacity, __u32 arg,
                                           struct task_struct *task, struct user_path *from)
{
    const __u32 most = STRING_MOST(capacity);
    const char *string = from->string;
    __u64 start = store_at(header);
    if (start > capacity - ITEM_HEADER - most) {
        store_cut(header);
        return 0;
    }
    char first = 0;
    bool absolute = bpf_probe_read_user(&first, 1, string) == 0 && first == '/';
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
    directory_of(task, (int)from->dirfd, absolute, &dentry, &mount);
    if (dentry != NULL && mount != NULL)
        FOR_ROOM(store_walk_, header, capacity, start, (__u64)dentry, (__u64)mount);
    else
        store_close(header, start, ITEM_COMPONENTS, ITEM_TRUNCATED);
    return 0;
}

static __always_inline bool rename_fill(struct record_header *header, __u64 capacity, struct task_struct *task,
                                        struct call *call)
{
    record_begin_call(header, EVENT_security_inode_rename, 0, call);
    bool plain = call->number == EVENT_rename;
    struct user_path old = {(void *)call->args[plain ? 0 : 1], plain ? AT_FDCWD : call->args[0]};
    struct user_path new = {(void *)call->args[plain ? 1 : 3], plain ? AT_FDCWD : call->args[2]};
    store_user_path(header, capacity, ARG_old_path, task, &old);
    store_user_path(header, capacity, ARG_new_path, task, &new);
    return !store_take_cut(header);
}

EXIT_HANDLER(inode_rename)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct sink sink;
    if (call->ret == 0 && plan.selected[EVENT_security_inode_rename] &&
        sink_open(&sink, task, CLASS_BULK, CONTEXT_TASK)) {
#define FILL(header_, size_) rename_fill(header_, size_, task, call)
        EMIT_3(&sink, RENAME_SMALL, RENAME_MIDDLE, RENAME_LARGE, FILL);
    }
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
