/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes that are there, as existing_process records. A task iterator shows only the pid namespace of its
 * creator, so this program rides on an iterator over a map of many elements, and at each walks on through
 * init_task.tasks, which holds every process in order of creation. What lies between two elements is kept in `cursor`:
 * an address is only a hint, because the process may be gone when the next element comes.
 *
 * Before the first of them come the namespaces of init_task, as init_namespaces.
 *
 * The same walk, when `identity.wanted` is set, finds a process by its number in the collector's own pid namespace.
 */
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/path.h"
#include "collector/bpf/scope.h"

#include <bpf/bpf_tracing.h>

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_pathname,
    ARG_link_count,
    ARG_fs_magic,
    ARG_cgroup_path,
};

enum {
#ifdef VEDETTE_PLAIN
    SCAN_STEPS = 16, /* every step is verified, with the walk to the scope's root */
#else
    SCAN_STEPS = 256,
#endif
    HEAD_STEPS = 64,
    LIST_POISON_TOP = 0xdead, /* a removed entry's prev: 0xdead000000000122 */
};

/* Written by one reader at a time: the drain's thread. */
__u8 scratch[SCRATCH_BYTES];

static __always_inline struct task_struct *next_in_list(struct task_struct *task)
{
    return (void *)BPF_CORE_READ(task, tasks.next) - bpf_core_field_offset(struct task_struct, tasks);
}

/* Indexes in init_namespaces' row. */
enum {
    NAMESPACES_cgroup,
    NAMESPACES_ipc,
    NAMESPACES_mnt,
    NAMESPACES_net,
    NAMESPACES_pid,
    NAMESPACES_pid_for_children,
    NAMESPACES_time,
    NAMESPACES_time_for_children,
    NAMESPACES_user,
    NAMESPACES_uts,
};

struct scan {
    struct task_struct *task;
    __u64 found;
};

static long head_step(__u32 index, struct scan *scan)
{
    struct task_struct *task = scan->task, *parent = BPF_CORE_READ(task, real_parent);
    if (parent == task) {
        scan->found = 1;
        return 1;
    }
    scan->task = parent;
    return 0;
}

/* init_task is its own parent. */
static __always_inline __u64 list_head(struct task_struct *task)
{
    struct scan scan = {.task = task};
    REPEAT(HEAD_STEPS, head_step, &scan);
    return scan.found ? (__u64)scan.task : 0;
}

/* Where to go on from: the last process if it is still what it was, else the head. */
static __always_inline struct task_struct *scan_start(void)
{
    struct task_struct *task = (void *)cursor.task;
    if (task == NULL)
        return (void *)cursor.head;
    if (BPF_CORE_READ(task, start_boottime) == cursor.start_ns && BPF_CORE_READ(task, tgid) == cursor.tgid &&
        (__u64)BPF_CORE_READ(task, tasks.prev) >> 48 != LIST_POISON_TOP)
        return task;
    cursor.catching_up = cursor.start_ns;
    return (void *)cursor.head;
}

static __always_inline void cursor_set(struct task_struct *task, __u32 tgid, __u64 start_ns)
{
    cursor.task = (__u64)task;
    cursor.tgid = tgid;
    cursor.start_ns = start_ns;
}

static __always_inline bool is_wanted(struct task_struct *task)
{
    __u32 level = identity.level;
    if (identity.wanted != 0) {
        struct pid *pid = BPF_CORE_READ(task, thread_pid);
        return BPF_CORE_READ(pid, level) >= level &&
               BPF_CORE_READ(pid, numbers[level].ns, ns.inum) == identity.pid_ns &&
               (__u32)BPF_CORE_READ(pid, numbers[level].nr) == identity.wanted;
    }
    if (scope_kind == KIND_HOST)
        return true;
    return scope_kind == KIND_CGROUP ? scope_cgroup(task) : scope_walk(task);
}

static long scan_step(__u32 index, struct scan *scan)
{
    struct task_struct *task = next_in_list(scan->task);
    if ((__u64)task == cursor.head || BPF_CORE_READ(task, tasks.next) == NULL) {
        cursor.done = 1;
        return 1;
    }
    __u64 start_ns = BPF_CORE_READ(task, start_boottime);
    cursor_set(task, BPF_CORE_READ(task, tgid), start_ns);
    scan->task = task;
    if (cursor.catching_up != 0 && start_ns <= cursor.catching_up)
        return 0;
    cursor.catching_up = 0;
    scan->found = is_wanted(task);
    return scan->found != 0;
}

/* The next process that is wanted, 0 when this element's steps are used up or the list has ended. */
SUBPROGRAM __u64 scan_next(void)
{
    struct scan scan = {.task = scan_start()};
    REPEAT(SCAN_STEPS, scan_step, &scan);
    return scan.found ? (__u64)scan.task : 0;
}

SUBPROGRAM int record_read(struct task_struct *task)
{
    struct record_header *header = (void *)scratch;
    __u64 id;
    struct kernfs_node *cgroup = task_cgroup(task, &id);
    record_stamp(header, EVENT_existing_process, 0);
    header_of(header, (__u64)task);
    struct file *file = BPF_CORE_READ(task, mm, exe_file);
    if (file != NULL) { /* else a kernel thread, or one that is ending */
        store_file_path(header, SCRATCH_BYTES, ARG_pathname, file);
        store_integer(header, SCRATCH_BYTES, ARG_link_count, BPF_CORE_READ(file, f_inode, i_nlink));
        store_integer(header, SCRATCH_BYTES, ARG_fs_magic, BPF_CORE_READ(file, f_inode, i_sb, s_magic));
    }
    store_cgroup(header, SCRATCH_BYTES, ARG_cgroup_path, cgroup);
    store_take_cut(header); /* the item says it */
    return 0;
}

SUBPROGRAM int namespaces_read(struct task_struct *task)
{
    struct record_header *header = (void *)scratch;
    struct nsproxy *nsproxy = BPF_CORE_READ(task, nsproxy);
    record_stamp(header, EVENT_init_namespaces, 0);
    header_of(header, (__u64)task);
#define STORE(arg_, ...) store_integer(header, SCRATCH_BYTES, NAMESPACES_##arg_, BPF_CORE_READ(__VA_ARGS__, ns.inum))
    STORE(cgroup, nsproxy, cgroup_ns);
    STORE(ipc, nsproxy, ipc_ns);
    STORE(mnt, nsproxy, mnt_ns);
    STORE(net, nsproxy, net_ns);
    STORE(pid, task, thread_pid, numbers[0].ns);
    STORE(pid_for_children, nsproxy, pid_ns_for_children);
    STORE(time, nsproxy, time_ns);
    STORE(time_for_children, nsproxy, time_ns_for_children);
    STORE(user, task, cred, user_ns);
    STORE(uts, nsproxy, uts_ns);
#undef STORE
    return 0;
}

static __always_inline void begin(struct bpf_iter_meta *meta, struct task_struct *current)
{
    struct pid *pid = LOAD(current, thread_pid);
    __u32 level = LOAD(pid, level);
    __builtin_memset(&cursor, 0, sizeof(cursor));
    cursor.session = meta->session_id;
    cursor.head = list_head(current);
    cursor.done = cursor.head == 0;
    identity.own_tgid = LOAD(current, tgid);
    identity.level = level;
    identity.pid_ns = BPF_CORE_READ(pid, numbers[level].ns, ns.inum);
    identity.found_tgid = 0;
}

SEC("iter/bpf_map_elem")
int iter__processes(struct bpf_iter__bpf_map_elem *ctx)
{
    struct bpf_iter_meta *meta = ctx->meta;
    if (ctx->value == NULL)
        return 0;
    if (cursor.session != meta->session_id) {
        begin(meta, bpf_get_current_task_btf());
        if (cursor.head != 0 && identity.wanted == 0 && plan.selected[EVENT_init_namespaces]) {
            namespaces_read((void *)cursor.head);
            __u64 size = store_at((void *)scratch);
            /* The first of an empty buffer: there is room for it, and for the processes of this element. */
            if (size <= SCRATCH_BYTES)
                bpf_seq_write(meta->seq, scratch, size);
        }
    }
    struct cursor before = cursor;
    for (int i = 0; i < PROCESSES_AN_ELEMENT; i++) {
        if (cursor.done)
            return 0;
        struct task_struct *task = (void *)scan_next();
        if (task == NULL)
            return 0;
        if (identity.wanted != 0) {
            identity.found_tgid = cursor.tgid;
            identity.found_start_ns = cursor.start_ns;
            cursor.done = 1;
            return 0;
        }
        record_read(task);
        __u64 size = store_at((void *)scratch);
        if (size <= SCRATCH_BYTES && bpf_seq_write(meta->seq, scratch, size) != 0) {
            /* The reader's buffer is full: the kernel drops what this element wrote and runs it again for the next
             * read. */
            cursor = before;
            return 0;
        }
    }
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
