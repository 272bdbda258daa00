/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/spool/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/spool/confine.h"
#include "collector/spool/disk.h"
#include "collector/spool/loss.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/events/record.h"

enum {
    INLET_BYTES = 4 << 20, /* what comes while the disk syncs: at 10 MiB a second, 0.4 s */
    SYNC_BATCHES = 64,     /* at most so many in one fdatasync */
    STACK_BYTES = 256 * 1024,
    RETRY_MS = 10000,
    /* With less of the file free, and nothing left to evict, new bulk events are given up: the rest is for the others.
     */
    RESERVE_PERCENT = 25,
};

/* How fast batches are brought back at most: above what a node was seen to produce, or it would never end. */
static const uint64_t replay_bytes_per_s = 32 << 20;
/* Waiting is done in whole milliseconds: what was not used of the last few may be made up for. */
static const uint64_t replay_burst_ns = 20000000;

/* Who writes the queue. The drain's thread moves IDLE to ACTIVE, OFFERED to IDLE; the spool's ACTIVE to OFFERED; either
 * OFFERED to ACTIVE. */
enum mode { MODE_IDLE, MODE_ACTIVE, MODE_OFFERED };

struct spool {
    struct queue *queue, *inlet;
    const char *path;
    uint32_t retry_ms;
    pthread_t thread;
    bool has_thread;
    sem_t started;
    int start_error;
    _Atomic int mode;
    _Atomic bool stop, tight;
    /* For other threads. */
    _Atomic uint64_t queue_used, size, used, batches, written, evicted, errors, oldest_ns;

    /* The spool's thread alone. */
    struct disk disk;
    struct queue_entry waiting; /* taken from the inlet, and no place found for it yet */
    bool has_waiting, is_full, is_told;
    bool is_paced, is_held_back; /* the last round stopped because of feed_ns, of retry_ns */
    uint64_t retry_ns;           /* the disk failed: not written before; 0 it is well */
    uint64_t feed_ns;            /* nothing is brought back before */
    uint64_t replayed;           /* batches, since the file began to be used */
    uint64_t evicted_told, unreadable_told;
};

/* --- opening --- */

/* The life that came further is the one to believe; what was lost adds up. */
static void join_recovery(struct queue_recovery *all, const struct queue_recovery *inlet)
{
    if (inlet->last_alive_ns >= all->last_alive_ns && inlet->last_session != 0) {
        all->last_alive_ns = inlet->last_alive_ns;
        all->last_session = inlet->last_session;
        all->last_seq = inlet->last_seq;
    }
    all->entries += inlet->entries;
    all->events += inlet->events;
    all->dropped += inlet->dropped;
    all->dropped_events += inlet->dropped_events;
    all->dropped_schema += inlet->dropped_schema;
    all->dropped_schema_events += inlet->dropped_schema_events;
    all->dropped_boot += inlet->dropped_boot;
    all->dropped_boot_events += inlet->dropped_boot_events;
    if (inlet->dropped_from_ns != 0 && (all->dropped_from_ns == 0 || inlet->dropped_from_ns < all->dropped_from_ns))
        all->dropped_from_ns = inlet->dropped_from_ns;
    if (inlet->dropped_to_ns > all->dropped_to_ns)
        all->dropped_to_ns = inlet->dropped_to_ns;
}

static struct disk_tail find_tail(struct queue *inlet, const struct queue_recovery *recovery)
{
    struct disk_tail tail = {.session = recovery->last_session, .seq = recovery->last_seq};
    const struct queue_entry *oldest = queue_next(inlet);
    if (oldest != NULL)
        tail = (struct disk_tail){oldest->time_ns, oldest->session, oldest->first_seq};
    queue_rewind(inlet);
    return tail;
}

static void publish(struct spool *spool)
{
    const struct disk *disk = &spool->disk;
    const struct piece *front = disk_front(disk);
    uint64_t blocks = disk->n_blocks - DISK_FIRST_BLOCK;
    atomic_store_explicit(&spool->queue_used, queue_used(spool->queue), memory_order_relaxed);
    atomic_store_explicit(&spool->used, (blocks - disk->n_free) * DISK_BLOCK, memory_order_relaxed);
    atomic_store_explicit(&spool->batches, disk->n_batches, memory_order_relaxed);
    atomic_store_explicit(&spool->oldest_ns, front != NULL ? front->time_ns : 0, memory_order_relaxed);
    bool tight = spool->retry_ns > clock_boot_ns() ||
                 (disk->n_free < blocks * RESERVE_PERCENT / 100 && !disk_can_evict(&spool->disk));
    atomic_store_explicit(&spool->tight, tight, memory_order_relaxed);
}

int spool_open(const struct spool_settings *settings, struct queue_recovery *recovery, struct spool **ret_spool,
               struct spool_recovery *ret_recovery)
{
    struct spool *spool = calloc(1, sizeof(*spool));
    struct queue_recovery inlet;
    if (spool == NULL)
        return -ENOMEM;
    spool->queue = settings->queue;
    spool->path = settings->path;
    spool->retry_ms = settings->retry_ms != 0 ? settings->retry_ms : RETRY_MS;
    spool->disk.fd = -1;
    sem_init(&spool->started, 0, 0);
    int error = queue_open(settings->inlet_path, INLET_BYTES, settings->boot_id, &spool->inlet, &inlet);
    if (error == 0) {
        join_recovery(recovery, &inlet);
        struct disk_tail tail = find_tail(spool->inlet, recovery);
        error = disk_open(&spool->disk, settings, &tail, ret_recovery);
    }
    if (error != 0) {
        spool_close(spool);
        return error;
    }
    spool->size = (uint64_t)spool->disk.n_blocks * DISK_BLOCK;
    /* What an earlier life left in the inlet or the file comes before all that this one has to say. */
    spool->mode = queue_is_delivered(spool->inlet) && disk_front(&spool->disk) == NULL ? MODE_IDLE : MODE_ACTIVE;
    publish(spool);
    *ret_spool = spool;
    return 0;
}

/* --- the drain's thread --- */

static bool is_over_mark(const struct queue *queue)
{
    return queue_used(queue) > queue_size(queue) / 100 * SPOOL_QUEUE_PERCENT;
}

struct queue *spool_route(struct spool *spool, struct queue *queue)
{
    if (spool == NULL)
        return queue;
    int mode = atomic_load_explicit(&spool->mode, memory_order_acquire);
    if (mode == MODE_OFFERED && queue_used(spool->inlet) == 0 &&
        atomic_compare_exchange_strong(&spool->mode, &mode, MODE_IDLE))
        mode = MODE_IDLE; /* none but us puts anything into the inlet: it stays empty */
    if (mode == MODE_IDLE && !is_over_mark(queue))
        return queue;
    if (mode == MODE_IDLE)
        atomic_store_explicit(&spool->mode, MODE_ACTIVE, memory_order_release);
    return spool->inlet;
}

bool spool_is_active(const struct spool *spool)
{
    return spool != NULL && atomic_load_explicit(&spool->mode, memory_order_relaxed) != MODE_IDLE;
}

bool spool_is_tight(const struct spool *spool)
{
    return spool_is_active(spool) && atomic_load_explicit(&spool->tight, memory_order_relaxed);
}

uint64_t spool_queue_used(const struct spool *spool, const struct queue *queue)
{
    return spool_is_active(spool) ? atomic_load_explicit(&spool->queue_used, memory_order_relaxed) : queue_used(queue);
}

static void wake(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof(one)) < 0)
        return; /* only when the counter is full: awake already */
}

void spool_kick(struct spool *spool)
{
    if (spool_is_active(spool))
        wake(queue_worker_fd(spool->inlet));
}

void spool_read_figures(const struct spool *spool, struct spool_figures *ret_figures)
{
    *ret_figures = (struct spool_figures){0};
    if (spool == NULL)
        return;
    ret_figures->size = atomic_load_explicit(&spool->size, memory_order_relaxed);
    ret_figures->used = atomic_load_explicit(&spool->used, memory_order_relaxed);
    ret_figures->batches = atomic_load_explicit(&spool->batches, memory_order_relaxed);
    ret_figures->written = atomic_load_explicit(&spool->written, memory_order_relaxed);
    ret_figures->evicted_events = atomic_load_explicit(&spool->evicted, memory_order_relaxed);
    ret_figures->errors = atomic_load_explicit(&spool->errors, memory_order_relaxed);
    ret_figures->oldest_ns = atomic_load_explicit(&spool->oldest_ns, memory_order_relaxed);
}

/* --- the spool's thread --- */

static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more, memory_order_relaxed);
}

/* Said once, until it works again. */
static void note_failure(struct spool *spool, const char *what, int error)
{
    count(&spool->errors, 1);
    if (spool->retry_ns == 0)
        log_error("%s: %s: %s; batches wait in memory only, the disk is tried again every %u ms", spool->path, what,
                  strerror(-error), spool->retry_ms);
    spool->retry_ns = clock_boot_ns() + spool->retry_ms * 1000000ull;
}

static void note_success(struct spool *spool)
{
    if (spool->retry_ns != 0)
        log_info("%s: can be written again", spool->path);
    spool->retry_ns = 0;
}

static bool may_write(const struct spool *spool)
{
    return spool->retry_ns == 0 || clock_boot_ns() >= spool->retry_ns;
}

/* The queue is filled up to its mark, so that it serves the analyzer while the disk is read; wholly, when that is all
 * the room there is. */
static bool queue_has_room(const struct spool *spool)
{
    return spool->is_full || !may_write(spool) || !is_over_mark(spool->queue);
}

static bool put_into_queue(struct spool *spool, const struct queue_entry *entry, const uint8_t *bytes)
{
    uint8_t *room = queue_reserve(spool->queue, entry->size);
    if (room == NULL)
        return false;
    memcpy(room, bytes, entry->size);
    queue_commit(spool->queue, entry, entry->size);
    return true;
}

static const struct queue_entry *next_of_inlet(struct spool *spool)
{
    if (!spool->has_waiting) {
        const struct queue_entry *entry = queue_next(spool->inlet);
        if (entry == NULL)
            return NULL;
        spool->waiting = *entry;
        spool->has_waiting = true;
    }
    return &spool->waiting;
}

static bool is_bulk_only(const struct queue_entry *entry)
{
    return entry->classes == 1u << CLASS_BULK && entry->next_seq > entry->first_seq;
}

static void note_evicted(struct spool *spool, uint64_t events)
{
    if (spool->evicted_told++ == 0)
        log_warning("%s is full: the oldest bulk events are given up and reported as lost; more are only counted",
                    spool->path);
    count(&spool->evicted, events);
}

/* Into the file, giving up bulk events for it if need be. */
static int store(struct spool *spool, const struct queue_entry *entry)
{
    int error;
    while ((error = disk_put(&spool->disk, entry)) == -ENOSPC) {
        uint64_t events = disk_evict(&spool->disk);
        if (events == 0)
            break;
        note_evicted(spool, events);
    }
    if (error == 0)
        count(&spool->written, 1);
    if (error != -ENOSPC || !is_bulk_only(entry))
        return error;
    error = disk_put_evicted(&spool->disk, entry);
    if (error == 0)
        note_evicted(spool, entry->next_seq - entry->first_seq);
    return error;
}

static void begin_to_spool(struct spool *spool)
{
    if (!spool->is_told)
        log_info("the queue is %d percent full: batches wait in %s", SPOOL_QUEUE_PERCENT, spool->path);
    spool->is_told = true;
}

/* What was put into the file is there: the inlet may forget it. */
static bool sync_stored(struct spool *spool, const struct queue_entry *last)
{
    if (spool->disk.staged == 0)
        return true;
    int error = disk_sync(&spool->disk);
    if (error == 0) {
        note_success(spool);
        queue_set_durable(spool->inlet, last->session, last->next_seq);
        return true;
    }
    note_failure(spool, "cannot be synced", error);
    queue_rewind(spool->inlet);
    spool->has_waiting = false;
    return false;
}

enum taken { TAKEN_NOT, TAKEN_TO_QUEUE, TAKEN_TO_DISK };

static enum taken take_one(struct spool *spool, const struct queue_entry *entry)
{
    bool is_empty = disk_front(&spool->disk) == NULL && spool->disk.staged == 0;
    if (is_empty && queue_has_room(spool) && put_into_queue(spool, entry, entry->bytes))
        return TAKEN_TO_QUEUE;
    spool->is_held_back = !may_write(spool);
    if (spool->is_held_back)
        return TAKEN_NOT;
    int error = store(spool, entry);
    spool->is_full = error == -ENOSPC;
    if (error == 0) {
        begin_to_spool(spool);
        return TAKEN_TO_DISK;
    }
    if (error != -ENOSPC)
        note_failure(spool, "cannot be written", error);
    return TAKEN_NOT;
}

/* Batches of one session, as many as one sync takes. True when there may be more. */
static bool take_from_inlet(struct spool *spool)
{
    const struct queue_entry *entry;
    spool->is_held_back = false;
    struct queue_entry last = {0};
    bool more = false;
    for (int i = 0; i < SYNC_BATCHES && (entry = next_of_inlet(spool)) != NULL; i++) {
        if (i > 0 && entry->session != last.session)
            return sync_stored(spool, &last);
        enum taken taken = take_one(spool, entry);
        if (taken == TAKEN_NOT) {
            sync_stored(spool, &last);
            return false;
        }
        last = *entry;
        spool->has_waiting = false;
        more = true;
        if (taken == TAKEN_TO_QUEUE)
            queue_set_durable(spool->inlet, last.session, last.next_seq);
    }
    return sync_stored(spool, &last) && more;
}

static bool bring_back_loss(struct spool *spool, const struct piece *piece)
{
    uint8_t bytes[SPOOL_LOSS_BYTES];
    struct queue_entry entry = {.session = piece->session,
                                .first_seq = piece->next_seq,
                                .next_seq = piece->next_seq,
                                .time_ns = piece->time_ns,
                                .size = spool_pack_loss(piece, bytes)};
    return put_into_queue(spool, &entry, bytes);
}

/* Straight into the queue's memory; what is no good there was not committed. */
static bool bring_back_batch(struct spool *spool, const struct piece *piece)
{
    uint8_t *room = queue_reserve(spool->queue, piece->size);
    if (room == NULL)
        return false;
    int error = disk_read(&spool->disk, piece, room);
    if (error != 0) {
        count(&spool->errors, 1);
        if (spool->unreadable_told++ == 0)
            log_error("%s: a batch of %" PRIu64 " events cannot be read again (%s): reported as lost; more are only "
                      "counted",
                      spool->path, piece->next_seq - piece->first_seq,
                      error == -EBADMSG ? "damaged" : strerror(-error));
        disk_lose_front(&spool->disk);
        return bring_back_loss(spool, disk_front(&spool->disk));
    }
    struct queue_entry entry = {.session = piece->session,
                                .first_seq = piece->first_seq,
                                .next_seq = piece->next_seq,
                                .time_ns = piece->time_ns,
                                .from_ns = piece->from_ns,
                                .classes = piece->classes};
    queue_commit(spool->queue, &entry, piece->size);
    spool->replayed++;
    return true;
}

static void note_emptied(struct spool *spool)
{
    if (spool->is_told || spool->replayed > 0)
        log_info("%s is empty again: %" PRIu64 " batches were brought back", spool->path, spool->replayed);
    spool->is_told = false;
    spool->replayed = spool->evicted_told = spool->unreadable_told = 0;
}

/* True when one was brought back. */
static bool bring_back(struct spool *spool, uint64_t now_ns)
{
    const struct piece *piece = disk_front(&spool->disk);
    spool->is_paced = piece != NULL && now_ns < spool->feed_ns;
    if (piece == NULL || spool->is_paced || !queue_has_room(spool))
        return false;
    uint64_t cost_ns = piece->size * 1000000000ull / replay_bytes_per_s;
    if (!(piece->kind == PIECE_BATCH ? bring_back_batch(spool, piece) : bring_back_loss(spool, piece)))
        return false;
    disk_pop(&spool->disk);
    spool->is_full = false;
    uint64_t since_ns = now_ns - replay_burst_ns;
    spool->feed_ns = (spool->feed_ns > since_ns ? spool->feed_ns : since_ns) + cost_ns;
    if (disk_front(&spool->disk) == NULL)
        note_emptied(spool);
    return true;
}

/* Nothing is left: the drain may write the queue itself again. It takes the offer up when it has something to write. */
static void offer(struct spool *spool)
{
    int mode = MODE_ACTIVE;
    if (!spool->has_waiting && disk_front(&spool->disk) == NULL && next_of_inlet(spool) == NULL &&
        atomic_compare_exchange_strong(&spool->mode, &mode, MODE_OFFERED))
        wake(queue_drain_fd(spool->queue));
}

/* Whether the queue is ours to write. */
static bool is_ours(struct spool *spool)
{
    int mode = atomic_load_explicit(&spool->mode, memory_order_acquire);
    if (mode == MODE_OFFERED && next_of_inlet(spool) != NULL)
        return atomic_compare_exchange_strong(&spool->mode, &mode, MODE_ACTIVE);
    return mode == MODE_ACTIVE;
}

static void work(struct spool *spool)
{
    bool more = true;
    while (more && !atomic_load_explicit(&spool->stop, memory_order_relaxed)) {
        more = take_from_inlet(spool);
        more = bring_back(spool, clock_boot_ns()) || more;
        publish(spool);
    }
    offer(spool);
}

/* Milliseconds until something that was put off is due; -1 when all else comes with a wake-up. */
static int until_next(const struct spool *spool)
{
    uint64_t now_ns = clock_boot_ns(), at_ns = UINT64_MAX;
    if (spool->is_held_back)
        at_ns = spool->retry_ns;
    if (spool->is_paced && spool->feed_ns < at_ns)
        at_ns = spool->feed_ns;
    if (at_ns == UINT64_MAX)
        return -1;
    return at_ns > now_ns ? (int)((at_ns - now_ns) / 1000000) + 1 : 0;
}

static void *run(void *arg)
{
    struct spool *spool = arg;
    spool->start_error = spool_confine();
    int error = spool->start_error;
    sem_post(&spool->started);
    if (error != 0)
        return NULL;
    struct pollfd fd = {.fd = queue_worker_fd(spool->inlet), .events = POLLIN};
    int timeout_ms = 0;
    while (!atomic_load(&spool->stop)) {
        uint64_t wakes;
        if (poll(&fd, 1, timeout_ms) > 0 && read(fd.fd, &wakes, sizeof(wakes)) < 0)
            continue; /* somebody was faster */
        timeout_ms = -1;
        if (!is_ours(spool))
            continue;
        work(spool);
        timeout_ms = until_next(spool);
    }
    return NULL;
}

int spool_start(struct spool *spool)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int error = -pthread_create(&spool->thread, &attributes, run, spool);
    pthread_attr_destroy(&attributes);
    if (error != 0)
        return error;
    spool->has_thread = true;
    while (sem_wait(&spool->started) != 0)
        ;
    return spool->start_error;
}

void spool_close(struct spool *spool)
{
    if (spool == NULL)
        return;
    if (spool->has_thread) {
        atomic_store(&spool->stop, true);
        wake(queue_worker_fd(spool->inlet));
        pthread_join(spool->thread, NULL);
    }
    disk_close(&spool->disk);
    queue_close(spool->inlet);
    sem_destroy(&spool->started);
    free(spool);
}
