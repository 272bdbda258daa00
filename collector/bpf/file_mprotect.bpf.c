/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security_file_mprotect: what a change of protection asked for, whether it succeeded or not, and what was there
 * before: looked at before the call, in the first mapping of the range.
 */
#include "collector/bpf/file_facts.h"
#include "collector/bpf/task_facts.h"
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_pathname,
    ARG_prot,
    ARG_ctime,
    ARG_prev_prot,
    ARG_addr,
    ARG_len,
    ARG_pkey,
};

enum {
    PROT_BITS = 7, /* VM_READ, VM_WRITE and VM_EXEC are PROT_READ, PROT_WRITE and PROT_EXEC */
    PREVIOUS_UNKNOWN = -1,
};

static long take_protection(struct task_struct *task, struct vm_area_struct *vma, __s32 *ret_protection)
{
    *ret_protection = LOAD(vma, vm_flags) & PROT_BITS;
    return 0;
}

static long take_file(struct task_struct *task, struct vm_area_struct *vma, struct file **ret_file)
{
    *ret_file = LOAD(vma, vm_file);
    return 0;
}

ENTER_HANDLER(file_mprotect)
{
    struct task_struct *task = bpf_get_current_task_btf();
    __s32 previous = PREVIOUS_UNKNOWN;
    find_vma(task, call->args[0], take_protection, &previous);
    struct task_facts *facts = task_facts_make(task);
    if (facts == NULL)
        return 0;
    facts->mprotect_call = call->number;
    facts->mprotect_previous = previous;
    return 0;
}

static __always_inline bool mprotect_fill(struct record_header *header, __u64 capacity, struct call *call,
                                          struct file *file, __s32 previous)
{
    record_begin_call(header, EVENT_security_file_mprotect, call->ret, call);
    store_integer(header, capacity, ARG_prot, call->args[2]);
    store_integer(header, capacity, ARG_prev_prot, (__s64)previous);
    store_integer(header, capacity, ARG_addr, call->args[0]);
    store_integer(header, capacity, ARG_len, call->args[1]);
    store_integer(header, capacity, ARG_pkey, call->number == EVENT_pkey_mprotect ? (__s64)(__s32)call->args[3] : -1);
    if (file == NULL) {
        store_open(header, capacity, ARG_pathname, ITEM_BYTES, ITEM_COMPLETE);
        return true;
    }
    store_integer(header, capacity, ARG_ctime, inode_ctime_ns(BPF_CORE_READ(file, f_inode)));
    store_file_path(header, capacity, ARG_pathname, file);
    return !store_take_cut(header);
}

EXIT_HANDLER(file_mprotect)
{
    struct sink sink;
    struct task_struct *task = bpf_get_current_task_btf();
    struct task_facts *facts = task_facts(task);
    struct file *file = NULL;
    __s32 previous = PREVIOUS_UNKNOWN;
    if (facts != NULL && facts->mprotect_call == call->number) { /* taken once, so that none outlives its call */
        previous = facts->mprotect_previous;
        facts->mprotect_call = 0;
    }
    if (!event_wanted(EVENT_security_file_mprotect) || !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
    find_vma(task, call->args[0], take_file, &file);
#define FILL(header_, size_) mprotect_fill(header_, size_, call, file, previous)
    EMIT_3(&sink, FILE_SMALL, FILE_MIDDLE, FILE_LARGE, FILL);
#undef FILL
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
