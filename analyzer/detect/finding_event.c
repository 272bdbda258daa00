/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/finding_event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/detect/field.h"

/* A row with room for its arguments. */
struct finding_row {
    struct schema_event row;
    struct event_arg args[EVENT_MAX_ARGS];
};

enum { ARGUMENT_SEVERITY, ARGUMENT_SUCCEEDED, ARGUMENT_EVENT, OWN_ARGUMENTS };

static enum arg_type type_of(enum field_kind kind)
{
    return kind == FIELD_SIGNED ? ARG_INT64 : kind == FIELD_UNSIGNED ? ARG_UINT64 : ARG_STRING;
}

static int find_argument(const struct schema_event *row, const char *name)
{
    for (int i = 0; i < row->n_args; i++)
        if (strcmp(row->args[i].name, name) == 0)
            return i;
    return -1;
}

static void add_argument(struct finding_row *made, const char *name, enum arg_type type)
{
    made->args[made->row.n_args++] = (struct event_arg){name, type};
}

static int add_datum(struct matcher *matcher, struct finding_row *made, const struct schema_event *event,
                     const struct trigger_data *data)
{
    const struct schema_event *row = &made->row;
    enum field_kind kind;
    int result = matcher_kind(matcher, event, row->name, data->field, &kind);
    if (result != 0)
        return result;
    const int known = find_argument(row, data->name);
    if (known >= 0)
        return row->args[known].type == type_of(kind)
                   ? 0
                   : matcher_refuse(matcher, row->name, "its data \"%s\" are of two types", data->name);
    if (row->n_args == EVENT_MAX_ARGS)
        return matcher_refuse(matcher, row->name, "its findings have too many data: \"%s\"", data->name);
    add_argument(made, data->name, type_of(kind));
    return 0;
}

int finding_event_row(struct matcher *matcher, const struct detection *detection,
                      const struct schema_event *(*event_of)(void *arg, const char *name), void *arg,
                      struct schema_event **ret_row)
{
    struct finding_row *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return -ENOMEM;
    made->row =
        (struct schema_event){.id = detection->event_id, .name = detection->name, .sets = "", .args = made->args};
    add_argument(made, "severity", ARG_UINT32); /* as ARGUMENT_SEVERITY ... say */
    add_argument(made, "succeeded", ARG_BOOL);
    add_argument(made, "event", ARG_STRING);
    int result = 0;
    for (size_t t = 0; result == 0 && t < DETECTION_MAX_TRIGGERS && detection->triggers[t].event != NULL; t++) {
        const struct schema_event *event = event_of(arg, detection->triggers[t].event);
        for (size_t i = 0;
             result == 0 && event != NULL && i < TRIGGER_MAX_DATA && detection->triggers[t].data[i].name != NULL; i++)
            result = add_datum(matcher, made, event, &detection->triggers[t].data[i]);
    }
    if (result == 0)
        *ret_row = &made->row;
    else
        finding_event_free(&made->row);
    return result;
}

void finding_event_free(struct schema_event *row)
{
    free(row); /* the row is the first of what was made */
}

static struct value text(const char *string)
{
    return (struct value){
        .string = {
            .data = string, .length = (uint32_t)strlen(string), .index = STRING_NOT_IN_BATCH, .state = ITEM_COMPLETE}};
}

void finding_event_make(const struct finding *finding, const struct schema_event *row, struct event_view *ret_view)
{
    *ret_view = *finding->context->event;
    ret_view->schema = row;
    memset(ret_view->args, 0, sizeof(ret_view->args));
    ret_view->args[ARGUMENT_SEVERITY].u = finding->severity;
    ret_view->args[ARGUMENT_SUCCEEDED].u = finding->succeeded;
    ret_view->args[ARGUMENT_EVENT] = text(finding->context->event->schema->name);
    for (uint8_t i = OWN_ARGUMENTS; i < row->n_args; i++)
        if (arg_type_shape(row->args[i].type) == SHAPE_TEXT)
            ret_view->args[i].string =
                (struct string_view){.data = "", .index = STRING_NOT_IN_BATCH, .state = ITEM_UNREADABLE};
    for (size_t i = 0; i < finding->n_data; i++) {
        const struct finding_data *data = &finding->data[i];
        const int at = find_argument(row, data->name);
        if (at < 0)
            continue;
        if (data->kind == FIELD_STRING) {
            ret_view->args[at].string = data->string;
            ret_view->args[at].string.index = STRING_NOT_IN_BATCH; /* the bytes may be a part of what stands there */
        } else {
            ret_view->args[at].u = data->number;
        }
    }
}
