/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan as the BPF programs read it: a fixed-size table in a memory-mapped array (.bss), changed by plain stores
 * because bpf(2) is out of reach once the drain has dropped its capabilities. Shared by BPF and the drain.
 */
#ifndef VEDETTE_COLLECTOR_PLAN_H
#define VEDETTE_COLLECTOR_PLAN_H

#include "common/events/record.h"

/*
 * What sys_enter and sys_exit do for a call: handlers' indexes (collector/bpf/handlers.def), a byte each, the lowest
 * first; 0 ends it. Each hands on to the one after it.
 */
enum { CHAIN_HANDLERS = 8 };

struct kernel_plan {
    uint32_t epoch;
    uint32_t pad;
    uint8_t selected[EVENT_ID_LIMIT]; /* by event id: 0 or 1 */
    uint64_t on_exit[SYSCALL_LIMIT];  /* by our number: a chain */
    uint64_t on_enter[SYSCALL_LIMIT];
};

/* What the courier hands the drain: event ids that the analyzer wants, nothing else. */
struct plan_request {
    uint32_t epoch;
    uint32_t need_snapshot; /* counts requests; a change asks for one snapshot */
    uint8_t selected[EVENT_ID_LIMIT];
};

#endif
