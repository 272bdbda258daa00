/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_creds: a call after which the task has other credentials than before. A program that is executed may give them
 * too; an execveat that succeeded shows execve's number at its end.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_old_cred,
    ARG_new_cred,
};

enum { CREDENTIALS_BYTES = 512, CREDENTIALS_WORDS = sizeof(struct record_credentials) / 8 };

static __always_inline __u64 capabilities(const void *from)
{
    __u64 value = 0;
    bpf_probe_read_kernel(&value, sizeof(value), from);
    return value;
}

static __always_inline void credentials_read(struct task_struct *task, struct record_credentials *to)
{
    const struct cred *cred = LOAD(task, cred);
    to->uid = LOAD(cred, uid.val);
    to->gid = LOAD(cred, gid.val);
    to->suid = LOAD(cred, suid.val);
    to->sgid = LOAD(cred, sgid.val);
    to->euid = LOAD(cred, euid.val);
    to->egid = LOAD(cred, egid.val);
    to->fsuid = LOAD(cred, fsuid.val);
    to->fsgid = LOAD(cred, fsgid.val);
    to->user_ns = BPF_CORE_READ(cred, user_ns, ns.inum);
    to->secure_bits = LOAD(cred, securebits);
    to->cap_inheritable = capabilities(&cred->cap_inheritable);
    to->cap_permitted = capabilities(&cred->cap_permitted);
    to->cap_effective = capabilities(&cred->cap_effective);
    to->cap_bounding = capabilities(&cred->cap_bset);
    to->cap_ambient = capabilities(&cred->cap_ambient);
}

ENTER_HANDLER(commit_creds)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct task_facts *facts = plan.selected[EVENT_commit_creds] ? task_facts_make(task) : NULL;
    if (facts == NULL)
        return 0;
    credentials_read(task, &facts->credentials);
    facts->credentials_call = call->number == EVENT_execveat ? EVENT_execve : call->number;
    return 0;
}

static __always_inline void store_credentials(struct record_header *header, __u32 arg,
                                              const struct record_credentials *credentials)
{
    __u64 at = store_at(header);
    if (credentials == NULL) {
        store_unreadable(header, CREDENTIALS_BYTES, arg, 0);
        return;
    }
    if (at > CREDENTIALS_BYTES - ITEM_HEADER - sizeof(*credentials))
        return;
    __builtin_memcpy((void *)header + at + ITEM_HEADER, credentials, sizeof(*credentials));
    store_item(header, at, arg, ITEM_BYTES, ITEM_COMPLETE, sizeof(*credentials));
}

static __always_inline void commit_fill(struct record_header *header, struct call *call,
                                        const struct record_credentials *old, const struct record_credentials *new)
{
    record_begin_call(header, EVENT_commit_creds, 0, call);
    store_credentials(header, ARG_old_cred, old);
    store_credentials(header, ARG_new_cred, new);
}

static __always_inline bool is_same(const struct record_credentials *one, const struct record_credentials *other)
{
    const __u64 *a = (const __u64 *)one, *b = (const __u64 *)other;
    __u64 different = 0;
#pragma unroll
    for (int i = 0; i < CREDENTIALS_WORDS; i++)
        different |= a[i] ^ b[i];
    return different == 0;
}

EXIT_HANDLER(commit_creds)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct task_facts *facts = task_facts(task);
    struct record_credentials *old = NULL, now;
    struct sink sink;
    if (call->ret < 0 || !plan.selected[EVENT_commit_creds])
        return 0;
    /* Taken once. Without it what was there before is unknown, and every call counts as a change. */
    __u32 number = call->number == EVENT_execveat ? EVENT_execve : call->number;
    if (facts != NULL && facts->credentials_call == number) {
        facts->credentials_call = 0;
        old = &facts->credentials;
    }
    credentials_read(task, &now);
    if ((old != NULL && is_same(old, &now)) || !sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) commit_fill(header_, call, old, &now)
    EMIT_1(&sink, CREDENTIALS_BYTES, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
