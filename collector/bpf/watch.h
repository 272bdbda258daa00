/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether somebody waits for an event of this file: by its names, how it was opened, and what was written, before
 * anything is reserved. What cannot be told (a path deeper than the walk, a name that faults) is taken as waited for.
 */
#ifndef VEDETTE_COLLECTOR_BPF_WATCH_H
#define VEDETTE_COLLECTOR_BPF_WATCH_H

#include "collector/bpf/core_compat.h"

/* How an open is made, as a bit of the contract's Watch.access. */
static __always_inline __u32 watch_access(__u32 flags)
{
    __u32 mode = flags & O_ACCMODE;
    return 1u << (mode == O_ACCMODE || (flags & O_PATH) != 0 ? 3 : mode);
}

/*
 * 0 or 1; any address will do. `event` is an enum watch_event, `access` that of watch_access, `bytes` the first four and
 * `length` how many of them there are. Global functions, of numbers alone: the plain flavour can have those, and every
 * kernel's verifier then looks at the walk once a program.
 */
int watch_file(__u64 file_address, __u32 event, __u32 access);
int watch_content(__u64 file_address, __u32 event, __u32 bytes, __u32 length);

enum { WATCH_ANY_ACCESS = (1u << WATCH_ACCESS_BITS) - 1 };

/*
 * The class to open a sink for: what is waited for is told apart from the rest, whose flood must not hide it; what
 * nobody wants gets none (CLASS_COUNT). How much of the event is selected is read after the rows were: a plan that goes
 * from rows to all stores that first (collector/probe/plan.c).
 */
static __always_inline __u32 watch_class(__u32 event_id, bool is_watched)
{
    __u8 selected = *(volatile __u8 *)&plan.selected[event_id & (EVENT_ID_LIMIT - 1)];
    return is_watched ? CLASS_WATCHED : (selected & SELECTED_ALL) != 0 ? CLASS_BULK : CLASS_COUNT;
}

/*
 * The same of an event of a file that has no other names to look at. In the plain flavour each look is verified for
 * itself, which makes the start longer than these events are worth: there all of them are sent.
 */
#ifdef VEDETTE_PLAIN
static __always_inline __u32 watch_file_class(__u32 event_id, struct file *file, __u32 event)
{
    return CLASS_BULK;
}
#else
static __always_inline __u32 watch_file_class(__u32 event_id, struct file *file, __u32 event)
{
    return watch_class(event_id, watch_file((__u64)file, event, WATCH_ANY_ACCESS) != 0);
}
#endif

/* What its record says of that, for a row of the bulk class. */
static __always_inline __u32 watch_flag(__u32 class)
{
    return class == CLASS_WATCHED ? RECORD_WATCHED : 0;
}

#endif
