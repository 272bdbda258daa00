/* SPDX-License-Identifier: Apache-2.0 */
/*
 * do_sigaction: what a signal does, before and after the call, as the kernel keeps it. The old action is shown to those
 * who asked for it.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_sig,
    ARG_is_sa_initialized,
    ARG_sa_flags,
    ARG_sa_mask,
    ARG_sa_handle_method,
    ARG_sa_handler,
    ARG_is_old_sa_initialized,
    ARG_old_sa_flags, /* and on in the order of those above */
};

enum {
    SIGACTION_BYTES = 512,
    SIGNALS = 64,
    METHOD_HANDLER = 2,     /* 0 and 1: SIG_DFL and SIG_IGN, which are such addresses */
    ABI_FLAGS = 0x03000000, /* SA_IA32_ABI and SA_X32_ABI: the kernel's own note of the caller's ABI */
};

struct action {
    __u64 flags, mask, handler;
};

static __always_inline bool sets(struct call *call)
{
    return call->number == EVENT_signal || call->args[1] != 0;
}

static __always_inline bool asks(struct call *call)
{
    return call->number == EVENT_signal || call->args[2] != 0;
}

/* `signal` is 1 to SIGNALS */
static __always_inline void action_read(struct task_struct *task, __u32 signal, struct action *to)
{
    /* An address, not a kernel object: the verifier adds no variable to the latter. */
    struct sighand_struct *sighand = BPF_CORE_READ(task, sighand);
    struct k_sigaction *action = (void *)&sighand->action + (signal - 1) * bpf_core_type_size(struct k_sigaction);
    to->flags = BPF_CORE_READ(action, sa.sa_flags) & ~(__u64)ABI_FLAGS;
    to->handler = (__u64)BPF_CORE_READ(action, sa.sa_handler);
    to->mask = 0;
    bpf_probe_read_kernel(&to->mask, sizeof(to->mask), &action->sa.sa_mask);
}

ENTER_HANDLER(do_sigaction)
{
    struct task_struct *task = bpf_get_current_task_btf();
    __u32 signal = call->args[0];
    if (!plan.selected[EVENT_do_sigaction] || !asks(call) || signal == 0 || signal > SIGNALS)
        return 0;
    struct task_facts *facts = task_facts_make(task);
    struct action old;
    if (facts == NULL)
        return 0;
    action_read(task, signal, &old);
    facts->sigaction[0] = old.flags;
    facts->sigaction[1] = old.mask;
    facts->sigaction[2] = old.handler;
    facts->sigaction_call = call->number;
    return 0;
}

static __always_inline void store_action(struct record_header *header, __u32 first, const struct action *action)
{
    __u64 method = action->handler < METHOD_HANDLER ? action->handler : METHOD_HANDLER;
    store_integer(header, SIGACTION_BYTES, first, action->flags);
    store_integer(header, SIGACTION_BYTES, first + 1, action->mask);
    store_integer(header, SIGACTION_BYTES, first + 2, method);
    if (method == METHOD_HANDLER)
        store_integer(header, SIGACTION_BYTES, first + 3, action->handler);
}

static __always_inline void sigaction_fill(struct record_header *header, struct call *call, const struct action *old,
                                           const struct action *new)
{
    record_begin_call(header, EVENT_do_sigaction, 0, call);
    store_integer(header, SIGACTION_BYTES, ARG_sig, call->args[0]);
    store_integer(header, SIGACTION_BYTES, ARG_is_sa_initialized, new != NULL);
    if (new != NULL)
        store_action(header, ARG_sa_flags, new);
    store_integer(header, SIGACTION_BYTES, ARG_is_old_sa_initialized, asks(call));
    if (old != NULL)
        store_action(header, ARG_old_sa_flags, old);
}

EXIT_HANDLER(do_sigaction)
{
    struct task_struct *task = bpf_get_current_task_btf();
    __u32 signal = call->args[0];
    struct action new, old;
    struct sink sink;
    bool failed = call->ret < 0 && call->number != EVENT_signal; /* which gives the old handler, any number */
    if (failed || signal == 0 || signal > SIGNALS)
        return 0;
    struct task_facts *facts = task_facts(task);
    bool known = facts != NULL && facts->sigaction_call == call->number;
    if (known) { /* taken once */
        facts->sigaction_call = 0;
        old.flags = facts->sigaction[0];
        old.mask = facts->sigaction[1];
        old.handler = facts->sigaction[2];
    }
    action_read(task, signal, &new);
    if (!event_wanted(EVENT_do_sigaction) || !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) sigaction_fill(header_, call, known &&asks(call) ? &old : NULL, sets(call) ? &new : NULL)
    EMIT_1(&sink, SIGACTION_BYTES, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
