/* SPDX-License-Identifier: Apache-2.0 */
/* process_execute_failed: names and lists are the caller's copy; the kernel has let go of the file by then. */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/file_facts.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/user_strings.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_dirfd,
    ARG_flags,
    ARG_pathname,
    ARG_stdin_type = 9,
    ARG_stdin_path,
    ARG_kernel_invoked,
    ARG_argv,
    ARG_envp,
};

enum {
    RESTART_LEAST = 512, /* ERESTARTSYS to ERESTART_RESTARTBLOCK: begun again after a signal */
    RESTART_MOST = 516,
};

#define STRING_MOST(capacity_) LISTS_SIZED(capacity_, 512, 1024, PATH_MOST, PATH_MOST)

static __always_inline bool failed_fill(struct record_header *header, __u64 capacity, struct call *call)
{
    __u32 first = call->number == EVENT_execveat; /* which argument is the name */
    record_begin_call(header, EVENT_process_execute_failed, call->ret, call);
    store_integer(header, capacity, ARG_dirfd, first ? (__s64)(__s32)call->args[0] : AT_FDCWD);
    store_integer(header, capacity, ARG_flags, first ? (__s64)(__s32)call->args[4] : 0);
    store_integer(header, capacity, ARG_kernel_invoked, 0);
    store_string(header, capacity, ARG_pathname, (void *)(first ? call->args[1] : call->args[0]), STRING_MOST(capacity),
                 true);
    store_stdin(header, store_room(capacity), ARG_stdin_type, ARG_stdin_path);
    store_user_strings(header, capacity, ARG_argv, first ? call->args[2] : call->args[1], call->narrow);
    store_user_strings(header, capacity, ARG_envp, first ? call->args[3] : call->args[2], call->narrow);
    return !store_take_cut(header);
}

EXIT_HANDLER(execute_failed)
{
    struct sink sink;
    if (call->ret >= 0 || (call->ret <= -RESTART_LEAST && call->ret >= -RESTART_MOST) ||
        !plan.selected[EVENT_process_execute_failed] || !sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) failed_fill(header_, size_, call)
    EMIT_LISTS(&sink, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
