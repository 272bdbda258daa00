/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side: reads the ring, writes its own area. */
#include "collector/queue/layout.h"

#include "common/base/fault.h"

static uint64_t load_head(const struct queue *queue)
{
    return atomic_load_explicit(&queue_drain_view(queue)->head, memory_order_acquire);
}

static uint64_t load_tail(const struct queue *queue)
{
    uint64_t head = load_head(queue);
    uint64_t tail = atomic_load_explicit(&queue->worker->tail, memory_order_relaxed);
    return tail > head ? head : tail; /* a worker before us may have gone mad */
}

static void store_tail(struct queue *queue, uint64_t tail)
{
    if (queue->read < tail)
        queue->read = tail;
    FAULT_POINT(queue_before_forget);
    atomic_store_explicit(&queue->worker->tail, tail, memory_order_release);
    FAULT_POINT(queue_after_forget);
    queue_wake(queue->drain_fd);
}

static bool is_forgotten(const struct queue *queue, uint64_t position)
{
    for (size_t i = 0; i < QUEUE_FORGOTTEN; i++)
        if (queue->forgotten[i] == position + 1)
            return true;
    return false;
}

/*
 * No slot is free, and `position` lies behind all that are forgotten: to go on could mean to have to remember one more.
 * Before them the way stays open, or a rewind could not lead to the entries whose becoming durable frees a slot.
 */
static bool must_wait(const struct queue *queue, uint64_t position)
{
    uint64_t tail = load_tail(queue);
    for (size_t i = 0; i < QUEUE_FORGOTTEN; i++)
        if (queue->forgotten[i] <= tail || queue->forgotten[i] > position)
            return false;
    return true;
}

/*
 * The entry at `read` contradicts itself: what follows cannot be found any more. It is given up when nothing before it
 * is still waiting, so that no entry that was sent is forgotten before it is durable.
 */
static void give_up_damaged(struct queue *queue, uint64_t head)
{
    if (queue->read != load_tail(queue))
        return;
    queue->damaged++;
    store_tail(queue, head);
}

const struct queue_entry *queue_next(struct queue *queue)
{
    struct found_entry found;
    for (;;) {
        uint64_t head = load_head(queue);
        if (must_wait(queue, queue->read)) {
            queue_clear_wake(queue->worker_fd); /* it is no new entry that we wait for */
            return NULL;
        }
        if (queue->read == head) {
            queue_clear_wake(queue->worker_fd);
            if (load_head(queue) == head)
                return NULL;
            continue; /* committed between the look and the clearing */
        }
        if (!queue_find(queue, queue->read, head, &found)) {
            give_up_damaged(queue, head);
            queue_clear_wake(queue->worker_fd);
            return NULL;
        }
        queue->read += found.span;
        if (found.kind == ENTRY_BATCH && !is_forgotten(queue, found.entry.position))
            break;
    }
    queue->entry = found.entry;
    return &queue->entry;
}

static bool has_events(const struct queue_entry *entry)
{
    return entry->next_seq > entry->first_seq;
}

/* At the tail it may go without a cursor's word: a filler, what was given up, and an entry without events (which moves
 * no cursor) once given. */
static bool goes_at_tail(const struct queue *queue, const struct found_entry *found, uint64_t session)
{
    const struct queue_entry *entry = &found->entry;
    return found->kind == ENTRY_FILLER || is_forgotten(queue, entry->position) ||
           (entry->session == session && !has_events(entry) && entry->position < queue->read);
}

/*
 * The end of the last entry that holds durable events of the session: everything before it went to the analyzer
 * earlier, so it is durable too.
 */
static uint64_t durable_end(const struct queue *queue, uint64_t session, uint64_t durable_seq)
{
    uint64_t head = load_head(queue);
    uint64_t end = load_tail(queue);
    struct found_entry found;
    for (uint64_t position = end; queue_find(queue, position, head, &found); position += found.span) {
        const struct queue_entry *entry = &found.entry;
        bool in_session = found.kind == ENTRY_BATCH && entry->session == session;
        if (position == end && goes_at_tail(queue, &found, session))
            end = position + found.span;
        else if (in_session && entry->next_seq > durable_seq)
            break;
        else if (in_session && has_events(entry))
            end = position + found.span;
    }
    return end;
}

void queue_set_durable(struct queue *queue, uint64_t session, uint64_t durable_seq)
{
    uint64_t end = durable_end(queue, session, durable_seq);
    if (end != load_tail(queue))
        store_tail(queue, end);
}

/*
 * One that is empty or whose entry is freed. There is none only when an entry before all forgotten ones, once taken, is
 * refused when it is sent again: then the last, whose turn is farthest, is met and refused again.
 */
static uint64_t *free_slot(struct queue *queue)
{
    uint64_t tail = load_tail(queue);
    uint64_t *slot = &queue->forgotten[0];
    for (size_t i = 0; i < QUEUE_FORGOTTEN; i++) {
        if (queue->forgotten[i] <= tail)
            return &queue->forgotten[i];
        if (queue->forgotten[i] > *slot)
            slot = &queue->forgotten[i];
    }
    return slot;
}

void queue_forget(struct queue *queue, uint64_t position)
{
    *free_slot(queue) = position + 1;
    queue_set_durable(queue, 0, 0); /* no session's: only what goes at the tail by itself */
}

void queue_rewind(struct queue *queue)
{
    queue->read = load_tail(queue);
    /* What a worker before us left beyond the head would keep the drain from seeing any cursor of ours. */
    if (atomic_load_explicit(&queue->worker->tail, memory_order_relaxed) != queue->read)
        store_tail(queue, queue->read);
}

void queue_put_plan(struct queue *queue, const struct plan_request *plan)
{
    struct worker_area *area = queue->worker;
    /* Odd even after a writer that died in between; never 0 again. */
    uint32_t sequence = atomic_load_explicit(&area->plan_sequence, memory_order_relaxed) | 1;
    atomic_store_explicit(&area->plan_sequence, sequence, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    memcpy(&area->plan, plan, sizeof(*plan));
    FAULT_POINT(queue_torn_plan);
    atomic_store_explicit(&area->plan_sequence, sequence + 1 == 0 ? 2 : sequence + 1, memory_order_release);
    FAULT_POINT(queue_after_plan);
    queue_wake(queue->drain_fd);
}

uint64_t queue_count(const struct queue *queue)
{
    uint64_t head = load_head(queue);
    uint64_t count = 0;
    struct found_entry found;
    for (uint64_t position = load_tail(queue); queue_find(queue, position, head, &found); position += found.span)
        count += found.kind == ENTRY_BATCH;
    return count;
}

uint64_t queue_damaged(const struct queue *queue)
{
    return queue->damaged;
}

int queue_worker_fd(const struct queue *queue)
{
    return queue->worker_fd;
}

bool queue_is_closing(const struct queue *queue)
{
    return atomic_load(&queue_drain_view(queue)->closing) != 0;
}
