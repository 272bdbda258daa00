/* SPDX-License-Identifier: Apache-2.0 */
/* From a descriptor of the current task to what it names. */
#ifndef VEDETTE_COLLECTOR_BPF_DESCRIPTOR_H
#define VEDETTE_COLLECTOR_BPF_DESCRIPTOR_H

#include "collector/bpf/core_compat.h"

static __always_inline struct file *file_in(struct file **slots, __u32 count, long fd)
{
    struct file *file = NULL;
    if (fd >= 0 && (__u64)fd < count)
        bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
    return file;
}

/* NULL when it names nothing. Another thread that shares the table may have changed it since the call: `files_shared`
 * says whether there can be one. */
static __always_inline struct file *file_of_fd(struct files_struct *files, long fd)
{
    struct fdtable *table = LOAD(files, fdt);
    return file_in(LOAD(table, fd), LOAD(table, max_fds), fd);
}

static __always_inline bool files_shared(struct files_struct *files)
{
    return LOAD(files, count.counter) > 1;
}

/* The same of the current task, read by address: a plain load is quicker where it runs, but the verifier takes about a
 * millisecond for each at every place (facts.h), and these places are many. */
static __always_inline struct file *current_file(long fd)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct fdtable *table = BPF_CORE_READ(task, files, fdt);
    return file_in(BPF_CORE_READ(table, fd), BPF_CORE_READ(table, max_fds), fd);
}

/* The mark of an event that read a descriptor of the current task. */
static __always_inline void mark_shared_files(struct record_header *header)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    if (BPF_CORE_READ(task, files, count.counter) > 1)
        header->flags |= RECORD_SHARED_FDTABLE;
}

#endif
