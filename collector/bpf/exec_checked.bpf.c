/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What else sched_process_exec shows: security_bprm_check, and call_usermodehelper, a program that a thread of the
 * kernel started. Arguments and environment are the new address space's.
 */
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/file_facts.h"

/* Indexes in the rows; the loader checks them against the names. */
enum {
    CHECK_pathname,
    CHECK_dev,
    CHECK_inode,
    CHECK_argv,
    CHECK_envp,
};
enum {
    HELPER_pathname,
    HELPER_argv,
    HELPER_envp,
};

#define LIST_MOST(size_) LISTS_SIZED(size_, 512, 2048, LISTS_USUAL, argv_size)
#define NAME_MOST(size_) LISTS_SIZED(size_, 512, 512, PATH_MOST, PATH_MOST)

static __always_inline void checked_lists(struct record_header *header, __u64 capacity, bool is_helper)
{
    struct mm_struct *mm = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), mm);
    store_user_list(header, capacity, is_helper ? HELPER_argv : CHECK_argv, BPF_CORE_READ(mm, arg_start),
                    BPF_CORE_READ(mm, arg_end), LIST_MOST(capacity));
    store_user_list(header, capacity, is_helper ? HELPER_envp : CHECK_envp, BPF_CORE_READ(mm, env_start),
                    BPF_CORE_READ(mm, env_end), LIST_MOST(capacity));
}

/* As in exec_fill. */
static __always_inline bool checked_fill(struct record_header *header, __u64 capacity, struct linux_binprm *bprm,
                                         __u32 event)
{
    __u64 room = store_room(capacity);
    bool is_helper = event == EVENT_call_usermodehelper;
    struct file *file = BPF_CORE_READ(bprm, file);
    record_begin_exec(header, event, 0);
    if (room == capacity)
        checked_lists(header, capacity, is_helper);
    if (is_helper) {
        store_string(header, room, HELPER_pathname, BPF_CORE_READ(bprm, filename), NAME_MOST(capacity), false);
    } else {
        store_file_id(header, room, CHECK_dev, CHECK_inode, file);
        store_file_path(header, room, CHECK_pathname, file);
    }
    if (room < capacity)
        checked_lists(header, capacity, is_helper);
    return !store_take_cut(header);
}

__noinline int exec_checked(__u64 bprm, __u32 event)
{
    struct sink sink;
    if (!sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) checked_fill(header_, size_, (struct linux_binprm *)bprm, event)
    EMIT_LISTS(&sink, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
