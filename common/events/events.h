/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event table as data. Everything here is constant and may be read from any thread.
 */
#ifndef VEDETTE_COMMON_EVENTS_EVENTS_H
#define VEDETTE_COMMON_EVENTS_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/events/record.h"

enum arg_type {
    ARG_INT32 = 1, /* the values are on the wire (hello): append only */
    ARG_UINT16,
    ARG_UINT32,
    ARG_INT64,
    ARG_UINT64,
    ARG_POINTER,
    ARG_BOOL,
    ARG_STRING,
    ARG_STRINGS,
    ARG_UINT8,
    ARG_BYTES,
    ARG_SOCKADDR,    /* struct sockaddr, as long as it is */
    ARG_TIMESPEC,    /* nanoseconds, saturated; shown as seconds */
    ARG_INT_PAIR,    /* two int32, the first in the low half */
    ARG_OUTPUT,      /* a string that the call wrote: as long as its result, no NUL needed */
    ARG_UINT64S,     /* an array of them, little-endian */
    ARG_CREDENTIALS, /* struct record_credentials */
    ARG_OBJECT,      /* structured; its event says how */
    ARG_TYPE_COUNT,
};

enum { EVENT_MAX_ARGS = 24 };

/* From EABI_FIRST to before EABI_END the numbers of 32-bit ARM are not those of i386. */
enum { EABI_FIRST = 217, EABI_END = 403 };

struct event_arg {
    const char *name;
    enum arg_type type;
};

/* How a value of a type travels and is compared. */
enum arg_shape {
    SHAPE_SIGNED,
    SHAPE_UNSIGNED,
    SHAPE_TEXT, /* bytes with a state */
    SHAPE_LIST, /* of them */
};

enum source_kind {
    SOURCE_TRACEPOINT,    /* tp_btf/<name> */
    SOURCE_EXIT,          /* handler <name> on sys_exit of `syscalls` */
    SOURCE_ENTER,         /* handler <name> on sys_enter of `syscalls` */
    SOURCE_ENTER_EXIT,    /* handler <name> on sys_enter and sys_exit of `syscalls` */
    SOURCE_ITERATOR,      /* iterator <name> */
    SOURCE_SYSCALL,       /* the generic sys_exit handler */
    SOURCE_SYSCALL_ENTER, /* the generic sys_enter handler, for calls that do not return */
    SOURCE_DERIVED,       /* made in the analyzer from event <name> */
    SOURCE_NONE,          /* not covered anywhere; <name> says why */
};

struct event_source {
    enum source_kind kind;
    const char *name;
    bool on_request;      /* its hook costs while nobody selects the event: only for an operator who names it */
    const char *syscalls; /* space separated names in syscalls.def, "*" for all, or NULL */
};

/* Numbers of one syscall; -1 where an ABI has none. x86_64 is also ours for it: syscalls.def. */
struct syscall_numbers {
    int16_t x86_64, i386, arm64;
};

struct event {
    const char *name;
    uint16_t id;
    uint8_t class; /* enum event_class */
    uint8_t n_args;
    const char *sets; /* comma separated */
    const struct event_arg *args;
    const struct event_source *sources; /* best first, n_sources of them, at least one */
    uint8_t n_sources;
    const char *losses;
};

#define EVENT(name_, id_, ...)   EVENT_##name_ = (id_),
#define SYSCALL(name_, id_, ...) EVENT_##name_ = (id_),
enum event_id {
#include "common/events/events.def"
};

/* All rows in table order; *ret_count of them. */
const struct event *events_all(size_t *ret_count);

/*
 * Changes whenever a row, an argument or a type does: what was stored under another table's shape is not read under
 * this one.
 */
uint64_t events_fingerprint(void);

/* The row of that id or name, NULL if there is none. Constant time by id. */
const struct event *event_by_id(uint32_t id);
const struct event *event_by_name(const char *name);

/* Of the critical class, and no other such event says the same (told_by.def): a collector sends it whatever a plan
 * says.
 */
bool event_is_always_on(const struct event *event);
/* The event that is always on and says the same, NULL if there is none. */
const struct event *event_told_by(const struct event *event);

/* Index of an argument by name, -1 if the row has none of that name. */
int event_arg_index(const struct event *event, const char *name);

/* Whether the row is a system call's own: its id is the call's number. */
bool event_is_syscall(const struct event *event);

/* Whether the row is in that set. */
bool event_in_set(const struct event *event, const char *set);

/* "critical", "watched", "bulk". */
const char *event_class_name(enum event_class class);

/* Asked several times an event, so without a call. Values that are no type are unsigned. */
extern const uint8_t arg_type_shapes[ARG_TYPE_COUNT];
static inline enum arg_shape arg_type_shape(enum arg_type type)
{
    return (enum arg_shape)arg_type_shapes[type < ARG_TYPE_COUNT ? type : 0];
}

/* Tracee v0.24's type string: "int32", "trace.Pointer", "[]string", ... */
const char *arg_type_name(enum arg_type type);

/* Numbers of a syscall by name, whether or not it is an event; NULL if unknown. */
const struct syscall_numbers *syscall_by_name(const char *name, size_t length);

/* Its number on the architecture that this is built for, -1 if it has none. */
int syscall_native(const struct syscall_numbers *numbers);

/* Our number of a call of 32-bit x86 or ARM programs, -1 if it has none. */
int syscall_from_i386(int number);
int syscall_from_eabi(int number);

/* Our number of a call by its number on the architecture that this is built for, and by that of its 32-bit programs. */
int syscall_from_native(int number);
int syscall_from_compat(int number);

/* Name of one of our syscall numbers for JSON's "syscall" field, NULL if unknown. */
const char *syscall_name(int number);

#endif
