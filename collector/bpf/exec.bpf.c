/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_process_exec: the new program is in place, the call can no longer fail. What is read comes from the kernel's
 * objects (linux_binprm, its file) and from the new address space, which no other thread shares yet.
 */
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/file_facts.h"
#include "collector/bpf/scope.h"

#include <bpf/bpf_tracing.h>

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_cmdpath,
    ARG_pathname,
    ARG_dev,
    ARG_inode,
    ARG_ctime,
    ARG_inode_mode,
    ARG_interpreter_pathname,
    ARG_interpreter_dev,
    ARG_interpreter_inode,
    ARG_interpreter_ctime,
    ARG_argv,
    ARG_interp,
    ARG_stdin_type,
    ARG_stdin_path,
    ARG_invoked_from_kernel,
    ARG_prev_comm,
    ARG_env,
    ARG_pwd,
    ARG_link_count,
    ARG_fs_magic,
    ARG_cgroup_path,
    ARG_overlay_layer,
    ARG_root,
};

enum {
    RENAME_BYTES = 256,
};

/* What argv, env and a name that came from the caller may take of each. */
#define ARGV_MOST(size_) LISTS_SIZED(size_, 512, 2048, LISTS_USUAL, argv_size)
#define ENV_MOST(size_)  LISTS_SIZED(size_, 512, 4096, LISTS_USUAL, argv_size)
#define NAME_MOST(size_) LISTS_SIZED(size_, 256, 512, PATH_MOST, PATH_MOST)

static __always_inline void exec_file(struct record_header *header, __u64 capacity, struct file *file)
{
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    store_inode_id(header, capacity, ARG_dev, ARG_inode, inode);
    store_integer(header, capacity, ARG_ctime, inode_ctime_ns(inode));
    store_integer(header, capacity, ARG_inode_mode, BPF_CORE_READ(inode, i_mode));
    store_integer(header, capacity, ARG_link_count, BPF_CORE_READ(inode, i_nlink));
    store_integer(header, capacity, ARG_fs_magic, BPF_CORE_READ(inode, i_sb, s_magic));
    store_integer(header, capacity, ARG_overlay_layer, overlay_layer(inode));
    store_file_path(header, capacity, ARG_pathname, file);
}

static __always_inline void exec_task(struct record_header *header, __u64 capacity, struct task_struct *task)
{
    struct task_facts *facts = task_facts(task);
    if (facts != NULL && facts->comm_known)
        store_comm(header, capacity, ARG_prev_comm, facts->comm_before_exec);
    else
        store_open(header, capacity, ARG_prev_comm, ITEM_BYTES, ITEM_UNREADABLE);
    store_integer(header, capacity, ARG_invoked_from_kernel,
                  (BPF_CORE_READ(task, real_parent, flags) & PF_KTHREAD) != 0);
    if (BPF_CORE_READ(task, real_parent, nsproxy, mnt_ns) != BPF_CORE_READ(task, nsproxy, mnt_ns))
        header->flags |= RECORD_OWN_MOUNTS;
    __u64 id;
    store_cgroup(header, capacity, ARG_cgroup_path, task_cgroup(task, &id));
    struct fs_struct *fs = BPF_CORE_READ(task, fs);
    store_path(header, capacity, ARG_pwd, BPF_CORE_READ(fs, pwd.dentry), BPF_CORE_READ(fs, pwd.mnt));
    store_path(header, capacity, ARG_root, BPF_CORE_READ(fs, root.dentry), BPF_CORE_READ(fs, root.mnt));
}

static __always_inline void exec_lists(struct record_header *header, __u64 capacity, struct task_struct *task)
{
    struct mm_struct *mm = BPF_CORE_READ(task, mm);
    store_user_list(header, capacity, ARG_argv, BPF_CORE_READ(mm, arg_start), BPF_CORE_READ(mm, arg_end),
                    ARGV_MOST(capacity));
    store_user_list(header, capacity, ARG_env, BPF_CORE_READ(mm, env_start), BPF_CORE_READ(mm, env_end),
                    ENV_MOST(capacity));
}

/* The lists first, whose room is certain then; but see store_room. */
static __always_inline bool exec_fill(struct record_header *header, __u64 capacity, struct task_struct *task,
                                      struct linux_binprm *bprm)
{
    __u64 room = store_room(capacity);
    record_begin_exec(header, EVENT_sched_process_exec, 0);
    if (room == capacity)
        exec_lists(header, capacity, task);
    store_string_or_part(header, room, ARG_cmdpath, BPF_CORE_READ(bprm, filename), NAME_MOST(capacity));
    store_string_or_part(header, room, ARG_interp, BPF_CORE_READ(bprm, interp), NAME_MOST(capacity));
    exec_file(header, room, BPF_CORE_READ(bprm, file));
    exec_task(header, room, task);
    store_stdin(header, room, ARG_stdin_type, ARG_stdin_path);
    if (room < capacity)
        exec_lists(header, capacity, task);
    return !store_take_cut(header);
}

/* A function, because the stack of all three that are called here, one below the other, is 512 bytes. */
SUBPROGRAM int exec_emit(struct task_struct *task, struct linux_binprm *bprm)
{
    struct sink sink;
    if (!plan.selected[EVENT_sched_process_exec] || !sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) exec_fill(header_, size_, task, bprm)
    EMIT_LISTS(&sink, FILL);
#undef FILL
    return 0;
}

/* exec_checked.bpf.c: security_bprm_check and call_usermodehelper, of a struct linux_binprm. */
int exec_checked(__u64 bprm, __u32 event);

SEC("tp_btf/sched_process_exec")
int BPF_PROG(tp_btf__sched_process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
    self_test_note(HOOK_EXEC);
    bool check = plan.selected[EVENT_security_bprm_check];
    bool helper = plan.selected[EVENT_call_usermodehelper] && (LOAD(task, real_parent, flags) & PF_KTHREAD) != 0;
    if ((!plan.selected[EVENT_sched_process_exec] && !check && !helper) || !scope_has(task))
        return 0;
    __u64 address = 0; /* a number: a function takes no kernel object */
    bpf_probe_read_kernel(&address, sizeof(address), &ctx[2]);
    if (check)
        exec_checked(address, EVENT_security_bprm_check);
    if (helper)
        exec_checked(address, EVENT_call_usermodehelper);
    exec_emit(task, bprm);
    return 0;
}

/*
 * The name a task had when it called exec: begin_new_exec sets the new one between the point of no return and
 * sched_process_exec, without the caller running, so the last rename of a task before that event is always exec's,
 * however the task renamed itself before.
 */
static __always_inline void keep_comm(struct task_struct *task)
{
    if (!plan.selected[EVENT_sched_process_exec] || (LOAD(task, flags) & PF_KTHREAD))
        return;
    struct task_facts *facts = task_facts_make(task);
    if (facts == NULL)
        return;
    copy_16(facts->comm_before_exec, task->comm);
    facts->comm_known = 1;
}

static __always_inline void rename_fill(struct record_header *header, struct task_struct *task, const char *comm)
{
    record_begin(header, EVENT_task_rename, 0);
    store_comm(header, RENAME_BYTES, 0, task->comm);
    store_comm(header, RENAME_BYTES, 1, comm);
}

SEC("tp_btf/task_rename")
int BPF_PROG(tp_btf__task_rename, struct task_struct *task, const char *comm)
{
    self_test_note(HOOK_RENAME);
    keep_comm(task);
    struct task_struct *current = bpf_get_current_task_btf(); /* a thread may name another */
    struct sink sink;
    if (!plan.selected[EVENT_task_rename] || !scope_has(current) || !event_wanted(EVENT_task_rename) ||
        !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) rename_fill(header_, task, comm)
    EMIT_1(&sink, RENAME_BYTES, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
