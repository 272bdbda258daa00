/* SPDX-License-Identifier: Apache-2.0 */
/* security_inode_unlink, from calls that removed a name that is no directory's. The inode has gone with it. */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/user_path.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_pathname,
};

enum { AT_REMOVEDIR = 0x200 };

static __always_inline bool unlink_fill(struct record_header *header, __u64 capacity, struct call *call)
{
    record_begin_call(header, EVENT_security_inode_unlink, 0, call);
    if (call->number == EVENT_unlink)
        store_user_path(header, capacity, ARG_pathname, call->args[0], AT_FDCWD);
    else
        store_user_path(header, capacity, ARG_pathname, call->args[1], call->args[0]);
    return !store_take_cut(header);
}

EXIT_HANDLER(inode_unlink)
{
    struct sink sink;
    if (call->ret != 0 || !event_wanted(EVENT_security_inode_unlink) ||
        (call->number == EVENT_unlinkat && (call->args[2] & AT_REMOVEDIR) != 0) ||
        !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) unlink_fill(header_, size_, call)
    EMIT_3(&sink, USER_PATH_SMALL, USER_PATH_MIDDLE, USER_PATH_LARGE, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
