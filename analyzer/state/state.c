// SPDX-License-Identifier: Apache-2.0
#include "analyzer/state/state.h"

#include "analyzer/redact/redact.h"
#include "analyzer/state/argument.h"
#include "analyzer/state/containers.h"
#include "analyzer/state/identity.h"
#include "analyzer/state/processes.h"

static const uint64_t SECOND_NS = 1000000000;

static const uint64_t LOSS_JOIN_NS = 1000000000;

struct state {
    struct process_table *processes;
    struct container_table *containers;
    struct state_change change;           /* by the event applied last */
    const struct decoder *decoder;        /* of the batch in hand */
    struct loss losses[STATE_MAX_LOSSES]; /* a ring */
    size_t n_losses, next_loss;
    struct state_counters counters;
};

struct state *state_new(void)
{
    struct state *state = calloc(1, sizeof(*state));
    if (state == NULL)
        return NULL;
    state->processes = processes_new(STATE_MAX_PROCESSES);
    state->containers = containers_new(STATE_MAX_CONTAINERS);
    if (state->processes == NULL || state->containers == NULL) {
        state_free(state);
        return NULL;
    }
    return state;
}

void state_free(struct state *state)
{
    if (state == NULL)
        return;
    processes_free(state->processes);
    containers_free(state->containers);
    free(state);
}

void state_use_decoder(struct state *state, const struct decoder *decoder)
{
    state->decoder = decoder;
}

static void copy_comm(char target[COMM_SIZE], const struct string_view *comm)
{
    size_t length = comm->length < COMM_SIZE ? comm->length : COMM_SIZE - 1;
    memset(target, 0, COMM_SIZE);
    memcpy(target, comm->data, length);
}

/* What every event says about its own process. */
static void refresh(struct process *process, const struct event_view *event, bool made)
{
    const struct task_view *task = event->task;
    if (made || process->ppid == 0) {
        /* Later events may show the reaper that adopted it; who started it is worth more. */
        process->ppid = task->ppid;
        process->parent_start_ns = task->parent_start_ns;
    }
    process->uid = task->uid;
    identity_from_task(process, task);
    process->cgroup_id = task->cgroup_id;
    if (task->tid == task->tgid || process->comm[0] == '\0')
        copy_comm(process->comm, &task->comm);
    if (event->flags & RECORD_SCOPE_ROOT)
        process->scope_root = true;
}

static void set_executable(struct process *process, const struct string_view *path)
{
    const bool is_cut = path != NULL && path->length > STATE_MAX_PATH_BYTES;
    char *copy = path == NULL ? NULL : strndup(path->data, is_cut ? STATE_MAX_PATH_BYTES : path->length);
    free(process->executable);
    process->executable = copy;
    process->executable_state = path == NULL ? ITEM_UNREADABLE : path->state;
    if (is_cut)
        process->executable_state = (uint8_t)((path->state & ~ITEM_STATE_MASK) | ITEM_TRUNCATED);
}

/* argv as people write it, without its secrets; NULL when it is empty, unreadable or there is no memory. */
static char *join(const struct decoder *decoder, const struct value *list, uint8_t *ret_state)
{
    char joined[STATE_MAX_ARGV_BYTES];
    size_t used = 0;
    uint8_t state = list->list.state & ITEM_STATE_MASK;
    struct redacted redacted;
    redact_list(&redacted, decoder, list, REDACT_ARGUMENTS);
    for (uint32_t i = 0; i < list->list.count; i++) {
        struct string_view item = redacted_item(&redacted, i);
        if (used >= sizeof(joined) - 1) {
            state = ITEM_TRUNCATED;
            break;
        }
        if (i > 0)
            joined[used++] = ' ';
        size_t room = sizeof(joined) - 1 - used;
        size_t length = item.length < room ? item.length : room;
        memcpy(joined + used, item.data, length);
        used += length;
        if (length < item.length || (item.state & ITEM_STATE_MASK) == ITEM_TRUNCATED)
            state = ITEM_TRUNCATED;
    }
    redacted_fini(&redacted);
    *ret_state = state;
    return used == 0 ? NULL : strndup(joined, used);
}

static uint8_t layer_argument(const struct event_view *event)
{
    const struct value *layer = state_argument(event, "overlay_layer", ARG_UINT32);
    return layer == NULL || layer->u > 2 ? 0 : (uint8_t)layer->u;
}

static void set_argv(const struct state *state, struct process *process, const struct event_view *event)
{
    const struct value *argv = state_argument(event, "argv", ARG_STRINGS);
    free(process->argv);
    process->argv = argv == NULL || state->decoder == NULL ? NULL : join(state->decoder, argv, &process->argv_state);
}

static void apply_exec(struct state *state, struct process *process, const struct event_view *event)
{
    const struct string_view *prev = state_string_argument(event, "prev_comm");
    if (prev != NULL)
        copy_comm(process->prev_comm, prev);
    copy_comm(process->comm, &event->task->comm);
    set_executable(process, state_string_argument(event, "pathname"));
    process->exec_ns = event->time_ns;
    process->overlay_layer = layer_argument(event);

    set_argv(state, process, event);
}

static void apply_snapshot(struct state *state, struct process *process, const struct event_view *event)
{
    if (process->executable == NULL) {
        set_executable(process, state_string_argument(event, "pathname"));
        process->overlay_layer = layer_argument(event);
    }
    if (process->argv == NULL && process->exec_ns == 0)
        set_argv(state, process, event);
    identity_from_snapshot(process, event);
    /* A process that was seen at work before is not made older by the snapshot. */
    if (process->exec_ns == 0)
        process->from_snapshot = true;
}

/* A process was met in that cgroup. */
static void meet_container(struct state *state, const struct event_view *event)
{
    const struct string_view *path = state_string_argument(event, "cgroup_path");
    if (path != NULL && path->length > 0 && event->task->cgroup_id != 0)
        containers_learn(state->containers, event->task->cgroup_id, path->data, path->length, CONTAINER_MET,
                         event->time_ns, NULL);
}

/* Ids of different hierarchies would collide: the collector marks those of v1 in every task, and here they are marked
 * the same way. */
static uint64_t cgroup_argument(const struct event_view *event)
{
    const struct value *hierarchy = state_argument(event, "hierarchy_id", ARG_UINT32);
    uint64_t id = state_number_argument(event, "cgroup_id");
    return hierarchy != NULL && hierarchy->u != 0 ? id | CONTAINERS_V1 : id;
}

static void make_container(struct state *state, const struct event_view *event)
{
    const struct string_view *path = state_string_argument(event, "cgroup_path");
    bool made;
    if (path == NULL)
        return;
    const struct container *container = containers_learn(state->containers, cgroup_argument(event), path->data,
                                                         path->length, CONTAINER_MADE, event->time_ns, &made);
    if (made)
        state->change = (struct state_change){CHANGE_MADE, container};
}

static void remove_container(struct state *state, const struct event_view *event)
{
    const struct string_view *path = state_string_argument(event, "cgroup_path");
    const struct container *container = path == NULL ? NULL
                                                     : containers_remove(state->containers, cgroup_argument(event),
                                                                         path->data, path->length, event->time_ns);
    if (container != NULL)
        state->change = (struct state_change){CHANGE_REMOVED, container};
}

/* By the snapshot: what was there before is told once. */
static void find_container(struct state *state, const struct event_view *event)
{
    struct container *container = containers_find(state->containers, event->task->cgroup_id);
    if (container == NULL || container->stage != CONTAINER_EXISTED)
        return;
    container->mnt_ns = event->task->mnt_ns;
    if (!containers_tell(container))
        return;
    state->change = (struct state_change){CHANGE_FOUND, container};
}

/* Its first program of its own: from then on it acts by itself. */
static void start_container(struct state *state, const struct event_view *event)
{
    struct container *container = containers_find(state->containers, event->task->cgroup_id);
    if (container != NULL && container->stage == CONTAINER_CREATED && (event->flags & RECORD_OWN_MOUNTS) != 0) {
        container->stage = CONTAINER_STARTED;
        container->mnt_ns = event->task->mnt_ns;
    }
}

/* Last, so that an exec that starts its container counts as that container's. */
static void mark_started(struct state *state, struct process *process)
{
    const struct container *container = containers_find(state->containers, process->cgroup_id);
    if (container == NULL || container->stage == CONTAINER_CREATED)
        return;
    process->home_cgroup_id = process->cgroup_id;
    process->started_in_container = true;
}

static void inherit(struct process *child, const struct process *parent)
{
    child->uid = parent->uid;
    child->cgroup_id = parent->cgroup_id;
    child->home_cgroup_id = parent->home_cgroup_id;
    child->started_in_container = parent->started_in_container;
    memcpy(child->comm, parent->comm, COMM_SIZE);
    memcpy(child->prev_comm, parent->prev_comm, COMM_SIZE);
    child->executable = parent->executable == NULL ? NULL : strdup(parent->executable);
    child->executable_state = parent->executable_state;
    child->overlay_layer = parent->overlay_layer;
    child->argv = parent->argv == NULL ? NULL : strdup(parent->argv);
    child->argv_state = parent->argv_state;
    child->credentials = parent->credentials;
    child->credentials_known = parent->credentials_known;
    memcpy(child->namespaces, parent->namespaces, sizeof(child->namespaces));
}

static void apply_fork(struct state *state, const struct event_view *event)
{
    const struct task_view *forker = event->task;
    uint32_t tgid = state_pid_argument(event, "child_pid");
    uint64_t start_ns = state_number_argument(event, "start_time");
    if (tgid == 0 || start_ns == 0 || tgid != state_pid_argument(event, "child_tid"))
        return; /* a thread: it lives in a process that is known */

    bool made;
    struct process *child = processes_get(state->processes, tgid, start_ns, &made);
    if (child == NULL)
        return;
    /* Found again, because a full table may have given its place to the child. */
    const struct process *origin = processes_find(state->processes, forker->tgid, forker->leader_start_ns);
    if (made && origin != NULL)
        inherit(child, origin);
    /* The kernel's real_parent: with CLONE_PARENT that is the forker's own parent. */
    child->ppid = state_pid_argument(event, "parent_process_pid");
    child->parent_start_ns = state_number_argument(event, "parent_process_start_time");
    if (child->ppid == 0) {
        child->ppid = forker->tgid;
        child->parent_start_ns = forker->leader_start_ns;
    }
}

static void apply_exit(struct state *state, struct process *process, const struct event_view *event)
{
    /* Never by tid == tgid: a leader may go before its threads, and another thread's exec makes the leader exit first.
     */
    const struct value *group = state_argument(event, "process_group_exit", ARG_BOOL);
    if (group != NULL && group->u != 0)
        processes_exit(state->processes, process, event->time_ns);
}

static void count(struct state *state)
{
    atomic_store_explicit(&state->counters.processes, processes_count(state->processes), memory_order_relaxed);
    atomic_store_explicit(&state->counters.evicted_processes, processes_evicted(state->processes),
                          memory_order_relaxed);
    atomic_store_explicit(&state->counters.containers, containers_count(state->containers), memory_order_relaxed);
    atomic_store_explicit(&state->counters.evicted_containers, containers_evicted(state->containers),
                          memory_order_relaxed);
}

static void expire(struct state *state, uint64_t before_ns)
{
    processes_expire(state->processes, before_ns);
    containers_expire(state->containers, before_ns);
}

const struct process *state_apply(struct state *state, const struct event_view *event)
{
    const uint64_t linger_ns = STATE_EXIT_LINGER_S * SECOND_NS;
    const struct task_view *task = event->task;
    bool made;

    state->change = (struct state_change){CHANGE_NONE, NULL};
    if (event->time_ns > linger_ns)
        expire(state, event->time_ns - linger_ns);
    struct process *process = processes_get(state->processes, task->tgid, task->leader_start_ns, &made);
    if (process == NULL)
        return NULL;
    refresh(process, event, made);

    const struct event *known = event->schema->known;
    switch (known == NULL ? -1 : (int)known->id) {
    case EVENT_sched_process_exec:
        apply_exec(state, process, event);
        meet_container(state, event);
        start_container(state, event);
        break;
    case EVENT_existing_process:
        apply_snapshot(state, process, event);
        meet_container(state, event);
        find_container(state, event);
        break;
    case EVENT_commit_creds:
        identity_from_credentials(process, event);
        break;
    case EVENT_switch_task_ns:
        identity_from_switch(process, event);
        break;
    case EVENT_cgroup_mkdir:
        make_container(state, event);
        break;
    case EVENT_cgroup_rmdir:
        remove_container(state, event);
        break;
    case EVENT_sched_process_fork:
        apply_fork(state, event);
        /* The child may have taken its place. */
        process = processes_get(state->processes, task->tgid, task->leader_start_ns, &made);
        if (process != NULL && made)
            refresh(process, event, true);
        break;
    case EVENT_sched_process_exit:
        apply_exit(state, process, event);
        break;
    default:
        break;
    }
    if (process != NULL)
        mark_started(state, process);
    count(state);
    return process;
}

const struct process *state_process(const struct state *state, uint32_t tgid, uint64_t start_ns)
{
    return processes_find(state->processes, tgid, start_ns);
}

size_t state_ancestors(const struct state *state, const struct process *process, const struct process **ret,
                       size_t limit)
{
    size_t n = 0;
    if (limit > STATE_MAX_ANCESTORS)
        limit = STATE_MAX_ANCESTORS;
    while (n < limit && !process->scope_root && process->tgid != 1 && process->ppid != 0) {
        const struct process *parent = processes_find(state->processes, process->ppid, process->parent_start_ns);
        /* A pid says nothing by itself: its holder may be younger than the child. */
        if (parent == NULL || parent == process || parent->start_ns > process->start_ns)
            break;
        ret[n++] = parent;
        process = parent;
    }
    return n;
}

const struct container *state_container(const struct state *state, uint64_t cgroup_id)
{
    return containers_find(state->containers, cgroup_id);
}

const struct container *state_container_of(const struct state *state, const struct process *process,
                                           const struct task_view *task)
{
    const struct container *container = containers_find(state->containers, task->cgroup_id);
    if (container != NULL || process->home_cgroup_id == 0)
        return container;
    container = containers_find(state->containers, process->home_cgroup_id);
    return container != NULL && container->mnt_ns != 0 && container->mnt_ns == task->mnt_ns ? container : NULL;
}

struct state_change state_container_change(const struct state *state)
{
    return state->change;
}

/*
 * A table of ours that overflows does so with every batch: that is one loss that goes on, or the ranges of a minute
 * would push out all others.
 */
static bool goes_on(struct loss *last, const struct loss *loss)
{
    if (loss->stage != VEDETTE__V1__LOSS_STAGE__LOSS_STATE || last->stage != loss->stage ||
        last->class != loss->class || last->cpu != loss->cpu || loss->from_ns > last->to_ns + LOSS_JOIN_NS)
        return false;
    last->from_ns = loss->from_ns < last->from_ns ? loss->from_ns : last->from_ns;
    last->to_ns = loss->to_ns > last->to_ns ? loss->to_ns : last->to_ns;
    last->count += loss->count;
    last->count_exact = last->count_exact && loss->count_exact;
    return true;
}

void state_apply_loss(struct state *state, const struct loss *loss)
{
    const size_t last = (state->next_loss + STATE_MAX_LOSSES - 1) % STATE_MAX_LOSSES;
    if (state->n_losses > 0 && goes_on(&state->losses[last], loss))
        return;
    if (state->n_losses == STATE_MAX_LOSSES)
        atomic_fetch_add_explicit(&state->counters.losses_forgotten, 1, memory_order_relaxed);
    else
        state->n_losses++;
    state->losses[state->next_loss] = *loss;
    state->next_loss = (state->next_loss + 1) % STATE_MAX_LOSSES;
}

size_t state_losses_between(const struct state *state, uint64_t from_ns, uint64_t to_ns, struct loss *ret, size_t limit)
{
    size_t n = 0;
    for (size_t i = 0; i < state->n_losses && n < limit; i++)
        if (state->losses[i].from_ns <= to_ns && state->losses[i].to_ns >= from_ns)
            ret[n++] = state->losses[i];
    return n;
}

const struct state_counters *state_counters(const struct state *state)
{
    return &state->counters;
}
