/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the two compiled flavours of the BPF programs is loaded (collector/bpf/core_compat.h). Both have one layout,
 * which the build checks, so that one skeleton serves both.
 */
#include <errno.h>

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

struct vedette *flavour_open(bool plain)
{
    struct vedette *skeleton = calloc(1, sizeof(*skeleton));
    if (skeleton == NULL)
        return NULL;
    int error = vedette__create_skeleton(skeleton);
    if (error == 0 && plain) {
        size_t size;
        skeleton->skeleton->data = (void *)(uintptr_t)vedette_plain__elf_bytes(&size); /* libbpf only reads it */
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
