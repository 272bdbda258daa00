/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the plain flavour emits records of several sizes (emit.h includes it). Its verifier looks at what builds a record
 * once for each size: so a record is built once, in this CPU's draft, and copied into a reservation that holds it.
 * Before 7.2 a tracepoint's programs run with preemption off, so that no other takes the draft meanwhile.
 */
#ifndef VEDETTE_COLLECTOR_BPF_DRAFT_H
#define VEDETTE_COLLECTOR_BPF_DRAFT_H

#include "collector/bpf/store.h"

/* What is reserved, beside RECORD_LARGE. */
enum {
    DRAFT_SMALL = 512,
    DRAFT_MIDDLE = 2048,
    DRAFT_LARGE = 8192,
};

static __always_inline struct record_header *draft_of_cpu(void)
{
    __u32 cpu = bpf_get_smp_processor_id();
    return bpf_map_lookup_elem(&drafts, &cpu);
}

/* `size` is a constant at each call, which reserving wants. */
static __always_inline void draft_copy(struct sink *sink, struct record_header *draft, __u32 size)
{
    struct record_header *record = bpf_ringbuf_reserve(sink->ring, size, 0);
    if (record == NULL) {
        sink_lost(sink);
        return;
    }
    bpf_probe_read_kernel(record, size, draft);
    record->time_ns = bpf_ktime_get_boot_ns(); /* as record_stamp has it */
    bpf_ringbuf_submit(record, sink_flags(sink));
}

static __always_inline void draft_send(struct sink *sink, struct record_header *draft)
{
    const __u64 size = store_at(draft);
    if (size <= DRAFT_SMALL)
        draft_copy(sink, draft, DRAFT_SMALL);
    else if (size <= DRAFT_MIDDLE)
        draft_copy(sink, draft, DRAFT_MIDDLE);
    else if (size <= DRAFT_LARGE)
        draft_copy(sink, draft, DRAFT_LARGE);
    else
        draft_copy(sink, draft, RECORD_LARGE);
}

/* One that lists of up to LISTS_MOST go into is built in its place, where that was asked for. */
#define EMIT_GROWING(sink_, small_, middle_, large_, fill_, has_lists_)                                                \
    ({                                                                                                                 \
        struct record_header *draft_ = draft_of_cpu();                                                                 \
        if ((sink_)->ring == NULL || draft_ == NULL)                                                                   \
            sink_lost(sink_);                                                                                          \
        else if (!fill_(draft_, large_) && (has_lists_) && argv_size > LISTS_USUAL)                                    \
            EMIT_1(sink_, RECORD_LISTS, fill_);                                                                        \
        else                                                                                                           \
            draft_send(sink_, draft_);                                                                                 \
    })

#endif
