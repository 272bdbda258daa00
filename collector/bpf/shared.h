/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the BPF programs and their loader share in mapped memory. Fixed widths and explicit pads, sizes asserted on both
 * sides by the same lines.
 */
#ifndef VEDETTE_COLLECTOR_BPF_SHARED_H
#define VEDETTE_COLLECTOR_BPF_SHARED_H

#include "collector/plan.h"
#include "collector/throttle.h"

enum handler {
    HANDLER_NONE,
#define HANDLER(name_) HANDLER_##name_,
#include "collector/bpf/handlers.def"
    HANDLER_COUNT,
};

/* What the self-test must see running. */
enum hook {
    HOOK_SYS_ENTER = HANDLER_COUNT, /* below: the exit handlers by their index */
    HOOK_SYS_EXIT,
    HOOK_FORK,
    HOOK_EXEC,
    HOOK_EXIT,
    HOOK_RENAME,
    HOOK_COUNT = 128,
};

/* What a hook's entry in `seen` says after the self-test. */
enum {
    SEEN_RUNNING = 1,
    SEEN_PREEMPTIBLE = 2,     /* at least once with preemption allowed */
    SEEN_NOT_PREEMPTIBLE = 4, /* at least once with preemption forbidden; neither: not known */
};

enum {
    /* Raw numbers below are looked up in one step: 0..511 as they are, 512..547 are x32's own. */
    CALL_LIMIT = 1024,
    X32_FIRST = 512,
    X32_LIMIT = 48,
    NO_SYSCALL = 0xffff,
    SELF_LIMIT = 8,
    SCRATCH_BYTES = 8192, /* of one of its records */
    /* What is read of it at once. The kernel fills its buffer (32 KiB) no further than that and one more record, so
     * there is room for each. */
    SNAPSHOT_READ_BYTES = 16384,
    MOUNT_NAMESPACES = 1024, /* whose mounts one snapshot tells */
    RECORD_LARGE = 24576,    /* but for long lists */
    LISTS_USUAL = 8192,      /* of argv, and of envp, NULs included */
    LISTS_MOST = 65536,
};

/* Raw numbers to ours (common/events/syscalls.def), filled by the loader. */
struct call_tables {
    uint16_t from_native[SYSCALL_LIMIT]; /* x86-64's are ours: not looked up there */
    uint16_t from_compat[SYSCALL_LIMIT]; /* of the machine's 32-bit programs */
    uint16_t from_x32[X32_LIMIT];
};

/* How the generic handler reads the arguments of an event, from its row. */
enum { CALL_ROW_STRINGS = 0x80 };

struct call_row {
    uint8_t n_args;
    uint8_t class;              /* and CALL_ROW_STRINGS when an argument is one */
    uint8_t type[SYSCALL_ARGS]; /* enum arg_type */
};

/* Things that went wrong where no record could say so. */
enum failure {
    FAILURE_RING_MISSING, /* no ring for this CPU: the CPU came after the start */
    FAILURE_ACCOUNT,      /* the same for its account */
    FAILURE_STORAGE,      /* a task's storage could not be made: its descendants may be out of the scope */
    FAILURE_SCOPE_DEPTH,  /* more ancestors than the walk looks at: taken as outside */
    FAILURE_TAIL_CALL,    /* a handler was selected and is not loaded */
    FAILURE_SNAPSHOT,     /* a snapshot ended before the last process: the rest is not in it */
    FAILURE_NAMESPACES,   /* more than MOUNT_NAMESPACES in a snapshot */
    FAILURE_MOUNTS,       /* a mount was removed while its namespace was being read: the rest is not shown */
    FAILURE_COUNT,
};

/* The scope as the programs compare it, in the kernel's own numbers. */
struct scope {
    uint64_t root_start_ns;
    uint64_t cgroup_id;
    uint32_t root_tgid; /* 0 until known */
    uint32_t pad;
};

/* Who causes canaries, in the kernel's own numbers. */
struct canary {
    uint64_t start_ns;
    uint32_t tgid; /* 0: nobody */
    uint32_t pad;
};

struct self {
    uint64_t since_ns[SELF_LIMIT]; /* a process of that number that started later is another one */
    uint32_t tgid[SELF_LIMIT];     /* in the collector's pid namespace; 0 ends the list */
};

/* Who opened the iterator, as the kernel numbers it, and which process it asked for. */
struct identity {
    uint64_t found_start_ns;
    uint32_t wanted;     /* a pid in the collector's pid namespace */
    uint32_t found_tgid; /* 0: there is none */
    uint32_t own_tgid;
    uint32_t level; /* of the collector's pid namespace */
    uint32_t pid_ns;
    uint32_t pad;
};

/* Where the snapshot stands. */
struct cursor {
    uint64_t session;  /* of the iterator; a new one begins again */
    uint64_t head;     /* address of init_task, where the list ends */
    uint64_t task;     /* address of the process looked at last: a hint, checked before use */
    uint64_t start_ns; /* its start */
    uint32_t tgid;
    uint32_t done;
    uint64_t catching_up; /* the hint was stale: begin at the head and skip what started before this, 0 for no */
    uint64_t mount_ns;    /* whose mounts are being told, by address; 0: none */
    uint64_t mount;       /* the last one: its number, or its address before 6.8; 0: none yet */
    uint32_t phase;       /* what of the process comes next */
    uint32_t fd;          /* the next descriptor to look at */
    uint32_t snapshot;    /* counts them */
    uint32_t pad;
};

/* A mount namespace that was told, by its number. */
struct told {
    uint32_t inum;
    uint32_t snapshot; /* in that one */
};

/* In place of a process's argv, as the last item of its record: where it lies, which the reader may know
 * (collector/probe/argv.c). */
struct argv_place {
    uint64_t start, end; /* in the memory of the process */
    uint64_t exec_id;    /* of the program */
    uint32_t number;     /* of the process in the collector's own pid namespace, 0: it is not there */
    uint32_t pad;
};

/* Distances from a CPU's run queue to its preemption count and its current task. */
struct preempt_places {
    int64_t to_count, to_current;
    uint64_t known;
};

_Static_assert(sizeof(struct preempt_places) == 24, "no padding");
_Static_assert(sizeof(struct call_row) == 8, "no padding");
_Static_assert(sizeof(struct canary) == 16, "no padding");
_Static_assert(sizeof(struct scope) == 24, "no padding");
_Static_assert(sizeof(struct identity) == 32, "no padding");
_Static_assert(sizeof(struct cursor) == 80, "no padding");
_Static_assert(sizeof(struct argv_place) == 32, "no padding");

#endif
