/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security_kernel_read_file and security_kernel_post_read_file: files that the kernel was asked to read for its own
 * use, a module or a kernel to boot. Calls that were refused before any reading are left out.
 */
#include "collector/bpf/file_facts.h"
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"

/* Indexes in the rows; the loader checks them against the names. */
enum {
    READ_pathname,
    READ_dev,
    READ_inode,
    READ_type,
    READ_ctime,
};
enum {
    POST_pathname,
    POST_size,
    POST_type,
};

/* enum kernel_read_file_id, include/linux/kernel_read_file.h */
enum { READING_MODULE = 2, READING_KEXEC_IMAGE = 3 };

static __always_inline bool read_fill(struct record_header *header, __u64 capacity, struct call *call,
                                      struct file *file, __u32 event)
{
    bool is_post = event == EVENT_security_kernel_post_read_file;
    __u32 type = call->number == EVENT_finit_module ? READING_MODULE : READING_KEXEC_IMAGE;
    record_begin_call(header, event, call->ret, call);
    mark_shared_files(header);
    store_integer(header, capacity, is_post ? POST_type : READ_type, type);
    if (is_post) {
        store_integer(header, capacity, POST_size, BPF_CORE_READ(file, f_inode, i_size));
    } else {
        store_file_id(header, capacity, READ_dev, READ_inode, file);
        store_integer(header, capacity, READ_ctime, inode_ctime_ns(BPF_CORE_READ(file, f_inode)));
    }
    store_file_path(header, capacity, READ_pathname, file); /* the first of both */
    return !store_take_cut(header);
}

static __always_inline void read_emit(struct call *call, struct file *file, __u32 event)
{
    struct sink sink;
    if (!plan.selected[event] || !sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return;
#define FILL(header_, size_) read_fill(header_, size_, call, file, event)
    EMIT_3(&sink, FILE_SMALL, FILE_MIDDLE, FILE_LARGE, FILL);
#undef FILL
}

EXIT_HANDLER(kernel_read_file)
{
    struct file *file = current_file((__s32)call->args[0]);
    if (file == NULL || call->ret == -EPERM || call->ret == -ENOSYS || call->ret == -EINVAL || call->ret == -EBADF)
        return 0;
    read_emit(call, file, EVENT_security_kernel_read_file);
    if (call->ret == 0)
        read_emit(call, file, EVENT_security_kernel_post_read_file);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
