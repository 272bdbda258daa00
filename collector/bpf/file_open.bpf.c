/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security_file_open, from the descriptor that open, openat, openat2 or creat returned: the path is that of the file
 * which was opened, whatever the caller's string says by now. A sibling thread can replace the descriptor before this
 * runs: said by RECORD_SHARED_FDTABLE, and the caller's string goes along.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/file_facts.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/watch.h"

#include <bpf/bpf_tracing.h>

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_pathname,
    ARG_flags,
    ARG_dev,
    ARG_inode,
    ARG_ctime,
    ARG_syscall_pathname,
    ARG_fs_magic,
    ARG_overlay_layer,
};

enum {
    OPEN_SMALL = 512,
    OPEN_MIDDLE = 2048,
    OPEN_LARGE = 24576, /* the file's path and the caller's string, 4 KiB each */
    /* The kernel drops these from f_flags once the file is open; the hook that the event is named after saw them. */
    TRANSIENT = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC,
};

#define STRING_MOST(capacity_) ((capacity_) == OPEN_SMALL ? 128 : (capacity_) == OPEN_MIDDLE ? 512 : PATH_MOST)

static __always_inline __u64 flags_asked(struct call *call)
{
    __u64 flags = 0;
    switch (call->number) {
    case EVENT_open:
        return call->args[1];
    case EVENT_creat:
        return O_CREAT | O_WRONLY | O_TRUNC;
    case EVENT_openat:
    case EVENT_open_by_handle_at:
        return call->args[2];
    default: /* openat2: in the caller's struct open_how, as it is by now; it begins with the flags */
        bpf_probe_read_user(&flags, sizeof(flags), (void *)call->args[2]);
        return flags;
    }
}

static __always_inline bool open_fill(struct record_header *header, __u64 capacity, struct file *file, __u32 flags,
                                      struct call *call)
{
    record_begin_call(header, EVENT_security_file_open, 0, call);
    header->flags |= flags;
    const void *string = (void *)call->args[call->number == EVENT_open || call->number == EVENT_creat ? 0 : 1];
    if (call->number == EVENT_open_by_handle_at) /* a handle is no name */
        store_open(header, capacity, ARG_syscall_pathname, ITEM_BYTES, ITEM_COMPLETE);
    else
        store_string(header, capacity, ARG_syscall_pathname, string, STRING_MOST(capacity), true);
    if (file == NULL) {
        store_string(header, capacity, ARG_pathname, string, STRING_MOST(capacity), true);
        return !store_take_cut(header);
    }
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    store_integer(header, capacity, ARG_flags, BPF_CORE_READ(file, f_flags) | (flags_asked(call) & TRANSIENT));
    store_inode_id(header, capacity, ARG_dev, ARG_inode, inode);
    store_integer(header, capacity, ARG_ctime, inode_ctime_ns(inode));
    store_integer(header, capacity, ARG_fs_magic, BPF_CORE_READ(inode, i_sb, s_magic));
    enum overlay_layer layer = overlay_layer(inode);
    if (layer != OVERLAY_UNKNOWN)
        store_integer(header, capacity, ARG_overlay_layer, layer);
    store_file_path(header, capacity, ARG_pathname, file);
    return !store_take_cut(header);
}

/* An open whose descriptor was replaced may have been of any file; whoever makes many of them hides no other open. */
static __always_inline __u32 open_class(struct file *file)
{
    if (file == NULL)
        return CLASS_BULK;
    int held = watch_file((__u64)file, WATCH_security_file_open, watch_access(BPF_CORE_READ(file, f_flags)));
    return watch_class(EVENT_security_file_open, held != 0);
}

EXIT_HANDLER(file_open)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct sink sink;
    if (call->ret < 0 || !event_wanted(EVENT_security_file_open))
        return 0;
    struct files_struct *files = LOAD(task, files);
    struct file *file = FORGET(file_of_fd(files, call->ret));
    if (sink_open(&sink, FORGET(open_class(file)), CONTEXT_TASK)) {
        __u32 flags = FORGET((files_shared(files) ? RECORD_SHARED_FDTABLE : 0) |
                             (file == NULL ? RECORD_FD_MISMATCH : 0) | watch_flag(sink.class));
#define FILL(header_, size_) open_fill(header_, size_, file, flags, call)
        EMIT_3(&sink, OPEN_SMALL, OPEN_MIDDLE, OPEN_LARGE, FILL);
    }
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
