/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the two compiled flavours of the BPF programs is loaded (collector/bpf/core_compat.h). Both have one layout,
 * which the build checks, so that one skeleton serves both.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "collector/probe/internal.h"

#include "collector/bpf/vedette_plain.skel.h"

/* bpf_loop and bpf_find_vma came with 5.17, what else the programs want before. By feature: distributions backport. */
bool flavour_is_plain(enum probe_flavour flavour)
{
    return flavour == FLAVOUR_PLAIN ||
           (flavour == FLAVOUR_BY_KERNEL && libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop, NULL) == 0);
}

static const void *image_of(bool plain, size_t *ret_size)
{
    return plain ? vedette_plain__elf_bytes(ret_size) : vedette__elf_bytes(ret_size);
}

/* It lies in the executable: a page is read from there again when it is needed. */
void flavour_forget(bool plain)
{
    size_t size;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)image_of(plain, &size);
    uintptr_t first = (begin + page - 1) / page * page, end = (begin + size) / page * page;
    if (first < end)
        madvise((void *)first, end - first, MADV_DONTNEED);
}

struct vedette *flavour_open(bool plain)
{
    struct vedette *skeleton = calloc(1, sizeof(*skeleton));
    if (skeleton == NULL)
        return NULL;
    int error = vedette__create_skeleton(skeleton);
    if (error == 0 && plain) {
        size_t size;
        skeleton->skeleton->data = (void *)(uintptr_t)image_of(plain, &size); /* libbpf only reads it */
        skeleton->skeleton->data_sz = size;
    }
    if (error == 0)
        error = bpf_object__open_skeleton(skeleton->skeleton, NULL);
    if (error == 0)
        return skeleton;
    vedette__destroy(skeleton);
    errno = -error;
    return NULL;
}
