/* SPDX-License-Identifier: Apache-2.0 */
/* socket_dup: a descriptor of an AF_INET, AF_INET6 or AF_UNIX socket that became another's twin. */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/socket_address.h"

#include <bpf/bpf_tracing.h>

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_oldfd,
    ARG_newfd,
    ARG_remote_addr,
};

enum {
    DUP_BYTES = 512,
    F_DUPFD = 0,
    F_DUPFD_CLOEXEC = 1030,
};

static __always_inline bool is_dup(struct call *call)
{
    if (call->number != EVENT_fcntl && call->number != EVENT_fcntl64)
        return true;
    __u32 command = call->args[1];
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

static __always_inline void dup_fill(struct record_header *header, struct call *call, struct sock *sock, __s32 old,
                                     long new)
{
    record_begin_call(header, EVENT_socket_dup, new, call);
    store_integer(header, DUP_BYTES, ARG_oldfd, (__s64)old);
    store_integer(header, DUP_BYTES, ARG_newfd, new);
    store_socket_address(header, DUP_BYTES, ARG_remote_addr, sock, SIDE_REMOTE);
}

static __always_inline void emit(struct task_struct *task, struct call *call, __s32 old, long new)
{
    struct files_struct *files = LOAD(task, files);
    struct socket *socket = socket_of_file(file_of_fd(files, new));
    if (socket == NULL)
        return;
    struct sock *sock = BPF_CORE_READ(socket, sk);
    __u32 family = BPF_CORE_READ(sock, __sk_common.skc_family);
    struct sink sink;
    if ((family != AF_UNIX && family != AF_INET && family != AF_INET6) || !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return;
    bool shared = files_shared(files);
#define FILL(header_, size_)                                                                                           \
    (dup_fill(header_, call, sock, old, new), (header_)->flags |= shared ? RECORD_SHARED_FDTABLE : 0)
    EMIT_1(&sink, DUP_BYTES, FILL);
}

EXIT_HANDLER(socket_dup)
{
    __s32 old = call->args[0];
    /* dup2 of a descriptor onto itself makes none. */
    if (call->ret >= 0 && call->ret != old && is_dup(call) && event_wanted(EVENT_socket_dup))
        emit(bpf_get_current_task_btf(), call, old, call->ret);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
