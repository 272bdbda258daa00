/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was there before: existing_process records, and where the plan selects them existing_socket, existing_mount and
 * existing_module. A task iterator shows only the pid namespace of its creator, so this program rides on an iterator
 * over a map of many elements, and at each walks on through init_task.tasks, which holds every process in order of
 * creation; behind each process come its sockets, and behind the first one in a mount namespace that namespace's
 * mounts. What lies between two elements is kept in `cursor`: an address is only a hint, because the process may be
 * gone when the next element comes.
 *
 * Before the first of them come the namespaces of init_task, as init_namespaces, and the record that becomes the
 * modules.
 *
 * The same walk, when `identity.wanted` is set, finds a process by its number in the collector's own pid namespace.
 */
#include "collector/bpf/existing.h"
#include "collector/bpf/mount_list.h"
#include "collector/bpf/scope.h"

#include <bpf/bpf_tracing.h>

enum {
#ifdef VEDETTE_PLAIN
    SCAN_STEPS = 16, /* every step is verified, with the walk to the scope's root */
#else
    SCAN_STEPS = 256,
#endif
    HEAD_STEPS = 64,
#ifdef VEDETTE_PLAIN
    DESCRIPTORS_AT_ONCE = 16,
#else
    DESCRIPTORS_AT_ONCE = 256,
#endif
    TOLD_PROBES = 8,
    LIST_POISON_TOP = 0xdead, /* a removed entry's prev: 0xdead000000000122 */
};

/* Written by one reader at a time: the drain's thread. */
__u8 scratch[SCRATCH_BYTES];
struct told told[2 * MOUNT_NAMESPACES]; /* by number, the next free place */

static __always_inline struct task_struct *next_in_list(struct task_struct *task)
{
    return (void *)BPF_CORE_READ(task, tasks.next) - bpf_core_field_offset(struct task_struct, tasks);
}

/* What of a process comes next. */
enum phase {
    PHASE_PROCESS, /* itself: the next one */
    PHASE_SOCKETS,
    PHASE_MOUNTS,
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
    if (identity.wanted != 0)
        return own_number(task) == identity.wanted;
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

/* The process looked at last, NULL when it is gone. */
static __always_inline struct task_struct *process_at_cursor(void)
{
    struct task_struct *task = (void *)cursor.task;
    return BPF_CORE_READ(task, start_boottime) == cursor.start_ns && BPF_CORE_READ(task, tgid) == cursor.tgid ? task
                                                                                                              : NULL;
}

struct descriptors {
    struct file **slots;
    __u64 count;
    struct socket *found;
};

static long descriptor_step(__u32 index, struct descriptors *descriptors)
{
    __u32 fd = cursor.fd;
    if (fd >= descriptors->count)
        return 1;
    cursor.fd = fd + 1;
    descriptors->found = FORGET(socket_of_file(file_in(descriptors->slots, descriptors->count, fd)));
    return descriptors->found != NULL;
}

/* Fills in the next socket; false when there is none among the next descriptors. */
SUBPROGRAM int next_socket(void)
{
    struct task_struct *task = process_at_cursor();
    struct fdtable *table = BPF_CORE_READ(task, files, fdt);
    struct descriptors descriptors = {.slots = BPF_CORE_READ(table, fd), .count = BPF_CORE_READ(table, max_fds)};
    REPEAT(DESCRIPTORS_AT_ONCE, descriptor_step, &descriptors);
    if (cursor.fd >= descriptors.count) /* of a process that is gone too */
        cursor.phase = PHASE_MOUNTS;
    if (descriptors.found == NULL)
        return 0;
    socket_fill((void *)scratch, task, cursor.fd - 1, descriptors.found);
    return 1;
}

/* Whether this snapshot has not told that namespace yet; from then on it has. */
static __always_inline bool is_new_namespace(__u32 inum)
{
    for (__u32 i = 0; i < TOLD_PROBES; i++) {
        struct told *place = &told[(inum + i) % (2 * MOUNT_NAMESPACES)];
        if (place->snapshot == cursor.snapshot && place->inum == inum)
            return false;
        if (place->snapshot != cursor.snapshot) {
            place->snapshot = cursor.snapshot;
            place->inum = inum;
            return true;
        }
    }
    failure_count(FAILURE_NAMESPACES);
    return false;
}

/* The same of the next mount. */
SUBPROGRAM int next_mount(void)
{
    struct task_struct *task = process_at_cursor();
    struct mnt_namespace *namespace = BPF_CORE_READ(task, nsproxy, mnt_ns);
    struct mount *mount = NULL;
    if (cursor.mount_ns == 0 && namespace != NULL && is_new_namespace(BPF_CORE_READ(namespace, ns.inum))) {
        cursor.mount_ns = (__u64) namespace;
        cursor.mount = 0;
    }
    if (cursor.mount_ns != 0 && cursor.mount_ns == (__u64) namespace) /* else it has left it, or is gone */
        mount = mount_next(namespace);
    if (mount == NULL) {
        cursor.mount_ns = 0;
        cursor.phase = PHASE_PROCESS;
        return 0;
    }
    mount_fill((void *)scratch, task, mount);
    return 1;
}

/* The next process; where another than the first phase of it comes next is said by the plan. */
static __always_inline int next_process(void)
{
    struct task_struct *task = (void *)scan_next();
    if (task == NULL)
        return 0;
    cursor.fd = 0;
    cursor.phase = plan.selected[EVENT_existing_socket]  ? PHASE_SOCKETS
                   : plan.selected[EVENT_existing_mount] ? PHASE_MOUNTS
                                                         : PHASE_PROCESS;
    process_fill((void *)scratch, task);
    return 1;
}

static __always_inline int next_row(void)
{
    if (cursor.phase == PHASE_SOCKETS) {
        int found = next_socket();
        if (cursor.phase == PHASE_MOUNTS && !plan.selected[EVENT_existing_mount])
            cursor.phase = PHASE_PROCESS;
        return found;
    }
    return cursor.phase == PHASE_MOUNTS ? next_mount() : next_process();
}

struct rows {
    struct seq_file *seq;
};

/* Never more than there is room for: what does not fit would be thrown away with all of the element. */
static __always_inline bool has_room(struct seq_file *seq)
{
    return BPF_CORE_READ(seq, count) + SCRATCH_BYTES <= BPF_CORE_READ(seq, size);
}

static __always_inline void write_row(struct seq_file *seq)
{
    __u64 size = store_at((void *)scratch);
    if (size <= SCRATCH_BYTES)
        bpf_seq_write(seq, scratch, size);
}

static long row_step(__u32 index, struct rows *rows)
{
    if (cursor.done || !has_room(rows->seq))
        return 1;
    if (next_row())
        write_row(rows->seq);
    return 0;
}

static __always_inline void begin(struct bpf_iter_meta *meta, struct task_struct *current)
{
    struct pid *pid = LOAD(current, thread_pid);
    __u32 level = LOAD(pid, level), snapshot = cursor.snapshot;
    __builtin_memset(&cursor, 0, sizeof(cursor));
    cursor.snapshot = snapshot + 1;
    cursor.session = meta->session_id;
    cursor.head = list_head(current);
    cursor.done = cursor.head == 0;
    identity.own_tgid = LOAD(current, tgid);
    identity.level = level;
    identity.pid_ns = BPF_CORE_READ(pid, numbers[level].ns, ns.inum);
    identity.found_tgid = 0;
}

/* What is told of the system. The buffer is empty: there is room for it. */
static __always_inline void tell_system(struct seq_file *seq)
{
    if (plan.selected[EVENT_init_namespaces]) {
        namespaces_fill((void *)scratch, (void *)cursor.head);
        write_row(seq);
    }
    if (plan.selected[EVENT_existing_module]) {
        module_fill((void *)scratch, (void *)cursor.head);
        write_row(seq);
    }
}

static __always_inline void identify(void)
{
    if (scan_next() == 0)
        return;
    identity.found_tgid = cursor.tgid;
    identity.found_start_ns = cursor.start_ns;
    cursor.done = 1;
}

/* 1 is an error to the reader (EAGAIN): it tells the end, so that the other elements need not be gone through. */
SEC("iter/bpf_map_elem")
int iter__processes(struct bpf_iter__bpf_map_elem *ctx)
{
    struct bpf_iter_meta *meta = ctx->meta;
    struct seq_file *seq = meta->seq;
    if (ctx->value == NULL)
        return 0;
    if (cursor.session != meta->session_id) {
        begin(meta, bpf_get_current_task_btf());
        if (cursor.head != 0 && identity.wanted == 0)
            tell_system(seq);
    }
    if (cursor.done)
        return 1;
    if (identity.wanted != 0) {
        identify();
        return 0;
    }
    struct rows rows = {.seq = seq};
    REPEAT(ROWS_AN_ELEMENT, row_step, &rows);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
