/* SPDX-License-Identifier: Apache-2.0 */
/* From a descriptor of the current task to what it names. */
#ifndef VEDETTE_COLLECTOR_BPF_DESCRIPTOR_H
#define VEDETTE_COLLECTOR_BPF_DESCRIPTOR_H

#include "collector/bpf/core_compat.h"

/* NULL when it names nothing. Another thread that shares the table may have changed it since the call: `files_shared`
 * says whether there can be one. */
static __always_inline struct file *file_of_fd(struct files_struct *files, long fd)
{
    struct fdtable *table = LOAD(files, fdt);
    struct file *file = NULL;
    if (fd >= 0 && fd < LOAD(table, max_fds))
        bpf_probe_read_kernel(&file, sizeof(file), LOAD(table, fd) + fd);
    return file;
}

static __always_inline bool files_shared(struct files_struct *files)
{
    return LOAD(files, count.counter) > 1;
}

#endif
