/* SPDX-License-Identifier: Apache-2.0 */
/* Events, and what findings share with them. The order of the keys is Tracee's. */
#include <errno.h>

#include "analyzer/alert/json_internal.h"

const struct json_limits json_whole = {.string = SIZE_MAX, .list = SIZE_MAX};
const struct json_limits json_finding_limits = {.string = FINDING_MAX_STRING_BYTES, .list = FINDING_MAX_LIST_BYTES};

/* At most what text_json writes for a character; more for some that it could write plainly, so that the two need not
 * agree on which. */
static size_t json_width(uint32_t point, size_t length)
{
    if (point == TEXT_INVALID)
        return 3;
    if (point >= 0x20 && point < 0x7f)
        return point == '"' || point == '\\' ? 2 : 1;
    return point < 0xa0 || (point >= 0x2000 && point < 0x2070) ? 6 : length;
}

size_t json_fit(const char *data, size_t size, size_t limit)
{
    size_t at = 0, used = 0;
    if (limit / 6 >= size)
        return size;
    while (at < size) {
        uint32_t point;
        size_t length = text_decode(data + at, size - at, &point);
        used += json_width(point, length);
        if (used > limit)
            break;
        at += length;
    }
    return at;
}

bool json_fitting(struct text *text, const char *data, size_t size, size_t limit)
{
    size_t fits = json_fit(data, size, limit);
    text_json(text, data, fits);
    return fits == size;
}

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
    text_string(text, value ? "true" : "false");
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

static bool task_fields(struct text *text, const struct event_context *context, const struct json_limits *limits)
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
    const char *executable = context->process->executable != NULL ? context->process->executable : "";
    const bool is_whole = json_fitting(text, executable, strlen(executable), limits->string);
    text_literal(text, "},\"hostName\":");
    text_json(text, task->uts.data, task->uts.length);
    return is_whole;
}

bool json_context(struct text *text, const struct event_context *context, unsigned event_id, const char *event_name,
                  unsigned n_args, struct policies policies, const struct json_limits *limits)
{
    const struct event_view *event = context->event;
    const struct task_view *task = event->task;
    const char *syscall = syscall_name(event->syscall);
    const bool is_whole = task_fields(text, context, limits);
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
    return is_whole;
}

struct json_marks json_args(struct text *text, const struct event_context *context, const struct json_limits *limits,
                            enum json_arguments arguments)
{
    const struct schema_event *schema = context->event->schema;
    struct json_marks marks = {0};
    text_literal(text, "[");
    for (uint8_t i = 0; i < schema->n_args; i++) {
        text_string(text, i > 0 ? ",{\"name\":" : "{\"name\":");
        string_value(text, schema->args[i].name);
        json_value(text, context, i, limits, arguments, &marks);
        text_literal(text, "}");
    }
    text_literal(text, "]");
    return marks;
}

void json_raw(struct text *text, const struct event_context *context, uint32_t decoded)
{
    bool is_first = true;
    text_literal(text, ",\"raw\":{");
    for (uint8_t i = 0; i < context->event->schema->n_args; i++) {
        if ((decoded >> i & 1) == 0)
            continue;
        text_string(text, is_first ? "" : ",");
        is_first = false;
        string_value(text, context->event->schema->args[i].name);
        text_literal(text, ":");
        json_raw_value(text, context, i);
    }
    text_literal(text, "}");
}

static unsigned state_of(const struct event_context *context, enum arg_type type, const struct value *value)
{
    enum arg_shape shape = arg_type_shape(type);
    if (shape == SHAPE_TEXT)
        return value->string.state;
    if (shape != SHAPE_LIST)
        return ITEM_COMPLETE;
    unsigned state = value->list.state;
    for (uint32_t i = 0; i < value->list.count && (state & ITEM_STATE_MASK) == ITEM_COMPLETE; i++)
        state |= decoder_list_item(context->decoder, value, i).state;
    return state;
}

static bool has_arg(const struct schema_event *schema, const char *name)
{
    for (uint8_t i = 0; i < schema->n_args; i++)
        if (strcmp(schema->args[i].name, name) == 0)
            return true;
    return false;
}

void json_states(struct text *text, const struct event_context *context, uint32_t cut, const char *const *others)
{
    const struct schema_event *schema = context->event->schema;
    bool is_first = true;
    text_literal(text, "{");
    for (uint8_t i = 0; i < schema->n_args; i++) {
        unsigned state = state_of(context, schema->args[i].type, &context->event->args[i]);
        if ((cut >> i & 1) != 0)
            state = ITEM_TRUNCATED;
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
    for (; *others != NULL; others++) {
        if (has_arg(schema, *others))
            continue; /* a key stands once */
        text_string(text, is_first ? "" : ",");
        is_first = false;
        string_value(text, *others);
        text_literal(text, ":\"truncated\"");
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
    /* Tracee's shape has no place for these. */
    if (context->set != NULL)
        json_key_string(text, "set", context->set);
    if ((context->event->flags & RECORD_SHARED_FDTABLE) != 0)
        text_literal(text, ",\"sharedFdTable\":true");
    if ((context->event->flags & RECORD_FD_MISMATCH) != 0)
        text_literal(text, ",\"fdMismatch\":true");
    if (context->container != NULL)
        json_key_string(text, "containerRuntime", context->container->runtime);
}

int json_finish(struct text *text, size_t size_before)
{
    if (!text->failed)
        return 0;
    text->size = size_before;
    text->failed = false;
    return -ENOMEM;
}

int json_event(struct text *text, const struct event_context *context, const char *const *policies, size_t n_policies,
               enum json_arguments arguments)
{
    const struct schema_event *schema = context->event->schema;
    const size_t before = text->size;
    json_context(text, context, schema->id, schema->name, schema->n_args, (struct policies){policies, n_policies},
                 &json_whole);
    text_literal(text, ",\"args\":");
    const struct json_marks marks = json_args(text, context, &json_whole, arguments);
    text_literal(text, ",\"vedette\":{");
    json_place(text, context);
    text_literal(text, ",\"states\":");
    json_states(text, context, marks.cut, (const char *const[]){NULL});
    if (arguments == JSON_WORDS)
        json_raw(text, context, marks.decoded);
    text_literal(text, "}}");
    return json_finish(text, before);
}
