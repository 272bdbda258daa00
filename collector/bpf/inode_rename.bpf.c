/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security_inode_rename, from rename calls that succeeded.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/user_path.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_old_path,
    ARG_new_path,
};

static __always_inline bool rename_fill(struct record_header *header, __u64 capacity, struct call *call)
{
    record_begin_call(header, EVENT_security_inode_rename, 0, call);
    __u32 plain = FORGET(call->number == EVENT_rename);
    store_user_path(header, capacity, ARG_old_path, call->args[plain ? 0 : 1], plain ? AT_FDCWD : call->args[0]);
    store_user_path(header, capacity, ARG_new_path, call->args[plain ? 1 : 3], plain ? AT_FDCWD : call->args[2]);
    return !store_take_cut(header);
}

EXIT_HANDLER(inode_rename)
{
    struct sink sink;
    if (call->ret != 0 || !event_wanted(EVENT_security_inode_rename) || !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) rename_fill(header_, size_, call)
    EMIT_3(&sink, USER_PATH_SMALL, USER_PATH_MIDDLE, USER_PATH_LARGE, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
