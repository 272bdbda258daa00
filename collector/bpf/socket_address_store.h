/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that socket_address.h calls. */
#ifndef VEDETTE_COLLECTOR_BPF_SOCKET_ADDRESS_STORE_H
#define VEDETTE_COLLECTOR_BPF_SOCKET_ADDRESS_STORE_H

#include "collector/bpf/socket_address.h"

enum {
    ADDRESS_UNIX_MOST = 110,
    ADDRESS_INET = 16,
    ADDRESS_INET6 = 28,
    ADDRESS_FAMILY = 2,
};

static __always_inline __u64 address_inet(void *to, struct sock *sock, enum side side)
{
    struct inet_sock *inet = (struct inet_sock *)sock;
    __be32 address = side == SIDE_REMOTE ? BPF_CORE_READ(sock, __sk_common.skc_daddr)
                                         : BPF_CORE_READ(sock, __sk_common.skc_rcv_saddr);
    if (side == SIDE_LOCAL && address == 0)
        address = BPF_CORE_READ(inet, inet_saddr);
    *(__u16 *)to = AF_INET;
    *(__be16 *)(to + 2) =
        side == SIDE_REMOTE ? BPF_CORE_READ(sock, __sk_common.skc_dport) : BPF_CORE_READ(inet, inet_sport);
    *(__be32 *)(to + 4) = address;
    *(__u64 *)(to + 8) = 0;
    return ADDRESS_INET;
}

static __always_inline __u64 address_inet6(void *to, struct sock *sock, enum side side)
{
    struct inet_sock *inet = (struct inet_sock *)sock;
    __u64 address[2] = {0};
    if (side == SIDE_REMOTE)
        bpf_probe_read_kernel(address, sizeof(address), &sock->__sk_common.skc_v6_daddr);
    else
        bpf_probe_read_kernel(address, sizeof(address), &sock->__sk_common.skc_v6_rcv_saddr);
    if (side == SIDE_LOCAL && address[0] == 0 && address[1] == 0)
        bpf_probe_read_kernel(address, sizeof(address), &BPF_CORE_READ(inet, pinet6)->saddr);
    bool link_local = ((const __u8 *)address)[0] == 0xfe && (((const __u8 *)address)[1] & 0xc0) == 0x80;
    *(__u16 *)to = AF_INET6;
    *(__be16 *)(to + 2) =
        side == SIDE_REMOTE ? BPF_CORE_READ(sock, __sk_common.skc_dport) : BPF_CORE_READ(inet, inet_sport);
    *(__u32 *)(to + 4) = 0;
    __builtin_memcpy(to + 8, address, sizeof(address));
    *(__u32 *)(to + 24) = link_local ? BPF_CORE_READ(sock, __sk_common.skc_bound_dev_if) : 0;
    return ADDRESS_INET6;
}

static __always_inline __u64 address_unix(void *to, struct sock *sock, enum side side)
{
    if (side == SIDE_REMOTE)
        sock = BPF_CORE_READ((struct unix_sock *)sock, peer);
    struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sock, addr);
    *(__u16 *)to = AF_UNIX;
    if (address == NULL)
        return ADDRESS_FAMILY;
    __u32 length = BPF_CORE_READ(address, len);
    if (length > ADDRESS_UNIX_MOST)
        length = ADDRESS_UNIX_MOST;
    return bpf_probe_read_kernel(to, length, &address->name) == 0 ? length : ADDRESS_FAMILY;
}

static __always_inline int socket_address_into(struct record_header *header, __u64 capacity, __u32 arg, __u64 address,
                                               __u32 side)
{
    struct sock *sock = (struct sock *)address;
    if (header == NULL)
        return 0;
    __u64 at = store_at(header), length;
    if (at > capacity - ITEM_HEADER - ADDRESS_MOST) {
        store_cut(header);
        return 0;
    }
    if (sock == NULL) {
        store_item(header, at, arg, ITEM_BYTES, ITEM_UNREADABLE, 0);
        return 0;
    }
    void *to = (void *)header + at + ITEM_HEADER;
    __u32 family = BPF_CORE_READ(sock, __sk_common.skc_family);
    if (family == AF_INET) {
        length = address_inet(to, sock, side);
    } else if (family == AF_INET6) {
        length = address_inet6(to, sock, side);
    } else if (family == AF_UNIX) {
        length = address_unix(to, sock, side);
    } else {
        *(__u16 *)to = family;
        length = ADDRESS_FAMILY;
    }
    store_item(header, at, arg, ITEM_BYTES, ITEM_COMPLETE, length);
    return 0;
}

ROOM_FUNCTION(store_socket_address_, socket_address_into, (__u32 arg, __u64 sock, __u32 side), (arg, sock, side))

#endif
