/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security_settime64: the clock or the time zone is set, or that was refused. The values are the caller's copy. A time
 * that there cannot be, or another clock, fails before a security module is asked: no event.
 */
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"
#include "collector/bpf/store.h"

/* Indexes in the row; the loader checks them against the names. */
enum {
    ARG_tv_sec,
    ARG_tv_nsec,
    ARG_tz_minuteswest,
    ARG_tz_dsttime,
};

enum {
    SETTIME_BYTES = 256,
    NSEC_PER_SEC = 1000000000,
    NSEC_PER_USEC = 1000,
    CLOCK_REALTIME = 0,
};

struct setting {
    __s64 time[2]; /* seconds, nanoseconds */
    __s32 zone[2];
    bool has_time, has_zone;
};

/* Two numbers, or stime's one. */
static __always_inline bool read_time(struct call *call, __u64 from, __s64 time[2])
{
    __s32 narrow[2] = {0};
    bool is_short = call->short_times || call->number == EVENT_clock_settime32;
    if (!is_short)
        return bpf_probe_read_user(time, 2 * sizeof(time[0]), (void *)from) == 0;
    if (bpf_probe_read_user(narrow, call->number == EVENT_stime ? sizeof(narrow[0]) : sizeof(narrow), (void *)from) !=
        0)
        return false;
    time[0] = narrow[0];
    time[1] = narrow[1];
    return true;
}

/* Whether a security module was asked. */
static __always_inline bool setting_read(struct call *call, struct setting *to)
{
    bool is_both = call->number == EVENT_settimeofday;
    bool is_clock = call->number == EVENT_clock_settime || call->number == EVENT_clock_settime32;
    if (is_clock && (__u32)call->args[0] != CLOCK_REALTIME)
        return false;
    __u64 from = is_clock ? call->args[1] : call->args[0];
    to->has_time = !is_both || from != 0;
    to->has_zone = is_both && call->args[1] != 0;
    if (to->has_time && !read_time(call, from, to->time))
        return false;
    if (is_both && to->has_time)
        to->time[1] *= NSEC_PER_USEC;
    if (to->has_zone && bpf_probe_read_user(to->zone, sizeof(to->zone), (void *)call->args[1]) != 0)
        return false;
    return !to->has_time || (to->time[0] >= 0 && (__u64)to->time[1] < NSEC_PER_SEC);
}

static __always_inline void settime_fill(struct record_header *header, struct call *call, const struct setting *setting)
{
    record_begin_call(header, EVENT_security_settime64, call->ret, call);
    if (setting->has_time) {
        store_integer(header, SETTIME_BYTES, ARG_tv_sec, setting->time[0]);
        store_integer(header, SETTIME_BYTES, ARG_tv_nsec, setting->time[1]);
    }
    if (setting->has_zone) {
        store_integer(header, SETTIME_BYTES, ARG_tz_minuteswest, (__s64)setting->zone[0]);
        store_integer(header, SETTIME_BYTES, ARG_tz_dsttime, (__s64)setting->zone[1]);
    }
}

EXIT_HANDLER(settime64)
{
    struct setting setting = {0};
    struct sink sink;
    if (!plan.selected[EVENT_security_settime64] || !setting_read(call, &setting) ||
        !sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return 0;
#define FILL(header_, size_) settime_fill(header_, call, &setting)
    EMIT_1(&sink, SETTIME_BYTES, FILL);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
