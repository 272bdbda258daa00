/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounts of a namespace, one after another, by `cursor`. The kernel's lock is out of reach: what is read may be
 * changing, and every address is only a hint.
 */
#ifndef VEDETTE_COLLECTOR_BPF_MOUNT_LIST_H
#define VEDETTE_COLLECTOR_BPF_MOUNT_LIST_H

#include "collector/bpf/core_compat.h"

enum {
    TREE_DEPTH = 40,
    LIST_CURSORS = 8, /* readers of a mountinfo that stand side by side */
};

struct mount_search {
    void *at; /* a node of the tree, or an entry of the list */
    struct mount *found;
    __u64 head;
};

/* The first whose number is larger than the last one's: found again from the root each time, whatever was removed. */
static long tree_step(__u32 index, struct mount_search *search)
{
    struct rb_node *node = search->at;
    if (node == NULL)
        return 1;
    struct mount___from_6_8 *mount = (void *)node - bpf_core_field_offset(struct mount___from_6_8, mnt_node);
    bool is_later = BPF_CORE_READ(mount, mnt_id_unique) > cursor.mount;
    if (is_later)
        search->found = FORGET((struct mount *)mount);
    search->at = FORGET(is_later ? BPF_CORE_READ(node, rb_left) : BPF_CORE_READ(node, rb_right));
    return 0;
}

static __always_inline struct mount *mount_of_entry(struct list_head *entry)
{
    return (void *)entry - bpf_core_field_offset(struct mount___before_6_8, mnt_list);
}

static long list_step(__u32 index, struct mount_search *search)
{
    struct list_head *entry = search->at, *next = BPF_CORE_READ(entry, next);
    if ((__u64)next == search->head || next == NULL)
        return 1;
    search->at = FORGET(next);
    struct mount *mount = mount_of_entry(next);
    if (BPF_CORE_READ(mount, mnt.mnt_flags) & MNT_CURSOR)
        return 0;
    search->found = FORGET(mount);
    return 1;
}

static __always_inline struct mount *mount_in_tree(struct mnt_namespace *namespace)
{
    struct mnt_namespace___from_6_8 *newer = (void *)namespace;
    struct mount_search search = {.at = BPF_CORE_READ(newer, mounts.rb_node)};
    REPEAT(TREE_DEPTH, tree_step, &search);
    struct mount___from_6_8 *found = (void *)search.found;
    if (found != NULL)
        cursor.mount = BPF_CORE_READ(found, mnt_id_unique);
    return search.found;
}

static __always_inline struct mount *mount_in_list(struct mnt_namespace *namespace)
{
    struct mnt_namespace___before_6_8 *older = (void *)namespace;
    struct mount *last = (void *)cursor.mount;
    struct mount_search search = {.head =
                                      (__u64)older + bpf_core_field_offset(struct mnt_namespace___before_6_8, list)};
    search.at = (void *)search.head;
    if (last != NULL) {
        if (BPF_CORE_READ(last, mnt_ns) != namespace) {
            failure_count(FAILURE_MOUNTS);
            return NULL;
        }
        search.at = (void *)last + bpf_core_field_offset(struct mount___before_6_8, mnt_list);
    }
    REPEAT(LIST_CURSORS, list_step, &search);
    if (search.found != NULL)
        cursor.mount = (__u64)search.found;
    return search.found;
}

/* NULL after the last one. */
SUBPROGRAM struct mount *mount_next(struct mnt_namespace *namespace)
{
    struct mnt_namespace___from_6_8 *newer = (void *)namespace;
    if (bpf_core_field_exists(newer->mounts))
        return mount_in_tree(namespace);
    return mount_in_list(namespace);
}

#endif
