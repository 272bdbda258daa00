/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "collector/probe/internal.h"

int snapshot_open_pool(struct probe *probe)
{
    struct program *program = program_find(probe, "iter__", "processes");
    if (program == NULL || !program->loaded)
        return -ENOENT;
    union bpf_iter_link_info info = {.map.map_fd = (uint32_t)bpf_map__fd(probe->skeleton->maps.elements)};
    /* Not bpf_program__attach_iter: libbpf 1.1 leaves bytes of its own options unset there, and then refuses them
     * (EINVAL, now and then). */
    struct bpf_link_create_opts options;
    memset(&options, 0, sizeof(options));
    options.sz = sizeof(options);
    options.iter_info = &info;
    options.iter_info_len = sizeof(info);
    int link = bpf_link_create(bpf_program__fd(program->bpf), 0, BPF_TRACE_ITER, &options);
    if (link < 0)
        return -errno;
    int error = 0;
    probe->snapshot_fd = bpf_iter_create(link); /* the first is for snapshot_identify */
    if (probe->snapshot_fd < 0)
        error = -errno;
    while (error == 0 && probe->pool_left < sizeof(probe->pool) / sizeof(probe->pool[0])) {
        int fd = bpf_iter_create(link);
        if (fd < 0)
            error = -errno;
        else
            probe->pool[probe->pool_left++] = fd;
    }
    close(link); /* the iterators keep the program */
    program->attached = error == 0;
    return error;
}

/* The program refuses another element once it has come to the end: EAGAIN. */
static bool is_end(const struct probe *probe, int error)
{
    return error == EAGAIN && probe->bss->cursor.done != 0;
}

int snapshot_identify(struct probe *probe, uint32_t pid)
{
    struct identity *identity = &probe->bss->identity;
    char text[4096];
    ssize_t n;
    identity->wanted = pid;
    do
        n = read(probe->snapshot_fd, text, sizeof(text));
    while (n > 0 || (n < 0 && errno == EINTR));
    int error = n < 0 && !is_end(probe, errno) ? -errno : 0;
    close(probe->snapshot_fd);
    probe->snapshot_fd = -1;
    identity->wanted = 0;
    if (error == 0 && identity->found_tgid == 0)
        error = -ESRCH;
    return error;
}

int probe_snapshot_begin(struct probe *probe)
{
    probe_snapshot_end(probe);
    if (probe->pool_left == 0)
        return -ENFILE;
    probe->snapshot_fd = probe->pool[--probe->pool_left];
    probe->snapshot_at = probe->snapshot_end = 0;
    return 0;
}

/* Makes at least `size` bytes available; false at the end. */
static bool fill(struct probe *probe, size_t size)
{
    size_t left = probe->snapshot_end - probe->snapshot_at;
    memmove(probe->snapshot, probe->snapshot + probe->snapshot_at, left);
    probe->snapshot_at = 0;
    probe->snapshot_end = left;
    while (probe->snapshot_end < size) {
        ssize_t n = read(probe->snapshot_fd, probe->snapshot + probe->snapshot_end, SNAPSHOT_READ_BYTES);
        if (n < 0 && (errno == EINTR || (errno == EAGAIN && !is_end(probe, errno))))
            continue;
        if (n <= 0 && probe->bss->cursor.done == 0) /* no element was left, or an error */
            probe->bss->failures[FAILURE_SNAPSHOT]++;
        if (n <= 0)
            return false;
        probe->snapshot_end += (size_t)n;
    }
    return true;
}

const struct record_header *snapshot_read(struct probe *probe, size_t *ret_available)
{
    if (probe->snapshot_fd < 0)
        return NULL;
    if (probe->snapshot_end - probe->snapshot_at < sizeof(struct record_header) &&
        !fill(probe, sizeof(struct record_header)))
        return NULL;
    const struct record_header *header = (const void *)(probe->snapshot + probe->snapshot_at);
    size_t size = header->size;
    if (size < sizeof(*header) || size > SCRATCH_BYTES)
        return NULL;
    if (probe->snapshot_end - probe->snapshot_at < size && !fill(probe, size))
        return NULL;
    header = (const void *)(probe->snapshot + probe->snapshot_at);
    probe->snapshot_at += size;
    *ret_available = size;
    return header;
}

const struct record_header *probe_snapshot_next(struct probe *probe, size_t *ret_available)
{
    const struct record_header *record;
    for (;;) {
        size_t size = modules_next(probe->modules, probe->row);
        if (size > 0) {
            *ret_available = size;
            return (const void *)probe->row;
        }
        record = snapshot_read(probe, ret_available);
        if (record == NULL || record->event_id != EVENT_existing_module)
            return record != NULL ? argv_put(probe, record, ret_available) : NULL;
        modules_begin(probe->modules, record);
    }
}

void probe_snapshot_end(struct probe *probe)
{
    if (probe->snapshot_fd >= 0)
        close(probe->snapshot_fd);
    probe->snapshot_fd = -1;
}
