/* SPDX-License-Identifier: Apache-2.0 */
/* The drain's side. Of what it reads here only the tail and the plan were written by another process. */
#include "collector/queue/layout.h"

#include "common/base/fault.h"

static struct drain_area *drain_area(struct queue *queue)
{
    return (struct drain_area *)(void *)queue->map;
}

void queue_wake(int fd)
{
    uint64_t one = 1;
    /* Fails only when the counter is full: then the other side is awake already. */
    if (write(fd, &one, sizeof(one)) < 0)
        return;
}

void queue_clear_wake(int fd)
{
    uint64_t count;
    if (read(fd, &count, sizeof(count)) < 0)
        return; /* it was clear */
}

uint64_t queue_clamped_tail(const struct queue *queue)
{
    uint64_t head = atomic_load_explicit(&queue_drain_view(queue)->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&queue->worker->tail, memory_order_acquire);
    return tail < queue->tail || tail > head ? queue->tail : tail;
}

void queue_write_life(struct queue *queue)
{
    struct life *life = &queue->life;
    life->count++;
    life->check = queue_life_check(queue, life);
    drain_area(queue)->life[life->count % 2] = *life;
    /* The stores of one life may come in any order, but all before those of the next. */
    atomic_thread_fence(memory_order_release);
}

uint8_t *queue_reserve(struct queue *queue, size_t size)
{
    /* Half of the ring: with a filler before it, more might never find room. */
    if (size > queue->ring_size / 2 - sizeof(struct entry_header))
        return NULL;
    size_t span = queue_span(size);
    size_t to_end = queue->ring_size - queue->head % queue->ring_size;
    size_t filler = to_end < span ? to_end : 0;
    queue->tail = queue_clamped_tail(queue);
    if (queue->head - queue->tail + filler + span > queue->ring_size)
        return NULL;
    queue->reserved = size;
    queue->reserved_filler = filler;
    return queue->map + 2 * QUEUE_AREA + (queue->head + filler) % queue->ring_size + sizeof(struct entry_header);
}

static void write_entry(struct queue *queue, const struct found_entry *found)
{
    uint64_t position = found->entry.position;
    struct entry_header *header =
        (struct entry_header *)(void *)(queue->map + 2 * QUEUE_AREA + position % queue->ring_size);
    header->kind = found->kind;
    header->size = (uint32_t)found->entry.size;
    header->session = found->entry.session;
    header->first_seq = found->entry.first_seq;
    header->next_seq = found->entry.next_seq;
    header->time_ns = found->entry.time_ns;
    header->classes = found->entry.classes;
    header->span_ms = queue_span_ms(&found->entry);
    header->checksum = queue_entry_checksum(queue, found);
    FAULT_POINT(queue_before_commit_word);
    atomic_store_explicit(&header->commit, position ^ queue->salt, memory_order_release);
}

void queue_commit(struct queue *queue, const struct queue_entry *entry, size_t size)
{
    if (size > queue->reserved || entry->next_seq < entry->first_seq)
        abort(); /* the caller has written beyond its reservation: nothing can be trusted */
    uint64_t position = queue->head;
    if (queue->reserved_filler > 0) {
        size_t fill = queue->reserved_filler - sizeof(struct entry_header);
        write_entry(queue, &(struct found_entry){.kind = ENTRY_FILLER, .entry = {.position = position, .size = fill}});
        position += queue->reserved_filler;
    }
    struct found_entry found = {.kind = ENTRY_BATCH, .entry = *entry};
    found.entry.position = position;
    found.entry.size = size;
    found.entry.bytes = queue->map + 2 * QUEUE_AREA + position % queue->ring_size + sizeof(struct entry_header);
    write_entry(queue, &found);
    FAULT_POINT(queue_after_commit_word);
    queue->reserved = 0;
    queue->head = position + queue_span(size);
    atomic_store_explicit(&drain_area(queue)->head, queue->head, memory_order_release);
    FAULT_POINT(queue_after_head);

    /* An acknowledged entry leaves no trace in the ring; how far the session came must outlive it. */
    if (entry->session != queue->life.session || entry->next_seq > queue->life.next_seq)
        queue->life.next_seq = entry->next_seq;
    queue->life.session = entry->session;
    queue->life.head = queue->head;
    queue_write_life(queue);
    FAULT_POINT(queue_after_life);
    queue_wake(queue->worker_fd);
}

void queue_set_drained(struct queue *queue, uint64_t boot_ns, uint64_t session, uint64_t next_seq)
{
    queue->life.drained_ns = boot_ns;
    queue->life.session = session;
    queue->life.next_seq = next_seq;
    queue->life.head = queue->head;
    queue_write_life(queue);
}

/* Copies what another process may be writing: a changed sequence means that the copy is worthless. */
bool queue_copy_plan(const struct queue *queue, struct plan_request *ret_plan)
{
    const struct worker_area *area = queue->worker;
    for (int i = 0; i < QUEUE_PLAN_TRIES; i++) {
        uint32_t before = atomic_load_explicit(&area->plan_sequence, memory_order_acquire);
        if (before == 0)
            return false;
        if (before % 2 != 0)
            continue;
        struct plan_request plan;
        memcpy(&plan, &area->plan, sizeof(plan));
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&area->plan_sequence, memory_order_relaxed) != before)
            continue;
        *ret_plan = plan;
        return true;
    }
    return false;
}

bool queue_peek_plan(const struct queue *queue, struct plan_request *ret_plan)
{
    if (!queue_copy_plan(queue, ret_plan))
        return false;
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        if (ret_plan->selected[id] > SELECTED_WATCHED)
            ret_plan->selected[id] = SELECTED_ALL;
    if (ret_plan->n_watches > WATCH_ROWS)
        ret_plan->n_watches = WATCH_ROWS;
    if (ret_plan->scopes.n_values > SCOPE_VALUES)
        memset(&ret_plan->scopes, 0, sizeof(ret_plan->scopes)); /* everybody's */
    return true;
}

bool queue_take_plan(struct queue *queue, uint32_t *epoch, uint32_t *snapshot, struct plan_request *ret_plan)
{
    struct plan_request plan;
    queue_clear_wake(queue->drain_fd);
    if (!queue_peek_plan(queue, &plan) || (plan.epoch == *epoch && plan.need_snapshot == *snapshot))
        return false;
    *epoch = plan.epoch;
    *snapshot = plan.need_snapshot;
    *ret_plan = plan;
    return true;
}

int queue_drain_fd(const struct queue *queue)
{
    return queue->drain_fd;
}

uint64_t queue_used(const struct queue *queue)
{
    uint64_t head = atomic_load_explicit(&queue_drain_view(queue)->head, memory_order_acquire);
    return head - queue_clamped_tail(queue);
}

uint64_t queue_size(const struct queue *queue)
{
    return queue->ring_size;
}

bool queue_is_delivered(const struct queue *queue)
{
    return queue_used(queue) == 0;
}

void queue_set_closing(struct queue *queue)
{
    atomic_store(&drain_area(queue)->closing, 1);
    queue_wake(queue->worker_fd);
}
