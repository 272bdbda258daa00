/* SPDX-License-Identifier: Apache-2.0 */
/* security_inode_symlink, from calls that made a symbolic link. */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/user_path.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_linkpath,
    ARG_target,
};

static __always_inline bool symlink_fill(struct record_header *header, __u64 capacity, struct call *call)
{
    bool at = call->number == EVENT_symlinkat;
    record_begin_call(header, EVENT_security_inode_symlink, 0, call);
    store_string(header, capacity, ARG_target, (void *)call->args[0], USER_PATH_MOST(capacity), true);
    store_user_path(header, capacity, ARG_linkpath, call->args[at ? 2 : 1], at ? call->args[1] : AT_FDCWD);
    return !store_take_cut(header);
}

EXIT_HANDLER(inode_symlink)
{
    struct sink sink;
    if (call->ret != 0 || !event_wanted(EVENT_security_inode_symlink) || !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) symlink_fill(header_, size_, call)
    EMIT_3(&sink, USER_PATH_SMALL, USER_PATH_MIDDLE, USER_PATH_LARGE, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
