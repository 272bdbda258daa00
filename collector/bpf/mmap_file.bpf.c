/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security_mmap_file, do_mmap and shared_object_loaded, from mappings that were made. The file is the kernel's, found
 * by the descriptor after the call.
 */
#include "collector/bpf/file_facts.h"
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/watch.h"

/* Indexes in the rows; the loader checks them against the names. shared_object_loaded has security_mmap_file's first
 * five. */
enum {
    FILE_pathname,
    FILE_flags,
    FILE_dev,
    FILE_inode,
    FILE_ctime,
    FILE_prot,
    FILE_mmap_flags,
};
enum {
    MAP_addr,
    MAP_pathname,
    MAP_flags,
    MAP_dev,
    MAP_inode,
    MAP_ctime,
    MAP_pgoff,
    MAP_len,
    MAP_prot,
    MAP_mmap_flags,
};

enum {
    PROT_READ = 1,
    PROT_EXEC = 4,
    MAP_ANONYMOUS = 0x20,
    PAGE_SHIFT = 12,
    MAX_ERRNO = 4095,
};

struct mapping {
    struct file *file; /* NULL for anonymous memory */
    __u64 length, prot, flags, page;
    __u32 file_flags; /* of the record of an event of a file */
};

static __always_inline void mapping_of(struct mapping *mapping, struct call *call)
{
    struct call spread = *call;
    call_spread_mmap(&spread);
    mapping->length = spread.args[1];
    mapping->prot = spread.args[2];
    mapping->flags = spread.args[3];
    mapping->file_flags = 0;
    mapping->page = call->number == EVENT_mmap2 ? spread.args[5] : spread.args[5] >> PAGE_SHIFT;
    mapping->file = (mapping->flags & MAP_ANONYMOUS) != 0 ? NULL : current_file((__s32)spread.args[4]);
}

static __always_inline bool file_fill(struct record_header *header, __u64 capacity, struct call *call,
                                      struct mapping *mapping, __u32 event)
{
    struct file *file = mapping->file;
    record_begin_call(header, event, 0, call);
    header->flags |= mapping->file_flags;
    mark_shared_files(header);
    store_integer(header, capacity, FILE_flags, BPF_CORE_READ(file, f_flags));
    store_file_id(header, capacity, FILE_dev, FILE_inode, file);
    store_integer(header, capacity, FILE_ctime, inode_ctime_ns(BPF_CORE_READ(file, f_inode)));
    if (event == EVENT_security_mmap_file) {
        store_integer(header, capacity, FILE_prot, mapping->prot);
        store_integer(header, capacity, FILE_mmap_flags, mapping->flags);
    }
    store_file_path(header, capacity, FILE_pathname, file);
    return !store_take_cut(header);
}

static __always_inline __u32 file_class(struct mapping *mapping, __u32 event)
{
    __u32 watched = event == EVENT_security_mmap_file ? WATCH_security_mmap_file : WATCH_shared_object_loaded;
    return watch_file_class(event, mapping->file, watched);
}

static __always_inline void file_emit(struct call *call, struct mapping *mapping, __u32 event)
{
    struct sink sink;
    if (!event_wanted(event) || !sink_open(&sink, FORGET(file_class(mapping, event)), CONTEXT_TASK))
        return;
    mapping->file_flags = watch_flag(sink.class);
#define FILL(header_, size_) file_fill(header_, size_, call, mapping, event)
    EMIT_3(&sink, FILE_SMALL, FILE_MIDDLE, FILE_LARGE, FILL);
#undef FILL
}

static __always_inline bool map_fill(struct record_header *header, __u64 capacity, struct call *call,
                                     struct mapping *mapping)
{
    struct file *file = mapping->file;
    record_begin_call(header, EVENT_do_mmap, 0, call);
    store_integer(header, capacity, MAP_addr, call->ret);
    store_integer(header, capacity, MAP_pgoff, mapping->page);
    store_integer(header, capacity, MAP_len, mapping->length);
    store_integer(header, capacity, MAP_prot, mapping->prot);
    store_integer(header, capacity, MAP_mmap_flags, mapping->flags);
    if (file == NULL) {
        store_open(header, capacity, MAP_pathname, ITEM_BYTES, ITEM_COMPLETE);
        return true;
    }
    mark_shared_files(header);
    store_integer(header, capacity, MAP_flags, BPF_CORE_READ(file, f_flags));
    store_file_id(header, capacity, MAP_dev, MAP_inode, file);
    store_integer(header, capacity, MAP_ctime, inode_ctime_ns(BPF_CORE_READ(file, f_inode)));
    store_file_path(header, capacity, MAP_pathname, file);
    return !store_take_cut(header);
}

EXIT_HANDLER(mmap_file)
{
    struct sink sink;
    struct mapping mapping;
    if ((__u64)call->ret > (__u64)-MAX_ERRNO - 1)
        return 0;
    mapping_of(&mapping, call);
    if (event_wanted(EVENT_do_mmap) && sink_open(&sink, CLASS_BULK, CONTEXT_TASK)) {
#define FILL(header_, size_) map_fill(header_, size_, call, &mapping)
        EMIT_3(&sink, FILE_SMALL, FILE_MIDDLE, FILE_LARGE, FILL);
#undef FILL
    }
    if (mapping.file == NULL)
        return 0;
    file_emit(call, &mapping, EVENT_security_mmap_file);
    if ((mapping.prot & (PROT_READ | PROT_EXEC)) == (PROT_READ | PROT_EXEC))
        file_emit(call, &mapping, EVENT_shared_object_loaded);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
