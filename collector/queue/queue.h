/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared batch ring between drain (the one writer) and the courier's worker (the one reader): a preallocated file
 * mapped by both, which survives kill -9 of either and of both. Not of the machine: nothing is synced.
 *
 * Layout: the drain's area, the worker's area, then a ring of entries, each {commit word, length, sequence range,
 * checksum, bytes}. The commit word is written last with release order; recovery walks from the tail and drops a torn
 * entry and what follows it, counted.
 *
 * Trust: the drain owns the head and keeps its own copy; it reads the reader's cursors as hints, clamped into
 * [tail, head]. The worker can at worst delay or lose this node's own batches. The descriptor is closed after mapping,
 * so that the courier cannot truncate the file under the drain; and after queue_keep_worker_side the courier's mapping
 * is read-only but for the worker's own area, and cannot be made writable again.
 *
 * Both eventfds are non-blocking. Nothing here but open makes a system call other than read and write on them.
 */
#ifndef VEDETTE_COLLECTOR_QUEUE_QUEUE_H
#define VEDETTE_COLLECTOR_QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/plan.h"

struct queue;

struct queue_entry {
    uint64_t position; /* byte position in the endless ring; rises, names the entry */
    uint64_t session;
    uint64_t first_seq;
    uint64_t next_seq; /* first_seq + count; equal for an entry without events */
    uint64_t time_ns;  /* CLOCK_BOOTTIME when it was queued */
    uint64_t
        from_ns; /* not after its first event, at most 49 days before time_ns, kept to the millisecond; 0 not said */
    uint32_t classes; /* what is in it: the drain's and the spool's word, kept as it is */
    const uint8_t *bytes;
    size_t size;
};

struct queue_recovery {
    bool fresh;   /* the file was made anew: there was none, or it could not be gone on with */
    bool foreign; /* ... because what was there is no queue of this layout, or others may write it: nothing in it could
                     be read */
    uint64_t entries; /* kept */
    uint64_t events;  /* in them */
    /* Given up, and why; `..._events`: how many were in them as far as that can be known, so at least. */
    uint64_t dropped, dropped_events;               /* torn or corrupt */
    uint64_t dropped_schema, dropped_schema_events; /* whole, but written under another event table: the schema of this
                                                       life would misread them */
    uint64_t dropped_boot, dropped_boot_events;     /* of another boot, whose clock is gone */
    uint64_t dropped_from_ns,
        dropped_to_ns; /* when the oldest and the newest of dropped and dropped_schema were queued, 0 if not known */
    uint64_t last_session;  /* of the life before, 0 if none */
    uint64_t last_seq;      /* next sequence of that life as far as it was queued */
    uint64_t last_alive_ns; /* until when that life had drained its rings completely (queue_set_drained); absence begins
                               here */
    bool in_order;          /* that life was told to end and had queued its last batch */
    /*
     * What the analyzer last asked for in any life before, whatever the boot: the first plan of a life whose analyzer
     * has not come yet. As stored and checked, but without its need_snapshot. queue_take_plan does not give it; there
     * the analyzer's next plan is new in any case.
     */
    bool has_plan;
    struct plan_request plan;
};

/* Two of the largest requests must fit with room to spare, or the queue would be full at once. */
enum { QUEUE_SIZE_MIN = 64 * 1024 };
/* Sizes within an entry are 32 bits wide. */
#define QUEUE_SIZE_MAX (4ull << 30)

/*
 * Opens or makes the file (0600, preallocated), locks it against a second writer, recovers, maps, closes it.
 * Before any fork. 0; -EBUSY another collector holds it; -ENOSPC, -EROFS, -EACCES from the file system; -EINVAL size or
 * boot id. size: of the ring, rounded down to 64 KiB; a file of another size keeps its size while it still holds
 * entries (queue_size tells). boot_id: 36 characters; entries of another boot are dropped, since their clock is gone.
 * Entries of another event table are dropped too, but how far that life came is kept. The lock is on PATH.lock; it ends
 * with this process, or with queue_close.
 */
int queue_open(const char *path, size_t size, const char *boot_id, struct queue **ret_queue,
               struct queue_recovery *ret_recovery);
/* Unmaps, unlocks. NULL is fine. */
void queue_close(struct queue *queue);
/*
 * In the courier, after the fork: gives up the writable mapping of the ring and of the drain's area. The drain's side
 * must not be called afterwards. The lock's descriptor is not closed here: the courier closes all it does not keep.
 */
void queue_keep_worker_side(struct queue *queue);

/* --- the drain's side --- */

/*
 * Room for `size` bytes, contiguous; NULL when the queue is full or `size` is more than half of it (the caller counts a
 * LOSS_QUEUE range). A reservation that is not committed is simply made anew.
 */
uint8_t *queue_reserve(struct queue *queue, size_t size);
/* Commits the reservation with its true size and wakes the worker. `entry` gives session, sequences and time. */
void queue_commit(struct queue *queue, const struct queue_entry *entry, size_t size);
/* Everything that happened before this time has been drained and queued or counted as lost. Once a round. */
void queue_set_drained(struct queue *queue, uint64_t boot_ns, uint64_t session, uint64_t next_seq);
/*
 * What the courier asks for, copied under its sequence lock; false when there is nothing other than *epoch and
 * *snapshot, which start at 0 and are set to what was taken. Epoch 0 means that no plan has come yet: then only
 * need_snapshot counts, not `selected`. Clears the wake-up of queue_drain_fd.
 */
bool queue_take_plan(struct queue *queue, uint32_t *epoch, uint32_t *snapshot, struct plan_request *ret_plan);
/* Readable when the courier wrote a plan or moved a cursor. */
int queue_drain_fd(const struct queue *queue);
/* Bytes queued and not yet durable; and the ring's size. */
uint64_t queue_used(const struct queue *queue);
uint64_t queue_size(const struct queue *queue);
/* All entries durable at the analyzer. */
bool queue_is_delivered(const struct queue *queue);

/* --- the worker's side --- */

/*
 * The next entry after the one last given, NULL when there is none yet (the wake-up of queue_worker_fd is then
 * cleared). The struct is overwritten by the next call; its bytes stay until the entry is durable.
 */
const struct queue_entry *queue_next(struct queue *queue);
/*
 * Forgets entries of `session` below durable_seq and of sessions that came before it; a moved cursor wakes the drain.
 * An entry without events goes when it was given and durable_seq has reached it, or with one that follows it. Nothing
 * is forgotten for a session that is not queued.
 */
void queue_set_durable(struct queue *queue, uint64_t session, uint64_t durable_seq);
/*
 * Gives up the entry at `position` (the analyzer will never take it): not given again, freed when all before it are. Of
 * 16 that cannot be freed yet it knows; then queue_next gives nothing behind them, until one can.
 */
void queue_forget(struct queue *queue, uint64_t position);
/* Start again at the oldest entry that is not durable. The worker skips what the analyzer says it has processed. */
void queue_rewind(struct queue *queue);
void queue_put_plan(struct queue *queue, const struct plan_request *plan);
/* The plan last put, for a worker that replaces a dead one; false when there was none. */
bool queue_peek_plan(const struct queue *queue, struct plan_request *ret_plan);
/* Entries that are not durable. Walks them. */
uint64_t queue_count(const struct queue *queue);
/* How often the worker met an entry that contradicts itself and gave up all that was queued then: 0 unless memory was
 * damaged. */
uint64_t queue_damaged(const struct queue *queue);
/* Readable when the drain committed an entry. */
int queue_worker_fd(const struct queue *queue);
/* The drain asked for an end: deliver what is there, then stop. */
void queue_set_closing(struct queue *queue);
bool queue_is_closing(const struct queue *queue);

#endif
