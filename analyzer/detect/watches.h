/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kernel can tell of a condition by looking at a file's name alone: enough to leave out most events that nobody
 * waits for, never one that the condition could hold for. Made of predicates, sent to collectors with the plan; what
 * they say no to is not sent, and what they let through is judged by the whole condition.
 */
#ifndef VEDETTE_ANALYZER_DETECT_WATCHES_H
#define VEDETTE_ANALYZER_DETECT_WATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/detect/predicate.h"
#include "common/events/events.h"
#include "common/wire/decode.h"
#include "common/wire/limits.h"

/* How an open is made, a bit each: of `access` below. */
enum {
    WATCH_READ = 1,       /* O_RDONLY */
    WATCH_WRITE = 2,      /* O_WRONLY */
    WATCH_READ_WRITE = 4, /* O_RDWR */
    WATCH_NEITHER = 8,    /* O_PATH, or access mode 3 */
    WATCH_EVERY_ACCESS = 15,
};

struct watch {
    uint8_t part;   /* Vedette__V1__WatchPart */
    uint8_t access; /* not 0 */
    uint8_t length; /* of the text */
    uint8_t pad;    /* 0: plans are compared byte by byte */
    char text[WIRE_WATCH_TEXT];
};

/* Of one event. `all`: some condition could hold for any of its events, the list means nothing. */
struct watches {
    bool all;
    size_t n;
    struct watch list[WIRE_PLAN_WATCHES];
};

/* Adds what `when` (NULL: always) waits for of that event; `all` when that cannot be said or there is no room. */
void watches_add(struct watches *watches, const struct schema_event *event, const struct predicate *when);

/* Why events of that row are not told apart in the kernel, for people; NULL when they can be. */
const char *watch_unable(const struct schema_event *event);

#endif
