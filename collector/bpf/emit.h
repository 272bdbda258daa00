/* SPDX-License-Identifier: Apache-2.0 */
/* Reserving, submitting and accounting for records. */
#ifndef VEDETTE_COLLECTOR_BPF_EMIT_H
#define VEDETTE_COLLECTOR_BPF_EMIT_H

#include "collector/bpf/call.h"
#include "collector/bpf/facts.h"
#include "collector/bpf/policy_scope.h"
#include "collector/bpf/throttle.h"

enum { WAKE_CHECK_EVERY = 64 };

struct sink {
    void *ring;
    struct ring_account *account;
    __u32 class;
    __u32 attempts; /* low bits, to look at the ring's fill now and then */
};

static __always_inline bool is_over_half(void *ring)
{
    return bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > bpf_ringbuf_query(ring, BPF_RB_RING_SIZE) / 2;
}

/* Whether this bulk event gives way to those of others. The account says at once that there is no reason to. */
static __always_inline bool sink_yields(struct sink *sink)
{
    struct ring_account *account = sink->account;
    if (sink->class != CLASS_BULK || !account->pressed || sink->ring == NULL)
        return false;
    if (!is_over_half(sink->ring)) {
        account->pressed = 0;
        return false;
    }
    if (!throttle_holds())
        return false;
    __sync_fetch_and_add(&account->throttled, 1);
    return true;
}

/*
 * Counts an attempt of the current task; false when nothing is to be emitted (a bulk event of the collector itself, or
 * of who has more than its share) or nothing can be, which is counted. All programs so far run in task context; a
 * family that runs in interrupts passes CONTEXT_IRQ.
 */
static __always_inline bool sink_open(struct sink *sink, __u32 class, __u32 context)
{
    if (class >= CLASS_COUNT || (class == CLASS_BULK && own_process()))
        return false;
    __u32 cpu = bpf_get_smp_processor_id();
    __u32 slot = (cpu * CLASS_COUNT + class) * CONTEXT_COUNT + context;
    sink->class = class;
    sink->account = bpf_map_lookup_elem(&accounts, &slot);
    if (sink->account == NULL) {
        failure_count(FAILURE_ACCOUNT);
        return false;
    }
    /* Atomic, because a kernel that preempts programs (from 7.2) can run two of them on one CPU at a time. */
    __sync_fetch_and_add(&sink->account->attempts, 1);
    sink->attempts = *(volatile __u64 *)&sink->account->attempts;
    slot = (cpu >> cpu_shift) * CLASS_COUNT + class;
    sink->ring = bpf_map_lookup_elem(&rings, &slot);
    if (sink->ring == NULL)
        failure_count(FAILURE_RING_MISSING); /* and below as lost */
    return !sink_yields(sink);
}

static __always_inline void sink_lost(struct sink *sink)
{
    struct ring_account *account = sink->account;
    __u64 now = bpf_ktime_get_boot_ns();
    if (account->lost == *(volatile __u64 *)&account->acknowledged)
        account->first_ns = now;
    account->last_ns = now;
    account->pressed = 1;
    __sync_fetch_and_add(&account->lost, 1);
}

/*
 * Critical and watched events wake the drain when it sleeps (the kernel's adaptive choice). Bulk ones only when the
 * ring is more than a quarter full, and the others under a storm when it is half full, looked at for one event in 64:
 * the drain comes by its own timer otherwise.
 */
static __always_inline __u64 sink_flags(struct sink *sink)
{
    const bool bulk = sink->class == CLASS_BULK;
    if (!bulk && !plan.storm)
        return 0;
    if (sink->attempts % WAKE_CHECK_EVERY != 0)
        return BPF_RB_NO_WAKEUP;
    __u64 filled = bpf_ringbuf_query(sink->ring, BPF_RB_AVAIL_DATA),
          half = bpf_ringbuf_query(sink->ring, BPF_RB_RING_SIZE) / 2;
    if (filled > half)
        sink->account->pressed = 1;
    return filled > (bulk ? half / 2 : half) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* A reserved record; stamped after the reservation, so that a ring is in time order. */
static __always_inline void record_stamp(struct record_header *header, __u32 event_id, long ret)
{
    header->time_ns = bpf_ktime_get_boot_ns();
    header->event_id = event_id;
    header->ret = ret;
    header->size = sizeof(*header);
}

/* And the rest of its header, of the current task. */
static __always_inline void record_begin(struct record_header *header, __u32 event_id, long ret)
{
    record_stamp(header, event_id, ret);
    header_current(header);
    header_call(header);
}

/* The same when a call has just executed a program, whose ABI is then the record's. */
static __always_inline void record_begin_exec(struct record_header *header, __u32 event_id, long ret)
{
    record_begin(header, event_id, ret);
    if (!EXEC_KEEPS_NUMBER)
        return;
    struct task_struct *task = bpf_get_current_task_btf();
    struct pt_regs *registers = task_registers(task);
    if (registers == NULL)
        return;
    const bool compat = task_is_compat(task);
    __u64 raw = call_raw_read(registers);
    if (exec_ran_before(raw, compat))
        header->syscall = call_number(raw, !compat);
}

/* The same at the end of a call. */
static __always_inline void record_begin_call(struct record_header *header, __u32 event_id, long ret, struct call *call)
{
    record_stamp(header, event_id, ret);
    header_current(header);
    header->syscall = call->number;
    if (call->compat)
        header->flags |= RECORD_COMPAT;
}

/*
 * Emits one event: fill_(header, capacity) builds it in a reservation of small_ bytes, and again in a larger one when
 * it says false: something was cut. The smaller reservation is held until the larger is there, so that a full ring
 * shortens the record instead of losing it.
 */
#define EMIT_1(sink_, size_, fill_)                                                                                    \
    ({                                                                                                                 \
        struct record_header *only_ = (sink_)->ring ? bpf_ringbuf_reserve((sink_)->ring, size_, 0) : NULL;             \
        if (only_ == NULL) {                                                                                           \
            sink_lost(sink_);                                                                                          \
        } else {                                                                                                       \
            fill_(only_, size_);                                                                                       \
            bpf_ringbuf_submit(only_, sink_flags(sink_));                                                              \
        }                                                                                                              \
    })

#ifdef VEDETTE_PLAIN
#include "collector/bpf/draft.h"
#else
/* In place of a record that was cut: a larger one, or that one after all where there is no room; then more_. */
#define EMIT_LARGER(sink_, cut_, size_, fill_, larger_, more_)                                                         \
    ({                                                                                                                 \
        struct record_header *larger_ = bpf_ringbuf_reserve((sink_)->ring, size_, 0);                                  \
        if (larger_ == NULL) {                                                                                         \
            bpf_ringbuf_submit(cut_, sink_flags(sink_));                                                               \
        } else {                                                                                                       \
            bpf_ringbuf_discard(cut_, sink_flags(sink_));                                                              \
            if (fill_(larger_, size_))                                                                                 \
                bpf_ringbuf_submit(larger_, sink_flags(sink_));                                                        \
            else                                                                                                       \
                more_;                                                                                                 \
        }                                                                                                              \
    })

/* The last size, whatever was cut of it. */
#define EMIT_LARGEST(sink_, cut_, size_, fill_)                                                                        \
    EMIT_LARGER(sink_, cut_, size_, fill_, largest_, bpf_ringbuf_submit(largest_, sink_flags(sink_)))

/* One that lists of up to LISTS_MOST go into, for events that have such lists, where that was asked for. */
#define EMIT_LARGE(sink_, cut_, size_, fill_, has_lists_)                                                              \
    EMIT_LARGER(sink_, cut_, size_, fill_, third_, ({                                                                  \
                    if ((has_lists_) && argv_size > LISTS_USUAL)                                                       \
                        EMIT_LARGEST(sink_, third_, RECORD_LISTS, fill_);                                              \
                    else                                                                                               \
                        bpf_ringbuf_submit(third_, sink_flags(sink_));                                                 \
                }))

#define EMIT_CUT(sink_, cut_, middle_, large_, fill_, has_lists_)                                                      \
    EMIT_LARGER(sink_, cut_, middle_, fill_, second_, EMIT_LARGE(sink_, second_, large_, fill_, has_lists_))

#define EMIT_GROWING(sink_, small_, middle_, large_, fill_, has_lists_)                                                \
    ({                                                                                                                 \
        struct record_header *first_ = (sink_)->ring ? bpf_ringbuf_reserve((sink_)->ring, small_, 0) : NULL;           \
        if (first_ == NULL)                                                                                            \
            sink_lost(sink_);                                                                                          \
        else if (fill_(first_, small_))                                                                                \
            bpf_ringbuf_submit(first_, sink_flags(sink_));                                                             \
        else                                                                                                           \
            EMIT_CUT(sink_, first_, middle_, large_, fill_, has_lists_);                                               \
    })
#endif

#define EMIT_3(sink_, small_, middle_, large_, fill_) EMIT_GROWING(sink_, small_, middle_, large_, fill_, false)

#define EMIT_LISTS(sink_, fill_) EMIT_GROWING(sink_, LISTS_SMALL, LISTS_MIDDLE, RECORD_LARGE, fill_, true)

#endif
