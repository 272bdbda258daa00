/* SPDX-License-Identifier: Apache-2.0 */
/* set_fs_pwd: a new working directory, from the task itself once it has it. */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/user_path.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_unresolved_path,
    ARG_resolved_path,
};

static __always_inline bool pwd_fill(struct record_header *header, __u64 capacity, struct call *call)
{
    struct fs_struct *fs = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), fs);
    record_begin_call(header, EVENT_set_fs_pwd, 0, call);
    if (call->number == EVENT_chdir)
        store_string(header, capacity, ARG_unresolved_path, (void *)call->args[0], USER_PATH_MOST(capacity), true);
    else
        store_open(header, capacity, ARG_unresolved_path, ITEM_BYTES, ITEM_COMPLETE); /* a descriptor has no name */
    store_path(header, capacity, ARG_resolved_path, BPF_CORE_READ(fs, pwd.dentry), BPF_CORE_READ(fs, pwd.mnt));
    return !store_take_cut(header);
}

EXIT_HANDLER(set_fs_pwd)
{
    struct sink sink;
    if (call->ret != 0 || !event_wanted(EVENT_set_fs_pwd) || !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) pwd_fill(header_, size_, call)
    EMIT_3(&sink, USER_PATH_SMALL, USER_PATH_MIDDLE, USER_PATH_LARGE, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
