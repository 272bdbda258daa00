/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event of a syscall itself: its arguments as its row types them, its result. Strings are the caller's copy, read
 * after the call. A successful exec left no arguments and shows execve's number whichever it was: sched_process_exec
 * tells of it. A result of -516 to -512 is an interrupted call, which may be begun again.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"

#include <bpf/bpf_tracing.h>

enum {
    CALL_NUMBERS = 256, /* header and six numbers */
    CALL_SMALL = 512,
    CALL_MIDDLE = 8192,
    CALL_LARGE = 24576,
    LIST_STRINGS = 64,
    LIST_BYTES = 8192,
};

/* What one string may take of a reservation. */
#define STRING_MOST(capacity_) ((capacity_) <= CALL_SMALL ? 128 : (capacity_) <= CALL_MIDDLE ? 1024 : 4096)

static __always_inline __u64 widen(__u64 value, __u32 type, bool compat)
{
    switch (type) {
    case BPF_ARG_INT32:
        return (__s64)(__s32)value;
    case BPF_ARG_UINT16:
        return (__u16)value;
    case BPF_ARG_UINT32:
        return (__u32)value;
    case BPF_ARG_BOOL:
        return value != 0;
    case BPF_ARG_INT64:
        return compat ? (__u64)(__s64)(__s32)value : value;
    default:
        return compat ? (__u32)value : value;
    }
}

struct strings {
    struct record_header *header;
    __u64 capacity;
    __u64 start;
    __u64 pointers;
    __u64 narrow;
    __u64 state;
};

static long strings_step(__u32 index, struct strings *strings)
{
    const __u32 most = STRING_MOST(strings->capacity);
    struct record_header *header = strings->header;
    __u64 string = 0, step = strings->narrow ? 4 : 8;
    if (bpf_probe_read_user(&string, step, (void *)strings->pointers) != 0) {
        strings->state = ITEM_UNREADABLE;
        return 1;
    }
    if (string == 0) {
        strings->state = ITEM_COMPLETE;
        return 1;
    }
    __u64 at = store_at(header);
    if (at > strings->capacity - most || at - strings->start > LIST_BYTES)
        return 1;
    long length = user_string_read((void *)header + at, most, (void *)string);
    if (length <= 0) {
        strings->state = ITEM_UNREADABLE;
        return 1;
    }
    store_set(header, at + length);
    strings->pointers += step;
    return length == most;
}

static __always_inline int strings_into(struct record_header *header, __u64 capacity, __u32 arg, __u64 pointers,
                                        __u32 narrow)
{
    struct strings strings = {
        .header = header, .capacity = capacity, .pointers = pointers, .narrow = narrow, .state = ITEM_TRUNCATED};
    if (header == NULL)
        return 0;
    __u64 start = store_open(header, capacity, arg, ITEM_LIST, ITEM_USER);
    if (start == 0)
        return 0;
    strings.start = start;
    if (pointers != 0)
        REPEAT(LIST_STRINGS, strings_step, &strings);
    else
        strings.state = ITEM_COMPLETE;
    if (strings.state == ITEM_TRUNCATED)
        store_cut(header);
    store_close(header, start, ITEM_LIST, strings.state);
    return 0;
}

/* An array of the caller's pointers to strings, ended by NULL. Global functions: see FOR_ROOM. */
#define STRINGS_DEFINE(size_)                                                                                          \
    __noinline int store_strings_##size_(struct room_##size_ *room, __u32 arg, __u64 pointers, __u32 narrow)           \
    {                                                                                                                  \
        return strings_into((struct record_header *)room, size_, arg, pointers, narrow);                               \
    }
STRINGS_DEFINE(512)
STRINGS_DEFINE(2048)
STRINGS_DEFINE(8192)
STRINGS_DEFINE(24576)

SUBPROGRAM int store_arg(struct record_header *header, __u64 capacity, __u32 arg, struct call *call, __u64 value)
{
    if (call->number >= SYSCALL_LIMIT)
        return 0;
    __u32 type = call_rows[call->number].type[arg];
    bool narrow = call->narrow, compat = call->compat;
    if (type == 0) /* beyond the row's last */
        return 0;
    if (capacity > CALL_NUMBERS && type == BPF_ARG_STRING)
        store_string(header, capacity, arg, (void *)value, STRING_MOST(capacity), true);
    else if (capacity > CALL_NUMBERS && type == BPF_ARG_STRINGS)
        FOR_ROOM(store_strings_, header, capacity, arg, value, narrow);
    else
        store_integer(header, capacity, arg, widen(value, type, compat));
    return 0;
}

static __always_inline bool call_fill(struct record_header *header, __u64 capacity, struct pt_regs *registers, long ret,
                                      struct call *call)
{
    record_begin_call(header, call->number, ret, call);
#pragma unroll
    for (__u32 i = 0; i < SYSCALL_ARGS; i++)
        store_arg(header, capacity, i, call, call_arg(registers, call, i));
    return !store_take_cut(header);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit__syscall, struct pt_regs *registers, long ret)
{
    struct task_struct *task = bpf_get_current_task_btf();
    self_test_note(task, HANDLER_syscall);
    struct call call = call_of(registers, task);
    if (call.number >= SYSCALL_LIMIT || !plan.selected[call.number])
        return 0;
    if (ret >= 0 && (call.number == EVENT_execve || call.number == EVENT_execveat))
        return 0;
    __u32 class = call_rows[call.number].class;
    struct sink sink;
    if (!sink_open(&sink, task, class & ~CALL_ROW_STRINGS, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) call_fill(header_, size_, registers, ret, &call)
    if ((class & CALL_ROW_STRINGS) == 0)
        EMIT_1(&sink, CALL_NUMBERS, FILL);
    else
        EMIT_3(&sink, CALL_SMALL, CALL_MIDDLE, CALL_LARGE, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
