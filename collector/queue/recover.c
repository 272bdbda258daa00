/* SPDX-License-Identifier: Apache-2.0 */
/* What a killed drain and a killed worker left behind. The file is then ours alone: the lock is held. */
#include "collector/queue/layout.h"

#include "collector/queue/checksum.h"
#include "common/base/clock.h"
#include "common/events/events.h"

bool queue_find(const struct queue *queue, uint64_t position, uint64_t end, struct found_entry *ret_found)
{
    size_t offset = position % queue->ring_size;
    if (position % QUEUE_ALIGN != 0 || end < position || end - position < sizeof(struct entry_header))
        return false;
    const struct entry_header *header = (const struct entry_header *)(const void *)(queue_ring_view(queue) + offset);
    if (atomic_load_explicit(&header->commit, memory_order_acquire) != (position ^ queue->salt))
        return false;
    size_t size = header->size;
    if ((header->kind != ENTRY_BATCH && header->kind != ENTRY_FILLER) || size > queue->ring_size)
        return false;
    size_t span = queue_span(size);
    if (span > queue->ring_size - offset || span > end - position || header->next_seq < header->first_seq)
        return false;
    *ret_found = (struct found_entry){
        .kind = header->kind,
        .span = span,
        .checksum = header->checksum,
        .entry = {.position = position,
                  .session = header->session,
                  .first_seq = header->first_seq,
                  .next_seq = header->next_seq,
                  .time_ns = header->time_ns,
                  .from_ns = queue_span_from_ns(header->time_ns, header->span_ms),
                  .classes = header->classes,
                  .bytes = queue_ring_view(queue) + offset + sizeof(*header),
                  .size = size},
    };
    return true;
}

uint64_t queue_entry_checksum(const struct queue *queue, const struct found_entry *found)
{
    const struct queue_entry *entry = &found->entry;
    uint64_t facts[] = {
        entry->position,  found->kind,     entry->size,    entry->session,
        entry->first_seq, entry->next_seq, entry->time_ns, (uint64_t)entry->classes << 32 | queue_span_ms(entry)};
    uint64_t seed = checksum(facts, sizeof(facts), queue->salt);
    return found->kind == ENTRY_BATCH ? checksum(entry->bytes, entry->size, seed)
                                      : seed; /* a filler's bytes are whatever was there */
}

uint64_t queue_life_check(const struct queue *queue, const struct life *life)
{
    return checksum(life, offsetof(struct life, check), queue->salt);
}

uint64_t queue_plan_check(const struct queue *queue, const struct plan_request *plan)
{
    return checksum(plan, sizeof(*plan), queue->salt);
}

static struct life newest_life(const struct queue *queue)
{
    struct life newest = {0};
    for (size_t i = 0; i < 2; i++) {
        struct life life = queue_drain_view(queue)->life[i];
        if (life.count > newest.count && life.check == queue_life_check(queue, &life))
            newest = life;
    }
    return newest;
}

/* What a walk met: entries, and the events and times of those whose checksum holds. */
struct tally {
    uint64_t entries, events, first_ns, last_ns;
};

static void count_entry(struct tally *tally, const struct found_entry *found, bool is_whole)
{
    const struct queue_entry *entry = &found->entry;
    if (found->kind != ENTRY_BATCH)
        return;
    tally->entries++;
    if (!is_whole)
        return;
    tally->events += entry->next_seq - entry->first_seq;
    tally->last_ns = entry->time_ns;
    if (tally->first_ns == 0)
        tally->first_ns = entry->time_ns;
}

/* Entries behind a damaged one, as far as their headers still chain: given up with it, but counted. */
static struct tally count_rest(const struct queue *queue, uint64_t position, uint64_t end)
{
    struct found_entry found;
    struct tally rest = {0};
    for (; queue_find(queue, position, end, &found); position += found.span)
        count_entry(&rest, &found, queue_entry_checksum(queue, &found) == found.checksum);
    return rest;
}

static void note_dropped(struct queue_recovery *recovery, const struct tally *tally)
{
    if (recovery->dropped_from_ns == 0)
        recovery->dropped_from_ns = tally->first_ns;
    if (tally->last_ns != 0)
        recovery->dropped_to_ns = tally->last_ns;
}

/* The bytes are those of another event table: they cannot be sent under the schema of this one. */
static void take_kept(const struct queue *queue, struct queue_recovery *recovery, const struct tally *kept)
{
    if (queue_drain_view(queue)->events == events_fingerprint()) {
        recovery->entries = kept->entries;
        recovery->events = kept->events;
        return;
    }
    recovery->dropped_schema = kept->entries;
    recovery->dropped_schema_events = kept->events;
    note_dropped(recovery, kept);
}

/*
 * From the tail as long as entries are whole. The stored head is only a lower bound of what was committed (a kill
 * between commit word and head), and an upper bound that shows that something is missing.
 */
static uint64_t walk(const struct queue *queue, uint64_t tail, struct queue_recovery *recovery,
                     struct queue_entry *ret_last)
{
    uint64_t end = tail + queue->ring_size;
    uint64_t stored_head = atomic_load(&queue_drain_view(queue)->head);
    uint64_t position = tail;
    struct found_entry found;
    struct tally kept = {0};
    while (queue_find(queue, position, end, &found) && queue_entry_checksum(queue, &found) == found.checksum) {
        count_entry(&kept, &found, true);
        if (found.kind == ENTRY_BATCH)
            *ret_last = found.entry;
        position += found.span;
    }
    struct tally rest = count_rest(queue, position, end);
    take_kept(queue, recovery, &kept);
    note_dropped(recovery, &rest);
    recovery->dropped += rest.entries > 0 ? rest.entries : position < stored_head;
    recovery->dropped_events += rest.events;
    return position;
}

/* Later a new entry may end just where an entry that was given up begins: it must not come back to life then. */
static void wipe_free(struct queue *queue)
{
    uint8_t *ring = queue->map + 2 * QUEUE_AREA;
    size_t head = queue->head % queue->ring_size;
    size_t room = queue->ring_size - (size_t)(queue->head - queue->tail);
    size_t first = room < queue->ring_size - head ? room : queue->ring_size - head;
    memset(ring + head, 0, first);
    memset(ring, 0, room - first);
}

/* The tail is the worker's word, which a worker that was taken over may have spoilt; the stored head is the drain's. */
static uint64_t believable_tail(const struct queue *queue, struct queue_recovery *recovery)
{
    uint64_t head = atomic_load(&queue_drain_view(queue)->head);
    uint64_t tail = atomic_load(&queue->worker->tail);
    if (tail % QUEUE_ALIGN == 0 && tail <= head && head - tail <= queue->ring_size)
        return tail;
    recovery->dropped++; /* what was queued cannot be found again */
    return head;
}

static bool is_plan(const struct plan_request *plan)
{
    bool sane = plan->epoch != 0; /* 0: only a snapshot was asked for */
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        sane = sane && plan->selected[id] <= SELECTED_WATCHED;
    return sane && plan->n_watches <= WATCH_ROWS && plan->scopes.n_values <= SCOPE_VALUES;
}

/* The plan of the life that ended, or, where its analyzer never came, that of the one before. */
static bool find_plan(const struct queue *queue, struct plan_request *ret_plan)
{
    struct plan_request plan;
    bool found = queue_copy_plan(queue, &plan) && is_plan(&plan);
    if (!found) {
        const struct kept_plan *kept = &queue_drain_view(queue)->plan;
        plan = kept->plan;
        found = kept->check == queue_plan_check(queue, &plan) && is_plan(&plan);
    }
    if (!found)
        return false;
    plan.need_snapshot = 0; /* it was asked of that life */
    *ret_plan = plan;
    return true;
}

void queue_recover(struct queue *queue, struct queue_recovery *recovery)
{
    struct queue_entry last = {0};
    recovery->has_plan = find_plan(queue, &recovery->plan);
    queue->tail = believable_tail(queue, recovery);
    queue->head = walk(queue, queue->tail, recovery, &last);
    queue->life = newest_life(queue);
    if (recovery->dropped > 0)
        wipe_free(queue);

    recovery->last_session = queue->life.session;
    recovery->last_seq = queue->life.next_seq;
    if (recovery->entries + recovery->dropped_schema > 0 && last.position >= queue->life.head) {
        recovery->last_session = last.session;
        recovery->last_seq = last.next_seq;
    }
    uint64_t now = clock_boot_ns();
    recovery->last_alive_ns = queue->life.drained_ns < now ? queue->life.drained_ns : now;
}
