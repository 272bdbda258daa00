/* SPDX-License-Identifier: Apache-2.0 */
/* EVENT_<name> of the event table: common/events/events.h needs libc's headers, which BPF has not. */
#ifndef VEDETTE_COLLECTOR_BPF_EVENTS_H
#define VEDETTE_COLLECTOR_BPF_EVENTS_H

#define EVENT(name_, id_, ...)   EVENT_##name_ = (id_),
#define SYSCALL(name_, id_, ...) EVENT_##name_ = (id_),
enum event_id {
#include "common/events/events.def"
};

/* As enum arg_type of common/events/events.h; the loader asserts it. */
enum bpf_arg_type {
    BPF_ARG_INT32 = 1,
    BPF_ARG_UINT16,
    BPF_ARG_UINT32,
    BPF_ARG_INT64,
    BPF_ARG_UINT64,
    BPF_ARG_POINTER,
    BPF_ARG_BOOL,
    BPF_ARG_STRING,
    BPF_ARG_STRINGS,
    BPF_ARG_UINT8,
    BPF_ARG_BYTES,
    BPF_ARG_SOCKADDR,
    BPF_ARG_TIMESPEC,
    BPF_ARG_INT_PAIR,
    BPF_ARG_OUTPUT,
};

#endif
