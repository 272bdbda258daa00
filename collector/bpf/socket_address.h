/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of descriptors, and their addresses as getsockname and getpeername would tell them: a struct sockaddr built
 * of the socket itself, so that the caller's memory has no say. Of families other than AF_INET, AF_INET6 and AF_UNIX
 * the family alone.
 */
#ifndef VEDETTE_COLLECTOR_BPF_SOCKET_ADDRESS_H
#define VEDETTE_COLLECTOR_BPF_SOCKET_ADDRESS_H

#include "collector/bpf/descriptor.h"
#include "collector/bpf/store.h"

enum {
    AF_UNIX = 1,
    AF_INET = 2,
    AF_INET6 = 10,
    ADDRESS_MOST = 128, /* struct sockaddr_storage */
};

enum side {
    SIDE_LOCAL,
    SIDE_REMOTE,
};

/* NULL when it is none. O_PATH descriptors of a socket's name are none either: they lie on another file system. */
static __always_inline struct socket *socket_of_file(struct file *file)
{
    if (file == NULL || BPF_CORE_READ(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
        return NULL;
    return BPF_CORE_READ(file, private_data);
}

#ifdef VEDETTE_PLAIN
#include "collector/bpf/socket_address_store.h"
#else
ROOM_DECLARE(store_socket_address_, (__u32 arg, __u64 sock, __u32 side));
#endif

/* NULL: unreadable. */
static __always_inline void store_socket_address(struct record_header *header, __u64 capacity, __u32 arg,
                                                 struct sock *sock, enum side side)
{
    FOR_ROOM(store_socket_address_, header, capacity, arg, (__u64)sock, side);
}

#endif
