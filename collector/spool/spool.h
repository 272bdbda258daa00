/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the queue in memory has no room for while the analyzer is away: one preallocated file on disk. The order of the
 * stream never changes. The queue keeps the oldest batches, which the analyzer wants first; newer ones go through a
 * small queue of the drain's own (the inlet, in shared memory, so that it survives kill -9) to a thread that writes
 * them to the file and, as the analyzer takes what is in memory, brings them back. docs/decisions/0014-spool.md.
 *
 * One of two threads writes the queue: the drain's while nothing is spooled, the spool's from the moment that the drain
 * was told to use the inlet until it takes up the offer to go back. One atomic word says which; there is no lock.
 *
 * The thread opens no path: the file was opened, locked and preallocated before the privileges were dropped, and it has
 * a system call list of its own, which adds pwrite64 and fdatasync and leaves out most of the drain's.
 */
#ifndef VEDETTE_COLLECTOR_SPOOL_SPOOL_H
#define VEDETTE_COLLECTOR_SPOOL_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/queue/queue.h"

struct spool;

/* Room for some of the largest batches, or one would fill it. */
#define SPOOL_SIZE_MIN (4ull << 20)
/* What is known of each batch is in memory: 104 bytes for every 4 KiB in use, so 26 MiB. */
#define SPOOL_SIZE_MAX (1ull << 30)

enum {
    /* With more of the queue used than this, batches take the way over the inlet. Above a half: then the analyzer
     * commits with every batch, which gives room fastest. */
    SPOOL_QUEUE_PERCENT = 60,
    /* So many bulk events in a row are worth a batch that can be given up without giving up anything else. */
    SPOOL_RUN_EVENTS = 256,
};

struct spool_settings {
    const char *path;
    uint64_t size; /* of the file, bytes; rounded down to 4 KiB */
    const char *inlet_path;
    const char *boot_id;
    struct queue *queue;
    uint32_t retry_ms; /* after the disk failed; 0 for 10 s */
};

struct spool_recovery {
    bool foreign;             /* what was there is no spool of this layout: replaced */
    uint64_t batches, events; /* kept */
    uint64_t lost_parts;      /* torn or damaged: each a loss record in its place */
    uint64_t lost_events;     /* in them, as far as known */
    uint64_t dropped_boot, dropped_boot_events;
    uint64_t dropped_schema, dropped_schema_events;
};

struct spool_figures {
    uint64_t size, used;     /* bytes of the file */
    uint64_t batches;        /* in the file now */
    uint64_t written;        /* batches, since the start */
    uint64_t evicted_events; /* since the start, bulk */
    uint64_t errors;         /* calls that failed and batches that could not be read again, since the start */
    uint64_t oldest_ns;      /* when the oldest batch in the file was queued, CLOCK_BOOTTIME; 0 none */
};

/*
 * Opens or makes the file (0600) and the inlet, locks them, finds what an earlier life left. With privilege, after the
 * courier was forked: it must not have the inlet. `recovery` is that of the queue; what the inlet knows of the life
 * before is added to it. 0; -EBUSY another collector has it; -EPERM the file belongs to somebody else; -ENOSPC, -EROFS,
 * -EACCES and others of the file system.
 */
int spool_open(const struct spool_settings *settings, struct queue_recovery *recovery, struct spool **ret_spool,
               struct spool_recovery *ret_recovery);
/* Starts the thread, which confines itself first. After the drop of privileges, before the caller's own seccomp list,
 * which the thread would inherit. 0 or -errno. */
int spool_start(struct spool *spool);
/* Ends the thread, closes, frees. What is in the file stays for the next start. NULL is fine. */
void spool_close(struct spool *spool);

/* --- the drain's thread; NULL: there is no spool, all goes to the queue --- */

/* Where the next batch goes: the queue or the inlet. Between two calls the answer may change; whichever it was may be
 * used until the next. */
struct queue *spool_route(struct spool *spool, struct queue *queue);
/* Batches go to the inlet at the moment. */
bool spool_is_active(const struct spool *spool);
/* The file has no room that is not meant for critical and watched events. */
bool spool_is_tight(const struct spool *spool);
/* Bytes in the queue, known without touching what the other thread may be writing. */
uint64_t spool_queue_used(const struct spool *spool, const struct queue *queue);
/* The queue may have room again: the courier moved a cursor. */
void spool_kick(struct spool *spool);

/* Any thread. */
void spool_read_figures(const struct spool *spool, struct spool_figures *ret_figures);

#endif
