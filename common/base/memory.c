/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>

/* Of one loaded object: what was never written is in its file too, and comes back when it is asked for. */
static int forget_segments(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    const uintptr_t page = *(const uintptr_t *)arg;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0)
            continue;
        const uintptr_t start = (info->dlpi_addr + segment->p_vaddr) & ~(page - 1),
                        end = (info->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page - 1);
        if (end > start)
            madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void memory_trim(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    malloc_trim(0);
    dl_iterate_phdr(forget_segments, &page);
}
