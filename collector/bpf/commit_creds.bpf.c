/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_creds: a call after which the task has other credentials than before. A program that is executed may give them
 * too; an execveat that succeeded shows execve's number at its end.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/credentials.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_old_cred,
    ARG_new_cred,
};

enum { CREDENTIALS_BYTES = 512, CREDENTIALS_WORDS = sizeof(struct record_credentials) / 8 };

ENTER_HANDLER(commit_creds)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct task_facts *facts = plan.selected[EVENT_commit_creds] ? task_facts_make(task) : NULL;
    if (facts == NULL)
        return 0;
    credentials_of((void *)bpf_get_current_task(), &facts->credentials);
    facts->credentials_call = call->number == EVENT_execveat ? EVENT_execve : call->number;
    return 0;
}

static __always_inline void commit_fill(struct record_header *header, struct call *call,
                                        const struct record_credentials *old, const struct record_credentials *new)
{
    record_begin_call(header, EVENT_commit_creds, 0, call);
    store_credentials(header, CREDENTIALS_BYTES, ARG_old_cred, old);
    store_credentials(header, CREDENTIALS_BYTES, ARG_new_cred, new);
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
    credentials_of((void *)bpf_get_current_task(), &now);
    if ((old != NULL && is_same(old, &now)) || !sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) commit_fill(header_, call, old, &now)
    EMIT_1(&sink, CREDENTIALS_BYTES, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
