/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where kernels differ: for each difference the change, its flavours, and one function that hides the choice. An entry
 * can go when no supported kernel has the older flavour.
 *
 * Most choices are made when the programs are loaded. What the verifier of an older kernel refuses even in code that
 * is never reached cannot be, so every BPF file is compiled twice: as it is, for kernels from 5.17, and with
 * VEDETTE_PLAIN for those from 5.10. The collector embeds both objects, of one layout, and takes one at its start.
 * A BPF file needs nothing special for that, as long as
 *  - it loops by REPEAT, puts FORGET around what a step or a branch leaves for what follows, and finds mappings by
 *    find_vma;
 *  - what it reads through the current task, or a task that may be it, is read by LOAD (or BPF_CORE_READ);
 *  - functions for several sizes of a record are made by ROOM_FUNCTION (store.h), others are SUBPROGRAM;
 *  - what it keeps with a task is in struct task_facts (task_facts.h);
 *  - it uses no other helper, flag or atomic instruction (of those only __sync_fetch_and_add, its value unused) that is
 *    younger than 5.10.
 * collector/probe's tests load both flavours on the running kernel.
 */
#ifndef VEDETTE_COLLECTOR_BPF_CORE_COMPAT_H
#define VEDETTE_COLLECTOR_BPF_CORE_COMPAT_H

#include "collector/bpf/maps.h"
#include "collector/bpf/types.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/*
 * 13bc24457850 "fs: rename i_ctime field to __i_ctime" (6.6), then 3aa63a569c64 "fs: switch timespec64 fields in inode
 * to discrete integers" (6.11).
 */
struct timespec64 {
    __s64 tv_sec;
    long tv_nsec;
};
struct inode___before_6_6 {
    struct timespec64 i_ctime;
};
struct inode___before_6_11 {
    struct timespec64 __i_ctime;
};
struct inode___from_6_11 {
    __s64 i_ctime_sec;
    __u32 i_ctime_nsec;
};
/* 4e40eff0b573 "fs: add infrastructure for multigrain timestamps" (6.13): a bit beside the nanoseconds says that
 * somebody has looked (I_CTIME_QUERIED). */
enum { CTIME_NSEC_MASK = 0x7fffffff };

/* 633488947ef6 "kernfs: Use RCU to access kernfs_node::parent." (6.15) renamed it. */
struct kernfs_node___before_6_15 {
    struct kernfs_node *parent;
};
struct kernfs_node___from_6_15 {
    struct kernfs_node *__parent;
};

/* 524e00b36e8c "mm: remove rb tree." (6.1): see find_vma. */
struct rb_node {
    struct rb_node *rb_right, *rb_left;
};
struct rb_root {
    struct rb_node *rb_node;
};
struct mm_struct___before_6_1 {
    struct rb_root mm_rb;
};
struct vm_area_struct___before_6_1 {
    struct rb_node vm_rb;
};

/*
 * 2eea9ce4310d "mounts: keep list of mounts in an rbtree" (6.8): in order of a number that is never given again. Before
 * it a list, in which the reader of a mountinfo has an entry of its own.
 */
struct mnt_namespace___from_6_8 {
    struct rb_root mounts;
};
struct mount___from_6_8 {
    struct rb_node mnt_node;
    __u64 mnt_id_unique;
};
struct mnt_namespace___before_6_8 {
    struct list_head list;
};
struct mount___before_6_8 {
    struct list_head mnt_list;
};
enum { MNT_CURSOR = 0x10000000 };

#pragma clang attribute pop

static __always_inline __u64 inode_ctime_ns(struct inode *inode)
{
    struct inode___from_6_11 *newest = (void *)inode;
    if (bpf_core_field_exists(newest->i_ctime_sec))
        return (__u64)BPF_CORE_READ(newest, i_ctime_sec) * 1000000000ULL +
               (BPF_CORE_READ(newest, i_ctime_nsec) & CTIME_NSEC_MASK);
    struct inode___before_6_11 *middle = (void *)inode;
    if (bpf_core_field_exists(middle->__i_ctime))
        return (__u64)BPF_CORE_READ(middle, __i_ctime.tv_sec) * 1000000000ULL +
               (__u64)BPF_CORE_READ(middle, __i_ctime.tv_nsec);
    struct inode___before_6_6 *oldest = (void *)inode;
    return (__u64)BPF_CORE_READ(oldest, i_ctime.tv_sec) * 1000000000ULL + (__u64)BPF_CORE_READ(oldest, i_ctime.tv_nsec);
}

/*
 * Which layer of overlayfs a file is in: the upper one, which those who use the mount can write, or a lower one, which
 * came with the image. The module's types are not in the kernel's own BTF, but in every kernel since 4.19 struct
 * ovl_inode has `struct dentry *__upperdentry` right behind its struct inode. What is there is believed only if it is
 * nothing, or a dentry of another file system whose inode has the same mode.
 */
enum { OVERLAYFS_SUPER_MAGIC = 0x794c7630 };

enum overlay_layer {
    OVERLAY_UNKNOWN, /* or not on overlayfs */
    OVERLAY_LOWER,
    OVERLAY_UPPER,
};

static __always_inline enum overlay_layer overlay_layer(struct inode *inode)
{
    if (BPF_CORE_READ(inode, i_sb, s_magic) != OVERLAYFS_SUPER_MAGIC)
        return OVERLAY_UNKNOWN;
    struct dentry *upper = NULL;
    if (bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode)) != 0)
        return OVERLAY_UNKNOWN;
    if (upper == NULL)
        return OVERLAY_LOWER;
    struct inode *real = BPF_CORE_READ(upper, d_inode);
    bool plausible = real != NULL && real != inode && BPF_CORE_READ(real, i_sb) == BPF_CORE_READ(upper, d_sb) &&
                     BPF_CORE_READ(real, i_sb) != BPF_CORE_READ(inode, i_sb) &&
                     BPF_CORE_READ(real, i_mode) == BPF_CORE_READ(inode, i_mode);
    return plausible ? OVERLAY_UPPER : OVERLAY_UNKNOWN;
}

/*
 * "maccess: fix strncpy_from_user_nofault() empty string handling" (so on 6.18, not on 6.1): the length of an empty
 * string was 0 instead of 1, its NUL. Less than 0: it cannot be read.
 */
static __always_inline long user_string_read(void *to, __u32 size, const void *from)
{
    long length = bpf_probe_read_user_str(to, size, from);
    return length == 0 ? 1 : length;
}

/* Of a pointer that the verifier knows as a kernel object: a plain load. */
static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
    struct kernfs_node___from_6_15 *newer = (void *)node;
    struct kernfs_node___before_6_15 *older = (void *)node;
    return bpf_core_field_exists(newer->__parent) ? newer->__parent : older->parent;
}

/* Of any address. */
static __always_inline struct kernfs_node *kernfs_parent_read(struct kernfs_node *node)
{
    struct kernfs_node___from_6_15 *newer = (void *)node;
    if (bpf_core_field_exists(newer->__parent))
        return BPF_CORE_READ(newer, __parent);
    struct kernfs_node___before_6_15 *older = (void *)node;
    return BPF_CORE_READ(older, parent);
}

/*
 * 69c087ba6225 "bpf: Add bpf_for_each_map_elem() helper" (5.13) lets a program name a callback; e6f2dd0f8067 "bpf: Add
 * bpf_loop helper" (5.17) verifies a loop's body once instead of once a step. step(index, context) answers non-zero to
 * end the loop.
 */
#ifdef VEDETTE_PLAIN
#define REPEAT(steps_, step_, context_)                                                                                \
    do {                                                                                                               \
        for (__u32 step_index_ = 0; step_index_ < (steps_) && step_(step_index_, context_) == 0; step_index_++)        \
            ;                                                                                                          \
    } while (0)
#else
#define REPEAT(steps_, step_, context_) bpf_loop(steps_, step_, context_, 0)
#endif

/*
 * A loop that is verified step by step, and what follows a branch, is verified once for each combination of values that
 * the verifier knows apart: before 69c087ba6225's time that includes values that nothing depends on, b5dc0163d8fd
 * "bpf: precise scalar_value tracking" (5.3) being off where there are functions until be2ef8161572 "bpf: allow
 * precision tracking for programs with subprogs" (6.2). FORGET(value) is the value, of which the verifier knows
 * nothing.
 */
#ifdef VEDETTE_PLAIN
/* A bool is made 0 or 1 by a comparison, after which it is known again: that of one is a number. The asm keeps the
 * compiler from adding later. */
#define FORGET(value_)                                                                                                 \
    ({                                                                                                                 \
        __u64 forgotten_ = (__u64)(value_) + *(volatile __u64 *)&zero;                                                 \
        asm volatile("" : "+r"(forgotten_));                                                                           \
        (__typeof__(_Generic((value_), bool : 0ULL, default : (value_))))forgotten_;                                   \
    })
#else
#define FORGET(value_) (value_)
#endif

/*
 * 3ca1032ab7ab "bpf: Add bpf_get_current_task_btf() helper" (5.11): a task that fields are loaded from plainly, as from
 * a hook's argument; before it, an address. LOAD(task, a, b) is task->a->b.
 */
#ifdef VEDETTE_PLAIN
#define bpf_get_current_task_btf() ((struct task_struct *)bpf_get_current_task())
#define LOAD(from_, ...)           BPF_CORE_READ(from_, __VA_ARGS__)
#else
#define LOAD(from_, ...) ___arrow(from_, __VA_ARGS__)
#endif

/*
 * dd6e10fbd9fb "bpf: Add bpf_task_pt_regs() helper" (5.15). The saved registers of a task lie at the top of its kernel
 * stack. What kernel threads have there means nothing.
 */
#ifdef VEDETTE_PLAIN
enum { KERNEL_STACK = 16384 }; /* THREAD_SIZE, of x86-64 without KASAN */

static __always_inline struct pt_regs *task_registers(struct task_struct *task)
{
    return BPF_CORE_READ(task, stack) + KERNEL_STACK - bpf_core_type_size(struct pt_regs);
}
#else
static __always_inline struct pt_regs *task_registers(struct task_struct *task)
{
    return (struct pt_regs *)bpf_task_pt_regs(task);
}
#endif

/*
 * 7c7e3d31e785 "bpf: Introduce helper bpf_find_vma" (5.17): calls look(task, vma, context) for the mapping of the
 * current task at `address`, under the lock. 0; -ENOENT when there is none; another error when that cannot be told.
 * Before it, and until 524e00b36e8c "mm: remove rb tree." (6.1), the tree is searched without the lock: when another
 * thread changes it just then, that cannot be told either. `look` reads by LOAD.
 */
#ifdef VEDETTE_PLAIN
enum { VMA_TREE_DEPTH = 36, RWSEM_WRITER_LOCKED = 1 };

static __always_inline bool mappings_locked(struct mm_struct *mm)
{
    return (BPF_CORE_READ(mm, mmap_lock.count.counter) & RWSEM_WRITER_LOCKED) != 0;
}

/* Of its own: where there is no such tree it must not be looked at. */
SUBPROGRAM struct vm_area_struct *vma_search(struct rb_node *node, __u64 address)
{
    const __u64 offset = bpf_core_field_offset(struct vm_area_struct___before_6_1, vm_rb);
    for (int i = 0; i < VMA_TREE_DEPTH && node != NULL; i++) {
        struct vm_area_struct *vma = (void *)node - offset;
        bool is_left = address < BPF_CORE_READ(vma, vm_start);
        if (!is_left && address < BPF_CORE_READ(vma, vm_end))
            return FORGET(vma);
        node = FORGET(is_left ? BPF_CORE_READ(node, rb_left) : BPF_CORE_READ(node, rb_right));
    }
    return NULL;
}

#define find_vma(task_, address_, look_, context_)                                                                     \
    ({                                                                                                                 \
        struct mm_struct___before_6_1 *mm_ = (void *)BPF_CORE_READ(task_, mm);                                         \
        long result_ = -EBUSY;                                                                                         \
        if (bpf_core_field_exists(mm_->mm_rb) && !mappings_locked((void *)mm_)) {                                      \
            struct vm_area_struct *vma_ = vma_search(BPF_CORE_READ(mm_, mm_rb.rb_node), address_);                     \
            result_ = mappings_locked((void *)mm_) ? -EBUSY : vma_ == NULL ? -ENOENT : 0;                              \
            if (result_ == 0)                                                                                          \
                look_(task_, vma_, context_);                                                                          \
        }                                                                                                              \
        result_;                                                                                                       \
    })
#else
#define find_vma(task_, address_, look_, context_) bpf_find_vma(task_, address_, look_, context_, 0)
#endif

#endif
