/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dirty_pipe_splice: a file was spliced into a pipe whose last buffer may still be appended to (CVE-2022-0847): what is
 * written to the pipe next goes into the file's own page. Kernels that have 9d2231c5d74e "lib/iov_iter: initialize
 * "flags" in new pipe_buffer" (5.17; 5.10.102, 5.15.25) never leave such a buffer.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/file_facts.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_inode_in,
    ARG_in_file_type,
    ARG_in_file_path,
    ARG_exposed_data_start_offset,
    ARG_exposed_data_len,
    ARG_inode_out,
    ARG_out_pipe_last_buffer_flags,
};

enum {
    PIPE_BUF_FLAG_CAN_MERGE = 0x10,
    PAGE_BYTES = 4096,
};

static __always_inline struct pipe_buffer *last_buffer(struct file *file)
{
    struct pipe_inode_info *pipe = BPF_CORE_READ(file, private_data);
    __u32 head = BPF_CORE_READ(pipe, head), size = BPF_CORE_READ(pipe, ring_size);
    struct pipe_buffer *buffers = BPF_CORE_READ(pipe, bufs);
    return (void *)buffers + (__u64)((head - 1) & (size - 1)) * bpf_core_type_size(struct pipe_buffer);
}

static __always_inline bool splice_fill(struct record_header *header, __u64 capacity, struct call *call,
                                        struct file *in, struct file *out, struct pipe_buffer *last)
{
    __u64 end = BPF_CORE_READ(last, offset) + BPF_CORE_READ(last, len); /* within the page */
    record_begin_call(header, EVENT_dirty_pipe_splice, call->ret, call);
    mark_shared_files(header);
    store_integer(header, capacity, ARG_inode_in, BPF_CORE_READ(in, f_inode, i_ino));
    store_integer(header, capacity, ARG_in_file_type, BPF_CORE_READ(in, f_inode, i_mode) & S_IFMT);
    store_integer(header, capacity, ARG_exposed_data_start_offset, end % PAGE_BYTES);
    store_integer(header, capacity, ARG_exposed_data_len, PAGE_BYTES - end % PAGE_BYTES);
    store_integer(header, capacity, ARG_inode_out, BPF_CORE_READ(out, f_inode, i_ino));
    store_integer(header, capacity, ARG_out_pipe_last_buffer_flags, BPF_CORE_READ(last, flags));
    store_file_path(header, capacity, ARG_in_file_path, in);
    return !store_take_cut(header);
}

EXIT_HANDLER(dirty_pipe_splice)
{
    struct sink sink;
    struct file *in = current_file((__s32)call->args[0]), *out = current_file((__s32)call->args[2]);
    if (call->ret <= 0 || in == NULL || out == NULL || !is_regular(in) ||
        BPF_CORE_READ(out, f_inode, i_sb, s_magic) != PIPEFS_MAGIC)
        return 0;
    struct pipe_buffer *last = last_buffer(out);
    if ((BPF_CORE_READ(last, flags) & PIPE_BUF_FLAG_CAN_MERGE) == 0 || !event_wanted(EVENT_dirty_pipe_splice) ||
        !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) splice_fill(header_, size_, call, in, out, last)
    EMIT_3(&sink, FILE_SMALL, FILE_MIDDLE, FILE_LARGE, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
