/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one form of every condition: a tree of atoms over typed fields, with and, or and not. Detections write it as C
 * constants; policies (and later Falco and Sigma rules) lower to it. docs/decisions/ says how the form carries them.
 *
 * A field is named by where it lives:
 *   data.NAME              the event's argument
 *   data.LIST[N], data.LIST[NAME]
 *                          one item of a list, from 0; what follows "NAME=" in the first item that begins so
 *   data.ADDR.sa_family, .sin_addr, .sin6_addr, .sun_path, .sin_port, .sin6_port
 *                          of a socket address: strings as objects.h has them, the ports are numbers
 *   data.ADDR.address, .port  of either family
 *   returnValue            the event's result
 *   event.time, event.cpu, event.syscall
 *                          nanoseconds since the epoch; the CPU; the call's name
 *   task.comm, .uid, .pid, .tid, .ppid, .ns_pid, .ns_tid, .ns_ppid, .mntns, .pidns, .cgroup, .hostname, .start_time
 *                          the acting thread, at the event; pids are the host's, ns_ those of its own namespace
 *   process.executable, .comm, .prev_comm, .cmdline, .pid, .uid, .id, .start_time, .overlay_layer
 *                          what the state knows of its process; cmdline: its arguments joined by spaces, secrets
 * replaced; id: a number for its identity, to be a key; the last: 1 when its program came with a container's image, 2
 * when it was written since (overlayfs), 0 when that is not known process.parent.X, process.ancestor[N].X the same of
 * its parent, which is ancestor 1, and of those before, at most 16 process.ancestors.X    a list: the string X of every
 * ancestor that is known container.id, .runtime, .pod_uid empty on the host container.started      1 in a container
 * that has executed a program of its own, or was there before container.new          1 in one that was made and has
 * started since container.name, .image, .image_digest, .pod_name, .pod_namespace, .pod_sandbox missing where nobody
 * says it basename(F), dirname(F), lower(F), length(F) of a string field F, or of each item of a list; length is a
 * number: bytes, or items
 *
 * A value is present, truncated or missing. Truncation never counts as "no match": where the answer would depend on the
 * bytes that are gone (EQUAL, IN, SUFFIX, CONTAINS, GLOB and REGEX that did not match) an atom is unknown, and unknown
 * fires: not(unknown) is unknown too. The finding then says so ("states"). What is gone may be either end: a path that
 * the collector walked has lost its head, so there it is PREFIX that is unknown, while SUFFIX and BASENAME are
 * answered. A missing value (unreadable, not known to the state) does not match, and EXISTS asks for it; EXISTS of
 * container.id asks whether there is a container. An integer that the collector could not read is 0.
 */
#ifndef VEDETTE_ANALYZER_DETECT_PREDICATE_H
#define VEDETTE_ANALYZER_DETECT_PREDICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum predicate_op {
    PREDICATE_ALL, /* of `children` */
    PREDICATE_ANY,
    PREDICATE_NOT,         /* of the first child */
    PREDICATE_IGNORE_CASE, /* the first child, whose strings match in any case (of ASCII) */
    PREDICATE_EVERY,       /* the first child, in which a string atom over a list holds when every item does, if any */
    PREDICATE_EXISTS,
    /* integers */
    PREDICATE_NUMBER,  /* field == number */
    PREDICATE_NUMBERS, /* field is one of `numbers` */
    PREDICATE_RANGE,   /* number <= field <= upper */
    PREDICATE_LESS,    /* field < number */
    PREDICATE_GREATER, /* field > number */
    PREDICATE_BITS,    /* (field & mask) == number */
    /* two fields of the same event, numbers or strings */
    PREDICATE_FIELD_EQUAL, /* field == other */
    PREDICATE_FIELD_LESS,  /* field < other, numbers only */
    /* strings; over a list they hold when any item does */
    PREDICATE_STRING, /* equal to one of `strings` */
    PREDICATE_PREFIX, /* begins with one of `strings` */
    PREDICATE_SUFFIX,
    PREDICATE_CONTAINS,
    PREDICATE_BASENAME, /* what follows the last '/' equals one of `strings` */
    PREDICATE_GLOB,     /* glob.h: one of `strings` */
    PREDICATE_CIDR,     /* an address, as text or a whole socket address, within one of `strings` ("10.0.0.0/8") */
    PREDICATE_REGEX,    /* PCRE2, the first of `strings` */
    PREDICATE_OP_COUNT,
};

enum { PREDICATE_MAX_DEPTH = 16 };

struct predicate {
    enum predicate_op op;
    const char *field, *other;
    const char *const *strings; /* NULL terminated */
    const int64_t *numbers;
    size_t n_numbers;
    int64_t number, upper;
    uint64_t mask;
    const struct predicate *const *children; /* NULL terminated */
};

/* Constants are written with these, so that a detection reads as its condition. */
#define STRINGS(...)                                                                                                   \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }
#define ALL_OF(...)                                                                                                    \
    (&(const struct predicate){.op = PREDICATE_ALL, .children = (const struct predicate *const[]){__VA_ARGS__, NULL}})
#define ANY_OF(...)                                                                                                    \
    (&(const struct predicate){.op = PREDICATE_ANY, .children = (const struct predicate *const[]){__VA_ARGS__, NULL}})
#define NOT(child)                                                                                                     \
    (&(const struct predicate){.op = PREDICATE_NOT, .children = (const struct predicate *const[]){child, NULL}})
#define IGNORE_CASE(child)                                                                                             \
    (&(const struct predicate){.op = PREDICATE_IGNORE_CASE, .children = (const struct predicate *const[]){child, NULL}})
#define EVERY(child)                                                                                                   \
    (&(const struct predicate){.op = PREDICATE_EVERY, .children = (const struct predicate *const[]){child, NULL}})
#define EXISTS(f)         (&(const struct predicate){.op = PREDICATE_EXISTS, .field = (f)})
#define FIELD_EQUAL(f, o) (&(const struct predicate){.op = PREDICATE_FIELD_EQUAL, .field = (f), .other = (o)})
#define FIELD_LESS(f, o)  (&(const struct predicate){.op = PREDICATE_FIELD_LESS, .field = (f), .other = (o)})
#define LESS(f, n)        (&(const struct predicate){.op = PREDICATE_LESS, .field = (f), .number = (n)})
#define GREATER(f, n)     (&(const struct predicate){.op = PREDICATE_GREATER, .field = (f), .number = (n)})
#define NUMBER(f, n)      (&(const struct predicate){.op = PREDICATE_NUMBER, .field = (f), .number = (n)})
#define RANGE(f, lo, hi)  (&(const struct predicate){.op = PREDICATE_RANGE, .field = (f), .number = (lo), .upper = (hi)})
#define BITS(f, m, n)     (&(const struct predicate){.op = PREDICATE_BITS, .field = (f), .mask = (m), .number = (n)})
#define STRING(f, ...)                                                                                                 \
    (&(const struct predicate){.op = PREDICATE_STRING, .field = (f), .strings = STRINGS(__VA_ARGS__)})
#define PREFIX(f, ...)                                                                                                 \
    (&(const struct predicate){.op = PREDICATE_PREFIX, .field = (f), .strings = STRINGS(__VA_ARGS__)})
#define SUFFIX(f, ...)                                                                                                 \
    (&(const struct predicate){.op = PREDICATE_SUFFIX, .field = (f), .strings = STRINGS(__VA_ARGS__)})
#define CONTAINS(f, ...)                                                                                               \
    (&(const struct predicate){.op = PREDICATE_CONTAINS, .field = (f), .strings = STRINGS(__VA_ARGS__)})
#define BASENAME(f, ...)                                                                                               \
    (&(const struct predicate){.op = PREDICATE_BASENAME, .field = (f), .strings = STRINGS(__VA_ARGS__)})
#define GLOB(f, ...)      (&(const struct predicate){.op = PREDICATE_GLOB, .field = (f), .strings = STRINGS(__VA_ARGS__)})
#define CIDR(f, ...)      (&(const struct predicate){.op = PREDICATE_CIDR, .field = (f), .strings = STRINGS(__VA_ARGS__)})
#define REGEX(f, pattern) (&(const struct predicate){.op = PREDICATE_REGEX, .field = (f), .strings = STRINGS(pattern)})

#endif
