/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows for people. Everything that came from outside goes through text_printable: a process may call itself an escape
 * sequence.
 */
#include "analyzer/alert/json_internal.h"
#include "analyzer/arguments/arguments.h"
#include "analyzer/arguments/objects.h"
#include "analyzer/redact/redact.h"

enum {
    WIDTH_TIME = 16,
    WIDTH_UID = 6,
    WIDTH_COMM = 16,
    WIDTH_PID = 7,
    WIDTH_RET = 16,
    WIDTH_EVENT = 25,
};

/* Ends a column that began at `start`: blanks up to its width, at least one. */
static void end_column(struct text *text, size_t start, size_t width)
{
    do
        text_literal(text, " ");
    while (!text->failed && text->size - start <= width);
}

static void word_column(struct text *text, const char *word, size_t width)
{
    size_t start = text->size;
    text_string(text, word);
    end_column(text, start, width);
}

static void number_column(struct text *text, uint64_t number, size_t width)
{
    size_t start = text->size;
    text_unsigned(text, number);
    end_column(text, start, width);
}

/* Time of day, UTC, to the microsecond: the rows of nodes in different zones compare. */
static void time_column(struct text *text, const struct event_context *context)
{
    const uint64_t ns = context->event->time_ns + (uint64_t)context->wall_minus_boot_ns;
    const uint64_t seconds = ns / 1000000000u;
    char time[32];
    snprintf(time, sizeof(time), "%02u:%02u:%02u.%06u", (unsigned)(seconds / 3600 % 24), (unsigned)(seconds / 60 % 60),
             (unsigned)(seconds % 60), (unsigned)(ns / 1000 % 1000000));
    word_column(text, time, WIDTH_TIME);
}

static void context_columns(struct text *text, const struct event_context *context, const char *event_name)
{
    const struct task_view *task = context->event->task;
    time_column(text, context);
    number_column(text, task->uid, WIDTH_UID);
    size_t start = text->size;
    text_printable(text, task->comm.data, task->comm.length);
    end_column(text, start, WIDTH_COMM);
    number_column(text, task->tgid, WIDTH_PID);
    number_column(text, task->tid, WIDTH_PID);
    start = text->size;
    text_signed(text, context->event->ret);
    end_column(text, start, WIDTH_RET);
    start = text->size;
    text_printable(text, event_name, strlen(event_name));
    end_column(text, start, WIDTH_EVENT);
}

static void view(struct text *text, const struct string_view *string)
{
    text_printable(text, string->data, string->length);
    if ((string->state & ITEM_STATE_MASK) == ITEM_TRUNCATED)
        text_literal(text, "...");
    else if ((string->state & ITEM_STATE_MASK) == ITEM_UNREADABLE)
        text_literal(text, "?");
}

static void list(struct text *text, const struct event_context *context, uint8_t arg)
{
    const struct value *value = &context->event->args[arg];
    struct redacted redacted;
    redact_list(&redacted, context->decoder, value, redact_kind_of(context->event->schema->args[arg].name));
    text_literal(text, "[");
    for (uint32_t i = 0; i < value->list.count; i++) {
        struct string_view item = redacted_item(&redacted, i);
        if (i > 0)
            text_literal(text, " ");
        view(text, &item);
    }
    redacted_fini(&redacted);
    if ((value->list.state & ITEM_STATE_MASK) == ITEM_TRUNCATED)
        text_literal(text, " ...");
    else if ((value->list.state & ITEM_STATE_MASK) == ITEM_UNREADABLE)
        text_literal(text, "?");
    text_literal(text, "]");
}

static void plain_argument(struct text *text, const struct event_context *context, uint8_t arg)
{
    const struct value *value = &context->event->args[arg];
    switch (arg_type_shape(context->event->schema->args[arg].type)) {
    case SHAPE_SIGNED:
        text_signed(text, value->i);
        break;
    case SHAPE_UNSIGNED:
        text_unsigned(text, value->u);
        break;
    case SHAPE_TEXT:
        view(text, &value->string);
        break;
    case SHAPE_LIST:
        list(text, context, arg);
        break;
    }
}

/* {sa_family: AF_INET, ...} */
static void object(struct text *text, const struct object *object)
{
    text_literal(text, "{");
    for (size_t i = 0; i < object->n; i++) {
        text_string(text, i > 0 ? ", " : "");
        text_string(text, object->field[i].key);
        text_literal(text, ": ");
        text_printable(text, object->field[i].data, object->field[i].length);
    }
    text_literal(text, "}");
}

static void structured(struct text *text, enum arg_type type, const struct string_view *bytes)
{
    struct object parts;
    if (type == ARG_SOCKADDR)
        object_sockaddr(bytes->data, bytes->length, &parts);
    else
        object_credentials(bytes->data, bytes->length, &parts);
    if ((bytes->state & ITEM_STATE_MASK) == ITEM_UNREADABLE)
        text_literal(text, "?");
    else
        object(text, &parts);
}

static void argument(struct text *text, const struct event_context *context, uint8_t arg)
{
    const struct schema_event *schema = context->event->schema;
    const enum arg_type type = schema->args[arg].type;
    const struct value *value = &context->event->args[arg];
    char words[48];
    if (arg_type_shape(type) < SHAPE_TEXT &&
        argument_words(text, argument_table_of(context->event, arg), context->architecture, type, value->u))
        return;
    switch (type) {
    case ARG_POINTER:
        snprintf(words, sizeof(words), "0x%llx", (unsigned long long)value->u);
        text_string(text, words);
        break;
    case ARG_BOOL:
        text_string(text, value->u != 0 ? "true" : "false");
        break;
    case ARG_TIMESPEC:
        json_seconds(text, value->i);
        break;
    case ARG_INT_PAIR:
        snprintf(words, sizeof(words), "[%d %d]", (int32_t)(uint32_t)value->u, (int32_t)(uint32_t)(value->u >> 32));
        text_string(text, words);
        break;
    case ARG_SOCKADDR:
    case ARG_CREDENTIALS:
        structured(text, type, &value->string);
        break;
    default:
        plain_argument(text, context, arg);
        break;
    }
}

static void arguments(struct text *text, const struct event_context *context)
{
    const struct schema_event *schema = context->event->schema;
    for (uint8_t i = 0; i < schema->n_args; i++) {
        if (i > 0)
            text_literal(text, ", ");
        text_printable(text, schema->args[i].name, strlen(schema->args[i].name));
        text_literal(text, ": ");
        argument(text, context, i);
    }
}

int table_heading(struct text *text)
{
    const size_t before = text->size;
    word_column(text, "TIME", WIDTH_TIME);
    word_column(text, "UID", WIDTH_UID);
    word_column(text, "COMM", WIDTH_COMM);
    word_column(text, "PID", WIDTH_PID);
    word_column(text, "TID", WIDTH_PID);
    word_column(text, "RET", WIDTH_RET);
    word_column(text, "EVENT", WIDTH_EVENT);
    text_literal(text, "ARGS");
    return json_finish(text, before);
}

int table_event(struct text *text, const struct event_context *context)
{
    const size_t before = text->size;
    context_columns(text, context, context->event->schema->name);
    arguments(text, context);
    return json_finish(text, before);
}

static const char *severity_word(enum severity severity)
{
    static const char *const words[] = {"INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"};
    return severity <= SEVERITY_CRITICAL ? words[severity] : "UNKNOWN";
}

static void data_argument(struct text *text, const struct finding_data *data)
{
    text_string(text, data->name);
    text_literal(text, ": ");
    struct redacted redacted;
    const struct string_view shown = redact_string(&redacted, &data->string);
    if (data->kind == FIELD_SIGNED)
        text_signed(text, (int64_t)data->number);
    else if (data->kind == FIELD_UNSIGNED)
        text_unsigned(text, data->number);
    else
        view(text, &shown);
    redacted_fini(&redacted);
    text_literal(text, "; ");
}

int table_finding(struct text *text, const struct finding *finding)
{
    const size_t before = text->size;
    context_columns(text, finding->context, finding->detection->name);
    text_string(text, severity_word(finding->severity));
    text_string(text, finding->succeeded ? ": " : " (attempt failed): ");
    text_string(text, finding->detection->title);
    text_literal(text, "; ");
    for (size_t i = 0; i < finding->n_data; i++)
        data_argument(text, &finding->data[i]);
    text_string(text, finding->context->event->schema->name);
    text_literal(text, ": ");
    arguments(text, finding->context);
    return json_finish(text, before);
}
