/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floors: the least that a program at the same hook can do for the same purpose. One program of a name is attached at a
 * time (floor.c). Nothing here is meant for use: there are no checks for overload, no scopes but one process, no
 * containers.
 */
#include "bench/floor/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bench/floor/floor.h"
#include "common/events/record.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 target_tgid;
const volatile __u64 small_syscall;
const volatile __u64 open_syscall;
const volatile __u64 close_syscall;

struct floor_counts counts;

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, FLOOR_RING_BYTES);
} ring SEC(".maps");

/* Leaf names whose opens would be reported. The bench fills it with names that its workload never opens. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 256);
    __type(key, __u64);
    __type(value, __u8);
} wanted_leaves SEC(".maps");

static __always_inline __u64 syscall_number(const struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_arm64)
    return regs->syscallno;
#else
    return regs->orig_ax;
#endif
}

static __always_inline int is_target(void)
{
    return bpf_get_current_pid_tgid() >> 32 == target_tgid;
}

static __always_inline void fill_small(struct floor_header *header, __u64 number, long ret, __u32 size)
{
    __u64 pid_tgid = bpf_get_current_pid_tgid();
    header->time_ns = bpf_ktime_get_boot_ns();
    header->ret = ret;
    header->tgid = pid_tgid >> 32;
    header->tid = (__u32)pid_tgid;
    header->syscall = (__u32)number;
    header->size = size;
}

static __always_inline void submit_small(__u64 number, long ret)
{
    struct floor_header *header = bpf_ringbuf_reserve(&ring, sizeof(*header), 0);
    if (header == NULL) {
        counts.lost++;
        return;
    }
    fill_small(header, number, ret, sizeof(*header));
    bpf_ringbuf_submit(header, BPF_RB_NO_WAKEUP);
    counts.submitted++;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(empty_exit, struct pt_regs *regs, long ret)
{
    return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(empty_enter, struct pt_regs *regs, long number)
{
    return 0;
}

/* Reserve, header, submit. */
SEC("tp_btf/sys_exit")
int BPF_PROG(capture_small, struct pt_regs *regs, long ret)
{
    if (syscall_number(regs) != small_syscall || !is_target())
        return 0;
    submit_small(small_syscall, ret);
    return 0;
}

static __always_inline void fill_full(struct record_header *header, __u64 number, long ret)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct pid *pid = task->thread_pid;
    struct upid numbers;
    __u32 level = pid->level;

    header->time_ns = bpf_ktime_get_boot_ns();
    header->thread_start_ns = task->start_boottime;
    header->leader_start_ns = task->group_leader->start_boottime;
    header->parent_start_ns = task->real_parent->group_leader->start_boottime;
    header->cgroup_id = bpf_get_current_cgroup_id();
    header->ret = ret;
    header->size = sizeof(*header);
    header->plan_epoch = 0;
    header->event_id = (__u16)number;
    header->flags = 0;
    header->cpu = bpf_get_smp_processor_id();
    header->syscall = (__s32)number;
    header->tgid = task->tgid;
    header->tid = task->pid;
    header->ppid = task->real_parent->tgid;
    bpf_probe_read_kernel(&numbers, sizeof(numbers), &pid->numbers[level & 31]);
    header->ns_tid = numbers.nr;
    header->pid_ns = BPF_CORE_READ(numbers.ns, ns.inum);
    pid = task->group_leader->thread_pid;
    bpf_probe_read_kernel(&numbers, sizeof(numbers), &pid->numbers[level & 31]);
    header->ns_tgid = numbers.nr;
    pid = task->real_parent->thread_pid;
    bpf_probe_read_kernel(&numbers, sizeof(numbers), &pid->numbers[level & 31]);
    header->ns_ppid = numbers.nr;
    header->uid = task->cred->euid.val;
    header->mnt_ns = task->nsproxy->mnt_ns->ns.inum;
    bpf_get_current_comm(header->comm, sizeof(header->comm));
    bpf_probe_read_kernel(header->uts, sizeof(header->uts), task->nsproxy->uts_ns->name.nodename);
}

/* The same with the header that the collector sends: identities, namespaces, parent, names. */
SEC("tp_btf/sys_exit")
int BPF_PROG(capture_full, struct pt_regs *regs, long ret)
{
    if (syscall_number(regs) != small_syscall || !is_target())
        return 0;
    struct record_header *header = bpf_ringbuf_reserve(&ring, sizeof(*header), 0);
    if (header == NULL) {
        counts.lost++;
        return 0;
    }
    fill_full(header, small_syscall, ret);
    bpf_ringbuf_submit(header, BPF_RB_NO_WAKEUP);
    counts.submitted++;
    return 0;
}

static __always_inline struct file *file_of(long fd)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct fdtable *table = task->files->fdt;
    struct file **files, *file = NULL;
    if (fd < 0 || fd >= table->max_fds)
        return NULL;
    bpf_core_read(&files, sizeof(files), &table->fd);
    bpf_probe_read_kernel(&file, sizeof(file), files + fd);
    return file;
}

struct walk {
    struct dentry *dentry;
    struct mount *mount;
    char *out;
    __u32 used;
};

static long walk_step(__u32 index, struct walk *walk)
{
    struct dentry *dentry = walk->dentry;
    struct mount *mount = walk->mount;
    struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
    if (dentry == BPF_CORE_READ(mount, mnt.mnt_root) || dentry == parent) {
        struct mount *above = BPF_CORE_READ(mount, mnt_parent);
        if (above == mount)
            return 1;
        walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
        walk->mount = above;
        return 0;
    }
    __u32 at = walk->used;
    if (at >= FLOOR_PATH_BYTES)
        return 1;
    long length = bpf_probe_read_kernel_str(walk->out + at, FLOOR_NAME_BYTES, BPF_CORE_READ(dentry, d_name.name));
    if (length > 0)
        walk->used = at + length;
    walk->dentry = parent;
    return 0;
}

/* Leaf first, each component with its NUL, up to the root of the mount namespace. Bytes used. */
static __always_inline __u32 walk_path(struct file *file, char *out)
{
    struct path path;
    bpf_core_read(&path, sizeof(path), &file->f_path);
    struct walk walk = {
        .dentry = path.dentry,
        .mount = (void *)path.mnt - bpf_core_field_offset(struct mount, mnt),
        .out = out,
    };
    bpf_loop(FLOOR_PATH_COMPONENTS, walk_step, &walk, 0);
    return walk.used;
}

/* open and close both captured, the open with the kernel's path. */
SEC("tp_btf/sys_exit")
int BPF_PROG(open_path, struct pt_regs *regs, long ret)
{
    __u64 number = syscall_number(regs);
    if ((number != open_syscall && number != close_syscall) || !is_target())
        return 0;
    if (number == close_syscall) {
        submit_small(number, ret);
        return 0;
    }
    struct file *file = file_of(ret);
    if (file == NULL)
        return 0;
    struct floor_path_record *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
    if (record == NULL) {
        counts.lost++;
        return 0;
    }
    record->path_bytes = walk_path(file, record->path);
    fill_small(&record->header, number, ret, sizeof(*record));
    counts.path_bytes = record->path_bytes;
    bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
    counts.submitted++;
    return 0;
}

/* The open is dropped in the kernel because the hash of its last component is not wanted: one look-up. */
SEC("tp_btf/sys_exit")
int BPF_PROG(open_filtered, struct pt_regs *regs, long ret)
{
    if (syscall_number(regs) != open_syscall || !is_target())
        return 0;
    struct file *file = file_of(ret);
    if (file == NULL)
        return 0;
    __u64 leaf = BPF_CORE_READ(file, f_path.dentry, d_name.hash_len);
    if (bpf_map_lookup_elem(&wanted_leaves, &leaf) == NULL) {
        counts.filtered++;
        return 0;
    }
    submit_small(open_syscall, ret);
    return 0;
}
