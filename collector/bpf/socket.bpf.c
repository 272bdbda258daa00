/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security_socket_* and socket_accept, at the end of the call, from the socket that its descriptor names. The caller's
 * copy of an address stands only where the socket has none of this call: it failed before the socket took it, or the
 * socket gave it up again. What socketcall (of i386) is told lies in the caller's memory: which call, its numbers.
 * A call that fails before the kernel would ask a security module (no socket, an address that cannot be read, a family
 * or type out of range) gives no event.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/socket_address.h"

#include <bpf/bpf_tracing.h>

/* include/uapi/linux/net.h: calls inside socketcall */
enum {
    INSIDE_SOCKET = 1,
    INSIDE_BIND,
    INSIDE_CONNECT,
    INSIDE_LISTEN,
    INSIDE_ACCEPT,
    INSIDE_SOCKETPAIR = 8,
    INSIDE_SETSOCKOPT = 14,
    INSIDE_ACCEPT4 = 18,
};

enum {
    SOCKET_BYTES = 512,
    SOCKET_ARGS = 3, /* as many as are shown */
    FAMILIES = 46,
    TYPES = 11,
    TYPE_MASK = 0xf, /* above: SOCK_NONBLOCK, SOCK_CLOEXEC */
    EINTR = 4,
    EALREADY = 114,
    EINPROGRESS = 115,
    RESTART_LEAST = 512, /* ERESTARTSYS to ERESTART_RESTARTBLOCK: begun again after a signal */
    RESTART_MOST = 516,
};

struct socket_call {
    struct call *call; /* as it was made */
    __u32 number;      /* of socketcall the call inside, NO_SYSCALL for one that nobody asks for */
    __u64 arg[SOCKET_ARGS];
    __s64 ret;
    struct sock *sock;     /* of its first argument */
    struct sock *accepted; /* of its result */
    __s64 type;
    __u16 flags; /* for the record */
};

static __always_inline __u32 number_inside(__u64 inside)
{
    switch (inside) {
    case INSIDE_SOCKET:
        return EVENT_socket;
    case INSIDE_BIND:
        return EVENT_bind;
    case INSIDE_CONNECT:
        return EVENT_connect;
    case INSIDE_LISTEN:
        return EVENT_listen;
    case INSIDE_ACCEPT:
    case INSIDE_ACCEPT4:
        return EVENT_accept;
    case INSIDE_SOCKETPAIR:
        return EVENT_socketpair;
    case INSIDE_SETSOCKOPT:
        return EVENT_setsockopt;
    default:
        return NO_SYSCALL;
    }
}

static __always_inline void read_inside(struct socket_call *made)
{
    __u32 words[SOCKET_ARGS] = {0};
    void *from = (void *)made->call->args[1];
    made->number = number_inside(made->call->args[0]);
    /* listen has two words, and what follows them may not be there. */
    if (bpf_probe_read_user(words, made->number == EVENT_listen ? 8 : sizeof(words), from) != 0)
        made->number = NO_SYSCALL;
#pragma unroll
    for (int i = 0; i < SOCKET_ARGS; i++)
        made->arg[i] = words[i];
}

static __always_inline void read_call(struct socket_call *made)
{
    made->number = made->call->number;
    if (made->number == EVENT_socketcall) {
        read_inside(made);
        return;
    }
#pragma unroll
    for (int i = 0; i < SOCKET_ARGS; i++)
        made->arg[i] = made->call->args[i];
}

/* The sockets that its descriptors name by now. */
static __always_inline void read_sockets(struct socket_call *made, struct task_struct *task)
{
    struct files_struct *files = LOAD(task, files);
    struct socket *socket = socket_of_file(file_of_fd(files, (__s32)made->arg[0]));
    if (files_shared(files))
        made->flags |= RECORD_SHARED_FDTABLE;
    if (socket != NULL) {
        made->sock = BPF_CORE_READ(socket, sk);
        made->type = BPF_CORE_READ(socket, type);
    }
    if (made->number != EVENT_accept)
        return;
    socket = socket_of_file(file_of_fd(files, made->ret));
    if (socket != NULL)
        made->accepted = BPF_CORE_READ(socket, sk);
    else
        made->flags |= RECORD_FD_MISMATCH;
}

/* Whether the socket has the address that connect gave it: also while it still connects. */
static __always_inline bool is_connecting(struct socket_call *made)
{
    __s64 error = -made->ret;
    if (error != 0 && error != EINPROGRESS && error != EALREADY && error != EINTR &&
        (error < RESTART_LEAST || error > RESTART_MOST))
        return false;
    struct sock *sock = made->sock;
    __u32 family = BPF_CORE_READ(sock, __sk_common.skc_family);
    if (family == AF_INET || family == AF_INET6) /* none: it was disconnected, by AF_UNSPEC */
        return BPF_CORE_READ(sock, __sk_common.skc_dport) != 0;
    if (family == AF_UNIX)
        return error == 0 && BPF_CORE_READ((struct unix_sock *)sock, peer) != NULL;
    return true;
}

static __always_inline void store_callers_address(struct record_header *header, __u32 arg, struct socket_call *made)
{
    __u64 length = (__u32)made->arg[2];
    if (length > ADDRESS_MOST)
        length = ADDRESS_MOST;
    store_user_bytes(header, SOCKET_BYTES, arg, ITEM_BYTES, ITEM_USER, made->arg[1], length, ADDRESS_MOST);
}

static __always_inline void store_number(struct record_header *header, __u32 arg, __u64 value)
{
    store_integer(header, SOCKET_BYTES, arg, (__s32)value);
}

/* Arguments by their indexes in the rows; the loader checks those against the names. */
static __always_inline void socket_fill(struct record_header *header, struct socket_call *made, __u32 event)
{
    record_begin_call(header, event, event == EVENT_security_socket_accept ? 0 : made->ret, made->call);
    header->flags |= made->flags;
    store_number(header, 0, made->arg[0]);
    switch (event) {
    case EVENT_security_socket_create:
        store_number(header, 1, made->arg[1] & TYPE_MASK);
        store_number(header, 2, made->arg[2]);
        store_number(header, 3, 0);
        break;
    case EVENT_security_socket_listen:
        store_socket_address(header, SOCKET_BYTES, 1, made->sock, SIDE_LOCAL);
        store_number(header, 2, made->arg[1]);
        break;
    case EVENT_security_socket_connect:
        store_number(header, 1, made->type);
        if (is_connecting(made))
            store_socket_address(header, SOCKET_BYTES, 2, made->sock, SIDE_REMOTE);
        else
            store_callers_address(header, 2, made);
        break;
    case EVENT_security_socket_bind:
        if (made->ret == 0)
            store_socket_address(header, SOCKET_BYTES, 1, made->sock, SIDE_LOCAL);
        else
            store_callers_address(header, 1, made);
        break;
    case EVENT_security_socket_setsockopt:
        store_number(header, 1, made->arg[1]);
        store_number(header, 2, made->arg[2]);
        store_socket_address(header, SOCKET_BYTES, 3, made->sock, SIDE_LOCAL);
        break;
    case EVENT_security_socket_accept:
        store_socket_address(header, SOCKET_BYTES, 1, made->sock, SIDE_LOCAL);
        break;
    case EVENT_socket_accept:
        store_socket_address(header, SOCKET_BYTES, 1, made->accepted, SIDE_LOCAL);
        store_socket_address(header, SOCKET_BYTES, 2, made->accepted, SIDE_REMOTE);
        break;
    }
}

SUBPROGRAM int emit(struct socket_call *made, __u32 event)
{
    struct sink sink;
    if (!sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) socket_fill(header_, made, event)
    EMIT_1(&sink, SOCKET_BYTES, FILL);
    return 0;
}

static __always_inline void emit_wanted(struct socket_call *made, __u32 event)
{
    if (event_wanted(event))
        emit(made, event);
}

static __always_inline __u32 event_of(struct socket_call *made)
{
    switch (made->number) {
    case EVENT_listen:
        return EVENT_security_socket_listen;
    case EVENT_connect:
        return EVENT_security_socket_connect;
    case EVENT_bind:
        return EVENT_security_socket_bind;
    case EVENT_setsockopt:
        return EVENT_security_socket_setsockopt;
    case EVENT_accept:
        return EVENT_security_socket_accept;
    default:
        return 0;
    }
}

static __always_inline void emit_call(struct socket_call *made, struct task_struct *task)
{
    if (made->number == EVENT_accept4)
        made->number = EVENT_accept;
    if (made->number == EVENT_socket || made->number == EVENT_socketpair) {
        if ((__u32)made->arg[0] < FAMILIES && (made->arg[1] & TYPE_MASK) < TYPES)
            emit_wanted(made, EVENT_security_socket_create);
        return;
    }
    __u32 event = event_of(made);
    if (event == 0 || made->ret == -EFAULT || (made->number == EVENT_accept && made->ret < 0))
        return;
    read_sockets(made, task);
    if (made->sock == NULL && made->number != EVENT_accept)
        return;
    emit_wanted(made, event);
    if (made->number == EVENT_accept)
        emit_wanted(made, EVENT_socket_accept);
}

EXIT_HANDLER(socket)
{
    struct socket_call made = {.call = call, .ret = call->ret};
    read_call(&made);
    emit_call(&made, bpf_get_current_task_btf());
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
