/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan as the BPF programs read it: a fixed-size table in a memory-mapped array (.bss), changed by plain stores
 * because bpf(2) is out of reach once the drain has dropped its capabilities. Shared by BPF and the drain.
 */
#ifndef VEDETTE_COLLECTOR_PLAN_H
#define VEDETTE_COLLECTOR_PLAN_H

#include "common/events/record.h"
#include "common/wire/limits.h"

/*
 * What sys_enter and sys_exit do for a call: handlers' indexes (collector/bpf/handlers.def), a byte each, the lowest
 * first; 0 ends it. Each hands on to the one after it.
 */
enum { CHAIN_HANDLERS = 8 };

/* By event id. */
enum {
    SELECTED_NOT,
    SELECTED_ALL,
    SELECTED_WATCHED,    /* those that a watch holds for */
    SELECTED_SCOPED = 4, /* a bit beside: and only of tasks for which a scope holds; in the kernel's plan */
};

/* What of a file is looked at: the contract's WatchPart, by its numbers. */
enum watch_part {
    WATCH_ANYTHING,
    WATCH_NAME,
    WATCH_DIRECTORY,
    WATCH_NAME_END,
    WATCH_CONTENT,
    WATCH_PARTS,
};

enum {
    WATCH_ACCESS_BITS = 4, /* of an open, as in the contract */
    WATCH_EVENTS = 8,      /* events that can be watched: their bits fill a word */
    WATCH_SLOTS = 2048,
    WATCH_PROBES = 8, /* slots that a look-up tries */
    WATCH_ROWS = WIRE_PLAN_WATCHES,
    WATCH_TEXT = WIRE_WATCH_TEXT, /* bytes of a name that are compared */
};

/* A place in the words below, for each event that has one. */
enum watch_event {
    WATCH_security_file_open,
    WATCH_magic_write,
    WATCH_vfs_read, /* with its vector behind it */
    WATCH_vfs_readv,
    WATCH_vfs_write,
    WATCH_vfs_writev,
    WATCH_security_mmap_file,
    WATCH_shared_object_loaded,
    WATCH_EVENT_COUNT,
};

/*
 * Open addressing by a hash of part and text: what collides lets more through. `wants`: WATCH_ACCESS_BITS a
 * watch_event.
 */
struct watch_table {
    uint64_t key[WATCH_SLOTS]; /* 0: free */
    uint32_t wants[WATCH_SLOTS];
    uint32_t of_part[WATCH_PARTS]; /* what any row of that part wants: a part that nobody asks for is not looked at */
    /* By bit of `wants`: how long the directories' names are, a bit each; most names are told from all of them so. */
    uint32_t lengths[WATCH_EVENTS * WATCH_ACCESS_BITS];
    uint32_t pad[3];
};

/* What of the current task a scope looks at: the contract's ScopeField, by its numbers. */
enum task_key {
    TASK_KEY_NONE,
    TASK_KEY_UID,
    TASK_KEY_PID,
    TASK_KEY_TID,
    TASK_KEY_MNT_NS,
    TASK_KEY_PID_NS,
    TASK_KEY_COMM, /* from here on names */
    TASK_KEY_HOSTNAME,
    TASK_KEYS,
};

enum {
    PLAN_SCOPES = WIRE_PLAN_SCOPES,
    SCOPE_VALUES = WIRE_SCOPE_VALUES,
    SCOPE_VALUES_PLAIN = 8, /* that the plain flavour looks at, where each is verified for itself in each program */
    SCOPE_TEXT = WIRE_SCOPE_TEXT,
};

enum scope_value_flag {
    SCOPE_ENDS_KEY = 1, /* the values up to here are one key: one of them holds */
    SCOPE_NONE_OF = 2,  /* or, with the above, none of them */
    SCOPE_ENDS = 4,     /* and the key is its scope's last */
};

/* Holds for what lies between two values of 16 bytes, both included, compared as bytes are: word by word, a name's
 * first bytes on top. A number is the first word. */
struct scope_value {
    uint64_t low[2], high[2];
    uint8_t scope;
    uint8_t key;   /* enum task_key */
    uint8_t flags; /* enum scope_value_flag */
    uint8_t pad[5];
};

/* Whose events are wanted, where only policies ask for them. Values of a scope stand together. */
struct scope_table {
    uint16_t of_event[EVENT_ID_LIMIT]; /* a bit a scope: one of them must hold; 0: everybody's */
    uint32_t n_values;
    uint32_t pad;
    struct scope_value value[SCOPE_VALUES];
};

struct kernel_plan {
    uint32_t epoch;
    uint32_t storm;                   /* the drain comes by its own timer: wake it only for a ring that fills */
    uint32_t in_use;                  /* which of the two tables: the other ones are written, then this is changed */
    uint8_t selected[EVENT_ID_LIMIT]; /* by event id: SELECTED_... */
    uint64_t on_exit[SYSCALL_LIMIT];  /* by our number: a chain */
    uint64_t on_enter[SYSCALL_LIMIT];
    struct watch_table watch[2];
    struct scope_table scopes[2];
};

struct watch_row {
    uint16_t event_id;
    uint8_t part;   /* enum watch_part */
    uint8_t access; /* WATCH_ACCESS_BITS; 0: whatever it is */
    uint8_t length;
    uint8_t text[WATCH_TEXT];
    uint8_t pad[3];
};

/* What the courier hands the drain: event ids that the analyzer wants, what files and tasks must be like, nothing else.
 */
struct plan_request {
    uint32_t epoch;
    uint32_t need_snapshot; /* counts requests; a change asks for one snapshot */
    uint32_t n_watches;
    uint32_t pad;
    uint8_t selected[EVENT_ID_LIMIT]; /* SELECTED_WATCHED without a row wants nothing */
    struct watch_row watch[WATCH_ROWS];
    struct scope_table scopes;
};

_Static_assert(sizeof(struct watch_row) == 32, "no padding");
_Static_assert(sizeof(struct watch_table) % 8 == 0, "no padding");
_Static_assert(sizeof(struct scope_value) == 40 && sizeof(struct scope_table) % 8 == 0, "no padding");
_Static_assert((int)PLAN_SCOPES <= 16, "a mask holds them");
_Static_assert((int)WATCH_EVENT_COUNT <= (int)WATCH_EVENTS, "a word holds them");

#endif
