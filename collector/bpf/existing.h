/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of what was there before: a process, one of its sockets, a mount that it sees. All of any task, by its
 * address, into one buffer of SCRATCH_BYTES.
 */
#ifndef VEDETTE_COLLECTOR_BPF_EXISTING_H
#define VEDETTE_COLLECTOR_BPF_EXISTING_H

#include "collector/bpf/credentials.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/file_facts.h"
#include "collector/bpf/socket_address.h"

/* Indexes in the rows; the loader checks them against the names. */
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
enum {
    PROCESS_pathname,
    PROCESS_link_count,
    PROCESS_fs_magic,
    PROCESS_cgroup_path,
    PROCESS_dev,
    PROCESS_inode,
    PROCESS_ctime,
    PROCESS_overlay_layer,
    PROCESS_argv,
    PROCESS_cred,
    PROCESS_cgroup_ns,
    PROCESS_ipc_ns,
    PROCESS_mnt_ns,
    PROCESS_net_ns,
    PROCESS_pid_ns,
    PROCESS_time_ns,
    PROCESS_user_ns,
    PROCESS_uts_ns,
};
enum {
    MOUNT_mount_id,
    MOUNT_parent_id,
    MOUNT_path,
    MOUNT_root,
    MOUNT_dev_name,
    MOUNT_type,
    MOUNT_flags,
    MOUNT_dev,
};
enum {
    SOCKET_sockfd,
    SOCKET_family,
    SOCKET_type,
    SOCKET_protocol,
    SOCKET_state,
    SOCKET_local_addr,
    SOCKET_remote_addr,
};

enum {
    NAME_MOST = 512, /* of what a mount was made from, and of its file system's type */
    /* include/linux/mount.h, and what mount(2) calls them */
    MNT_NOSUID = 0x01,
    MNT_NODEV = 0x02,
    MNT_NOEXEC = 0x04,
    MNT_NOATIME = 0x08,
    MNT_NODIRATIME = 0x10,
    MNT_RELATIME = 0x20,
    MNT_READONLY = 0x40,
    MNT_NOSYMFOLLOW = 0x80,
    MS_RDONLY = 1,
    MS_NOSYMFOLLOW = 256,
    MS_NOATIME = 1024,
    MS_NODIRATIME = 2048,
    MS_RELATIME = 1 << 21,
    /* Those of a file system that mount(2) can set: MS_RDONLY, SYNCHRONOUS, MANDLOCK, DIRSYNC, LAZYTIME. */
    SB_SHOWN = 1 | 16 | 64 | 128 | 1 << 25,
};

#define STORE_NAMESPACE(arg_, ...) store_integer(header, SCRATCH_BYTES, arg_, BPF_CORE_READ(__VA_ARGS__, ns.inum))

SUBPROGRAM int namespaces_fill(struct record_header *header, struct task_struct *task)
{
    struct nsproxy *nsproxy = BPF_CORE_READ(task, nsproxy);
    record_stamp(header, EVENT_init_namespaces, 0);
    header_of(header, (__u64)task);
    STORE_NAMESPACE(NAMESPACES_cgroup, nsproxy, cgroup_ns);
    STORE_NAMESPACE(NAMESPACES_ipc, nsproxy, ipc_ns);
    STORE_NAMESPACE(NAMESPACES_mnt, nsproxy, mnt_ns);
    STORE_NAMESPACE(NAMESPACES_net, nsproxy, net_ns);
    STORE_NAMESPACE(NAMESPACES_pid, task, thread_pid, numbers[0].ns);
    STORE_NAMESPACE(NAMESPACES_pid_for_children, nsproxy, pid_ns_for_children);
    STORE_NAMESPACE(NAMESPACES_time, nsproxy, time_ns);
    STORE_NAMESPACE(NAMESPACES_time_for_children, nsproxy, time_ns_for_children);
    STORE_NAMESPACE(NAMESPACES_user, task, cred, user_ns);
    STORE_NAMESPACE(NAMESPACES_uts, nsproxy, uts_ns);
    return 0;
}

/* Of the first task, without arguments: the reader makes one of it for each module. */
SUBPROGRAM int module_fill(struct record_header *header, struct task_struct *task)
{
    record_stamp(header, EVENT_existing_module, 0);
    header_of(header, (__u64)task);
    return 0;
}

static __always_inline void store_executable(struct record_header *header, struct file *file)
{
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    store_file_path(header, SCRATCH_BYTES, PROCESS_pathname, file);
    store_integer(header, SCRATCH_BYTES, PROCESS_link_count, BPF_CORE_READ(inode, i_nlink));
    store_integer(header, SCRATCH_BYTES, PROCESS_fs_magic, BPF_CORE_READ(inode, i_sb, s_magic));
    store_inode_id(header, SCRATCH_BYTES, PROCESS_dev, PROCESS_inode, inode);
    store_integer(header, SCRATCH_BYTES, PROCESS_ctime, inode_ctime_ns(inode));
    store_integer(header, SCRATCH_BYTES, PROCESS_overlay_layer, overlay_layer(inode));
}

/* In the collector's own pid namespace, 0: it is not there. */
static __always_inline __u32 own_number(struct task_struct *task)
{
    struct pid *pid = BPF_CORE_READ(task, thread_pid);
    __u32 level = identity.level;
    if (BPF_CORE_READ(pid, level) < level || BPF_CORE_READ(pid, numbers[level].ns, ns.inum) != identity.pid_ns)
        return 0;
    return BPF_CORE_READ(pid, numbers[level].nr);
}

static __always_inline void store_argv_place(struct record_header *header, struct task_struct *task)
{
    struct argv_place place = {
        .start = BPF_CORE_READ(task, mm, arg_start),
        .end = BPF_CORE_READ(task, mm, arg_end),
        .exec_id = BPF_CORE_READ(task, self_exec_id),
        .number = own_number(task),
    };
    __u64 at = store_at(header);
    if (at > SCRATCH_BYTES - ITEM_HEADER - sizeof(place))
        return;
    __builtin_memcpy((void *)header + at + ITEM_HEADER, &place, sizeof(place));
    store_item(header, at, PROCESS_argv, ITEM_BYTES, ITEM_UNREADABLE, sizeof(place));
}

/* What an ending process has given up reads as 0. */
SUBPROGRAM int process_fill(struct record_header *header, struct task_struct *task)
{
    __u64 id;
    struct record_credentials credentials;
    struct nsproxy *nsproxy = BPF_CORE_READ(task, nsproxy);
    record_stamp(header, EVENT_existing_process, 0);
    header_of(header, (__u64)task);
    credentials_of(task, &credentials);
    store_credentials(header, SCRATCH_BYTES, PROCESS_cred, &credentials);
    STORE_NAMESPACE(PROCESS_cgroup_ns, nsproxy, cgroup_ns);
    STORE_NAMESPACE(PROCESS_ipc_ns, nsproxy, ipc_ns);
    store_integer(header, SCRATCH_BYTES, PROCESS_mnt_ns, header->mnt_ns);
    STORE_NAMESPACE(PROCESS_net_ns, nsproxy, net_ns);
    store_integer(header, SCRATCH_BYTES, PROCESS_pid_ns, header->pid_ns);
    STORE_NAMESPACE(PROCESS_time_ns, nsproxy, time_ns);
    store_integer(header, SCRATCH_BYTES, PROCESS_user_ns, credentials.user_ns);
    STORE_NAMESPACE(PROCESS_uts_ns, nsproxy, uts_ns);
    struct file *file = BPF_CORE_READ(task, mm, exe_file);
    if (file != NULL) /* else a kernel thread, or one that is ending */
        store_executable(header, file);
    store_cgroup(header, SCRATCH_BYTES, PROCESS_cgroup_path, task_cgroup(task, &id));
    if (file != NULL)
        store_argv_place(header, task);
    store_take_cut(header); /* the item says it */
    return 0;
}

/* A listener and who is not connected have no peer. */
static __always_inline bool has_peer(struct sock *sock)
{
    __u32 family = BPF_CORE_READ(sock, __sk_common.skc_family);
    if (family == AF_UNIX)
        return BPF_CORE_READ((struct unix_sock *)sock, peer) != NULL;
    return (family != AF_INET && family != AF_INET6) || BPF_CORE_READ(sock, __sk_common.skc_dport) != 0;
}

SUBPROGRAM int socket_fill(struct record_header *header, struct task_struct *task, __u32 fd, struct socket *socket)
{
    struct sock *sock = BPF_CORE_READ(socket, sk);
    record_stamp(header, EVENT_existing_socket, 0);
    header_of(header, (__u64)task);
    store_integer(header, SCRATCH_BYTES, SOCKET_sockfd, fd);
    store_integer(header, SCRATCH_BYTES, SOCKET_family, BPF_CORE_READ(sock, __sk_common.skc_family));
    store_integer(header, SCRATCH_BYTES, SOCKET_type, BPF_CORE_READ(socket, type));
    store_integer(header, SCRATCH_BYTES, SOCKET_protocol, BPF_CORE_READ(sock, sk_protocol));
    store_integer(header, SCRATCH_BYTES, SOCKET_state, BPF_CORE_READ(sock, __sk_common.skc_state));
    store_socket_address(header, SCRATCH_BYTES, SOCKET_local_addr, sock, SIDE_LOCAL);
    if (has_peer(sock))
        store_socket_address(header, SCRATCH_BYTES, SOCKET_remote_addr, sock, SIDE_REMOTE);
    else
        store_open(header, SCRATCH_BYTES, SOCKET_remote_addr, ITEM_BYTES, ITEM_COMPLETE);
    store_take_cut(header);
    return 0;
}

static __always_inline __u64 mount_flags(struct mount *mount)
{
    __u64 flags = (__u32)BPF_CORE_READ(mount, mnt.mnt_flags);
    __u64 of_system = BPF_CORE_READ(mount, mnt.mnt_sb, s_flags) & SB_SHOWN;
    /* NOSUID, NODEV and NOEXEC are the next three of mount(2)'s after its first. */
    return of_system | (flags & (MNT_NOSUID | MNT_NODEV | MNT_NOEXEC)) << 1 | (flags & MNT_READONLY ? MS_RDONLY : 0) |
           (flags & MNT_NOSYMFOLLOW ? MS_NOSYMFOLLOW : 0) | (flags & MNT_NOATIME ? MS_NOATIME : 0) |
           (flags & MNT_NODIRATIME ? MS_NODIRATIME : 0) | (flags & MNT_RELATIME ? MS_RELATIME : 0);
}

SUBPROGRAM int mount_fill(struct record_header *header, struct task_struct *task, struct mount *mount)
{
    struct vfsmount *mnt = (void *)mount + bpf_core_field_offset(struct mount, mnt);
    struct dentry *root = BPF_CORE_READ(mount, mnt.mnt_root);
    record_stamp(header, EVENT_existing_mount, 0);
    header_of(header, (__u64)task);
    store_integer(header, SCRATCH_BYTES, MOUNT_mount_id, BPF_CORE_READ(mount, mnt_id));
    store_integer(header, SCRATCH_BYTES, MOUNT_parent_id, BPF_CORE_READ(mount, mnt_parent, mnt_id));
    store_integer(header, SCRATCH_BYTES, MOUNT_flags, mount_flags(mount));
    store_integer(header, SCRATCH_BYTES, MOUNT_dev, BPF_CORE_READ(mount, mnt.mnt_sb, s_dev));
    store_string(header, SCRATCH_BYTES, MOUNT_dev_name, BPF_CORE_READ(mount, mnt_devname), NAME_MOST, false);
    store_string(header, SCRATCH_BYTES, MOUNT_type, BPF_CORE_READ(mount, mnt.mnt_sb, s_type, name), NAME_MOST, false);
    store_path(header, SCRATCH_BYTES, MOUNT_path, root, mnt);
    store_path_within(header, SCRATCH_BYTES, MOUNT_root, root);
    store_take_cut(header);
    return 0;
}

#undef STORE_NAMESPACE

#endif
