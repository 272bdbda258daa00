/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suspicious_syscall_source and stack_pivot: system calls from code that is in no file, or on a stack that is none.
 * Looked at on the way in, for every call, while one of them is selected; each place of a process is told once a call.
 */
#include "collector/bpf/emit.h"
#include "collector/bpf/call.h"
#include "collector/bpf/events.h"
#include "collector/bpf/store.h"
#include "collector/bpf/task_facts.h"

/* Indexes in the rows, which have one shape; the loader checks them against the names. */
enum {
    ARG_syscall,
    ARG_address, /* ip or sp */
    ARG_vma_type,
    ARG_vma_start,
    ARG_vma_size,
    ARG_vma_flags,
};

enum { ORIGIN_BYTES = 512, TYPE_MOST = 16, ORIGINS_TOLD = 4096 };

enum place {
    PLACE_FILE, /* a file's, the kernel's own page, or memory that nothing is known of: not told */
    PLACE_ANONYMOUS,
    PLACE_HEAP,
    PLACE_STACK,
    PLACE_NOWHERE,
};

static const char type_names[][TYPE_MOST] = {"file", "anonymous", "heap", "stack", "unmapped"};

struct origin {
    __u64 address;
    __u64 start, size, flags;
    __u64 place;
};

/* What was told: the least recently used ones are forgotten, and told again. */
struct origin_key {
    __u64 process_start_ns, vma_start;
    __u32 tgid;
    __u16 call, event;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, ORIGINS_TOLD);
    __type(key, struct origin_key);
    __type(value, __u8);
} origins_told SEC(".maps");

static long look_at_origin(struct task_struct *task, struct vm_area_struct *vma, struct origin *origin)
{
    struct mm_struct *mm = LOAD(vma, vm_mm);
    origin->start = LOAD(vma, vm_start);
    origin->size = LOAD(vma, vm_end) - origin->start;
    origin->flags = LOAD(vma, vm_flags);
    __u64 end = origin->start + origin->size, stack = LOAD(mm, start_stack);
    if (LOAD(vma, vm_file) != NULL || origin->start == (__u64)BPF_CORE_READ(mm, context.vdso))
        origin->place = PLACE_FILE;
    else if (stack >= origin->start && stack < end)
        origin->place = PLACE_STACK;
    else if (origin->start < LOAD(mm, brk) && end > LOAD(mm, start_brk))
        origin->place = PLACE_HEAP;
    else
        origin->place = PLACE_ANONYMOUS;
    return 0;
}

static __always_inline bool is_new(struct task_struct *task, struct call *call, struct origin *origin, __u32 event)
{
    __u8 told = 1;
    struct origin_key key = {.process_start_ns = BPF_CORE_READ(task, group_leader, start_boottime),
                             .vma_start = origin->start,
                             .tgid = BPF_CORE_READ(task, tgid),
                             .call = call->number,
                             .event = event};
    if (bpf_map_lookup_elem(&origins_told, &key) != NULL)
        return false;
    bpf_map_update_elem(&origins_told, &key, &told, BPF_ANY);
    return true;
}

static __always_inline bool origin_fill(struct record_header *header, __u64 capacity, struct call *call,
                                        struct origin *origin, __u32 event)
{
    record_begin_call(header, event, 0, call);
    store_integer(header, capacity, ARG_syscall, call->number);
    store_integer(header, capacity, ARG_address, origin->address);
    store_integer(header, capacity, ARG_vma_start, origin->start);
    store_integer(header, capacity, ARG_vma_size, origin->size);
    store_integer(header, capacity, ARG_vma_flags, origin->flags);
    __u64 place = origin->place;
    if (place <= PLACE_NOWHERE)
        store_string(header, capacity, ARG_vma_type, &type_names[place], TYPE_MOST, false);
    return true;
}

static __always_inline void origin_emit(struct task_struct *task, struct call *call, struct origin *origin, __u32 event)
{
    struct sink sink;
    if (!event_wanted(event) || !is_new(task, call, origin, event) || !sink_open(&sink, CLASS_WATCHED, CONTEXT_TASK))
        return;
#define FILL(header_, size_) origin_fill(header_, size_, call, origin, event)
    EMIT_1(&sink, ORIGIN_BYTES, FILL);
#undef FILL
}

/* Code is in a file, or it was made while the program ran. */
static __always_inline void check_source(struct task_struct *task, struct call *call)
{
    struct origin origin = {.address = call->ip};
    if (find_vma(task, origin.address, look_at_origin, &origin) == 0 && origin.place != PLACE_FILE)
        origin_emit(task, call, &origin, EVENT_suspicious_syscall_source);
}

/* A stack is the first thread's, or anonymous memory, where those of other threads are. */
static __always_inline void check_stack(struct task_struct *task, struct call *call)
{
    struct origin origin = {.address = call->sp, .place = PLACE_NOWHERE};
    long result = find_vma(task, origin.address, look_at_origin, &origin);
    if ((result != 0 && result != -ENOENT) || origin.place == PLACE_STACK || origin.place == PLACE_ANONYMOUS)
        return;
    origin_emit(task, call, &origin, EVENT_stack_pivot);
}

ENTER_HANDLER(syscall_origin)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (plan.selected[EVENT_suspicious_syscall_source])
        check_source(task, call);
    if (plan.selected[EVENT_stack_pivot])
        check_stack(task, call);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
