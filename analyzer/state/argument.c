// SPDX-License-Identifier: Apache-2.0
#include "analyzer/state/argument.h"

/*
 * The argument of that name and type, NULL if this event's schema has none: the schema came from outside, so our own
 * table's positions are only where to look first.
 */
const struct value *state_argument(const struct event_view *event, const char *name, enum arg_type type)
{
    const struct schema_event *schema = event->schema;
    int hint = event_arg_index(schema->known, name);
    if (hint >= 0 && hint < schema->n_args && strcmp(schema->args[hint].name, name) == 0)
        return schema->args[hint].type == type ? &event->args[hint] : NULL;
    for (size_t i = 0; i < schema->n_args; i++)
        if (strcmp(schema->args[i].name, name) == 0)
            return schema->args[i].type == type ? &event->args[i] : NULL;
    return NULL;
}

uint32_t state_pid_argument(const struct event_view *event, const char *name)
{
    const struct value *value = state_argument(event, name, ARG_INT32);
    return value != NULL && value->i > 0 ? (uint32_t)value->i : 0;
}

uint64_t state_number_argument(const struct event_view *event, const char *name)
{
    const struct value *value = state_argument(event, name, ARG_UINT64);
    return value == NULL ? 0 : value->u;
}

const struct string_view *state_string_argument(const struct event_view *event, const char *name)
{
    const struct value *value = state_argument(event, name, ARG_STRING);
    return value == NULL || (value->string.state & ITEM_STATE_MASK) == ITEM_UNREADABLE ? NULL : &value->string;
}
