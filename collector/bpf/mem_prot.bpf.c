/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem_prot_alert: memory that becomes executable in a way that code made at run time does. What a mapping was before
 * the call is only there before the call, so the entry half looks it up and leaves its verdict with the task; the exit
 * half adds the result. The verdicts are Tracee's, a later one wins: 1  mmap asks for a mapping that is writable and
 * executable 2  mprotect makes a mapping executable that was not 3  mprotect makes an executable mapping writable too
 *   4  mprotect makes a mapping that was writable executable, and no longer writable
 * A range may cover several mappings: the strongest verdict of the first VMAS of them counts. Where the mappings cannot
 * be looked at (a sibling holds the lock: bpf_find_vma answers busy; more of them than VMAS; the entry half was
 * skipped) the protection before is unknown, said by prev_prot -1, and what would be a 4 if it had been writable is
 * one. The kernel's VM_READ, VM_WRITE and VM_EXEC have the values of PROT_*.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/file_facts.h"
#include "collector/bpf/scope.h"

#include <bpf/bpf_tracing.h>

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_alert,
    ARG_addr,
    ARG_len,
    ARG_prot,
    ARG_prev_prot,
    ARG_pathname,
    ARG_dev,
    ARG_inode,
    ARG_ctime,
};

enum {
    PROT_WRITE = 2,
    PROT_EXEC = 4,
    PROT_BITS = 7,
    PREVIOUS_UNKNOWN = -1,
    PAGE_BYTES = 4096,
#ifdef VEDETTE_PLAIN
    VMAS = 4,
#else
    VMAS = 16,
#endif
    MEM_PROT_SMALL = 512,
    MEM_PROT_MIDDLE = 2048,
    MEM_PROT_LARGE = 8192,
};

struct range {
    __u64 at, end;
    __u64 prot;
    __u32 alert;
    __s32 previous;
    __u32 complete;
};

static __always_inline __u32 verdict(__u64 previous, __u64 prot)
{
    if ((previous & PROT_WRITE) != 0 && (prot & PROT_WRITE) == 0)
        return 4;
    if ((previous & PROT_EXEC) != 0 && (previous & PROT_WRITE) == 0 && (prot & PROT_WRITE) != 0)
        return 3;
    return (previous & PROT_EXEC) == 0 ? 2 : 0;
}

static long look_at_vma(struct task_struct *task, struct vm_area_struct *vma, struct range *range)
{
    __u64 previous = LOAD(vma, vm_flags) & PROT_BITS;
    __u32 alert = verdict(previous, range->prot);
    if (alert > range->alert) {
        range->alert = FORGET(alert);
        range->previous = FORGET(previous);
    }
    range->at = FORGET(LOAD(vma, vm_end));
    return 0;
}

static long range_step(__u32 index, struct range *range)
{
    if (range->at >= range->end) {
        range->complete = 1;
        return 1;
    }
    /* Nothing is mapped there: the call fails with ENOMEM, after it has changed what comes before. */
    long r = find_vma(bpf_get_current_task_btf(), range->at, look_at_vma, range);
    range->complete = FORGET(r == -ENOENT);
    return r != 0;
}

ENTER_HANDLER(mem_prot)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct range range = {.prot = call->args[2]};
    if (!plan.selected[EVENT_mem_prot_alert] || call_is_mmap(call) || (range.prot & PROT_EXEC) == 0)
        return 0;
    __u64 length = call->args[1];
    range.at = call->args[0];
    range.end = range.at + (length != 0 ? length : PAGE_BYTES);
    REPEAT(VMAS, range_step, &range);
    if (range.at >= range.end)
        range.complete = 1;
    struct task_facts *facts = task_facts_make(task);
    if (facts == NULL) /* the exit half takes it as unknown */
        return 0;
    facts->mem_prot_call = call->number;
    facts->mem_prot_alert = range.alert;
    facts->mem_prot_previous = range.previous;
    if (!range.complete && range.alert < 4 && (range.prot & PROT_WRITE) == 0) {
        facts->mem_prot_alert = 4;
        facts->mem_prot_previous = PREVIOUS_UNKNOWN;
    }
    return 0;
}

/* The verdict that the entry half left; taken once, so that none outlives its call. */
static __always_inline __u32 take_verdict(struct task_struct *task, struct call *call, __u64 prot, __s32 *ret_previous)
{
    *ret_previous = PREVIOUS_UNKNOWN;
    if (call_is_mmap(call)) {
        *ret_previous = 0;
        return (prot & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC) ? 1 : 0;
    }
    struct task_facts *facts = task_facts(task);
    if (facts == NULL || facts->mem_prot_call != call->number)
        return (prot & PROT_WRITE) == 0 ? 4 : 3;
    facts->mem_prot_call = 0;
    *ret_previous = facts->mem_prot_previous;
    return facts->mem_prot_alert;
}

static long take_file(struct task_struct *task, struct vm_area_struct *vma, struct file **ret_file)
{
    *ret_file = FORGET(LOAD(vma, vm_file));
    return 0;
}

struct alert {
    __u64 addr, len, prot;
    struct file *file; /* mapped there after the call, NULL for anonymous memory */
    __u32 number;
    __s32 previous;
};

static __always_inline bool mem_prot_fill(struct record_header *header, __u64 capacity, struct call *call,
                                          struct alert *alert, long ret)
{
    record_begin_call(header, EVENT_mem_prot_alert, ret, call);
    store_integer(header, capacity, ARG_alert, alert->number);
    store_integer(header, capacity, ARG_addr, alert->addr);
    store_integer(header, capacity, ARG_len, alert->len);
    store_integer(header, capacity, ARG_prot, alert->prot);
    store_integer(header, capacity, ARG_prev_prot, (__s64)alert->previous);
    struct file *file = alert->file;
    if (file == NULL) {
        store_open(header, capacity, ARG_pathname, ITEM_BYTES, ITEM_COMPLETE);
        return true;
    }
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    store_inode_id(header, capacity, ARG_dev, ARG_inode, inode);
    store_integer(header, capacity, ARG_ctime, inode_ctime_ns(inode));
    store_file_path(header, capacity, ARG_pathname, file);
    return !store_take_cut(header);
}

EXIT_HANDLER(mem_prot)
{
    struct task_struct *task = bpf_get_current_task_btf();
    bool is_map = call_is_mmap(call);
    struct call spread = *call;
    call_spread_mmap(&spread);
    struct alert alert = {.len = spread.args[1], .prot = spread.args[2]};
    alert.addr = is_map && call->ret > 0 ? (__u64)call->ret : spread.args[0];
    if (plan.selected[EVENT_mem_prot_alert] && (alert.prot & PROT_EXEC) != 0 && (is_map || alert.addr != 0))
        alert.number = FORGET(take_verdict(task, call, alert.prot, &alert.previous));
    struct sink sink;
    if (alert.number != 0 && event_wanted(EVENT_mem_prot_alert) && sink_open(&sink, CLASS_WATCHED, CONTEXT_TASK)) {
        alert.previous = FORGET(alert.previous);
        find_vma(task, alert.addr, take_file, &alert.file); /* fails where nothing is mapped: no file then */
#define FILL(header_, size_)                                                                                           \
    mem_prot_fill(header_, size_, call, &alert, FORGET(is_map && call->ret > 0 ? 0 : call->ret))
        EMIT_3(&sink, MEM_PROT_SMALL, MEM_PROT_MIDDLE, MEM_PROT_LARGE, FILL);
    }
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
