/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether anybody wants an event of the current task: where only policies ask for it, by the keys of their scopes that
 * the kernel can tell exactly as the analyzer will, before anything is reserved or counted. What is selected without
 * scopes costs what it cost without this.
 */
#ifndef VEDETTE_COLLECTOR_BPF_POLICY_SCOPE_H
#define VEDETTE_COLLECTOR_BPF_POLICY_SCOPE_H

#include "collector/bpf/core_compat.h"

/* 0 or 1. A global function of a number alone, as those of watch.h. */
int policy_scope_holds(__u32 event_id);

/* Last of what decides about an event, but before what is remembered of those that were told, and before sink_open. */
static __always_inline bool event_wanted(__u32 event_id)
{
    __u8 selected = plan.selected[event_id & (EVENT_ID_LIMIT - 1)];
    if (selected < SELECTED_SCOPED)
        return selected != SELECTED_NOT;
    return FORGET(policy_scope_holds(event_id)) != 0;
}

#endif
