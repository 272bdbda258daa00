/* SPDX-License-Identifier: Apache-2.0 */
/* From a dentry and its mount upwards, across mounts, to the root of the mount namespace. */
#ifndef VEDETTE_COLLECTOR_BPF_PLACE_H
#define VEDETTE_COLLECTOR_BPF_PLACE_H

#include "collector/bpf/core_compat.h"

/* Names and crossed mounts that are looked at: 256 and 64. The plain flavour's loop is verified a step at a time. */
#ifdef VEDETTE_PLAIN
enum { PATH_STEPS = 68 };
#else
enum { PATH_STEPS = 320 };
#endif

/*
 * Of a dentry: what is above it, and its name. The fields lie one after the other in every kernel so far, and are then
 * read at once.
 */
struct place_names {
    struct dentry *up;
    __u32 hash; /* of the name; not used */
    __u32 length;
    const unsigned char *name;
};

struct place {
    struct dentry *dentry;
    struct mount *mount;
    struct dentry *mount_root; /* NULL when the mount is in no namespace: on to the file system's root */
    struct place_names names;  /* of the dentry, when it has a name */
};

enum place_step {
    PLACE_NAME,    /* the dentry has a name: `names` */
    PLACE_CROSSED, /* the place is now where the mount is mounted */
    PLACE_ROOT,    /* of the mount namespace */
    PLACE_TOP,     /* a dentry that is its own parent, and no mount's root */
};

static __always_inline void place_begin(struct place *place, struct dentry *dentry, struct vfsmount *mount)
{
    place->dentry = FORGET(dentry);
    place->mount = FORGET((void *)mount - bpf_core_field_offset(struct mount, mnt));
    place->mount_root = FORGET(BPF_CORE_READ(mount, mnt_root));
}

static __always_inline void place_read(struct place_names *names, struct dentry *dentry)
{
    const __u64 begin = bpf_core_field_offset(struct dentry, d_parent);
    if (bpf_core_field_offset(struct dentry, d_name.len) == begin + __builtin_offsetof(struct place_names, length) &&
        bpf_core_field_offset(struct dentry, d_name.name) == begin + __builtin_offsetof(struct place_names, name)) {
        bpf_probe_read_kernel(names, sizeof(*names), (void *)dentry + begin);
        return;
    }
    names->up = BPF_CORE_READ(dentry, d_parent);
    names->length = BPF_CORE_READ(dentry, d_name.len);
    names->name = BPF_CORE_READ(dentry, d_name.name);
}

static __always_inline enum place_step place_look(struct place *place)
{
    struct dentry *dentry = place->dentry;
    struct mount *mount = place->mount;
    if (dentry != place->mount_root) {
        place_read(&place->names, dentry);
        return place->names.up == dentry ? PLACE_TOP : PLACE_NAME;
    }
    struct mount *parent = BPF_CORE_READ(mount, mnt_parent);
    if (parent == mount) {
        if (BPF_CORE_READ(mount, mnt_ns) != NULL)
            return PLACE_ROOT;
        place->mount_root = FORGET((struct dentry *)NULL);
        return PLACE_CROSSED;
    }
    place->dentry = FORGET(BPF_CORE_READ(mount, mnt_mountpoint));
    place->mount_root = FORGET(BPF_CORE_READ(parent, mnt.mnt_root));
    place->mount = FORGET(parent);
    return PLACE_CROSSED;
}

/* After PLACE_NAME. */
static __always_inline void place_climb(struct place *place)
{
    place->dentry = FORGET(place->names.up);
}

#endif
