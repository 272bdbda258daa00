/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probe/internal.h"

/* x32's own numbers, 512 to 547, by name: arch/x86/entry/syscalls/syscall_64.tbl. */
static const char *const x32_names[] = {
    "rt_sigaction",
    "rt_sigreturn",
    "ioctl",
    "readv",
    "writev",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "execve",
    "ptrace",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigqueueinfo",
    "sigaltstack",
    "timer_create",
    "mq_notify",
    "kexec_load",
    "waitid",
    "set_robust_list",
    "get_robust_list",
    "vmsplice",
    "move_pages",
    "preadv",
    "pwritev",
    "rt_tgsigqueueinfo",
    "recvmmsg",
    "sendmmsg",
    "process_vm_readv",
    "process_vm_writev",
    "setsockopt",
    "getsockopt",
    "io_setup",
    "io_submit",
    "execveat",
    "preadv2",
    "pwritev2",
};

enum { N_X32 = sizeof(x32_names) / sizeof(x32_names[0]) };

_Static_assert((int)N_X32 <= (int)X32_LIMIT, "all of them fit");
_Static_assert(ARG_INT32 == 1 && ARG_STRINGS == 9 && ARG_OUTPUT == 15, "enum bpf_arg_type of collector/bpf/events.h");

static uint16_t usable(int number)
{
    return number >= 0 && number < SYSCALL_LIMIT ? (uint16_t)number : NO_SYSCALL;
}

/* Read from where the argument points to, into a record that has room for it. */
static bool is_pointed(enum arg_type type)
{
    return arg_type_shape(type) >= SHAPE_TEXT || type == ARG_TIMESPEC || type == ARG_INT_PAIR;
}

static struct call_row row_of(const struct event *event)
{
    struct call_row row = {.n_args = event->n_args, .class = event->class};
    for (size_t i = 0; i < event->n_args && i < SYSCALL_ARGS; i++) {
        row.type[i] = (uint8_t)event->args[i].type;
        if (is_pointed(event->args[i].type))
            row.class |= CALL_ROW_STRINGS;
    }
    return row;
}

void tables_fill(struct vedette__rodata *rodata)
{
    for (int i = 0; i < SYSCALL_LIMIT; i++) {
        rodata->calls.from_native[i] = usable(syscall_from_native(i));
        rodata->calls.from_compat[i] = usable(syscall_from_compat(i));
    }
    for (size_t i = 0; i < X32_LIMIT; i++) {
        const struct syscall_numbers *numbers = i < N_X32 ? syscall_by_name(x32_names[i], strlen(x32_names[i])) : NULL;
        rodata->calls.from_x32[i] = numbers != NULL ? usable(numbers->x86_64) : NO_SYSCALL;
    }
    size_t count;
    const struct event *rows = events_all(&count);
    for (size_t i = 0; i < count; i++)
        if (event_is_syscall(&rows[i]))
            rodata->call_rows[rows[i].id] = row_of(&rows[i]);
}

/* What the BPF files know by index: a row whose arguments moved must not be filled wrongly. */
static const struct {
    const char *event;
    const char *args;
} known[] = {
    {"call_usermodehelper", "pathname argv envp wait"},
    {"cap_capable", "cap"},
    {"cgroup_attach_task", "cgroup_path comm pid"},
    {"cgroup_mkdir", "cgroup_id cgroup_path hierarchy_id"},
    {"cgroup_rmdir", "cgroup_id cgroup_path hierarchy_id"},
    {"chmod_common", "pathname mode"},
    {"commit_creds", "old_cred new_cred"},
    {"dirty_pipe_splice", "inode_in in_file_type in_file_path exposed_data_start_offset exposed_data_len inode_out "
                          "out_pipe_last_buffer_flags"},
    {"do_init_module", "name version src_version"},
    {"do_mmap", "addr pathname flags dev inode ctime pgoff len prot mmap_flags"},
    {"do_sigaction", "sig is_sa_initialized sa_flags sa_mask sa_handle_method sa_handler is_old_sa_initialized "
                     "old_sa_flags old_sa_mask old_sa_handle_method old_sa_handler"},
    {"do_truncate", "pathname inode dev length"},
    {"init_namespaces", "cgroup ipc mnt net pid pid_for_children time time_for_children user uts"},
    {"existing_module", "name version src_version size"},
    {"existing_mount", "mount_id parent_id path root dev_name type flags dev"},
    {"existing_process",
     "pathname link_count fs_magic cgroup_path dev inode ctime overlay_layer argv cred cgroup_ns ipc_ns mnt_ns net_ns "
     "pid_ns time_ns user_ns uts_ns"},
    {"existing_socket", "sockfd family type protocol state local_addr remote_addr"},
    {"inotify_watch", "pathname inode dev"},
    {"magic_write", "pathname bytes dev inode"},
    {"module_free", "name version src_version"},
    {"module_load", "name version src_version pathname dev inode ctime"},
    {"process_execute_failed", "dirfd flags pathname binary_path binary_device_id binary_inode_number binary_ctime "
                               "binary_inode_mode interpreter_path stdin_type stdin_path kernel_invoked argv envp"},
    {"sched_process_exec",
     "cmdpath pathname dev inode ctime inode_mode interpreter_pathname interpreter_dev "
     "interpreter_inode interpreter_ctime argv interp stdin_type "
     "stdin_path invoked_from_kernel prev_comm env pwd link_count fs_magic cgroup_path overlay_layer root"},
    {"sched_process_exit", "exit_code signal_code process_group_exit"},
    {"sched_process_fork", "parent_tid parent_ns_tid parent_pid parent_ns_pid parent_start_time child_tid child_ns_tid "
                           "child_pid child_ns_pid start_time "
                           "parent_process_tid parent_process_ns_tid parent_process_pid parent_process_ns_pid "
                           "parent_process_start_time leader_tid leader_ns_tid leader_pid "
                           "leader_ns_pid leader_start_time"},
    {"sched_switch", "cpu prev_tid prev_comm next_tid next_comm"},
    {"security_bpf", "cmd"},
    {"security_bpf_map", "map_id map_name"},
    {"security_bpf_prog", "type name helpers id load"},
    {"security_bprm_check", "pathname dev inode argv envp"},
    {"security_file_mprotect", "pathname prot ctime prev_prot addr len pkey"},
    {"security_file_open", "pathname flags dev inode ctime syscall_pathname fs_magic overlay_layer"},
    {"security_inode_mknod", "file_name mode dev"},
    {"security_inode_rename", "old_path new_path"},
    {"security_inode_symlink", "linkpath target"},
    {"security_inode_unlink", "pathname inode dev ctime"},
    {"security_kernel_post_read_file", "pathname size type"},
    {"security_kernel_read_file", "pathname dev inode type ctime"},
    {"security_mmap_file", "pathname flags dev inode ctime prot mmap_flags"},
    {"security_path_notify", "pathname inode dev mask obj_type"},
    {"security_sb_mount", "dev_name path type flags"},
    {"security_sb_umount", "mountpoint type flags"},
    {"security_settime64", "tv_sec tv_nsec tz_minuteswest tz_dsttime"},
    {"security_socket_accept", "sockfd local_addr"},
    {"security_socket_bind", "sockfd local_addr"},
    {"security_socket_connect", "sockfd type remote_addr"},
    {"security_socket_create", "family type protocol kern"},
    {"security_socket_listen", "sockfd local_addr backlog"},
    {"security_socket_setsockopt", "sockfd level optname local_addr"},
    {"security_task_prctl", "option arg2 arg3 arg4 arg5 vma_name"},
    {"security_task_setrlimit", "target_host_pid resource new_rlim_cur new_rlim_max"},
    {"set_fs_pwd", "unresolved_path resolved_path"},
    {"shared_object_loaded", "pathname flags dev inode ctime"},
    {"socket_accept", "sockfd local_addr remote_addr"},
    {"socket_dup", "oldfd newfd remote_addr"},
    {"stack_pivot", "syscall sp vma_type vma_start vma_size vma_flags"},
    {"suspicious_syscall_source", "syscall ip vma_type vma_start vma_size vma_flags"},
    {"switch_task_ns", "pid new_mnt new_pid new_uts new_ipc new_net new_cgroup"},
    {"sys_enter", "syscall"},
    {"sys_exit", "syscall"},
    {"task_rename", "old_name new_name"},
    {"vfs_read", "pathname dev inode count pos"},
    {"vfs_readv", "pathname dev inode vlen pos"},
    {"vfs_utimes", "pathname dev inode atime mtime"},
    {"vfs_write", "pathname dev inode count pos"},
    {"vfs_writev", "pathname dev inode vlen pos"},
};

static bool row_matches(const struct event *event, const char *args)
{
    size_t i = 0;
    for (const char *at = args; *at != '\0'; i++) {
        size_t length = strcspn(at, " ");
        if (i >= event->n_args || strlen(event->args[i].name) != length ||
            strncmp(event->args[i].name, at, length) != 0)
            return false;
        at += length + (at[length] == ' ');
    }
    return true;
}

const char *tables_mismatch(void)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const struct event *event = event_by_name(known[i].event);
        if (event == NULL || !row_matches(event, known[i].args))
            return known[i].event;
    }
    return NULL;
}
