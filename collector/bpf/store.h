/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items into a record that is being built in its reservation. Every function takes the reservation's size, a constant
 * at each call. What does not fit is left out or shortened, and the record is marked as cut: then the caller may try a
 * larger reservation.
 *
 * The write position and the mark live in the record (size, flags) and are read back for each item: a value from memory
 * is unknown to the verifier, so that loops and branches do not multiply its states; a bound is checked before each
 * use. Helpers want constant sizes, hence "room for the largest" rather than "room for this".
 */
#ifndef VEDETTE_COLLECTOR_BPF_STORE_H
#define VEDETTE_COLLECTOR_BPF_STORE_H

#include "collector/bpf/core_compat.h"
#include "collector/bpf/maps.h"

enum {
    ITEM_HEADER = sizeof(struct item_header),
    RECORD_CUT = 1u << 15, /* only while a record is built */
    /* For a caller's path: PATH_MAX, and a word more, so that the longest is not taken for one that was cut. */
    PATH_MOST = 4096 + 8,
    RECORD_LISTS = RECORD_LARGE + 2 * LISTS_MOST, /* see store_room */
    /* The first sizes of a record with lists of arguments: what most need. */
    LISTS_SMALL = 2048,
    LISTS_MIDDLE = 8192,
};

_Static_assert((RECORD_FLAG_ALL & RECORD_CUT) == 0, "a flag of its own");

/*
 * The sizes of reservations that paths and lists are stored into. For these there are global functions, one a size,
 * which the verifier looks at once instead of at every call: that is what keeps the start short. It takes their
 * argument's size from its type. e5069b9c23b3 "bpf: Support pointers in global func args" (5.12): the plain flavour
 * has one function instead, verified at each call with the size known there.
 *
 * ROOM_FUNCTION(name_, into, (TYPE ARG, ...), (ARG, ...)) makes them of into(header, capacity, ARG, ...), at most three
 * of those; ROOM_DECLARE is for a header whose functions are in another file (in the plain flavour it has to include
 * them); FOR_ROOM(name_, header, capacity, ARG, ...) calls.
 */
#define ROOM_LIST(...) __VA_ARGS__
#ifdef VEDETTE_PLAIN
#define ROOM_FUNCTION(name_, into_, parameters_, args_)                                                                \
    SUBPROGRAM int name_##any(struct record_header *header_, __u64 capacity_, ROOM_LIST parameters_)                   \
    {                                                                                                                  \
        return into_(header_, capacity_, ROOM_LIST args_);                                                             \
    }
#define FOR_ROOM(name_, header_, capacity_, ...) name_##any(header_, capacity_, __VA_ARGS__)
#else
struct room_512 {
    __u64 words[512 / 8];
};
struct room_2048 {
    __u64 words[2048 / 8];
};
struct room_8192 {
    __u64 words[8192 / 8];
};
struct room_24576 {
    __u64 words[24576 / 8];
};

#define ROOM_DECLARE(name_, parameters_)                                                                               \
    int name_##512(struct room_512 *, ROOM_LIST parameters_);                                                          \
    int name_##2048(struct room_2048 *, ROOM_LIST parameters_);                                                        \
    int name_##8192(struct room_8192 *, ROOM_LIST parameters_);                                                        \
    int name_##24576(struct room_24576 *, ROOM_LIST parameters_)

#define ROOM_FUNCTION_OF(name_, size_, into_, parameters_, args_)                                                      \
    __noinline int name_##size_(struct room_##size_ *room_, ROOM_LIST parameters_)                                     \
    {                                                                                                                  \
        return into_((struct record_header *)room_, size_, ROOM_LIST args_);                                           \
    }
#define ROOM_FUNCTION(name_, into_, parameters_, args_)                                                                \
    ROOM_FUNCTION_OF(name_, 512, into_, parameters_, args_)                                                            \
    ROOM_FUNCTION_OF(name_, 2048, into_, parameters_, args_)                                                           \
    ROOM_FUNCTION_OF(name_, 8192, into_, parameters_, args_)                                                           \
    ROOM_FUNCTION_OF(name_, 24576, into_, parameters_, args_)

/* Calls name_<capacity>(room, ...): capacity is a constant, so one of them is left. */
#define FOR_ROOM(name_, header_, capacity_, ...)                                                                       \
    do {                                                                                                               \
        if ((capacity_) == 512)                                                                                        \
            name_##512((struct room_512 *)(header_), __VA_ARGS__);                                                     \
        else if ((capacity_) == 2048)                                                                                  \
            name_##2048((struct room_2048 *)(header_), __VA_ARGS__);                                                   \
        else if ((capacity_) == 8192)                                                                                  \
            name_##8192((struct room_8192 *)(header_), __VA_ARGS__);                                                   \
        else                                                                                                           \
            name_##24576((struct room_24576 *)(header_), __VA_ARGS__);                                                 \
    } while (0)
#endif

/* What one item may take of a record with lists, by the record's size. */
#define LISTS_SIZED(size_, small_, middle_, large_, lists_)                                                            \
    ((size_) == LISTS_SMALL    ? (small_)                                                                              \
     : (size_) == LISTS_MIDDLE ? (middle_)                                                                             \
     : (size_) == RECORD_LARGE ? (large_)                                                                              \
                               : (lists_))

/*
 * Everything but long lists knows of RECORD_LARGE at most: in a record of RECORD_LISTS the lists come last. Without
 * that, each function of this file would be verified for one more size.
 */
static __always_inline __u64 store_room(__u64 capacity)
{
    return capacity > RECORD_LARGE ? RECORD_LARGE : capacity;
}

static __always_inline __u64 store_at(struct record_header *header)
{
    return *(volatile __u32 *)&header->size;
}

static __always_inline void store_set(struct record_header *header, __u64 at)
{
    *(volatile __u32 *)&header->size = at;
}

static __always_inline void store_cut(struct record_header *header)
{
    *(volatile __u16 *)&header->flags |= RECORD_CUT;
}

/* Whether something was cut; forgets it. */
static __always_inline bool store_take_cut(struct record_header *header)
{
    __u16 flags = *(volatile __u16 *)&header->flags;
    header->flags = flags & ~RECORD_CUT;
    return (flags & RECORD_CUT) != 0;
}

static __always_inline __u64 align_8(__u64 length)
{
    return (length + 7) & ~7ULL;
}

static __always_inline void store_item(struct record_header *header, __u64 at, __u32 arg, __u32 form, __u32 state,
                                       __u32 length)
{
    struct item_header *item = (void *)header + at;
    item->arg = arg;
    item->form = form;
    item->state = state;
    item->pad = 0;
    item->length = length;
    store_set(header, at + ITEM_HEADER + align_8(length));
}

/* Begins an item whose payload comes piecemeal: where it starts, 0 when there is no room. */
static __always_inline __u64 store_open(struct record_header *header, __u64 capacity, __u32 arg, __u32 form,
                                        __u32 state)
{
    __u64 start = store_at(header);
    if (start > capacity - ITEM_HEADER) {
        store_cut(header);
        return 0;
    }
    store_item(header, start, arg, form, state, 0);
    return start;
}

/* Ends it: everything stored since is its payload. `state` is added. */
static __always_inline void store_close(struct record_header *header, __u64 start, __u32 form, __u32 state)
{
    struct item_header *item = (void *)header + start;
    __u64 end = store_at(header);
    item->form = form;
    item->state |= state;
    item->length = end - start - ITEM_HEADER;
    store_set(header, align_8(end));
}

static __always_inline void store_integer(struct record_header *header, __u64 capacity, __u32 arg, __u64 value)
{
    __u64 at = store_at(header);
    if (at > capacity - ITEM_HEADER - 8) {
        store_cut(header);
        return;
    }
    store_item(header, at, arg, ITEM_INTEGER, ITEM_COMPLETE, 8);
    *(__u64 *)((void *)header + at + ITEM_HEADER) = value;
}

/* A string of the kernel's or the caller's memory, at most `most` - 1 bytes, `most` a constant. */
static __always_inline void store_string(struct record_header *header, __u64 capacity, __u32 arg, const void *from,
                                         __u32 most, bool user)
{
    __u64 at = store_at(header);
    __u32 source = user ? ITEM_USER : 0;
    if (at > capacity - ITEM_HEADER - most) {
        store_cut(header);
        return;
    }
    void *to = (void *)header + at + ITEM_HEADER;
    long length = user ? user_string_read(to, most, from) : bpf_probe_read_kernel_str(to, most, from);
    if (length <= 0) {
        store_item(header, at, arg, ITEM_BYTES, ITEM_UNREADABLE | source, 0);
    } else if (length < most) {
        store_item(header, at, arg, ITEM_BYTES, ITEM_COMPLETE | source, length - 1);
    } else { /* cut, or exactly that long: a larger try tells */
        store_item(header, at, arg, ITEM_BYTES, ITEM_TRUNCATED | source, most - 1);
        store_cut(header);
    }
}

/* A string of the kernel's; where there is no room for `most`, as much of it as a small room takes. */
static __always_inline void store_string_or_part(struct record_header *header, __u64 capacity, __u32 arg,
                                                 const void *from, __u32 most)
{
    if (most > 256 && store_at(header) > capacity - ITEM_HEADER - most)
        store_string(header, capacity, arg, from, 256, false);
    else
        store_string(header, capacity, arg, from, most, false);
}

/* A task's name, which ends with a NUL within its 16 bytes. */
static __always_inline void store_comm(struct record_header *header, __u64 capacity, __u32 arg, const char *comm)
{
    __u64 at = store_at(header);
    if (at > capacity - ITEM_HEADER - COMM_SIZE) {
        store_cut(header);
        return;
    }
    long length = bpf_probe_read_kernel_str((void *)header + at + ITEM_HEADER, COMM_SIZE, comm);
    store_item(header, at, arg, ITEM_BYTES, ITEM_COMPLETE, length > 0 ? length - 1 : 0);
}

/* A stretch of the caller's memory, at most `most` bytes of it, `most` a constant. ITEM_LIST: strings, each with its
 * NUL. */
static __always_inline void store_user_bytes(struct record_header *header, __u64 capacity, __u32 arg, __u32 form,
                                             __u32 source, unsigned long start, __u64 length, __u32 most)
{
    __u64 at = store_at(header);
    if (at > capacity - ITEM_HEADER - most) {
        store_cut(header);
        return;
    }
    __u32 state = ITEM_COMPLETE;
    asm volatile("" : "+r"(length)); /* else the compiler leaves the bound out where it knows one, which 5.10 forgot */
    if (length > most) {
        length = most;
        state = ITEM_TRUNCATED;
        store_cut(header);
    }
    if (length > 0 && bpf_probe_read_user((void *)header + at + ITEM_HEADER, length, (void *)start) != 0) {
        state = ITEM_UNREADABLE;
        length = 0;
    }
    store_item(header, at, arg, form, state | source, length);
}

/* The new program's arguments or environment, which no other thread shares yet. */
static __always_inline void store_user_list(struct record_header *header, __u64 capacity, __u32 arg,
                                            unsigned long start, unsigned long end, __u32 most)
{
    store_user_bytes(header, capacity, arg, ITEM_LIST, 0, start, end - start, most);
}

/* Something that could not be had. */
static __always_inline void store_unreadable(struct record_header *header, __u64 capacity, __u32 arg, __u32 source)
{
    store_open(header, capacity, arg, ITEM_BYTES, ITEM_UNREADABLE | source);
}

#endif
