/* SPDX-License-Identifier: Apache-2.0 */
/* The way in for everything that is seen at the end of a system call. */
#include "collector/bpf/dispatch.h"

#ifndef VEDETTE_PLAIN
#define DECLARE(name_) int exit__##name_(struct call *call);
#define HANDLER(name_)
#define AT_EXIT DECLARE
#define AT_BOTH DECLARE
#include "collector/bpf/handlers.def"

/* A function, because the chain's eight steps share it. */
__noinline int exit_run(__u32 handler, struct call *call)
{
    switch (handler) {
#define CASE(name_)                                                                                                    \
    case HANDLER_##name_:                                                                                              \
        return exit__##name_(call);
#define HANDLER(name_)
#define AT_EXIT CASE
#define AT_BOTH CASE
#include "collector/bpf/handlers.def"
    }
    return 0;
}
#endif

SEC("tp_btf/sys_exit")
int BPF_PROG(tp_btf__sys_exit, struct pt_regs *registers, long last)
{
    __u64 chain = dispatch_chain(registers, exit_wanted, plan.on_exit, HOOK_SYS_EXIT);
    if (chain == 0)
        return 0;
#ifdef VEDETTE_PLAIN
    bpf_tail_call(ctx, &exit_handlers, chain & 0xff);
    failure_count(FAILURE_TAIL_CALL);
#else
    dispatch_run(registers, last, chain, exit_run);
#endif
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
