/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event as a BPF program writes it into a ring and the drain reads it. Shared by BPF (clang -target bpf)
 * and user space, so: fixed widths, explicit pads, no packed structs, no includes but <stdint.h> or its BPF stand-in.
 *
 * A record is a header followed by items, each an 8-byte item header and its payload padded to 8 bytes.
 * Items name the argument (by its index in the event's row), so their order is free and an argument that could not be
 * read is simply absent. `size` says how much of the reserved record is used: reservations have constant sizes because
 * the verifier wants them so.
 */
#ifndef VEDETTE_COMMON_EVENTS_RECORD_H
#define VEDETTE_COMMON_EVENTS_RECORD_H

#ifndef __bpf__
#include <stdint.h>
#endif

enum {
    COMM_SIZE = 16,        /* TASK_COMM_LEN */
    UTS_SIZE = 16,         /* nodename, cut to 15 bytes as Tracee shows it */
    EVENT_ID_LIMIT = 1024, /* ids of kernel events are below; arrays are indexed by id */
    SYSCALL_LIMIT = 640,   /* syscall numbers are below, after translation: see syscalls.def */
    SYSCALL_COMPAT = 512,  /* from here: calls that only 32-bit programs have */
    SYSCALL_ARGS = 6,
};

/* The ring an event travels in. A flood in one class hides nothing in another. */
enum event_class {
    CLASS_CRITICAL,
    CLASS_WATCHED,
    CLASS_BULK,
    CLASS_COUNT,
};

enum record_flag {
    RECORD_COMPAT = 1u << 0,         /* a 32-bit call (int 0x80, 32-bit program); `syscall` is already translated */
    RECORD_SHARED_FDTABLE = 1u << 1, /* another thread could swap the descriptor before it was read */
    RECORD_FD_MISMATCH = 1u << 2,    /* the descriptor named no file any more */
    RECORD_SCOPE_ROOT = 1u << 3,     /* the first process of a tree scope: ancestry ends here */
    RECORD_OWN_MOUNTS = 1u << 4,     /* at exec: the mount namespace is not the parent's */
    RECORD_WATCHED = 1u << 5,        /* of the watched class, whatever its row says: a watch of the plan holds for it */
    RECORD_FLAG_ALL = (1u << 6) - 1,
};

struct record_header {
    uint64_t time_ns;         /* CLOCK_BOOTTIME, taken after the reservation */
    uint64_t thread_start_ns; /* task->start_boottime */
    uint64_t leader_start_ns; /* group_leader->start_boottime: with tgid the process's identity */
    uint64_t parent_start_ns; /* real_parent's leader */
    uint64_t cgroup_id;
    int64_t ret;
    uint32_t size; /* bytes used, this header included */
    uint32_t plan_epoch;
    uint16_t event_id;
    uint16_t flags; /* enum record_flag */
    uint32_t cpu;
    int32_t syscall; /* in progress, x86-64 number, -1 for none or unknown */
    uint32_t tgid;
    uint32_t tid;
    uint32_t ppid; /* real_parent->tgid */
    uint32_t ns_tgid;
    uint32_t ns_tid;
    uint32_t ns_ppid;
    uint32_t uid; /* effective, in the initial user namespace */
    uint32_t mnt_ns;
    uint32_t pid_ns;
    char comm[COMM_SIZE];
    char uts[UTS_SIZE];
};

/* How the payload of an item is laid out. */
enum item_form {
    ITEM_INTEGER,    /* 8 bytes, sign- or zero-extended; `length` is 8 */
    ITEM_BYTES,      /* `length` bytes, no terminator */
    ITEM_COMPONENTS, /* a path, leaf first, each component followed by NUL; the reader turns it round and joins it with
                        '/' */
    ITEM_LIST,       /* strings, each followed by NUL */
};

/* Every string and list is one of these, never silently cut. Wire values too. */
enum item_state {
    ITEM_COMPLETE = 0,
    ITEM_TRUNCATED = 1,
    ITEM_UNREADABLE = 2,
    ITEM_STATE_MASK = 3,
    ITEM_USER = 4, /* or-ed in: the caller's copy, which the caller may have changed meanwhile */
};

/* The payload of an ARG_CREDENTIALS item. Ids as the initial user namespace has them. */
struct record_credentials {
    uint32_t uid, gid, suid, sgid, euid, egid, fsuid, fsgid;
    uint32_t user_ns;
    uint32_t secure_bits;
    uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
};

struct item_header {
    uint8_t arg;   /* index in the event's row */
    uint8_t form;  /* enum item_form */
    uint8_t state; /* enum item_state */
    uint8_t pad;
    uint32_t length; /* of the payload, without its padding */
};

/*
 * Attempts and failures of one (cpu, class, context). A program adds to `attempts` before it reserves; on failure it
 * does if (lost == acknowledged) first_ns = now;  last_ns = now;  lost++ and the drain, having reported a range, stores
 * `acknowledged = lost`. Written by one context on one CPU, read by the drain.
 */
struct ring_account {
    uint64_t attempts;
    uint64_t lost;
    uint64_t acknowledged;
    uint64_t first_ns;
    uint64_t last_ns;
    uint64_t throttled; /* attempts that were given up for others' sake (struct throttle): neither drained nor `lost` */
    uint64_t pressed;   /* the ring was more than half full when it was last looked at */
    uint64_t pad;       /* a cache line of its own */
};

enum {
    CONTEXT_TASK,
    CONTEXT_IRQ,
    CONTEXT_COUNT,
};

_Static_assert(sizeof(struct record_header) == 136, "no padding");
_Static_assert(sizeof(struct record_credentials) == 80, "no padding");
_Static_assert(sizeof(struct item_header) == 8, "no padding");
_Static_assert(sizeof(struct ring_account) == 64, "one cache line");

#endif
