// SPDX-License-Identifier: Apache-2.0
#include "collector/bpf/policy_scope.h"

#include "collector/bpf/facts.h"

#include <bpf/bpf_endian.h>

#ifdef VEDETTE_PLAIN
enum { SCOPE_STEPS = SCOPE_VALUES_PLAIN };
#else
enum { SCOPE_STEPS = SCOPE_VALUES };
#endif

/* Where the look through the table stands. */
struct scope_look {
    __u64 fact[2]; /* of the key that was read last, as the table's values are */
    __u32 key;
    __u32 table;
    __u32 wanted; /* scopes, a bit each */
    __u32 held;   /* a value of the key at hand */
    __u32 failed; /* a key of the scope at hand */
    __u32 found;  /* a scope that holds */
};

/* What follows a name's NUL in the kernel is of a former name. */
static __always_inline void scope_read_name(struct scope_look *look, const char *name)
{
    __u64 text[2] = {0};
    bpf_probe_read_kernel_str(text, sizeof(text), name);
    look->fact[0] = FORGET(bpf_be64_to_cpu(text[0]));
    look->fact[1] = FORGET(bpf_be64_to_cpu(text[1]));
}

/* As header_current has it: collector/bpf/facts.h. */
static __always_inline __u64 scope_number(struct task_struct *task, __u32 key)
{
    if (key == TASK_KEY_UID)
        return BPF_CORE_READ(task, cred, euid.val);
    if (key == TASK_KEY_PID)
        return BPF_CORE_READ(task, tgid);
    if (key == TASK_KEY_TID)
        return BPF_CORE_READ(task, pid);
    if (key == TASK_KEY_MNT_NS)
        return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
    struct pid *pid = BPF_CORE_READ(task, thread_pid);
    __u32 level = BPF_CORE_READ(pid, level);
    return BPF_CORE_READ(pid, numbers[level].ns, ns.inum);
}

static __always_inline void scope_read(struct scope_look *look, __u32 key)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    look->key = FORGET(key);
    if (key >= TASK_KEY_COMM) {
        struct uts_namespace *uts = BPF_CORE_READ(task, nsproxy, uts_ns);
        scope_read_name(look, key == TASK_KEY_COMM ? task->comm : uts->name.nodename);
        return;
    }
    look->fact[0] = FORGET(scope_number(task, key));
    look->fact[1] = FORGET(0ULL);
}

static __always_inline bool scope_value_holds(const struct scope_look *look, const struct scope_value *value)
{
    __u64 first = look->fact[0], second = look->fact[1];
    if (first < value->low[0] || (first == value->low[0] && second < value->low[1]))
        return false;
    return first < value->high[0] || (first == value->high[0] && second <= value->high[1]);
}

static long scope_step(__u32 index, struct scope_look *look)
{
    const struct scope_table *scopes = &plan.scopes[look->table & 1];
    const struct scope_value *value = &scopes->value[index & (SCOPE_VALUES - 1)];
    __u32 flags = value->flags, key = value->key;
    if (index >= scopes->n_values)
        return 1;
    if ((look->wanted >> (value->scope & (PLAN_SCOPES - 1)) & 1) == 0)
        return 0;
    if (key != look->key)
        scope_read(look, key);
    look->held = FORGET(look->held | scope_value_holds(look, value));
    if ((flags & SCOPE_ENDS_KEY) == 0)
        return 0;
    look->failed = FORGET(look->failed | (look->held == ((flags & SCOPE_NONE_OF) != 0)));
    look->held = FORGET(0U);
    if ((flags & SCOPE_ENDS) == 0)
        return 0;
    look->found = FORGET(look->failed ^ 1U);
    look->failed = FORGET(0U);
    return look->found != 0;
}

/* An event without a mask in the table at hand is everybody's: the table was changed since its byte was read. */
__noinline int policy_scope_holds(__u32 event_id)
{
    struct scope_look look = {.table = FORGET(plan.in_use)};
    look.wanted = FORGET((__u32)plan.scopes[look.table & 1].of_event[event_id & (EVENT_ID_LIMIT - 1)]);
    if (look.wanted == 0)
        return 1;
    REPEAT(SCOPE_STEPS, scope_step, &look);
    return look.found != 0;
}

char LICENSE[] SEC("license") = "GPL";
