/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/arguments/arguments.h"

#include <pthread.h>

struct argument_row {
    enum table table;
    const char *argument;
    const uint16_t *events; /* 0xffff ends them */
};

enum { NO_EVENT = 0xffff };

#define E(event_)                             EVENT_##event_,
#define ARGUMENTS(table_, argument_, events_) {TABLE_##table_, #argument_, (const uint16_t[]){events_ NO_EVENT}},
#define WHERE(...)
static const struct argument_row rows[] = {
#include "analyzer/arguments/arguments.def"
};

struct where_row {
    enum table table;
    const char *argument;
    uint64_t value;
    enum table other;
};

#define ARGUMENTS(...)
#define WHERE(table_, argument_, value_, other_) {TABLE_##table_, #argument_, (value_), TABLE_##other_},
static const struct where_row where_rows[] = {
#include "analyzer/arguments/arguments.def"
};

static uint8_t table_of[EVENT_ID_LIMIT][EVENT_MAX_ARGS];
_Static_assert(TABLE_COUNT <= UINT8_MAX, "a table fits into table_of");

void arguments_visit(void (*row)(void *arg, enum table table, uint16_t event_id, const char *argument), void *arg)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (const uint16_t *event = rows[i].events; *event != NO_EVENT; event++)
            row(arg, rows[i].table, *event, rows[i].argument);
}

static void fill_one(void *unused, enum table table, uint16_t event_id, const char *argument)
{
    (void)unused;
    int index = event_arg_index(event_by_id(event_id), argument);
    if (index >= 0)
        table_of[event_id][index] = (uint8_t)table;
}

static void fill(void)
{
    arguments_visit(fill_one, NULL);
}

enum table argument_table(const struct event *event, size_t arg)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (event == NULL || arg >= event->n_args)
        return TABLE_NONE;
    pthread_once(&once, fill);
    return (enum table)table_of[event->id][arg];
}

enum table argument_table_of(const struct event_view *event, size_t arg)
{
    const struct event *known = event->schema->known;
    const enum table table = argument_table(known, arg);
    bool depends = false;
    for (size_t i = 0; table != TABLE_NONE && i < sizeof(where_rows) / sizeof(where_rows[0]); i++) {
        const struct where_row *row = &where_rows[i];
        if (row->table != table)
            continue;
        depends = true;
        int index = event_arg_index(known, row->argument);
        if (index >= 0 && event->args[index].u == row->value)
            return row->other;
    }
    return depends ? TABLE_NONE : table;
}

/* As wide as its type: a negative int32 is not 64 bits of flags. */
static uint64_t narrowed(enum arg_type type, uint64_t value)
{
    return type == ARG_INT32 ? (uint32_t)value : value;
}

bool argument_words(struct text *text, enum table table, enum architecture architecture, enum arg_type type,
                    uint64_t value)
{
    if (table == TABLE_NONE)
        return false;
    if (table_words(text, table, architecture, narrowed(type, value)))
        return true;
    if (table_is_partial(table))
        return false;
    if (arg_type_shape(type) == SHAPE_SIGNED)
        text_signed(text, (int64_t)value);
    else
        text_unsigned(text, value);
    return true;
}
