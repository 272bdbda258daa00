/* SPDX-License-Identifier: Apache-2.0 */
/* Events, and what findings share with them. The order of the keys is Tracee's. */
#include <errno.h>

#include "analyzer/alert/json_internal.h"

static void string_value(struct text *text, const char *string)
{
    text_json(text, string, strlen(string));
}

/* ,"key":"string" */
void json_key_string(struct text *text, const char *key, const char *string)
{
    text_literal(text, ",\"");
    text_string(text, key);
    text_literal(text, "\":");
    string_value(text, string);
}

static void key_unsigned(struct text *text, const char *key, uint64_t value)
{
    text_literal(text, ",\"");
    text_string(text, key);
    text_literal(text, "\":");
    text_unsigned(text, value);
}

static void boolean(struct text *text, bool value)
{
    if (value)
        text_literal(text, "true");
    else
        text_literal(text, "false");
}

void json_time(struct text *text, const struct event_context *context, uint64_t boot_ns)
{
    text_signed(text, (int64_t)(boot_ns + (uint64_t)context->wall_minus_boot_ns));
}

static void container_and_pod(struct text *text, const struct container *container)
{
    const char *id = container != NULL ? container->id : "";
    json_key_string(text, "containerId", id);
    text_literal(text, ",\"container\":{");
    if (id[0] != '\0') {
        text_literal(text, "\"id\":");
        string_value(text, id);
    }
    text_literal(text, "},\"kubernetes\":{");
    if (container != NULL && container->pod_uid[0] != '\0') {
        text_literal(text, "\"podUID\":");
        string_value(text, container->pod_uid);
    }
    text_literal(text, "}");
}

static void matched_policies(struct text *text, struct policies policies)
{
    text_literal(text, ",\"matchedPolicies\":[");
    for (size_t i = 0; i < policies.n; i++) {
        if (i > 0)
            text_literal(text, ",");
        string_value(text, policies.names[i]);
    }
    if (policies.n == 0)
        text_literal(text, "\"\"");
    text_literal(text, "]");
}

static void task_fields(struct text *text, const struct event_context *context)
{
    const struct event_view *event = context->event;
    const struct task_view *task = event->task;
    text_literal(text, "{\"timestamp\":");
    json_time(text, context, event->time_ns);
    text_literal(text, ",\"threadStartTime\":");
    json_time(text, context, task->thread_start_ns);
    key_unsigned(text, "processorId", event->cpu);
    key_unsigned(text, "processId", task->ns_tgid);
    key_unsigned(text, "cgroupId", task->cgroup_id);
    key_unsigned(text, "threadId", task->ns_tid);
    key_unsigned(text, "parentProcessId", task->ns_ppid);
    key_unsigned(text, "hostProcessId", task->tgid);
    key_unsigned(text, "hostThreadId", task->tid);
    key_unsigned(text, "hostParentProcessId", task->ppid);
    key_unsigned(text, "userId", task->uid);
    key_unsigned(text, "mountNamespace", task->mnt_ns);
    key_unsigned(text, "pidNamespace", task->pid_ns);
    text_literal(text, ",\"processName\":");
    text_json(text, task->comm.data, task->comm.length);
    text_literal(text, ",\"executable\":{\"path\":");
    string_value(text, context->process->executable != NULL ? context->process->executable : "");
    text_literal(text, "},\"hostName\":");
    text_json(text, task->uts.data, task->uts.length);
}

void json_context(struct text *text, const struct event_context *context, unsigned event_id, const char *event_name,
                  unsigned n_args, struct policies policies)
{
    const struct event_view *event = context->event;
    const struct task_view *task = event->task;
    const char *syscall = syscall_name(event->syscall);
    task_fields(text, context);
    container_and_pod(text, context->container);
    text_literal(text, ",\"eventId\":\"");
    text_unsigned(text, event_id);
    text_literal(text, "\"");
    json_key_string(text, "eventName", event_name);
    matched_policies(text, policies);
    key_unsigned(text, "argsNum", n_args);
    text_literal(text, ",\"returnValue\":");
    text_signed(text, event->ret);
    json_key_string(text, "syscall", syscall != NULL ? syscall : "");
    text_literal(text, ",\"stackAddresses\":null,\"contextFlags\":{\"containerStarted\":");
    boolean(text, event_container_started(context));
    text_literal(text, ",\"isCompat\":");
    boolean(text, (event->flags & RECORD_COMPAT) != 0);
    text_literal(text, "}");
    key_unsigned(text, "threadEntityId", entity_id(task->thread_start_ns, task->tid));
    key_unsigned(text, "processEntityId", entity_id(task->leader_start_ns, task->tgid));
    key_unsigned(text, "parentEntityId", entity_id(task->parent_start_ns, task->ppid));
}

static void list_value(struct text *text, const struct event_context *context, const struct value *list)
{
    if ((list->list.state & ITEM_STATE_MASK) == ITEM_UNREADABLE) {
        text_literal(text, "null");
        return;
    }
    text_literal(text, "[");
    for (uint32_t i = 0; i < list->list.count; i++) {
        struct string_view item = decoder_list_item(context->decoder, list, i);
        if (i > 0)
            text_literal(text, ",");
        text_json(text, item.data, item.length);
    }
    text_literal(text, "]");
}

static void arg_value(struct text *text, const struct event_context *context, enum arg_type type,
                      const struct value *value)
{
    switch (type) {
    case ARG_INT32:
    case ARG_INT64:
        text_signed(text, value->i);
        break;
    case ARG_BOOL:
        boolean(text, value->u != 0);
        break;
    case ARG_STRING:
        text_json(text, value->string.data, value->string.length);
        break;
    case ARG_STRINGS:
        list_value(text, context, value);
        break;
    default:
        text_unsigned(text, value->u);
        break;
    }
}

void json_args(struct text *text, const struct event_context *context)
{
    const struct schema_event *schema = context->event->schema;
    text_literal(text, "[");
    for (uint8_t i = 0; i < schema->n_args; i++) {
        text_string(text, i > 0 ? ",{\"name\":" : "{\"name\":");
        string_value(text, schema->args[i].name);
        text_literal(text, ",\"type\":\"");
        text_string(text, arg_type_name(schema->args[i].type));
        text_literal(text, "\",\"value\":");
        arg_value(text, context, schema->args[i].type, &context->event->args[i]);
        text_literal(text, "}");
    }
    text_literal(text, "]");
}

static unsigned state_of(const struct event_context *context, enum arg_type type, const struct value *value)
{
    if (type == ARG_STRING)
        return value->string.state;
    if (type != ARG_STRINGS)
        return ITEM_COMPLETE;
    unsigned state = value->list.state;
    for (uint32_t i = 0; i < value->list.count && (state & ITEM_STATE_MASK) == ITEM_COMPLETE; i++)
        state |= decoder_list_item(context->decoder, value, i).state;
    return state;
}

void json_states(struct text *text, const struct event_context *context)
{
    const struct schema_event *schema = context->event->schema;
    bool is_first = true;
    text_literal(text, "{");
    for (uint8_t i = 0; i < schema->n_args; i++) {
        const unsigned state = state_of(context, schema->args[i].type, &context->event->args[i]);
        if (state == ITEM_COMPLETE)
            continue;
        if (!is_first)
            text_literal(text, ",");
        is_first = false;
        string_value(text, schema->args[i].name);
        /* What is missing weighs more than who wrote it. */
        if ((state & ITEM_STATE_MASK) == ITEM_TRUNCATED)
            text_literal(text, ":\"truncated\"");
        else if ((state & ITEM_STATE_MASK) == ITEM_COMPLETE)
            text_literal(text, ":\"user\"");
        else
            text_literal(text, ":\"unreadable\"");
    }
    text_literal(text, "}");
}

void json_place(struct text *text, const struct event_context *context)
{
    text_literal(text, "\"node\":");
    string_value(text, context->node);
    text_literal(text, ",\"session\":\"");
    text_hex64(text, context->session);
    text_literal(text, "\"");
    key_unsigned(text, "seq", context->event->seq);
}

int json_finish(struct text *text, size_t size_before)
{
    if (!text->failed)
        return 0;
    text->size = size_before;
    text->failed = false;
    return -ENOMEM;
}

int json_event(struct text *text, const struct event_context *context, const char *const *policies, size_t n_policies)
{
    const struct schema_event *schema = context->event->schema;
    const size_t before = text->size;
    json_context(text, context, schema->id, schema->name, schema->n_args, (struct policies){policies, n_policies});
    text_literal(text, ",\"args\":");
    json_args(text, context);
    text_literal(text, ",\"vedette\":{");
    json_place(text, context);
    text_literal(text, ",\"states\":");
    json_states(text, context);
    text_literal(text, "}}");
    return json_finish(text, before);
}
