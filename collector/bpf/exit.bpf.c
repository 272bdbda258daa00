/* SPDX-License-Identifier: Apache-2.0 */
/* sched_process_exit and do_exit: of every thread. A process is gone when none is alive, whichever thread was last (an
 * exec by another thread ends the leader first). */
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"

#include <bpf/bpf_tracing.h>

enum {
    EXIT_BYTES = 256,
    SIGNAL_MASK = 0x7f, /* bit 7 says that a core was written */
};

static __always_inline void exit_fill(struct record_header *header, struct task_struct *task)
{
    int code = task->exit_code;
    record_begin(header, EVENT_sched_process_exit, 0);
    store_integer(header, EXIT_BYTES, 0, code >> 8 & 0xff);
    store_integer(header, EXIT_BYTES, 1, code & SIGNAL_MASK);
    store_integer(header, EXIT_BYTES, 2, task->signal->live.counter == 0);
}

static __always_inline void emit_exit(struct task_struct *task)
{
    struct sink sink;
    if (!plan.selected[EVENT_sched_process_exit] || !sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return;
#define FILL(header_, size_) exit_fill(header_, task)
    EMIT_1(&sink, EXIT_BYTES, FILL);
#undef FILL
}

/* The function of that name was called with the code that the task has by now. */
static __always_inline void emit_do_exit(struct task_struct *task)
{
    struct sink sink;
    if (!plan.selected[EVENT_do_exit] || !sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return;
#define FILL(header_, size_) record_begin(header_, EVENT_do_exit, task->exit_code)
    EMIT_1(&sink, EXIT_BYTES, FILL);
#undef FILL
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(tp_btf__sched_process_exit, struct task_struct *task)
{
    self_test_note(HOOK_EXIT);
    if ((plan.selected[EVENT_sched_process_exit] || plan.selected[EVENT_do_exit]) && scope_has(task)) {
        emit_do_exit(task);
        emit_exit(task);
    }
    task_facts_drop(task);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
