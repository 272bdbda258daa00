/* SPDX-License-Identifier: Apache-2.0 */
/* The queue's file and object, for the files of this folder only. */
#ifndef VEDETTE_COLLECTOR_QUEUE_LAYOUT_H
#define VEDETTE_COLLECTOR_QUEUE_LAYOUT_H

#include <stdatomic.h>

#include "collector/queue/queue.h"

enum {
    QUEUE_LAYOUT = 6,       /* raise with every change below: an old file is then not read but replaced */
    QUEUE_AREA = 64 * 1024, /* one control area; mapped on its own, so a multiple of every page size there is */
    QUEUE_ALIGN = 64,       /* of entries: a header never straddles the ring's end */
    QUEUE_BOOT_ID = 40,
    QUEUE_PLAN_TRIES = 64, /* a hostile writer must not hold the drain */
    QUEUE_FORGOTTEN = 16,
};

#define QUEUE_MAGIC 0x5645444551554555ull /* "VEDEQUEU" */

enum { ENTRY_BATCH = 1, ENTRY_FILLER = 2 };

/* How far a life of the drain came. Two of them, written in turn: a kill between two stores leaves the older one whole.
 */
struct life {
    uint64_t count; /* rises; the higher valid one holds */
    uint64_t drained_ns;
    uint64_t session;
    uint64_t next_seq;
    uint64_t head; /* when it was written: an entry behind it is newer than what it says */
    uint64_t check;
};

/* The plan of a life before that had one: the worker's copy does not outlive a life. */
struct kept_plan {
    struct plan_request plan;
    uint64_t check;
};

struct drain_area {
    uint64_t magic;
    uint32_t layout;
    uint32_t pad;
    uint64_t ring_size;
    uint64_t events; /* events_fingerprint(): batches of another event table would be read with the wrong schema */
    uint64_t salt;   /* random: no payload can pass for a commit word, nor an entry of an earlier file */
    char boot_id[QUEUE_BOOT_ID];
    _Alignas(64) _Atomic uint64_t head;
    _Atomic uint32_t closing;
    _Alignas(64) struct life life[2];
    _Alignas(64) struct kept_plan plan;
};

struct worker_area {
    _Atomic uint64_t tail;
    _Alignas(64) _Atomic uint32_t plan_sequence; /* odd while it is written; 0 never written */
    struct plan_request plan;
};

struct entry_header {
    _Atomic uint64_t commit; /* position ^ salt, stored last */
    uint32_t kind;
    uint32_t size; /* of the bytes that follow */
    uint64_t session;
    uint64_t first_seq;
    uint64_t next_seq;
    uint64_t time_ns;
    uint32_t classes;
    uint32_t span_ms;  /* from_ns...time_ns, rounded up; 0 from_ns is not said */
    uint64_t checksum; /* over kind...span_ms and the bytes */
};

_Static_assert(sizeof(struct entry_header) == QUEUE_ALIGN,
               "a filler must fit in whatever is left before the ring's end");
_Static_assert(sizeof(struct drain_area) <= QUEUE_AREA && sizeof(struct worker_area) <= QUEUE_AREA, "areas");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "words shared between processes cannot hide a lock");

struct queue {
    /* The writable mapping of the whole file; NULL in the courier. */
    uint8_t *map;
    /* The read-only mapping of the whole file, made from a read-only descriptor: mprotect cannot make it writable. */
    const uint8_t *view;
    struct worker_area *worker;
    size_t ring_size;
    uint64_t salt;
    int lock_fd, drain_fd, worker_fd;

    /* the drain's private state */
    uint64_t head, tail;
    size_t reserved, reserved_filler;
    struct life life;

    /* the worker's private state */
    uint64_t read;
    uint64_t forgotten[QUEUE_FORGOTTEN]; /* positions + 1 */
    uint64_t damaged;
    struct queue_entry entry;
};

struct found_entry {
    uint32_t kind;
    size_t span; /* bytes to the next header */
    uint64_t checksum;
    struct queue_entry entry;
};

/* What of from_ns is kept, and what is read of it again: never later than it was said, and twice the same. */
static inline uint32_t queue_span_ms(const struct queue_entry *entry)
{
    if (entry->from_ns == 0 || entry->from_ns > entry->time_ns)
        return 0;
    uint64_t span_ns = entry->time_ns - entry->from_ns;
    uint64_t ms = span_ns == 0 ? 1 : (span_ns - 1) / 1000000 + 1;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static inline uint64_t queue_span_from_ns(uint64_t time_ns, uint32_t span_ms)
{
    uint64_t span_ns = span_ms * 1000000ull;
    return span_ms == 0 ? 0 : span_ns < time_ns ? time_ns - span_ns : 1;
}

static inline size_t queue_span(size_t size)
{
    return (sizeof(struct entry_header) + size + QUEUE_ALIGN - 1) / QUEUE_ALIGN * QUEUE_ALIGN;
}

static inline const struct drain_area *queue_drain_view(const struct queue *queue)
{
    return (const struct drain_area *)queue->view;
}

static inline const uint8_t *queue_ring_view(const struct queue *queue)
{
    return queue->view + 2 * QUEUE_AREA;
}

/* Reads the header at `position` and checks everything but the checksum; false when no whole entry lies in [position,
 * end). */
bool queue_find(const struct queue *queue, uint64_t position, uint64_t end, struct found_entry *ret_found);
uint64_t queue_entry_checksum(const struct queue *queue, const struct found_entry *found);
/* Writes the life with the next count over the older one. */
void queue_write_life(struct queue *queue);
uint64_t queue_life_check(const struct queue *queue, const struct life *life);
uint64_t queue_plan_check(const struct queue *queue, const struct plan_request *plan);
/* The plan that the worker put, as it is and of one piece; false when there is none or it never was whole. */
bool queue_copy_plan(const struct queue *queue, struct plan_request *ret_plan);
/* The tail as the worker says, clamped into [queue->tail, head]. */
uint64_t queue_clamped_tail(const struct queue *queue);
void queue_wake(int fd);
void queue_clear_wake(int fd);

/* recover.c: takes over what an earlier life left in the mapped file. Sets head, tail and life, and all of `recovery`
 * but fresh and foreign. */
void queue_recover(struct queue *queue, struct queue_recovery *recovery);

#endif
