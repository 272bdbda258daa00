/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security_inode_mknod, from calls that made a device, a pipe or a socket; a regular file is made by another way in the
 * kernel. The mode is the caller's without what its umask takes away.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/file_facts.h"
#include "collector/bpf/user_path.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_file_name,
    ARG_mode,
    ARG_dev,
};

/* The kernel's own number of what a program writes as dev_t: new_decode_dev, include/linux/kdev_t.h. */
static __always_inline __u32 kernel_dev(__u32 dev)
{
    __u32 major = (dev & 0xfff00) >> 8, minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
    return major << 20 | minor;
}

static __always_inline bool mknod_fill(struct record_header *header, __u64 capacity, struct call *call, __u32 mode)
{
    bool at = call->number == EVENT_mknodat;
    __u32 mask = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), fs, umask);
    record_begin_call(header, EVENT_security_inode_mknod, 0, call);
    store_integer(header, capacity, ARG_mode, (mode & S_IFMT) | (mode & ~S_IFMT & ~mask));
    store_integer(header, capacity, ARG_dev, kernel_dev(call->args[at ? 3 : 2]));
    store_user_path(header, capacity, ARG_file_name, call->args[at ? 1 : 0], at ? call->args[0] : AT_FDCWD);
    return !store_take_cut(header);
}

EXIT_HANDLER(inode_mknod)
{
    struct sink sink;
    __u32 mode = (__u16)call->args[call->number == EVENT_mknodat ? 2 : 1];
    if (call->ret != 0 || (mode & S_IFMT) == 0 || (mode & S_IFMT) == S_IFREG ||
        !event_wanted(EVENT_security_inode_mknod) || !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) mknod_fill(header_, size_, call, mode)
    EMIT_3(&sink, USER_PATH_SMALL, USER_PATH_MIDDLE, USER_PATH_LARGE, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
