/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stays of a start. libbpf's object holds the programs' code, their relocations and type information, 2 MiB that
 * serve nothing once all is attached, and closes the descriptors of programs and maps when it goes. A program lives on
 * by its link, a map by the programs that use it; what does not is kept by a descriptor of our own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include <bpf/libbpf.h>

#include "collector/probe/internal.h"

int resident_keep(struct probe *probe, int fd)
{
    int kept = probe->n_kept < KEPT_FDS ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (kept >= 0)
        probe->kept_fds[probe->n_kept++] = kept;
    return kept;
}

/* The kernel's memory of a section of variables again, since libbpf's mapping ends with its object. */
static void *map_section(const struct bpf_map *map, size_t size, int protection)
{
    void *memory = mmap(NULL, size, protection, MAP_SHARED, bpf_map__fd(map), 0);
    return memory != MAP_FAILED ? memory : NULL;
}

static void unmap_sections(struct vedette__bss *bss, const struct vedette__rodata *rodata)
{
    if (bss != NULL)
        munmap(bss, sizeof(*bss));
    if (rodata != NULL)
        munmap((void *)(uintptr_t)rodata, sizeof(*rodata));
}

int resident_shrink(struct probe *probe)
{
    const struct vedette *skeleton = probe->skeleton;
    struct vedette__bss *bss = map_section(skeleton->maps.bss, sizeof(*bss), PROT_READ | PROT_WRITE);
    struct vedette__rodata *rodata = map_section(skeleton->maps.rodata, sizeof(*rodata), PROT_READ);
    /* A table of programs is emptied when nobody has a descriptor of it. */
    if (bss == NULL || rodata == NULL || resident_keep(probe, bpf_map__fd(skeleton->maps.exit_handlers)) < 0 ||
        resident_keep(probe, bpf_map__fd(skeleton->maps.enter_handlers)) < 0) {
        int error = -errno;
        unmap_sections(bss, rodata);
        return error;
    }
    probe->bss = bss;
    probe->rodata = rodata;
    vedette__destroy(probe->skeleton);
    probe->skeleton = NULL;
    for (size_t i = 0; i < probe->n_programs; i++)
        probe->programs[i].bpf = NULL;
    flavour_forget(probe->plain);
    return 0;
}

void resident_free(struct probe *probe)
{
    while (probe->n_kept > 0)
        close(probe->kept_fds[--probe->n_kept]);
    if (probe->skeleton == NULL)
        unmap_sections(probe->bss, probe->rodata);
    vedette__destroy(probe->skeleton);
}
