/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/wire/decode.h"
#include "common/wire/decode_internal.h"
#include "common/wire/varint.h"

static int check_strings(struct decoder *decoder, const Vedette__V1__Strings *strings)
{
    decoder->n_strings = 0;
    if (strings == NULL)
        return 0;
    if (strings->n_length > WIRE_BATCH_STRINGS)
        return decoder_fail(decoder, "Strings.length: %zu strings, the limit is %d", strings->n_length,
                            WIRE_BATCH_STRINGS);
    size_t at = 0;
    for (size_t i = 0; i < strings->n_length; i++) {
        uint32_t length = strings->length[i];
        if (length > WIRE_STRING_BYTES)
            return decoder_fail(decoder, "Strings.length: %u bytes, the limit is %d", length, WIRE_STRING_BYTES);
        if (i == 0 && length != 0)
            return decoder_fail(decoder, "Strings.length: the first is not empty");
        decoder->offsets[i] = (uint32_t)at;
        at += length; /* at most 2^31: no overflow */
    }
    if (at != strings->blob.len)
        return decoder_fail(decoder, "Strings.blob: %zu bytes, the lengths sum to %zu", strings->blob.len, at);
    decoder->offsets[strings->n_length] = (uint32_t)at;
    decoder->n_strings = (uint32_t)strings->n_length;
    decoder->blob = at > 0 ? strings->blob.data : (const uint8_t *)"";
    return 0;
}

static int check_column(struct decoder *decoder, const char *name, size_t n, uint32_t count)
{
    if (n != count && (n != 1 || count == 0))
        return decoder_fail(decoder, "%s: %zu elements for %u", name, n, count);
    return 0;
}

static uint32_t column_mask(size_t n)
{
    return n == 1 ? 0 : UINT32_MAX;
}

static bool is_reference(const struct decoder *decoder, uint64_t value)
{
    return value >> 3 < decoder->n_strings && (value & ITEM_STATE_MASK) != ITEM_STATE_MASK;
}

static struct string_view view_string(const struct decoder *decoder, uint32_t index, uint8_t state)
{
    uint32_t start = decoder->offsets[index];
    return (struct string_view){.data = (const char *)decoder->blob + start,
                                .length = decoder->offsets[index + 1] - start,
                                .index = index,
                                .state = state};
}

static int check_task_names(struct decoder *decoder, const char *name, uint32_t index)
{
    if (index >= decoder->n_strings)
        return decoder_fail(decoder, "Tasks.%s: string %u of %u", name, index, decoder->n_strings);
    if (decoder->offsets[index + 1] - decoder->offsets[index] > WIRE_NAME_BYTES)
        return decoder_fail(decoder, "Tasks.%s: longer than %d bytes", name, WIRE_NAME_BYTES);
    return 0;
}

static int check_tasks(struct decoder *decoder, const Vedette__V1__Tasks *tasks)
{
    int result = 0;
    decoder->n_tasks = 0;
    if (tasks == NULL)
        return 0;
    uint32_t count = tasks->count;
    if (count > WIRE_BATCH_TASKS)
        return decoder_fail(decoder, "Tasks.count: %u, the limit is %d", count, WIRE_BATCH_TASKS);
#define CHECK_TASK_COLUMN(name_, field_, kind_)                                                                        \
    const uint32_t name_##_mask = column_mask(tasks->n_##name_);                                                       \
    if ((result = check_column(decoder, "Tasks." #name_, tasks->n_##name_, count)) != 0)                               \
        return result;
    TASK_COLUMNS(CHECK_TASK_COLUMN)
#define TASK_VALUE(name_) tasks->name_[i & name_##_mask]
    for (uint32_t i = 0; i < count; i++) {
        if ((result = check_task_names(decoder, "comm", TASK_VALUE(comm))) != 0 ||
            (result = check_task_names(decoder, "uts", TASK_VALUE(uts))) != 0)
            return result;
        decoder->tasks[i] = (struct task_view){
            .tgid = TASK_VALUE(tgid),
            .tid = TASK_VALUE(tid),
            .ppid = TASK_VALUE(ppid),
            .ns_tgid = TASK_VALUE(ns_tgid),
            .ns_tid = TASK_VALUE(ns_tid),
            .ns_ppid = TASK_VALUE(ns_ppid),
            .uid = TASK_VALUE(uid),
            .mnt_ns = TASK_VALUE(mnt_ns),
            .pid_ns = TASK_VALUE(pid_ns),
            .leader_start_ns = TASK_VALUE(leader_start_ns),
            .thread_start_ns = TASK_VALUE(thread_start_ns),
            .parent_start_ns = TASK_VALUE(parent_start_ns),
            .cgroup_id = TASK_VALUE(cgroup_id),
            .comm = view_string(decoder, TASK_VALUE(comm), ITEM_COMPLETE),
            .uts = view_string(decoder, TASK_VALUE(uts), ITEM_COMPLETE),
        };
    }
    decoder->n_tasks = count;
    return 0;
}

static int check_columns(struct decoder *decoder, const Vedette__V1__EventBatch *batch)
{
    int result = 0;
    if (batch->count > WIRE_BATCH_EVENTS)
        return decoder_fail(decoder, "EventBatch.count: %u, the limit is %d", batch->count, WIRE_BATCH_EVENTS);
    if (batch->n_args > WIRE_BATCH_ARGS)
        return decoder_fail(decoder, "EventBatch.args: %zu, the limit is %d", batch->n_args, WIRE_BATCH_ARGS);
    if (batch->first_seq > UINT64_MAX - batch->count)
        return decoder_fail(decoder, "EventBatch.first_seq: wraps");
#define CHECK_EVENT_COLUMN(name_, field_, kind_)                                                                       \
    decoder->name_##_mask = column_mask(batch->n_##name_);                                                             \
    if ((result = check_column(decoder, "EventBatch." #name_, batch->n_##name_, batch->count)) != 0)                   \
        return result;                                                                                                 \
    decoder->name_ = batch->name_;
    EVENT_COLUMNS(CHECK_EVENT_COLUMN)
    uint64_t time = batch->base_boot_ns;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (__builtin_add_overflow(time, decoder->dt_ns[i & decoder->dt_ns_mask], &time))
            return decoder_fail(decoder, "EventBatch.dt_ns: event %u's time wraps", i);
        uint32_t task = decoder->task[i & decoder->task_mask];
        if (task >= decoder->n_tasks)
            return decoder_fail(decoder, "EventBatch.task: event %u has task %u of %u", i, task, decoder->n_tasks);
    }
    return 0;
}

static int check_losses(struct decoder *decoder, const Vedette__V1__EventBatch *batch)
{
    for (size_t i = 0; i < batch->n_loss; i++) {
        Vedette__V1__Loss *loss = batch->loss[i];
        if (loss->from_ns > loss->to_ns) {
            /* Refusing would cost the batch's events too, and the loss is real whichever end came first. */
            uint64_t from_ns = loss->to_ns;
            loss->to_ns = loss->from_ns;
            loss->from_ns = from_ns;
        }
        if (strnlen(loss->hook, WIRE_NAME_BYTES + 1) > WIRE_NAME_BYTES)
            return decoder_fail(decoder, "Loss.hook: over %d bytes", WIRE_NAME_BYTES);
    }
    return 0;
}

/* Checks one argument at *at and steps over it; false when it is wrong or the arguments end. */
static bool check_arg(const struct decoder *decoder, const Vedette__V1__EventBatch *batch, enum arg_type type,
                      size_t *at)
{
    if (*at >= batch->n_args)
        return false;
    uint64_t value = batch->args[(*at)++];
    switch (type) {
    case ARG_INT32: /* zigzag of 32 bits has 32 bits */
    case ARG_UINT32:
        return value <= UINT32_MAX;
    case ARG_UINT16:
        return value <= UINT16_MAX;
    case ARG_UINT8:
        return value <= UINT8_MAX;
    case ARG_BOOL:
        return value <= 1;
    case ARG_INT64:
    case ARG_TIMESPEC:
    case ARG_UINT64:
    case ARG_POINTER:
    case ARG_INT_PAIR:
        return true;
    case ARG_STRING:
    case ARG_BYTES:
    case ARG_SOCKADDR:
    case ARG_OUTPUT:
    case ARG_UINT64S:
    case ARG_CREDENTIALS:
    case ARG_OBJECT:
        return is_reference(decoder, value);
    case ARG_STRINGS: {
        uint64_t n = value >> 3;
        if (n > WIRE_LIST_ITEMS || n > batch->n_args - *at || (value & ITEM_STATE_MASK) == ITEM_STATE_MASK)
            return false;
        for (size_t end = *at + n; *at < end; (*at)++)
            if (!is_reference(decoder, batch->args[*at]))
                return false;
        return true;
    }
    case ARG_TYPE_COUNT:
        break;
    }
    return false;
}

static int check_args(struct decoder *decoder, const Vedette__V1__EventBatch *batch, const struct schema *schema)
{
    size_t at = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t id = decoder->event_id[i & decoder->event_id_mask];
        const struct schema_event *event = schema_event_by_id(schema, id);
        if (event == NULL)
            return decoder_fail(decoder, "EventBatch.event_id: %u is not in the hello's schema", id);
        for (uint32_t a = 0; a < event->n_args; a++)
            if (!check_arg(decoder, batch, event->args[a].type, &at))
                return decoder_fail(decoder, "EventBatch.args: event %u (%s): %s is no %s", i, event->name,
                                    event->args[a].name, arg_type_name(event->args[a].type));
    }
    if (at != batch->n_args)
        return decoder_fail(decoder, "EventBatch.args: %zu more than the events have", batch->n_args - at);
    return 0;
}

int decoder_open_batch(struct decoder *decoder, const Vedette__V1__EventBatch *batch, const struct schema *schema)
{
    decoder->count = decoder->next = decoder->next_arg = 0;
    int result = check_strings(decoder, batch->strings);
    if (result == 0)
        result = check_tasks(decoder, batch->tasks);
    if (result == 0)
        result = check_columns(decoder, batch);
    if (result == 0)
        result = check_losses(decoder, batch);
    if (result == 0)
        result = check_args(decoder, batch, schema);
    if (result != 0)
        return result;
    decoder->schema = schema;
    decoder->args = batch->args;
    decoder->seq = batch->first_seq;
    decoder->time_ns = batch->base_boot_ns;
    decoder->count = batch->count;
    return 0;
}

static void read_arg(struct decoder *decoder, enum arg_type type, struct value *value)
{
    uint64_t raw = decoder->args[decoder->next_arg++];
    switch (arg_type_shape(type)) {
    case SHAPE_SIGNED:
        value->i = unzigzag(raw);
        break;
    case SHAPE_TEXT:
        value->string = view_string(decoder, (uint32_t)(raw >> 3), raw & 7);
        break;
    case SHAPE_LIST:
        value->list.first = decoder->next_arg;
        value->list.count = (uint32_t)(raw >> 3);
        value->list.state = raw & 7;
        decoder->next_arg += value->list.count;
        break;
    case SHAPE_UNSIGNED:
        value->u = raw;
    }
}

/* Arguments that our own row has and an older collector does not: absent, as if they could not be read. */
static void fill_absent(const struct schema_event *event, struct value *args)
{
    for (uint32_t a = event->n_args; a < event->known->n_args; a++) {
        memset(&args[a], 0, sizeof(args[a]));
        enum arg_shape shape = arg_type_shape(event->known->args[a].type);
        if (shape == SHAPE_TEXT)
            args[a].string = (struct string_view){.data = "", .state = ITEM_UNREADABLE};
        else if (shape == SHAPE_LIST)
            args[a].list.state = ITEM_UNREADABLE;
    }
}

bool decoder_next(struct decoder *decoder, struct event_view *ret_event)
{
    uint32_t i = decoder->next;
    if (i == decoder->count)
        return false;
#define EVENT_VALUE(name_) decoder->name_[i & decoder->name_##_mask]
    const struct schema_event *event = schema_event_by_id(decoder->schema, EVENT_VALUE(event_id));
    decoder->time_ns += EVENT_VALUE(dt_ns);
    ret_event->schema = event;
    ret_event->seq = decoder->seq++;
    ret_event->time_ns = decoder->time_ns;
    ret_event->ret = EVENT_VALUE(ret);
    ret_event->task = &decoder->tasks[EVENT_VALUE(task)];
    ret_event->cpu = EVENT_VALUE(cpu);
    ret_event->flags = EVENT_VALUE(flags);
    ret_event->syscall = EVENT_VALUE(syscall);
    ret_event->plan_epoch = EVENT_VALUE(plan_epoch);
    for (uint32_t a = 0; a < event->n_args; a++)
        read_arg(decoder, event->args[a].type, &ret_event->args[a]);
    if (event->known != NULL && event->known->n_args > event->n_args)
        fill_absent(event, ret_event->args);
    decoder->next = i + 1;
    return true;
}

struct string_view decoder_list_item(const struct decoder *decoder, const struct value *list, uint32_t i)
{
    uint64_t raw = decoder->args[list->list.first + i];
    return view_string(decoder, (uint32_t)(raw >> 3), raw & 7);
}

uint32_t decoder_string_count(const struct decoder *decoder)
{
    return decoder->n_strings;
}
