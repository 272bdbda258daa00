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

enum {
    CHECK_SMALL = 2048,
    CHECK_MIDDLE = 8192,
    CHECK_LARGE = 24576,
};

#define LIST_MOST(size_) ((size_) == CHECK_SMALL ? 512 : (size_) == CHECK_MIDDLE ? 2048 : 8192)

static __always_inline bool checked_fill(struct record_header *header, __u64 capacity, struct linux_binprm *bprm,
                                         __u32 event, __u32 list)
{
    struct mm_struct *mm = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), mm);
    bool is_helper = event == EVENT_call_usermodehelper;
    record_begin(header, event, 0);
    store_user_list(header, capacity, is_helper ? HELPER_argv : CHECK_argv, BPF_CORE_READ(mm, arg_start),
                    BPF_CORE_READ(mm, arg_end), list);
    store_user_list(header, capacity, is_helper ? HELPER_envp : CHECK_envp, BPF_CORE_READ(mm, env_start),
                    BPF_CORE_READ(mm, env_end), list);
    if (is_helper) {
        store_string(header, capacity, HELPER_pathname, BPF_CORE_READ(bprm, filename), list, false);
        return !store_take_cut(header);
    }
    struct file *file = BPF_CORE_READ(bprm, file);
    store_file_id(header, capacity, CHECK_dev, CHECK_inode, file);
    store_file_path(header, capacity, CHECK_pathname, file);
    return !store_take_cut(header);
}

__noinline int exec_checked(__u64 bprm, __u32 event)
{
    struct sink sink;
    if (!sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) checked_fill(header_, size_, (struct linux_binprm *)bprm, event, LIST_MOST(size_))
    EMIT_3(&sink, CHECK_SMALL, CHECK_MIDDLE, CHECK_LARGE, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
