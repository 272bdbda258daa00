/* SPDX-License-Identifier: Apache-2.0 */
/* As sys_exit, for events that must be looked at before the call: attached only when one of them is allowed. */
#include "collector/bpf/call.h"
#include "collector/bpf/scope.h"

#include <bpf/bpf_tracing.h>

SEC("tp_btf/sys_enter")
int BPF_PROG(tp_btf__sys_enter, struct pt_regs *registers, long id)
{
    __u64 raw = registers->orig_ax & ~(__u64)X32_BIT;
    if (raw >= CALL_LIMIT || enter_wanted[raw] == 0)
        return 0;
    struct task_struct *task = bpf_get_current_task_btf();
    __u32 number = call_number(registers->orig_ax, task_is_compat(task));
    if (number >= SYSCALL_LIMIT)
        return 0;
    __u64 chain = plan.on_enter[number];
    if (chain == 0)
        return 0;
    if (self_test != 0) {
        self_test_note(task, HOOK_SYS_ENTER);
        if (!self_test_is(task))
            return 0;
    } else if (!scope_has(task)) {
        return 0;
    }
    bpf_tail_call(ctx, &enter_handlers, chain & 0xff);
    failure_count(FAILURE_TAIL_CALL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
