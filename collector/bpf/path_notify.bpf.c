/* SPDX-License-Identifier: Apache-2.0 */
/* security_path_notify and inotify_watch: watches that somebody put on a file. */
#include "collector/bpf/file_facts.h"
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/user_path.h"

/* Indexes in the rows; the loader checks them against the names. inotify_watch begins as security_path_notify does. */
enum {
    ARG_pathname,
    ARG_inode,
    ARG_dev,
    ARG_mask,
    ARG_obj_type,
};

enum {
    FAN_MARK_ADD = 0x1,
    FAN_MARK_MOUNT = 0x10,
    FAN_MARK_FILESYSTEM = 0x100,
    OBJECT_INODE = 0, /* enum fsnotify_obj_type, include/linux/fsnotify_backend.h */
    OBJECT_MOUNT = 1,
    OBJECT_SUPER_BLOCK = 2,
};

struct watch {
    __u64 name, dirfd, mask;
    __u32 event, object;
};

/* False when the call adds none. */
static __always_inline bool watch_of(struct watch *watch, struct call *call)
{
    watch->dirfd = AT_FDCWD;
    if (call->number == EVENT_inotify_add_watch) {
        watch->name = call->args[1];
        watch->mask = (__u32)call->args[2];
        return call->ret >= 0;
    }
    __u64 flags = call->args[1];
    watch->mask = call->compat ? call->args[2] | call->args[3] << 32 : call->args[2];
    watch->dirfd = call->args[call->compat ? 4 : 3];
    watch->name = call->args[call->compat ? 5 : 4];
    watch->object = (flags & FAN_MARK_FILESYSTEM) != 0 ? OBJECT_SUPER_BLOCK
                    : (flags & FAN_MARK_MOUNT) != 0    ? OBJECT_MOUNT
                                                       : OBJECT_INODE;
    return call->ret == 0 && (flags & FAN_MARK_ADD) != 0;
}

static __always_inline bool watch_fill(struct record_header *header, __u64 capacity, struct call *call,
                                       struct watch *watch)
{
    record_begin_call(header, watch->event, 0, call);
    if (watch->event == EVENT_security_path_notify) {
        store_integer(header, capacity, ARG_mask, watch->mask);
        store_integer(header, capacity, ARG_obj_type, watch->object);
    }
    struct file *file = watch->name == 0 ? current_file((__s32)watch->dirfd) : NULL; /* fanotify's: the descriptor's */
    if (file != NULL) {
        mark_shared_files(header);
        store_file_id(header, capacity, ARG_dev, ARG_inode, file);
        store_file_path(header, capacity, ARG_pathname, file);
    } else {
        store_user_path(header, capacity, ARG_pathname, watch->name, watch->dirfd);
    }
    return !store_take_cut(header);
}

static __always_inline void watch_emit(struct call *call, struct watch *watch, __u32 event)
{
    struct sink sink;
    watch->event = FORGET(event);
    if (!event_wanted(event) || !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return;
#define FILL(header_, size_) watch_fill(header_, size_, call, watch)
    EMIT_3(&sink, USER_PATH_SMALL, USER_PATH_MIDDLE, USER_PATH_LARGE, FILL);
#undef FILL
}

EXIT_HANDLER(path_notify)
{
    struct watch watch = {0};
    if (!watch_of(&watch, call))
        return 0;
    watch.name = FORGET(watch.name);
    watch.dirfd = FORGET(watch.dirfd);
    watch.mask = FORGET(watch.mask);
    watch.object = FORGET(watch.object);
    watch_emit(call, &watch, EVENT_security_path_notify);
    if (call->number == EVENT_inotify_add_watch)
        watch_emit(call, &watch, EVENT_inotify_watch);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
