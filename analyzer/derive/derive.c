// SPDX-License-Identifier: Apache-2.0
#include "analyzer/derive/derivations.h"
#include "analyzer/detect/field.h"

static const struct derivation *const derivations[] = {
#define DERIVATION(name) &derivation_##name,
#include "analyzer/derive/derivations.def"
};

enum { N_DERIVATIONS = sizeof(derivations) / sizeof(derivations[0]) };

bool derive_makes(const struct event *event)
{
    for (size_t i = 0; i < N_DERIVATIONS; i++)
        if (derivations[i]->event == event->id)
            return true;
    return false;
}

static bool mark(uint8_t *want, const struct derivation *derivation)
{
    if (want[derivation->event] == WANT_NONE || want[derivation->source] == WANT_ALL)
        return false;
    want[derivation->source] = WANT_ALL;
    return true;
}

void derive_mark_sources(uint8_t *want)
{
    bool again = true;
    while (again) { /* each round marks one more, or it is the last */
        again = false;
        for (size_t i = 0; i < N_DERIVATIONS; i++)
            again = mark(want, derivations[i]) || again;
    }
}

static const struct schema_event *row_of(const struct schema *schema, uint16_t event)
{
    const struct schema_event *row = schema_event_by_id(schema, event);
    return row != NULL && row->known == event_by_id(event) ? row : NULL;
}

static void begin(struct derived *derived, const struct schema_event *row, const struct event_context *context)
{
    derived->container = context->container;
    derived->event = *context->event;
    derived->event.schema = row;
    memset(derived->event.args, 0, sizeof(derived->event.args));
    for (uint8_t i = 0; i < row->known->n_args; i++) {
        struct value *value = &derived->event.args[i];
        switch (arg_type_shape(row->known->args[i].type)) {
        case SHAPE_TEXT:
            value->string = (struct string_view){.data = "", .index = STRING_NOT_IN_BATCH, .state = ITEM_UNREADABLE};
            break;
        case SHAPE_LIST:
            value->list.state = ITEM_UNREADABLE;
            break;
        case SHAPE_SIGNED:
        case SHAPE_UNSIGNED:
            break;
        }
    }
}

void derive(const struct schema *schema, const struct event_context *context,
            void (*emit)(void *arg, const struct event_context *derived), void *arg)
{
    const struct event *known = context->event->schema->known;
    for (size_t i = 0; known != NULL && i < N_DERIVATIONS; i++) {
        const struct derivation *derivation = derivations[i];
        if (derivation->source != known->id)
            continue;
        const struct schema_event *row = row_of(schema, derivation->event);
        struct derived derived;
        if (row == NULL)
            continue;
        begin(&derived, row, context);
        if (!derivation->make(context, &derived))
            continue;
        struct event_context made = *context;
        made.event = &derived.event;
        made.container = derived.container;
        emit(arg, &made);
    }
}

static struct value *argument(struct derived *derived, const char *name, enum arg_shape shape)
{
    const struct event *row = derived->event.schema->known;
    int i = event_arg_index(row, name);
    return i >= 0 && arg_type_shape(row->args[i].type) == shape ? &derived->event.args[i] : NULL;
}

void derived_string(struct derived *derived, const char *name, const char *text)
{
    struct value *value = argument(derived, name, SHAPE_TEXT);
    if (value != NULL)
        value->string = (struct string_view){
            .data = text, .length = (uint32_t)strlen(text), .index = STRING_NOT_IN_BATCH, .state = ITEM_COMPLETE};
}

void derived_unsigned(struct derived *derived, const char *name, uint64_t number)
{
    struct value *value = argument(derived, name, SHAPE_UNSIGNED);
    if (value != NULL)
        value->u = number;
}

void derived_signed(struct derived *derived, const char *name, int64_t number)
{
    struct value *value = argument(derived, name, SHAPE_SIGNED);
    if (value != NULL)
        value->i = number;
}

const struct value *source_argument(const struct event_context *context, const char *name)
{
    int index = event_arg_index(context->event->schema->known, name);
    return index < 0 ? NULL : &context->event->args[index];
}
