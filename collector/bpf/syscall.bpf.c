/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event of a syscall itself: its arguments as its row types them, its result. What an argument points to is the
 * caller's copy, read after the call, or before one that does not return. A successful exec left no arguments and shows
 * execve's number whichever it was: sched_process_exec tells of it. A result of -516 to -512 is an interrupted call,
 * which may be begun again.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"
#include "collector/bpf/user_strings.h"

#include <bpf/bpf_tracing.h>

enum {
    CALL_NUMBERS = 256, /* header and six numbers */
    CALL_SMALL = 512,
    CALL_MIDDLE = 8192,
};

static __always_inline __u64 widen(__u64 value, __u32 type, bool compat)
{
    switch (type) {
    case BPF_ARG_INT32:
        return (__s64)(__s32)value;
    case BPF_ARG_UINT16:
        return (__u16)value;
    case BPF_ARG_UINT8:
        return (__u8)value;
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

enum {
    SOCKADDR_MOST = 128, /* struct sockaddr_storage */
    OUTPUT_MOST = 4096,
    NSEC_PER_SEC = 1000000000,
};

#define SECONDS_MOST 9223372036LL /* in nanoseconds just below the largest */

/* The argument after an address is its length, or points to it: then the call has written both. */
static __always_inline void store_address(struct record_header *header, __u64 capacity, __u32 arg, struct call *call,
                                          __u32 next_type)
{
    __u64 length = call->args[arg + 1];
    if (next_type == BPF_ARG_POINTER) {
        __s32 written = 0;
        if (call->ret < 0 || bpf_probe_read_user(&written, sizeof(written), (void *)length) != 0) {
            store_unreadable(header, capacity, arg, ITEM_USER);
            return;
        }
        length = written;
    }
    length = (__u32)length;
    if (length > SOCKADDR_MOST) /* the kernel takes no more either */
        length = SOCKADDR_MOST;
    store_user_bytes(header, capacity, arg, ITEM_BYTES, ITEM_USER, call->args[arg], length, SOCKADDR_MOST);
}

/* What the call wrote into a buffer: its result says how much. */
static __always_inline void store_output(struct record_header *header, __u64 capacity, __u32 arg, struct call *call)
{
    if (call->ret < 0) {
        store_unreadable(header, capacity, arg, ITEM_USER);
        return;
    }
    __u64 length = call->ret;
    if (call->number == EVENT_getcwd && length > 0) /* counts the NUL, as no other does */
        length--;
    if (capacity <= CALL_SMALL)
        store_user_bytes(header, capacity, arg, ITEM_BYTES, ITEM_USER, call->args[arg], length, 128);
    else
        store_user_bytes(header, capacity, arg, ITEM_BYTES, ITEM_USER, call->args[arg], length, OUTPUT_MOST);
}

/* A time in nanoseconds, saturated; absent when there is none. */
static __always_inline void store_time(struct record_header *header, __u64 capacity, __u32 arg, __u64 from,
                                       bool short_times)
{
    __s64 time[2];
    __s32 time32[2];
    if (short_times) {
        if (bpf_probe_read_user(time32, sizeof(time32), (void *)from) != 0)
            return;
        time[0] = time32[0];
        time[1] = time32[1];
    } else if (bpf_probe_read_user(time, sizeof(time), (void *)from) != 0) {
        return;
    }
    __s64 seconds = time[0];
    if (seconds >= SECONDS_MOST || seconds <= -SECONDS_MOST || time[1] < 0 || time[1] >= NSEC_PER_SEC)
        store_integer(header, capacity, arg, seconds < 0 ? 1ULL << 63 : ~(1ULL << 63));
    else
        store_integer(header, capacity, arg, seconds * NSEC_PER_SEC + time[1]);
}

static __always_inline void store_pair(struct record_header *header, __u64 capacity, __u32 arg, struct call *call)
{
    __u64 pair = 0;
    if (call->ret == 0 && bpf_probe_read_user(&pair, sizeof(pair), (void *)call->args[arg]) == 0)
        store_integer(header, capacity, arg, pair);
}

/* What an argument points to; `types`: its own, and above that the next one's. */
static __always_inline int pointed_into(struct record_header *header, __u64 capacity, __u32 arg, struct call *call,
                                        __u32 types)
{
    if (header == NULL || call == NULL || arg >= SYSCALL_ARGS) /* never, but the verifier has to see it */
        return 0;
    __u64 value = call->args[arg];
    switch (types & 0xff) {
    case BPF_ARG_STRING:
        store_string(header, capacity, arg, (void *)value, USER_STRING_MOST(capacity), true);
        break;
    case BPF_ARG_STRINGS:
        store_user_strings(header, capacity, arg, value, call->narrow);
        break;
    case BPF_ARG_SOCKADDR:
        store_address(header, capacity, arg, call, types >> 8);
        break;
    case BPF_ARG_OUTPUT:
        store_output(header, capacity, arg, call);
        break;
    case BPF_ARG_TIMESPEC:
        store_time(header, capacity, arg, value, call->short_times);
        break;
    case BPF_ARG_INT_PAIR:
        store_pair(header, capacity, arg, call);
        break;
    }
    return 0;
}

ROOM_FUNCTION(store_pointed_, pointed_into, (__u32 arg, struct call *call, __u32 types), (arg, call, types))

static __always_inline bool is_pointed(__u32 type)
{
    return type == BPF_ARG_STRING || type == BPF_ARG_STRINGS || (type >= BPF_ARG_SOCKADDR && type <= BPF_ARG_OUTPUT);
}

static __always_inline void store_arg(struct record_header *header, __u64 capacity, __u32 arg, struct call *call)
{
    __u32 number = call->number;
    if (number >= SYSCALL_LIMIT)
        return;
    __u32 type = call_rows[number].type[arg];
    if (type == 0) /* beyond the row's last */
        return;
    if (capacity > RECORD_LARGE && type == BPF_ARG_STRINGS) {
        store_user_strings(header, capacity, arg, call->args[arg], call->narrow);
    } else if (capacity > CALL_NUMBERS && is_pointed(type)) {
        __u32 types = type | (arg + 1 < SYSCALL_ARGS ? call_rows[number].type[arg + 1] : 0) << 8;
        FOR_ROOM(store_pointed_, header, capacity, arg, call, types);
    } else {
        store_integer(header, capacity, arg, widen(call->args[arg], type, call->compat));
    }
}

static __always_inline bool call_fill(struct record_header *header, __u64 capacity, struct call *call)
{
    record_begin_call(header, call->number, call->ret, call);
#pragma unroll
    for (__u32 i = 0; i < SYSCALL_ARGS; i++)
        store_arg(header, capacity, i, call);
    return !store_take_cut(header);
}

static __always_inline void emit(struct call *call)
{
    __u32 number = call->number;
    if (number >= SYSCALL_LIMIT || !event_wanted(number))
        return;
    __u32 class = call_rows[number].class;
    struct sink sink;
    if (!sink_open(&sink, class & ~CALL_ROW_STRINGS, CONTEXT_TASK))
        return;
#define FILL(header_, size_) call_fill(header_, size_, call)
    if ((class & CALL_ROW_STRINGS) == 0)
        EMIT_1(&sink, CALL_NUMBERS, FILL);
    else
        EMIT_GROWING(&sink, CALL_SMALL, CALL_MIDDLE, RECORD_LARGE, FILL,
                     number == EVENT_execve || number == EVENT_execveat);
}

ENTER_HANDLER(syscall)
{
    emit(call);
    return 0;
}

EXIT_HANDLER(syscall)
{
    const bool left_arguments = call->ret < 0 || (call->number != EVENT_execve && call->number != EVENT_execveat);
    call->ret = FORGET(call->ret);
    if (FORGET(left_arguments))
        emit(call);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
