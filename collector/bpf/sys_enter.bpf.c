/* SPDX-License-Identifier: Apache-2.0 */
/* As sys_exit, for events that must be looked at before the call: attached only when one of them is allowed. */
#include "collector/bpf/dispatch.h"

#ifndef VEDETTE_PLAIN
#define DECLARE(name_) int enter__##name_(struct call *call);
#define HANDLER(name_)
#define AT_ENTER DECLARE
#define AT_BOTH  DECLARE
#include "collector/bpf/handlers.def"

/* A function, because the chain's eight steps share it. */
__noinline int enter_run(__u32 handler, struct call *call)
{
    switch (handler) {
#define CASE(name_)                                                                                                    \
    case HANDLER_##name_:                                                                                              \
        return enter__##name_(call);
#define HANDLER(name_)
#define AT_ENTER CASE
#define AT_BOTH  CASE
#include "collector/bpf/handlers.def"
    }
    return 0;
}
#endif

SEC("tp_btf/sys_enter")
int BPF_PROG(tp_btf__sys_enter, struct pt_regs *registers, long last)
{
    __u64 chain = dispatch_chain(registers, enter_wanted, plan.on_enter, HOOK_SYS_ENTER);
    if (chain == 0)
        return 0;
#ifdef VEDETTE_PLAIN
    bpf_tail_call(ctx, &enter_handlers, chain & 0xff);
    failure_count(FAILURE_TAIL_CALL);
#else
    dispatch_run(registers, 0, chain, enter_run);
#endif
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
