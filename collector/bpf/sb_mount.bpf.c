/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security_sb_mount and security_sb_umount, from calls whether they succeeded or not. mount(2)'s names are the caller's
 * copy. In the new mount API it is fsconfig that makes a file system from a device (its context says from what), and
 * move_mount that gives it a place: two events, the second with MS_MOVE, its names from the mount itself. What
 * mount(2) does with MS_REMOUNT is fsconfig's too, of a context that fspick made.
 */
#include "collector/bpf/file_facts.h"
#include "collector/bpf/user_path.h"
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"

/* Indexes in the rows; the loader checks them against the names. */
enum {
    MOUNT_dev_name,
    MOUNT_path,
    MOUNT_type,
    MOUNT_flags,
};
enum {
    UMOUNT_mountpoint,
    UMOUNT_type,
    UMOUNT_flags,
};

enum {
    MS_REMOUNT = 32,
    MS_MOVE = 8192,
    /* Flags of a file system, not of a mount, that mount(2) can change: read-only, synchronous, mandatory locks,
     * synchronous directories, lazy times. The kernel's SB_* have the values of MS_*. */
    MS_OF_FILE_SYSTEM = 1 | 16 | 64 | 128 | 1 << 25,
    FSCONFIG_CMD_CREATE = 6,
    FSCONFIG_CMD_RECONFIGURE = 7,
    FSCONFIG_CMD_CREATE_EXCL = 8, /* from 6.6 */
    NAME_MOST = 128,
};

/* fsopen's descriptors are "[fscontext]"; its first eight bytes, little-endian. */
#define FSCONTEXT_NAME 0x65746e6f6373665bULL

/* Old programs mark the flags with a number in their upper half: include/uapi/linux/mount.h. */
#define MS_MGC_VAL 0xC0ED0000ULL
#define MS_MGC_MSK 0xffff0000ULL

static __always_inline void store_user_name(struct record_header *header, __u64 capacity, __u32 arg, __u64 name)
{
    if (name == 0)
        store_open(header, capacity, arg, ITEM_BYTES, ITEM_COMPLETE);
    else
        store_string(header, capacity, arg, (void *)name, USER_PATH_MOST(capacity), true);
}

static __always_inline void mount_fill_old(struct record_header *header, __u64 capacity, struct call *call)
{
    __u64 flags = call->args[3];
    if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
        flags &= ~MS_MGC_MSK;
    store_integer(header, capacity, MOUNT_flags, flags);
    store_user_name(header, capacity, MOUNT_type, call->args[2]);
    store_user_name(header, capacity, MOUNT_dev_name, call->args[0]);
    store_user_path(header, capacity, MOUNT_path, call->args[1], AT_FDCWD);
}

/* The context that fsopen made, while fsconfig made a file system of it. */
static __always_inline void mount_fill_context(struct record_header *header, __u64 capacity, struct file *file)
{
    struct fs_context *context = BPF_CORE_READ(file, private_data);
    const char *source = BPF_CORE_READ(context, source);
    store_integer(header, capacity, MOUNT_flags, BPF_CORE_READ(context, sb_flags));
    store_string(header, capacity, MOUNT_type, BPF_CORE_READ(context, fs_type, name), NAME_MOST, false);
    if (source != NULL)
        store_string(header, capacity, MOUNT_dev_name, source, USER_PATH_MOST(capacity), false);
    else
        store_open(header, capacity, MOUNT_dev_name, ITEM_BYTES, ITEM_COMPLETE);
    store_open(header, capacity, MOUNT_path, ITEM_BYTES, ITEM_COMPLETE); /* it has no place yet */
}

/* The context that fspick made of a file system which is mounted somewhere. A call that succeeds empties the context.
 */
static __always_inline void mount_fill_changed(struct record_header *header, __u64 capacity, struct call *call,
                                               struct file *file)
{
    struct fs_context *context = BPF_CORE_READ(file, private_data);
    struct super_block *super = BPF_CORE_READ(context, root, d_sb);
    __u64 flags = call->ret == 0 ? BPF_CORE_READ(super, s_flags) : BPF_CORE_READ(context, sb_flags);
    store_integer(header, capacity, MOUNT_flags, MS_REMOUNT | (flags & MS_OF_FILE_SYSTEM));
    store_string(header, capacity, MOUNT_type, BPF_CORE_READ(super, s_type, name), NAME_MOST, false);
    store_string(header, capacity, MOUNT_dev_name, (void *)super + bpf_core_field_offset(struct super_block, s_id),
                 NAME_MOST, false);
    store_open(header, capacity, MOUNT_path, ITEM_BYTES, ITEM_COMPLETE); /* it is in all of its places */
}

/* What was moved: the mount of the descriptor, or of a name, of which only the caller's copy is left. */
static __always_inline void mount_fill_move(struct record_header *header, __u64 capacity, struct call *call,
                                            struct file *file)
{
    store_integer(header, capacity, MOUNT_flags, MS_MOVE);
    if (file != NULL) {
        struct vfsmount *vfsmount = BPF_CORE_READ(file, f_path.mnt);
        struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
        store_string(header, capacity, MOUNT_type, BPF_CORE_READ(vfsmount, mnt_sb, s_type, name), NAME_MOST, false);
        store_string(header, capacity, MOUNT_dev_name, BPF_CORE_READ(mount, mnt_devname), USER_PATH_MOST(capacity),
                     false);
    } else {
        store_open(header, capacity, MOUNT_type, ITEM_BYTES, ITEM_COMPLETE);
        store_user_name(header, capacity, MOUNT_dev_name, call->args[1]);
    }
    store_user_path(header, capacity, MOUNT_path, call->args[3], call->args[2]);
}

static __always_inline bool mount_fill(struct record_header *header, __u64 capacity, struct call *call,
                                       struct file *file)
{
    record_begin_call(header, EVENT_security_sb_mount, call->ret, call);
    if (call->number == EVENT_mount)
        mount_fill_old(header, capacity, call);
    else if (call->number == EVENT_fsconfig && (__u32)call->args[1] == FSCONFIG_CMD_RECONFIGURE)
        mount_fill_changed(header, capacity, call, file);
    else if (call->number == EVENT_fsconfig)
        mount_fill_context(header, capacity, file);
    else
        mount_fill_move(header, capacity, call, file);
    return !store_take_cut(header);
}

EXIT_HANDLER(sb_mount)
{
    struct sink sink;
    struct file *file = NULL;
    __u32 command = call->args[1];
    char first = 0;
    if (!plan.selected[EVENT_security_sb_mount])
        return 0;
    if (call->number == EVENT_fsconfig) {
        file = current_file((__s32)call->args[0]);
        if (command < FSCONFIG_CMD_CREATE || command > FSCONFIG_CMD_CREATE_EXCL || !is_anonymous(file, FSCONTEXT_NAME))
            return 0;
    } else if (call->number == EVENT_move_mount) {
        bpf_probe_read_user(&first, 1, (void *)call->args[1]);
        if (first == 0) /* an empty name: the descriptor itself */
            file = current_file((__s32)call->args[0]);
    }
    if (!sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) mount_fill(header_, size_, call, file)
    EMIT_3(&sink, USER_PATH_SMALL, USER_PATH_MIDDLE, USER_PATH_LARGE, FILL);
#undef FILL
    return 0;
}

static __always_inline bool umount_fill(struct record_header *header, __u64 capacity, struct call *call)
{
    record_begin_call(header, EVENT_security_sb_umount, call->ret, call);
    store_integer(header, capacity, UMOUNT_flags, call->number == EVENT_umount2 ? (__s64)(__s32)call->args[1] : 0);
    store_unreadable(header, capacity, UMOUNT_type, 0);
    store_user_path(header, capacity, UMOUNT_mountpoint, call->args[0], AT_FDCWD);
    return !store_take_cut(header);
}

EXIT_HANDLER(sb_umount)
{
    struct sink sink;
    if (!plan.selected[EVENT_security_sb_umount] || !sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) umount_fill(header_, size_, call)
    EMIT_3(&sink, USER_PATH_SMALL, USER_PATH_MIDDLE, USER_PATH_LARGE, FILL);
#undef FILL
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
