/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where kernels differ: for each difference the change, its flavours, and one function that hides the choice. An entry
 * can go when no supported kernel has the older flavour.
 */
#ifndef VEDETTE_COLLECTOR_BPF_CORE_COMPAT_H
#define VEDETTE_COLLECTOR_BPF_CORE_COMPAT_H

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
 * e6f2dd0f8067 "bpf: Add bpf_loop helper" (5.17): the body is verified once instead of once a step. A kernel
 * before 5.13 refuses a program that names a callback, even in code that is never reached, so the choice is made when
 * compiling. step(index, context) answers non-zero to end the loop.
 */
#ifdef VEDETTE_PLAIN_LOOPS
#define REPEAT(steps_, step_, context_)                                                                                \
    for (__u32 step_index_ = 0; step_index_ < (steps_); step_index_++)                                                 \
        if (step_(step_index_, context_) != 0)                                                                         \
    break
#else
#define REPEAT(steps_, step_, context_) bpf_loop(steps_, step_, context_, 0)
#endif

/* dd6e10fbd9fb "bpf: Add bpf_task_pt_regs() helper" (5.15). NULL before it: the syscall in progress is then unknown
 * outside of sys_enter and sys_exit. */
enum bpf_func_id {
    BPF_FUNC_task_pt_regs = 175,
};

static __always_inline struct pt_regs *task_registers(struct task_struct *task)
{
    if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
        return (struct pt_regs *)bpf_task_pt_regs(task);
    return NULL;
}

#endif
