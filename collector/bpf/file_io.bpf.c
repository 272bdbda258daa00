/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfs_read, vfs_readv, vfs_write, vfs_writev and magic_write: reads and writes of files by every call that names two
 * descriptors or one. The file is the kernel's, found by its descriptor after the call. The position is where the call
 * began: as it was given, or else the file's own less what the call moved it.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/file_facts.h"
#include "collector/bpf/watch.h"

/* Indexes in the rows; the loader checks them against the names. vfs_read, vfs_readv, vfs_write and vfs_writev have one
 * shape. */
enum {
    ARG_pathname,
    ARG_dev,
    ARG_inode,
    ARG_count,
    ARG_pos,
};
enum {
    MAGIC_pathname,
    MAGIC_bytes,
    MAGIC_dev,
    MAGIC_inode,
};

enum {
    MAGIC_BYTES = 32,
    MAGIC_BUFFERS = 8, /* that these may be spread over */
    MAGIC_BUFFERS_PLAIN = 4,
    FROM_FILE = -1, /* the position is the file's own */
    RWF_APPEND = 0x10,
    RWF_NOAPPEND = 0x20,
};

/* One direction of a call. */
struct transfer {
    struct file *file;
    __s64 position;
    __u64 count;  /* bytes asked for, or how many buffers */
    __u64 buffer; /* the caller's, or its array of buffers; 0 when the call has none */
    __u32 event;
    __u32 flags; /* of its record */
    bool is_vector;
};

/* Where 32-bit programs give it in two halves. */
static __always_inline __s64 given_position(struct call *call, __u32 index)
{
    if (index >= SYSCALL_ARGS)
        return FROM_FILE;
    return call->compat ? (__s64)(call->args[index] | call->args[index + 1] << 32) : (__s64)call->args[index];
}

/* A position that the call read, and advanced, in the caller's memory. */
static __always_inline __s64 pointed_position(__u64 pointer, __s64 moved)
{
    __s64 position = 0;
    if (pointer == 0 || bpf_probe_read_user(&position, sizeof(position), (void *)pointer) != 0)
        return FROM_FILE;
    return position - (moved > 0 ? moved : 0);
}

/* A write at the end of a regular file, whatever position was given. */
static __always_inline bool appends(struct call *call, struct file *file)
{
    __u64 flags = call->number == EVENT_pwritev2 ? call->args[5] : 0;
    if ((BPF_CORE_READ(file, f_flags) & O_APPEND) == 0 && (flags & RWF_APPEND) == 0)
        return false;
    return (flags & RWF_NOAPPEND) == 0 && is_regular(file);
}

static __always_inline void transfer_of(struct transfer *transfer, struct call *call, bool is_write)
{
    __u64 fd = call->args[0];
    transfer->position = FROM_FILE;
    transfer->count = call->args[2];
    transfer->buffer = call->args[1];
    switch (call->number) {
    case EVENT_pread64:
    case EVENT_pwrite64:
        transfer->position = given_position(call, 3);
        break;
    case EVENT_preadv:
    case EVENT_pwritev:
    case EVENT_preadv2:
    case EVENT_pwritev2:
        transfer->position = given_position(call, 3);
        /* fallthrough */
    case EVENT_readv:
    case EVENT_writev:
        transfer->is_vector = true;
        break;
    case EVENT_sendfile: /* out, in, position of in, count */
    case EVENT_sendfile32:
        fd = call->args[is_write ? 0 : 1];
        transfer->position = is_write ? FROM_FILE : pointed_position(call->args[2], call->ret);
        transfer->count = call->args[3];
        transfer->buffer = 0;
        break;
    case EVENT_splice: /* in, its position, out, its position, count */
    case EVENT_copy_file_range:
        fd = call->args[is_write ? 2 : 0];
        transfer->position = pointed_position(call->args[is_write ? 3 : 1], call->ret);
        transfer->count = call->args[4];
        transfer->buffer = 0;
        break;
    }
    struct file *file = current_file((__s32)fd);
    transfer->file = file;
    /* One that was not given moved the file's own, which says it better. */
    if (transfer->position >= 0 && is_write && file != NULL && call->ret > 0 && appends(call, file))
        transfer->position = BPF_CORE_READ(file, f_inode, i_size) - call->ret;
    if (transfer->position < 0 && file != NULL)
        transfer->position = BPF_CORE_READ(file, f_pos) - (call->ret > 0 ? call->ret : 0);
    if (transfer->position < 0) /* a pipe or a socket has none */
        transfer->position = 0;
    transfer->file = FORGET(transfer->file);
    transfer->position = FORGET(transfer->position);
    transfer->count = FORGET(transfer->count);
    transfer->buffer = FORGET(transfer->buffer);
    transfer->is_vector = FORGET(transfer->is_vector);
}

static __always_inline bool transfer_fill(struct record_header *header, __u64 capacity, struct call *call,
                                          struct transfer *transfer)
{
    record_begin_call(header, transfer->event, call->ret, call);
    header->flags |= transfer->flags;
    mark_shared_files(header);
    store_integer(header, capacity, ARG_count, transfer->count);
    store_integer(header, capacity, ARG_pos, transfer->position);
    store_file_id(header, capacity, ARG_dev, ARG_inode, transfer->file);
    store_file_path(header, capacity, ARG_pathname, transfer->file);
    return !store_take_cut(header);
}

static __always_inline __u32 transfer_class(struct transfer *transfer, bool is_write)
{
    __u32 event = is_write ? WATCH_vfs_write : WATCH_vfs_read;
    return watch_file_class(transfer->event, transfer->file, event + transfer->is_vector);
}

static __always_inline void transfer_emit(struct call *call, struct transfer *transfer, bool is_write)
{
    struct sink sink;
    if (!event_wanted(transfer->event) || !sink_open(&sink, FORGET(transfer_class(transfer, is_write)), CONTEXT_TASK))
        return;
    transfer->flags = watch_flag(sink.class);
#define FILL(header_, size_) transfer_fill(header_, size_, call, transfer)
    EMIT_3(&sink, FILE_SMALL, FILE_MIDDLE, FILE_LARGE, FILL);
#undef FILL
}

/* A buffer of the caller's array, and its length. */
static __always_inline __u64 vector_buffer(bool narrow_pointers, __u64 array, __u32 index, __u64 *ret_length)
{
    __u64 wide[2] = {0};
    __u32 narrow[2] = {0};
    if (narrow_pointers) {
        bpf_probe_read_user(narrow, sizeof(narrow), (void *)array + index * sizeof(narrow));
        *ret_length = narrow[1];
        return narrow[0];
    }
    bpf_probe_read_user(wide, sizeof(wide), (void *)array + index * sizeof(wide));
    *ret_length = wide[1];
    return wide[0];
}

/* The first bytes that the buffers of an array had, empty ones among them perhaps. */
struct gathered {
    struct call *call;
    __u64 array;
    __u32 size, most;
    bool is_unreadable;
    __u8 bytes[2 * MAGIC_BYTES]; /* twice: the verifier knows where a copy begins and how long it is, not their sum */
};

/* 01f810ace9ed "bpf: Allow variable-offset stack access" (5.12): before it only the first buffer that is not empty. */
#ifdef VEDETTE_PLAIN
#define GATHERED(gathered_)         0
#define IS_GATHERED(length_, left_) ((length_) > 0)
#else
#define GATHERED(gathered_)         ((gathered_)->size)
#define IS_GATHERED(length_, left_) ((length_) == (left_))
#endif

static long gather_step(__u32 index, struct gathered *gathered)
{
    __u64 length, buffer = vector_buffer(gathered->call->narrow, gathered->array, index, &length);
    __u32 at = GATHERED(gathered), left = gathered->most - at;
    if (at >= MAGIC_BYTES || left > MAGIC_BYTES || left == 0)
        return 1;
    if (length > left)
        length = left;
    asm volatile("" : "+r"(length)); /* 6.1 learns nothing from a comparison with what is not constant */
    if (length > MAGIC_BYTES)
        return 1;
    gathered->is_unreadable = bpf_probe_read_user(gathered->bytes + at, length, (void *)buffer) != 0;
    gathered->size = at + length;
    return gathered->is_unreadable || IS_GATHERED(length, left);
}

static __always_inline void gather(struct gathered *gathered)
{
#ifdef VEDETTE_PLAIN
    /* Unrolled: clang lays this loop out so that its end falls through to its head, which 5.10 takes for endless. */
#pragma unroll
    for (__u32 i = 0; i < MAGIC_BUFFERS_PLAIN; i++)
        if (gather_step(i, gathered) != 0)
            break;
#else
    REPEAT(MAGIC_BUFFERS, gather_step, gathered);
#endif
}

static __always_inline void store_gathered(struct record_header *header, __u64 capacity, struct call *call, __u64 array,
                                           __u32 most)
{
    struct gathered gathered = {.call = call, .array = array, .most = most};
    __u64 at = store_at(header);
    if (at > capacity - ITEM_HEADER - MAGIC_BYTES) {
        store_cut(header);
        return;
    }
    gather(&gathered);
    if (gathered.is_unreadable) {
        store_unreadable(header, capacity, MAGIC_bytes, ITEM_USER);
        return;
    }
    __builtin_memcpy((void *)header + at + ITEM_HEADER, gathered.bytes, MAGIC_BYTES);
    store_item(header, at, MAGIC_bytes, ITEM_BYTES, ITEM_USER | (gathered.size < most ? ITEM_TRUNCATED : ITEM_COMPLETE),
               gathered.size);
}

static __always_inline void store_magic(struct record_header *header, __u64 capacity, struct call *call,
                                        struct transfer *transfer)
{
    __u64 most = call->ret > MAGIC_BYTES ? MAGIC_BYTES : call->ret;
    if (transfer->buffer == 0) /* the call moved it from another file */
        store_unreadable(header, capacity, MAGIC_bytes, 0);
    else if (transfer->is_vector)
        store_gathered(header, capacity, call, transfer->buffer, most);
    else
        store_user_bytes(header, capacity, MAGIC_bytes, ITEM_BYTES, ITEM_USER, transfer->buffer, most, MAGIC_BYTES);
}

static __always_inline bool magic_fill(struct record_header *header, __u64 capacity, struct call *call,
                                       struct transfer *transfer)
{
    record_begin_call(header, EVENT_magic_write, call->ret, call);
    header->flags |= transfer->flags;
    mark_shared_files(header);
    store_magic(header, capacity, call, transfer);
    store_file_id(header, capacity, MAGIC_dev, MAGIC_inode, transfer->file);
    store_file_path(header, capacity, MAGIC_pathname, transfer->file);
    return !store_take_cut(header);
}

/* Whether a watch holds for the file or what was written. Bytes that the call moved from another file are not known. */
static __always_inline __u32 magic_class(struct call *call, struct transfer *transfer)
{
    __u64 buffer = transfer->buffer, most = call->ret, length = most;
    __u32 bytes = 0;
    if (buffer != 0 && transfer->is_vector)
        buffer = vector_buffer(call->narrow, buffer, 0, &length); /* a short one may go on in the next */
    if (length > most)
        length = most;
    if (length >= sizeof(bytes) && bpf_probe_read_user(&bytes, sizeof(bytes), (void *)buffer) != 0)
        bytes = 0;
    return watch_class(EVENT_magic_write, watch_content((__u64)transfer->file, WATCH_magic_write, FORGET(bytes),
                                                        FORGET((__u32)length)) != 0);
}

/* What a file begins with: only where something was written at its beginning. */
static __always_inline void magic_emit(struct call *call, struct transfer *transfer)
{
    struct sink sink;
    if (call->ret <= 0 || transfer->position != 0 || !plan.selected[EVENT_magic_write] || !is_regular(transfer->file) ||
        !event_wanted(EVENT_magic_write) || !sink_open(&sink, FORGET(magic_class(call, transfer)), CONTEXT_TASK))
        return;
    transfer->flags = watch_flag(sink.class);
#define FILL(header_, size_) magic_fill(header_, size_, call, transfer)
    EMIT_3(&sink, FILE_SMALL, FILE_MIDDLE, FILE_LARGE, FILL);
#undef FILL
}

EXIT_HANDLER(file_read)
{
    struct transfer transfer = {0};
    transfer_of(&transfer, call, false);
    transfer.event = FORGET(transfer.is_vector ? EVENT_vfs_readv : EVENT_vfs_read);
    if (transfer.file != NULL)
        transfer_emit(call, &transfer, false);
    return 0;
}

EXIT_HANDLER(file_write)
{
    struct transfer transfer = {0};
    transfer_of(&transfer, call, true);
    transfer.event = FORGET(transfer.is_vector ? EVENT_vfs_writev : EVENT_vfs_write);
    if (transfer.file == NULL)
        return 0;
    transfer_emit(call, &transfer, true);
    magic_emit(call, &transfer);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
