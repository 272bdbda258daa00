/* SPDX-License-Identifier: Apache-2.0 */
/* Where the values of fields are. */
#include <stdlib.h>
#include <string.h>

#include "analyzer/detect/address.h"
#include "analyzer/detect/correlation.h"
#include "analyzer/detect/field.h"

bool event_container_started(const struct event_context *context)
{
    const struct container *container = context->container;
    return container != NULL && (container->stage != CONTAINER_CREATED || context->process->started_in_container);
}

/* The process itself or its ancestor; NULL when that is not known. */
static const struct process *process_of(const struct field *field, const struct event_context *context)
{
    const struct process *ancestors[FIELD_MAX_GENERATION];
    if (field->generation == 0)
        return context->process;
    size_t n = state_ancestors(context->state, context->process, ancestors, field->generation);
    return n == field->generation ? ancestors[n - 1] : NULL;
}

/* One number for the identity (tgid, start), so that it can be a key; by the finaliser of splitmix64. */
static uint64_t process_id(const struct process *process)
{
    uint64_t h = process->start_ns ^ (uint64_t)process->tgid * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return h ^ h >> 31;
}

static uint64_t process_number(enum field_place place, const struct process *process)
{
    switch (place) {
    case PLACE_PROCESS_ID:
        return process_id(process);
    case PLACE_PROCESS_OVERLAY_LAYER:
        return process->overlay_layer;
    case PLACE_PROCESS_PID:
        return process->tgid;
    case PLACE_PROCESS_START:
        return process->start_ns;
    default:
        return process->uid;
    }
}

static uint64_t task_number(enum field_place place, const struct task_view *task)
{
    switch (place) {
    case PLACE_UID:
        return task->uid;
    case PLACE_TGID:
        return task->tgid;
    case PLACE_TID:
        return task->tid;
    case PLACE_PPID:
        return task->ppid;
    case PLACE_NS_TGID:
        return task->ns_tgid;
    case PLACE_NS_TID:
        return task->ns_tid;
    case PLACE_NS_PPID:
        return task->ns_ppid;
    case PLACE_MNT_NS:
        return task->mnt_ns;
    case PLACE_PID_NS:
        return task->pid_ns;
    case PLACE_CGROUP:
        return task->cgroup_id;
    default:
        return task->thread_start_ns;
    }
}

static struct field_number known(uint64_t value)
{
    return (struct field_number){.value = value, .state = ITEM_COMPLETE};
}

static const struct field_number missing = {.state = ITEM_UNREADABLE};

static struct field_number remembered_number(const struct remembered *remembered)
{
    return remembered != NULL && remembered->kind != FIELD_STRING ? known(remembered->number) : missing;
}

/* The length of a list or of what the field would be without its last transform. */
static struct field_number length_of(const struct field *field, const struct event_context *context)
{
    struct field inner = *field;
    inner.n_transforms--;
    inner.kind = FIELD_STRING;
    const struct value *value = &context->event->args[field->arg];
    if (field->place == PLACE_ARGUMENT && field->type == ARG_STRINGS && field->item == ITEMS_ALL)
        return (struct field_number){.value = value->list.count, .state = value->list.state & ITEM_STATE_MASK};
    if (field->generation == FIELD_ANY_ANCESTOR) {
        struct field_list list;
        field_list(field, context, &list);
        return known(list.count);
    }
    struct field_room room = {0};
    const struct string_view view = field_string(&inner, context, &room);
    field_room_fini(&room);
    return (struct field_number){.value = view.length, .state = view.state & ITEM_STATE_MASK};
}

static struct field_number port_of(const struct string_view *view)
{
    uint16_t port;
    if ((view->state & ITEM_STATE_MASK) != ITEM_UNREADABLE && address_port_of_sockaddr(view->data, view->length, &port))
        return known(port);
    return (struct field_number){.state = view->state & ITEM_TRUNCATED ? ITEM_TRUNCATED : ITEM_UNREADABLE};
}

struct field_number field_number(const struct field *field, const struct event_context *context)
{
    if (field->n_transforms > 0)
        return length_of(field, context);
    switch ((enum field_place)field->place) {
    case PLACE_ARGUMENT:
        return field->part == PART_PORT ? port_of(&context->event->args[field->arg].string)
                                        : known(context->event->args[field->arg].u);
    case PLACE_RESULT:
        return known((uint64_t)context->event->ret);
    case PLACE_TIME:
        return known(context->event->time_ns + (uint64_t)context->wall_minus_boot_ns);
    case PLACE_CPU:
        return known(context->event->cpu);
    case PLACE_REMEMBERED:
        return remembered_number(event_recall(context));
    case PLACE_CONTAINER_STARTED:
        return known(event_container_started(context));
    case PLACE_CONTAINER_NEW:
        return known(context->container != NULL && context->container->stage == CONTAINER_STARTED);
    default:
        break;
    }
    if (field->place < PLACE_PROCESS_CMDLINE)
        return known(task_number((enum field_place)field->place, context->event->task));
    const struct process *process = process_of(field, context);
    return process != NULL ? known(process_number((enum field_place)field->place, process)) : missing;
}

static struct string_view outside_batch(const char *string, uint8_t state)
{
    struct string_view view = {.index = STRING_NOT_IN_BATCH, .data = "", .state = ITEM_UNREADABLE};
    if (string != NULL) {
        view.data = string;
        view.length = (uint32_t)strlen(string);
        view.state = state;
    }
    return view;
}

static struct string_view remembered_string(const struct remembered *remembered)
{
    return remembered != NULL && remembered->kind == FIELD_STRING ? remembered->string
                                                                  : outside_batch(NULL, ITEM_UNREADABLE);
}

static struct string_view process_string(enum field_place place, const struct process *process)
{
    if (process == NULL)
        return outside_batch(NULL, ITEM_UNREADABLE);
    switch (place) {
    case PLACE_PROCESS_CMDLINE:
        return outside_batch(process->argv, process->argv_state);
    case PLACE_PROCESS_COMM:
        return outside_batch(process->comm, ITEM_COMPLETE);
    case PLACE_PROCESS_PREV_COMM:
        return outside_batch(process->prev_comm, ITEM_COMPLETE);
    default:
        return outside_batch(process->executable, process->executable_state);
    }
}

/* The item of a list that the field asks for. What a truncated list may have lost is not missing, but unknown. */
static struct string_view item_source(const struct field *field, const struct event_context *context)
{
    const struct value *list = &context->event->args[field->arg];
    const size_t length = strlen(field->item_name);
    if ((list->list.state & ITEM_STATE_MASK) == ITEM_UNREADABLE)
        return outside_batch(NULL, ITEM_UNREADABLE);
    if (field->item == ITEMS_AT && field->item_index < list->list.count)
        return decoder_list_item(context->decoder, list, field->item_index);
    for (uint32_t i = 0; i < list->list.count && field->item == ITEMS_NAMED; i++) {
        struct string_view item = decoder_list_item(context->decoder, list, i);
        if (item.length > length && memcmp(item.data, field->item_name, length) == 0 && item.data[length] == '=')
            return item;
    }
    return outside_batch((list->list.state & ITEM_STATE_MASK) == ITEM_TRUNCATED ? "" : NULL, ITEM_TRUNCATED);
}

struct string_view field_source(const struct field *field, const struct event_context *context)
{
    const struct container *container = context->container;
    switch ((enum field_place)field->place) {
    case PLACE_ARGUMENT:
        return field->item == ITEMS_ALL ? context->event->args[field->arg].string : item_source(field, context);
    case PLACE_COMM:
        return context->event->task->comm;
    case PLACE_HOSTNAME:
        return context->event->task->uts;
    case PLACE_SYSCALL:
        return outside_batch(syscall_name(context->event->syscall), ITEM_COMPLETE);
    case PLACE_PROCESS_CMDLINE:
    case PLACE_PROCESS_COMM:
    case PLACE_PROCESS_EXECUTABLE:
    case PLACE_PROCESS_PREV_COMM:
        return process_string((enum field_place)field->place, process_of(field, context));
    case PLACE_REMEMBERED:
        return remembered_string(event_recall(context));
    case PLACE_CONTAINER_ID:
        return outside_batch(container != NULL ? container->id : "", ITEM_COMPLETE);
    case PLACE_CONTAINER_POD_UID:
        return outside_batch(container != NULL ? container->pod_uid : "", ITEM_COMPLETE);
    case PLACE_CONTAINER_RUNTIME:
        return outside_batch(container != NULL ? container->runtime : "", ITEM_COMPLETE);
    default:
        return outside_batch(NULL, ITEM_UNREADABLE);
    }
}

void field_list(const struct field *field, const struct event_context *context, struct field_list *ret_list)
{
    if (field->generation == FIELD_ANY_ANCESTOR) {
        /* As many as are known: what is beyond them is missing, as an unknown parent is. */
        ret_list->state = ITEM_COMPLETE;
        ret_list->value = NULL;
        ret_list->count =
            (uint32_t)state_ancestors(context->state, context->process, ret_list->ancestors, STATE_MAX_ANCESTORS);
        return;
    }
    ret_list->value = &context->event->args[field->arg];
    ret_list->state = ret_list->value->list.state & ITEM_STATE_MASK;
    ret_list->count = ret_list->state != ITEM_UNREADABLE ? ret_list->value->list.count : 0;
}

struct string_view field_list_item(const struct field *field, const struct event_context *context,
                                   const struct field_list *list, uint32_t i)
{
    if (list->value == NULL)
        return process_string((enum field_place)field->place, list->ancestors[i]);
    return decoder_list_item(context->decoder, list->value, i);
}
