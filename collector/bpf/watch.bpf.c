// SPDX-License-Identifier: Apache-2.0
#include "collector/bpf/watch.h"

#include "collector/bpf/place.h"
#include "collector/watch_key.h"

/* What rows of that key want, 0 when there is none. */
static __always_inline __u32 watch_find(__u32 table, __u64 key)
{
    __u32 slot = (__u32)key;
#pragma unroll
    for (int i = 0; i < WATCH_PROBES; i++, slot++) {
        __u64 found = plan.watch[table & 1].key[slot & (WATCH_SLOTS - 1)];
        if (found == key)
            return plan.watch[table & 1].wants[slot & (WATCH_SLOTS - 1)];
        if (found == 0)
            return 0;
    }
    return 0;
}

static __always_inline __u32 watch_find_text(__u32 table, __u32 part, const __u64 text[WATCH_WORDS])
{
    return watch_find(table, watch_key(part, text));
}

/* A name that cannot be read is everybody's. */
static __always_inline __u32 watch_find_name(__u32 table, __u32 part, const struct place_names *names,
                                             __u64 text[WATCH_WORDS])
{
    text[0] = text[1] = text[2] = 0;
    __u32 length = names->length;
    if (length > WATCH_TEXT)
        length = WATCH_TEXT;
    if (length == 0 || bpf_probe_read_kernel(text, length, names->name) != 0)
        return ~0u;
    return watch_find_text(table, part, text);
}

static __always_inline __u32 watch_find_end(__u32 table, const struct place_names *names, __u64 text[WATCH_WORDS])
{
    text[0] = text[1] = text[2] = 0;
    if (names->length < sizeof(__u64))
        return 0;
    if (bpf_probe_read_kernel(text, sizeof(__u64), names->name + names->length - sizeof(__u64)) != 0)
        return ~0u;
    return watch_find_text(table, WATCH_NAME_END, text);
}

struct watch_walk {
    struct place place;
    __u32 table;
    __u32 wanted;
    __u32 lengths; /* of names that are worth comparing */
    __u32 pad;
    __u64 found; /* or the walk did not come to an end */
};

/* Nearly every name has another length than those that are waited for. */
static __always_inline bool watch_is_directory(struct watch_walk *walk)
{
    const struct place_names *names = &walk->place.names;
    __u64 text[WATCH_WORDS];
    return (walk->lengths & watch_length_bit(names->length)) != 0 &&
           (watch_find_name(walk->table, WATCH_DIRECTORY, names, text) & walk->wanted) != 0;
}

static long watch_step(__u32 index, struct watch_walk *walk)
{
    enum place_step step = place_look(&walk->place);
    if (step == PLACE_CROSSED)
        return 0;
    if (step != PLACE_NAME) {
        /* The top of a tree that is not connected is not the root: what is above it is not known. */
        walk->found = FORGET((unsigned long long)(step == PLACE_TOP && walk->place.mount_root != NULL));
        return 1;
    }
    /* The first is the file's own. */
    if (index > 0 && watch_is_directory(walk))
        return 1;
    place_climb(&walk->place);
    return 0;
}

static __always_inline __u32 watch_lengths(__u32 table, __u32 event, __u32 wanted)
{
    __u32 lengths = 0;
#pragma unroll
    for (__u32 i = 0; i < WATCH_ACCESS_BITS; i++) {
        __u32 bit = (event * WATCH_ACCESS_BITS + i) & (WATCH_EVENTS * WATCH_ACCESS_BITS - 1);
        if ((wanted >> bit & 1) != 0)
            lengths |= plan.watch[table & 1].lengths[bit];
    }
    return lengths;
}

/*
 * The name of what is mounted is not the name that its path ends with, nor is that of what has no directory (memory
 * that is a file): those are everybody's. Pipes and sockets have none that a row could hold for.
 */
enum watch_name { WATCH_NAMED, WATCH_UNNAMED, WATCH_EVERYBODYS };

static __always_inline enum watch_name watch_name_of(const struct place *place)
{
    struct dentry *dentry = place->dentry;
    if (dentry == place->mount_root)
        return WATCH_EVERYBODYS;
    if (place->names.up != dentry)
        return WATCH_NAMED;
    unsigned long magic = BPF_CORE_READ(dentry, d_sb, s_magic);
    if (magic == PIPEFS_MAGIC || magic == SOCKFS_MAGIC)
        return WATCH_UNNAMED;
    return magic == ANON_INODE_FS_MAGIC ? WATCH_NAMED : WATCH_EVERYBODYS;
}

static __always_inline bool watch_wants(const struct watch_walk *walk, __u32 part)
{
    return (plan.watch[walk->table & 1].of_part[part] & walk->wanted) != 0;
}

/* One walk for all of it: the stacks of what calls each other have 512 bytes together. */
static __always_inline void watch_begin(struct watch_walk *walk, __u32 event, __u32 access)
{
    __u32 wanted = event < WATCH_EVENTS ? access << event * WATCH_ACCESS_BITS : 0;
    walk->table = FORGET(plan.in_use);
    walk->wanted = FORGET(wanted);
    walk->lengths = FORGET(watch_lengths(walk->table, event, wanted));
    walk->found = FORGET(1ULL);
}

static __always_inline int watch_names(struct file *file, struct watch_walk *walk)
{
    struct place *place = &walk->place;
    __u64 text[WATCH_WORDS];
    if (watch_wants(walk, WATCH_ANYTHING))
        return 1;
    if (!watch_wants(walk, WATCH_NAME) && !watch_wants(walk, WATCH_NAME_END) && !watch_wants(walk, WATCH_DIRECTORY))
        return 0;
    place_begin(place, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt));
    place_read(&place->names, place->dentry);
    enum watch_name name = watch_name_of(place);
    if (name != WATCH_NAMED)
        return name == WATCH_EVERYBODYS;
    if (watch_wants(walk, WATCH_NAME) &&
        (watch_find_name(walk->table, WATCH_NAME, &place->names, text) & walk->wanted) != 0)
        return 1;
    if (watch_wants(walk, WATCH_NAME_END) && (watch_find_end(walk->table, &place->names, text) & walk->wanted) != 0)
        return 1;
    if (!watch_wants(walk, WATCH_DIRECTORY))
        return 0;
    REPEAT(PATH_STEPS, watch_step, walk);
    return walk->found != 0;
}

__noinline int watch_file(__u64 file_address, __u32 event, __u32 access)
{
    struct watch_walk walk = {0};
    watch_begin(&walk, event, access);
    return watch_names((struct file *)file_address, &walk);
}

__noinline int watch_content(__u64 file_address, __u32 event, __u32 bytes, __u32 length)
{
    const __u64 text[WATCH_WORDS] = {bytes};
    struct watch_walk walk = {0};
    watch_begin(&walk, event, WATCH_ANY_ACCESS);
    if (watch_wants(&walk, WATCH_CONTENT) &&
        (length < sizeof(bytes) || (watch_find_text(walk.table, WATCH_CONTENT, text) & walk.wanted) != 0))
        return 1;
    return watch_names((struct file *)file_address, &walk);
}

char LICENSE[] SEC("license") = "GPL";
