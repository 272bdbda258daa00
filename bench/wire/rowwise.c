/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/wire/rowwise.h"

#include "bench/wire/rowwise.pb-c.h"
#include "common/base/arena.h"
#include "common/events/events.h"

enum { ARGS_AN_EVENT = EVENT_MAX_ARGS, ITEMS_AN_EVENT = 64, SCRATCH_AN_EVENT = 1024 };

struct rowwise {
    size_t max_events;
    Vedette__Bench__RowEvent *events, **event_pointers;
    Vedette__Bench__RowArg *args, **arg_pointers;
    Vedette__Bench__RowList *lists;
    ProtobufCBinaryData *items;
    uint8_t *scratch; /* joined paths */
    size_t n_args, n_lists, n_items, n_scratch;
    struct arena arena;
    ProtobufCAllocator allocator;
};

static void *allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void release(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

struct rowwise *rowwise_new(size_t max_events, size_t max_bytes)
{
    struct rowwise *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return NULL;
    r->max_events = max_events;
    r->events = calloc(max_events, sizeof(*r->events));
    r->event_pointers = calloc(max_events, sizeof(*r->event_pointers));
    r->args = calloc(max_events * ARGS_AN_EVENT, sizeof(*r->args));
    r->arg_pointers = calloc(max_events * ARGS_AN_EVENT, sizeof(*r->arg_pointers));
    r->lists = calloc(max_events * 2, sizeof(*r->lists));
    r->items = calloc(max_events * ITEMS_AN_EVENT, sizeof(*r->items));
    r->scratch = malloc(max_events * SCRATCH_AN_EVENT);
    r->allocator = (ProtobufCAllocator){.alloc = allocate, .free = release, .allocator_data = &r->arena};
    if (arena_init(&r->arena, max_bytes) == 0 && r->events != NULL && r->event_pointers != NULL && r->args != NULL &&
        r->arg_pointers != NULL && r->lists != NULL && r->items != NULL && r->scratch != NULL)
        return r;
    rowwise_free(r);
    return NULL;
}

void rowwise_free(struct rowwise *r)
{
    if (r == NULL)
        return;
    free(r->events);
    free(r->event_pointers);
    free(r->args);
    free(r->arg_pointers);
    free(r->lists);
    free(r->items);
    free(r->scratch);
    arena_fini(&r->arena);
    free(r);
}

static ProtobufCBinaryData joined_path(struct rowwise *r, uint8_t *payload, size_t length)
{
    uint8_t *out = r->scratch + r->n_scratch, *at = out, *end = payload + length;
    if (end > payload && end[-1] == '\0')
        end--;
    while (end > payload) {
        uint8_t *before = end;
        while (before > payload && before[-1] != '\0')
            before--;
        *at++ = '/';
        memcpy(at, before, (size_t)(end - before));
        at += end - before;
        end = before > payload ? before - 1 : payload;
    }
    r->n_scratch += (size_t)(at - out);
    return (ProtobufCBinaryData){.len = (size_t)(at - out), .data = out};
}

static Vedette__Bench__RowList *list_of(struct rowwise *r, uint8_t *payload, size_t length)
{
    Vedette__Bench__RowList *list = &r->lists[r->n_lists++];
    vedette__bench__row_list__init(list);
    list->item = &r->items[r->n_items];
    for (size_t at = 0; at < length;) {
        size_t n = strnlen((char *)payload + at, length - at);
        r->items[r->n_items++] = (ProtobufCBinaryData){.len = n, .data = payload + at};
        list->n_item++;
        at += n + 1;
    }
    return list;
}

static void fill_args(struct rowwise *r, const struct record_header *record, Vedette__Bench__RowEvent *event)
{
    const struct event *row = event_by_id(record->event_id);
    uint8_t *bytes = (uint8_t *)(uintptr_t)record;
    Vedette__Bench__RowArg *args = &r->args[r->n_args];
    event->n_arg = row->n_args;
    event->arg = &r->arg_pointers[r->n_args];
    r->n_args += row->n_args;
    for (size_t a = 0; a < row->n_args; a++) {
        vedette__bench__row_arg__init(&args[a]);
        event->arg[a] = &args[a];
        args[a].state = ITEM_UNREADABLE;
    }
    for (size_t at = sizeof(*record); at < record->size;) {
        const struct item_header *item = (const struct item_header *)(bytes + at);
        Vedette__Bench__RowArg *arg = &args[item->arg];
        uint8_t *payload = bytes + at + sizeof(*item);
        arg->state = item->state;
        if (item->form == ITEM_INTEGER) {
            arg->value_case = VEDETTE__BENCH__ROW_ARG__VALUE_INTEGER;
            memcpy(&arg->integer, payload, sizeof(arg->integer));
        } else if (item->form == ITEM_LIST) {
            arg->value_case = VEDETTE__BENCH__ROW_ARG__VALUE_LIST;
            arg->list = list_of(r, payload, item->length);
        } else {
            arg->value_case = VEDETTE__BENCH__ROW_ARG__VALUE_TEXT;
            arg->text = item->form == ITEM_COMPONENTS ? joined_path(r, payload, item->length)
                                                      : (ProtobufCBinaryData){.len = item->length, .data = payload};
        }
        at += sizeof(*item) + ((item->length + 7u) & ~7u);
    }
}

static void fill_event(struct rowwise *r, const struct record_header *record, Vedette__Bench__RowEvent *event)
{
    vedette__bench__row_event__init(event);
    event->event_id = record->event_id;
    event->time_ns = record->time_ns;
    event->tgid = record->tgid;
    event->tid = record->tid;
    event->leader_start_ns = record->leader_start_ns;
    event->thread_start_ns = record->thread_start_ns;
    event->ppid = record->ppid;
    event->parent_start_ns = record->parent_start_ns;
    event->ns_tgid = record->ns_tgid;
    event->ns_tid = record->ns_tid;
    event->ns_ppid = record->ns_ppid;
    event->uid = record->uid;
    event->mnt_ns = record->mnt_ns;
    event->pid_ns = record->pid_ns;
    event->cgroup_id = record->cgroup_id;
    event->comm =
        (ProtobufCBinaryData){.len = strnlen(record->comm, COMM_SIZE), .data = (uint8_t *)(uintptr_t)record->comm};
    event->uts =
        (ProtobufCBinaryData){.len = strnlen(record->uts, UTS_SIZE), .data = (uint8_t *)(uintptr_t)record->uts};
    event->cpu = record->cpu;
    event->ret = record->ret;
    event->flags = record->flags;
    event->syscall = record->syscall;
    event->plan_epoch = record->plan_epoch;
    fill_args(r, record, event);
}

size_t rowwise_encode(struct rowwise *r, const struct record_header *const *records, size_t count, uint8_t *bytes,
                      size_t capacity)
{
    Vedette__Bench__RowBatch batch;
    vedette__bench__row_batch__init(&batch);
    r->n_args = r->n_lists = r->n_items = r->n_scratch = 0;
    for (size_t i = 0; i < count; i++) {
        fill_event(r, records[i], &r->events[i]);
        r->event_pointers[i] = &r->events[i];
    }
    batch.session = 1;
    batch.n_event = count;
    batch.event = r->event_pointers;
    return vedette__bench__row_batch__get_packed_size(&batch) <= capacity
               ? vedette__bench__row_batch__pack(&batch, bytes)
               : 0;
}

static uint64_t sum_arg(const Vedette__Bench__RowArg *arg)
{
    uint64_t sum = arg->state;
    switch (arg->value_case) {
    case VEDETTE__BENCH__ROW_ARG__VALUE_INTEGER:
        return sum + (uint64_t)arg->integer;
    case VEDETTE__BENCH__ROW_ARG__VALUE_TEXT:
        return sum + arg->text.len + (arg->text.len > 0 ? arg->text.data[0] : 0);
    case VEDETTE__BENCH__ROW_ARG__VALUE_LIST:
        for (size_t i = 0; i < arg->list->n_item; i++)
            sum += arg->list->item[i].len;
        return sum;
    default:
        return sum;
    }
}

uint64_t rowwise_decode(struct rowwise *r, const uint8_t *bytes, size_t size)
{
    arena_reset(&r->arena, r->arena.capacity);
    Vedette__Bench__RowBatch *batch = vedette__bench__row_batch__unpack(&r->allocator, size, bytes);
    if (batch == NULL)
        return 0;
    uint64_t sum = 1;
    for (size_t i = 0; i < batch->n_event; i++) {
        const Vedette__Bench__RowEvent *event = batch->event[i];
        sum += event->time_ns + event->tgid + event->event_id + (uint64_t)event->ret + event->comm.len;
        for (size_t a = 0; a < event->n_arg; a++)
            sum += sum_arg(event->arg[a]);
    }
    return sum;
}
