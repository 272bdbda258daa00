/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one form of every condition: a tree of atoms over typed fields, with and, or and not. Detections write it as C
 * constants; policies (and later Falco and Sigma rules) lower to it. docs/decisions/ says how the form carries them.
 *
 * A field is named by where it lives:
 *   data.NAME              the event's argument
 *   returnValue            the event's result
 *   task.comm, task.uid, task.pid, task.tid, task.ppid, task.mntns, task.pidns, task.hostname
 *                          the acting thread, at the event
 *   process.executable, process.prev_comm, process.overlay_layer
 *                          what the state knows of its process; the last: 1 when its program came with a container's
 *                          image, 2 when it was written since (overlayfs), 0 when that is not known
 *   container.id, container.runtime, container.pod_uid
 *                          empty on the host
 *   container.started      1 in a container that has executed a program of its own, or was there before
 *   container.new          1 in one that was made and has started since
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
    PREDICATE_NOT, /* of the first child */
    PREDICATE_EXISTS,
    /* integers */
    PREDICATE_NUMBER,  /* field == number */
    PREDICATE_NUMBERS, /* field is one of `numbers` */
    PREDICATE_RANGE,   /* number <= field <= upper */
    PREDICATE_BITS,    /* (field & mask) == number */
    /* strings; over a list they hold when any item does */
    PREDICATE_STRING, /* equal to one of `strings` */
    PREDICATE_PREFIX, /* begins with one of `strings` */
    PREDICATE_SUFFIX,
    PREDICATE_CONTAINS,
    PREDICATE_BASENAME, /* what follows the last '/' equals one of `strings` */
    PREDICATE_REGEX,    /* PCRE2, the first of `strings` */
    PREDICATE_OP_COUNT,
};

enum { PREDICATE_MAX_DEPTH = 16 };

struct predicate {
    enum predicate_op op;
    const char *field;
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
#define EXISTS(f)        (&(const struct predicate){.op = PREDICATE_EXISTS, .field = (f)})
#define NUMBER(f, n)     (&(const struct predicate){.op = PREDICATE_NUMBER, .field = (f), .number = (n)})
#define RANGE(f, lo, hi) (&(const struct predicate){.op = PREDICATE_RANGE, .field = (f), .number = (lo), .upper = (hi)})
#define BITS(f, m, n)    (&(const struct predicate){.op = PREDICATE_BITS, .field = (f), .mask = (m), .number = (n)})
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
#define REGEX(f, pattern) (&(const struct predicate){.op = PREDICATE_REGEX, .field = (f), .strings = STRINGS(pattern)})

#endif
