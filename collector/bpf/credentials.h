/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials of a task. */
#ifndef VEDETTE_COLLECTOR_BPF_CREDENTIALS_H
#define VEDETTE_COLLECTOR_BPF_CREDENTIALS_H

#include "collector/bpf/store.h"

static __always_inline __u64 capabilities(const void *from)
{
    __u64 value = 0;
    bpf_probe_read_kernel(&value, sizeof(value), from);
    return value;
}

/* Of any task, by its address. */
static __always_inline void credentials_of(struct task_struct *task, struct record_credentials *to)
{
    const struct cred *cred = BPF_CORE_READ(task, cred);
    to->uid = BPF_CORE_READ(cred, uid.val);
    to->gid = BPF_CORE_READ(cred, gid.val);
    to->suid = BPF_CORE_READ(cred, suid.val);
    to->sgid = BPF_CORE_READ(cred, sgid.val);
    to->euid = BPF_CORE_READ(cred, euid.val);
    to->egid = BPF_CORE_READ(cred, egid.val);
    to->fsuid = BPF_CORE_READ(cred, fsuid.val);
    to->fsgid = BPF_CORE_READ(cred, fsgid.val);
    to->user_ns = BPF_CORE_READ(cred, user_ns, ns.inum);
    to->secure_bits = BPF_CORE_READ(cred, securebits);
    to->cap_inheritable = capabilities(&cred->cap_inheritable);
    to->cap_permitted = capabilities(&cred->cap_permitted);
    to->cap_effective = capabilities(&cred->cap_effective);
    to->cap_bounding = capabilities(&cred->cap_bset);
    to->cap_ambient = capabilities(&cred->cap_ambient);
}

/* NULL: unreadable. */
static __always_inline void store_credentials(struct record_header *header, __u64 capacity, __u32 arg,
                                              const struct record_credentials *credentials)
{
    __u64 at = store_at(header);
    if (credentials == NULL) {
        store_unreadable(header, capacity, arg, 0);
        return;
    }
    if (at > capacity - ITEM_HEADER - sizeof(*credentials))
        return;
    __builtin_memcpy((void *)header + at + ITEM_HEADER, credentials, sizeof(*credentials));
    store_item(header, at, arg, ITEM_BYTES, ITEM_COMPLETE, sizeof(*credentials));
}

#endif
