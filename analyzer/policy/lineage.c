// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/lineage.h"

#include <errno.h>
#include <stdatomic.h>

#include "analyzer/state/hash.h"

enum { MAX_PARENTS = 64 /* looked through for a process that is met without its fork */ };

struct identity {
    uint64_t start_ns;
    uint64_t tgid; /* wide, so that the key has no padding */
};

struct kin {
    struct identity identity;
    struct kin *next_dead;
    uint64_t exit_ns; /* 0: alive */
    UT_hash_handle hh;
    uint8_t marks[];
};

struct lineage {
    struct lineage_slot *slots;
    size_t n_slots;
    struct kin *kin;
    struct kin *first_dead, *last_dead; /* by their exits */
    atomic_uint_fast64_t evicted;
};

struct lineage *lineage_new(const struct lineage_slot *slots, size_t n_slots)
{
    struct lineage *lineage = calloc(1, sizeof(*lineage));
    if (lineage == NULL)
        return NULL;
    lineage->slots = calloc(n_slots + 1, sizeof(*lineage->slots));
    if (lineage->slots == NULL) {
        free(lineage);
        errno = ENOMEM;
        return NULL;
    }
    memcpy(lineage->slots, slots, n_slots * sizeof(*slots));
    lineage->n_slots = n_slots;
    return lineage;
}

static void forget(struct lineage *lineage, struct kin *kin)
{
    HASH_DEL(lineage->kin, kin);
    free(kin);
}

void lineage_free(struct lineage *lineage)
{
    struct kin *kin, *next;
    if (lineage == NULL)
        return;
    HASH_ITER(hh, lineage->kin, kin, next)
    {
        forget(lineage, kin);
    }
    free(lineage->slots);
    free(lineage);
}

uint64_t lineage_evicted(const struct lineage *lineage)
{
    return atomic_load_explicit(&lineage->evicted, memory_order_relaxed);
}

static struct kin *find(const struct lineage *lineage, uint32_t tgid, uint64_t start_ns)
{
    const struct identity identity = {.start_ns = start_ns, .tgid = tgid};
    struct kin *kin;
    HASH_FIND(hh, lineage->kin, &identity, sizeof(identity), kin);
    return kin;
}

static void forget_first_dead(struct lineage *lineage)
{
    struct kin *dead = lineage->first_dead;
    lineage->first_dead = dead->next_dead;
    if (lineage->first_dead == NULL)
        lineage->last_dead = NULL;
    forget(lineage, dead);
}

/* The processes that the policy lists mark themselves. */
static void mark_roots(const struct lineage *lineage, struct kin *kin)
{
    for (size_t i = 0; i < lineage->n_slots; i++)
        for (size_t r = 0; r < lineage->slots[i].n_roots; r++)
            if (lineage->slots[i].roots[r].pid == kin->identity.tgid)
                kin->marks[i] = lineage->slots[i].roots[r].excluded ? MARK_OUT : MARK_IN;
}

static struct kin *add(struct lineage *lineage, uint32_t tgid, uint64_t start_ns, const uint8_t *marks)
{
    if (HASH_COUNT(lineage->kin) >= STATE_MAX_PROCESSES) {
        if (lineage->first_dead != NULL)
            forget_first_dead(lineage);
        else
            forget(lineage, lineage->kin); /* the table keeps the order of arrival */
        atomic_fetch_add_explicit(&lineage->evicted, 1, memory_order_relaxed);
    }
    struct kin *kin = calloc(1, sizeof(*kin) + lineage->n_slots + 1);
    if (kin == NULL)
        return NULL;
    kin->identity = (struct identity){.start_ns = start_ns, .tgid = tgid};
    if (marks != NULL)
        memcpy(kin->marks, marks, lineage->n_slots);
    mark_roots(lineage, kin);
    HASH_ADD(hh, lineage->kin, identity, sizeof(kin->identity), kin);
    if (kin->hh.tbl == NULL) {
        free(kin);
        return NULL;
    }
    return kin;
}

static const struct process *parent_of(const struct state *state, const struct process *process)
{
    return process->ppid == 0 ? NULL : state_process(state, process->ppid, process->parent_start_ns);
}

/* One that was not seen to begin: as its nearest parent that is known, or was met before. */
static struct kin *meet(struct lineage *lineage, const struct state *state, const struct process *process)
{
    const struct process *line[MAX_PARENTS];
    size_t n = 0;
    struct kin *kin = NULL;
    while (process != NULL && n < MAX_PARENTS) {
        kin = find(lineage, process->tgid, process->start_ns);
        if (kin != NULL)
            break;
        line[n++] = process;
        process = parent_of(state, process);
    }
    uint8_t *marks = calloc(1, lineage->n_slots + 1);
    if (marks == NULL)
        return NULL;
    if (kin != NULL)
        memcpy(marks, kin->marks, lineage->n_slots);
    while (n > 0) {
        n--;
        kin = add(lineage, line[n]->tgid, line[n]->start_ns, marks);
        if (kin == NULL)
            break;
        memcpy(marks, kin->marks, lineage->n_slots);
    }
    free(marks);
    return kin;
}

uint8_t *lineage_marks(struct lineage *lineage, const struct event_context *context)
{
    const struct process *process = context->process;
    struct kin *kin = find(lineage, process->tgid, process->start_ns);
    if (kin == NULL)
        kin = meet(lineage, context->state, process);
    return kin == NULL ? NULL : kin->marks;
}

static const struct value *argument(const struct event_view *event, const char *name)
{
    int index = event_arg_index(event->schema->known, name);
    return index < 0 ? NULL : &event->args[index];
}

static void fork_event(struct lineage *lineage, const struct event_context *context)
{
    const struct value *pid = argument(context->event, "child_pid"), *tid = argument(context->event, "child_tid");
    const struct value *start = argument(context->event, "start_time");
    if (pid == NULL || tid == NULL || start == NULL || pid->i <= 0 || pid->i != tid->i || start->u == 0)
        return; /* a thread */
    const uint8_t *marks = lineage_marks(lineage, context);
    if (marks == NULL || find(lineage, (uint32_t)pid->i, start->u) != NULL)
        return;
    uint8_t *copy = calloc(1, lineage->n_slots + 1); /* a full table may give the parent's place to the child */
    if (copy == NULL)
        return;
    memcpy(copy, marks, lineage->n_slots);
    add(lineage, (uint32_t)pid->i, start->u, copy);
    free(copy);
}

static void exit_event(struct lineage *lineage, const struct event_context *context)
{
    const struct value *group = argument(context->event, "process_group_exit");
    struct kin *kin = find(lineage, context->process->tgid, context->process->start_ns);
    if (group == NULL || group->u == 0 || kin == NULL || kin->exit_ns != 0)
        return;
    kin->exit_ns = context->event->time_ns;
    if (lineage->last_dead != NULL)
        lineage->last_dead->next_dead = kin;
    else
        lineage->first_dead = kin;
    lineage->last_dead = kin;
}

void lineage_event(struct lineage *lineage, const struct event_context *context)
{
    const struct event *known = context->event->schema->known;
    if (known == NULL)
        return;
    if (known->id == EVENT_sched_process_fork)
        fork_event(lineage, context);
    else if (known->id == EVENT_sched_process_exit)
        exit_event(lineage, context);
    const uint64_t linger_ns = STATE_EXIT_LINGER_S * UINT64_C(1000000000);
    while (lineage->first_dead != NULL && lineage->first_dead->exit_ns + linger_ns < context->event->time_ns)
        forget_first_dead(lineage);
}

/* -- a new set -- */

static bool same_slot(const struct lineage_slot *a, const struct lineage_slot *b)
{
    return (a->n_roots > 0) == (b->n_roots > 0) && strcmp(a->policy, b->policy) == 0 && strcmp(a->scope, b->scope) == 0;
}

static size_t former(const struct lineage *from, const struct lineage_slot *slot)
{
    size_t i = 0;
    while (i < from->n_slots && !same_slot(&from->slots[i], slot))
        i++;
    return i;
}

/* The nearest of the slot's roots among the process and its parents. */
static uint8_t mark_by_state(const struct lineage_slot *slot, const struct state *state,
                             const struct identity *identity)
{
    const struct process *process = state_process(state, (uint32_t)identity->tgid, identity->start_ns);
    for (int depth = 0; process != NULL && depth < MAX_PARENTS; depth++) {
        for (size_t r = 0; r < slot->n_roots; r++)
            if (slot->roots[r].pid == process->tgid)
                return slot->roots[r].excluded ? MARK_OUT : MARK_IN;
        process = parent_of(state, process);
    }
    return MARK_NONE;
}

void lineage_inherit(struct lineage *lineage, struct lineage *from, const struct state *state)
{
    struct kin *old, *next;
    if (from == NULL)
        return;
    atomic_store_explicit(&lineage->evicted, lineage_evicted(from), memory_order_relaxed);
    HASH_ITER(hh, from->kin, old, next)
    {
        struct kin *kin =
            old->exit_ns != 0 ? NULL : add(lineage, (uint32_t)old->identity.tgid, old->identity.start_ns, NULL);
        for (size_t i = 0; kin != NULL && i < lineage->n_slots; i++) {
            size_t before = former(from, &lineage->slots[i]);
            if (before < from->n_slots)
                kin->marks[i] = old->marks[before];
            else if (state != NULL)
                kin->marks[i] = mark_by_state(&lineage->slots[i], state, &kin->identity);
        }
    }
}
