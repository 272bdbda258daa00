/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's types, reduced to the fields that are read: it documents what the programs depend on, and building needs
 * no BTF of the build host. Offsets are relocated at load time (CO-RE), so order and omissions do not matter; names do.
 * Fields that were renamed between kernels are in core_compat.h. Checked against 5.10, 6.1 and 6.18.
 */
#ifndef VEDETTE_COLLECTOR_BPF_TYPES_H
#define VEDETTE_COLLECTOR_BPF_TYPES_H

#include <stdbool.h>

/*
 * A function of its own, verified at each call with the sizes known there; not every program that includes its header
 * uses it. Where all are static (the plain flavour of core_compat.h), a result that nobody wants must be kept all the
 * same: the compiler would leave anything in its register, and a pointer to the stack there is refused.
 */
#ifdef VEDETTE_PLAIN
#define SUBPROGRAM static __attribute__((noinline, used))
#else
#define SUBPROGRAM static __attribute__((noinline, unused))
#endif

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __s32 int32_t;
typedef __s64 int64_t;

/* uapi/linux/bpf.h, as far as it is used: including it would bring asm/types.h of the build host. */
enum bpf_map_type {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PROG_ARRAY = 3,
    BPF_MAP_TYPE_LRU_HASH = 9,
    BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
    BPF_MAP_TYPE_RINGBUF = 27,
    BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
    BPF_ANY = 0,
    BPF_F_NO_PREALLOC = 1U << 0,
    BPF_F_MMAPABLE = 1U << 10,
    BPF_LOCAL_STORAGE_GET_F_CREATE = 1U << 0,
    BPF_RB_NO_WAKEUP = 1U << 0,
    BPF_RB_FORCE_WAKEUP = 1U << 1,
    BPF_RB_AVAIL_DATA = 0,
    BPF_RB_RING_SIZE = 1,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    int counter;
} atomic_t;

struct list_head {
    struct list_head *next, *prev;
};

#if defined(__TARGET_ARCH_arm64)
struct pt_regs {
    __u64 regs[31];
    __u64 sp, pc;
    __u64 orig_x0;
    __s32 syscallno;
};

struct thread_info {
    unsigned long flags; /* TIF_32BIT */
};
#else /* x86 */
struct pt_regs {
    unsigned long bp, bx, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, sp;
};

struct thread_info {
    __u32 status; /* TS_COMPAT */
};
#endif

struct qstr {
    __u32 len;
    const unsigned char *name;
};

struct file_system_type {
    const char *name;
};

struct super_block {
    struct file_system_type *s_type;
    __u32 s_dev;
    unsigned long s_flags; /* SB_*: numbered as MS_* */
    unsigned long s_magic;
    char s_id[32];
};

struct inode {
    unsigned short i_mode;
    unsigned int i_nlink;
    unsigned long i_ino;
    struct super_block *i_sb;
    __s64 i_size;
};

struct dentry {
    struct dentry *d_parent;
    struct qstr d_name;
    struct inode *d_inode;
    struct super_block *d_sb;
};

struct vfsmount {
    struct dentry *mnt_root;
    struct super_block *mnt_sb;
    int mnt_flags; /* MNT_* */
};

struct mnt_namespace;

struct mount {
    struct mount *mnt_parent;
    struct dentry *mnt_mountpoint;
    struct vfsmount mnt;
    struct mnt_namespace *mnt_ns;
    const char *mnt_devname;
    int mnt_id;
};

struct fs_context {
    struct file_system_type *fs_type;
    struct dentry *root;
    const char *source;
    unsigned int sb_flags;
};

struct path {
    struct vfsmount *mnt;
    struct dentry *dentry;
};

struct file {
    struct path f_path;
    struct inode *f_inode;
    unsigned int f_flags;
    __s64 f_pos;
    void *private_data;
};

struct pipe_buffer {
    unsigned int offset, len, flags;
};

struct pipe_inode_info {
    unsigned int head, ring_size;
    struct pipe_buffer *bufs;
};

struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};

struct files_struct {
    atomic_t count;
    struct fdtable *fdt;
};

struct fs_struct {
    int umask;
    struct path root, pwd;
};

struct ns_common {
    unsigned int inum;
};

struct new_utsname {
    char nodename[65];
};

struct uts_namespace {
    struct new_utsname name;
    struct ns_common ns;
};

struct mnt_namespace {
    struct ns_common ns;
};

struct pid_namespace {
    unsigned int level;
    struct ns_common ns;
};

struct ipc_namespace {
    struct ns_common ns;
};

struct net {
    struct ns_common ns;
};

struct cgroup_namespace {
    struct ns_common ns;
};

struct user_namespace {
    struct ns_common ns;
};

struct time_namespace {
    struct ns_common ns;
};

struct nsproxy {
    struct uts_namespace *uts_ns;
    struct ipc_namespace *ipc_ns;
    struct mnt_namespace *mnt_ns;
    struct pid_namespace *pid_ns_for_children;
    struct net *net_ns;
    struct time_namespace *time_ns, *time_ns_for_children;
    struct cgroup_namespace *cgroup_ns;
};

struct upid {
    int nr;
    struct pid_namespace *ns;
};

struct pid {
    unsigned int level;
    struct upid numbers[1];
};

typedef struct {
    unsigned int val;
} kuid_t;

typedef struct {
    unsigned int val;
} kgid_t;

/* Two words until f122a08b197d "capability: just use a 'u64' instead of a 'u32[2]' array" (6.3), one since: 8 bytes. */
typedef struct {
    __u64 val;
} kernel_cap_t;

struct cred {
    kuid_t uid, suid, euid, fsuid;
    kgid_t gid, sgid, egid, fsgid;
    unsigned int securebits;
    kernel_cap_t cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
    struct user_namespace *user_ns;
};

struct kernfs_node {
    const char *name;
    __u64 id;
};

struct cgroup_root {
    unsigned int subsys_mask; /* controllers of this hierarchy */
    int hierarchy_id;         /* 0: the unified one */
};

struct cgroup {
    struct kernfs_node *kn;
    struct cgroup_root *root;
};

struct cgroup_subsys_state {
    struct cgroup *cgroup;
};

struct css_set {
    struct cgroup_subsys_state *subsys[1];
    struct cgroup *dfl_cgrp;
};

/* Values differ by configuration: always through bpf_core_enum_value. */
enum cgroup_subsys_id {
    pids_cgrp_id,
    memory_cgrp_id,
};

struct rlimit {
    unsigned long rlim_cur, rlim_max;
};

struct signal_struct {
    atomic_t live;
    struct rlimit rlim[16];
};

/* 8 bytes, read as such */
typedef struct {
    unsigned long sig[1];
} sigset_t;

struct sigaction {
    unsigned long sa_flags;
    void *sa_handler;
    sigset_t sa_mask;
};

struct k_sigaction {
    struct sigaction sa;
};

struct sighand_struct {
    struct k_sigaction action[64]; /* by signal, the first is 1 */
};

typedef struct {
    long counter;
} atomic_long_t;

struct rw_semaphore {
    atomic_long_t count;
};

struct mm_struct {
    struct rw_semaphore mmap_lock;
    struct {
        void *vdso;
    } context;
    unsigned long start_brk, brk, start_stack;
    unsigned long arg_start, arg_end, env_start, env_end;
    struct file *exe_file;
};

/* 16 bytes, read as such */
struct in6_addr {
    __u64 bytes[2];
};

struct sock_common {
    __be32 skc_daddr;
    __be32 skc_rcv_saddr;
    __be16 skc_dport;
    unsigned short skc_family;
    unsigned char skc_state; /* TCP_*, of every family */
    int skc_bound_dev_if;
    struct in6_addr skc_v6_daddr;
    struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
    struct sock_common __sk_common;
    __u16 sk_protocol;
};

struct socket {
    short type;
    struct sock *sk;
};

struct ipv6_pinfo {
    struct in6_addr saddr;
};

struct inet_sock {
    struct ipv6_pinfo *pinet6;
    __be32 inet_saddr;
    __be16 inet_sport;
};

struct sockaddr_un {
    unsigned short sun_family;
};

struct unix_address {
    int len; /* of the address, its family included */
    struct sockaddr_un name[1];
};

struct unix_sock {
    struct unix_address *addr;
    struct sock *peer;
};

struct vm_area_struct {
    struct mm_struct *vm_mm;
    unsigned long vm_start, vm_end;
    unsigned long vm_flags;
    struct file *vm_file;
};

struct task_struct {
    struct thread_info thread_info;
    void *stack;
    unsigned int flags; /* PF_* */
    struct list_head tasks;
    struct mm_struct *mm;
    int exit_code;
    unsigned int pid;
    unsigned int tgid;
    struct task_struct *real_parent;
    struct task_struct *group_leader;
    struct pid *thread_pid;
    __u64 start_boottime;
    const struct cred *cred;
    char comm[16];
    struct fs_struct *fs;
    struct files_struct *files;
    struct nsproxy *nsproxy;
    struct signal_struct *signal;
    struct sighand_struct *sighand;
    struct css_set *cgroups;
    __u64 self_exec_id; /* counts the programs that it executed */
};

struct module {
    char name[56];
    const char *version, *srcversion;
};

struct bpf_map {
    __u32 id;
    char name[16];
};

struct bpf_prog_aux {
    __u32 id;
    char name[16];
};

enum bpf_prog_type {
    BPF_PROG_TYPE_UNSPEC,
};

struct bpf_prog {
    enum bpf_prog_type type;
    struct bpf_prog_aux *aux;
};

struct linux_binprm {
    struct file *file;
    const char *filename;
    const char *interp;
};

struct seq_file {
    unsigned long size, count; /* of the buffer, and what is in it */
};

struct bpf_iter_meta {
    struct seq_file *seq;
    __u64 session_id;
    __u64 seq_num;
};

struct bpf_iter__bpf_map_elem {
    struct bpf_iter_meta *meta;
    struct bpf_map *map;
    void *key;
    void *value;
};

#pragma clang attribute pop

enum {
    PF_KTHREAD = 0x00200000,
    TS_COMPAT = 0x0002,   /* of x86 */
    TIF_32BIT = 1U << 22, /* of arm64 */
    /* include/uapi/linux/magic.h */
    PIPEFS_MAGIC = 0x50495045,
    SOCKFS_MAGIC = 0x534F434B,
    ANON_INODE_FS_MAGIC = 0x09041934,
    AT_FDCWD = -100,
    EPERM = 1,
    ENOENT = 2,
    EFAULT = 14,
    EBADF = 9,
    EBUSY = 16,
    EINVAL = 22,
    ENOSYS = 38,
    EROFS = 30,
    O_CREAT = 0100,
    O_EXCL = 0200,
    O_NOCTTY = 0400,
    O_ACCMODE = 03,
    O_TRUNC = 01000,
    O_PATH = 010000000,
    O_APPEND = 02000,
    O_WRONLY = 1,
};

#endif
