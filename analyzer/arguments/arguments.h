/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which arguments have words, as Tracee's option parse-arguments gives them. Filters and detections see the numbers;
 * only what is shown to people and programs is decoded. Any thread.
 */
#ifndef VEDETTE_ANALYZER_ARGUMENTS_ARGUMENTS_H
#define VEDETTE_ANALYZER_ARGUMENTS_ARGUMENTS_H

#include "analyzer/arguments/tables.h"
#include "common/events/events.h"
#include "common/wire/decode.h"

/* The table of an argument of our own row (schema_event.known), by its position; TABLE_NONE where it has none or
 * `event` is NULL. Constant time. */
enum table argument_table(const struct event *event, size_t arg);

/* The same of an event that happened, where the meaning of one argument depends on another: of setsockopt's options on
 * their level. */
enum table argument_table_of(const struct event_view *event, size_t arg);

/*
 * Appends the words for an integer of that type, as event_view has it. False, with nothing appended, where the argument
 * is to stay a number: without a table, or where its table names a few values only. A number without a name becomes its
 * decimal digits otherwise, so that an argument is either always a string or says so by its type.
 */
bool argument_words(struct text *text, enum table table, enum architecture architecture, enum arg_type type,
                    uint64_t value);

/* For tests: calls `row` for every event and argument name of arguments.def, in its order. */
void arguments_visit(void (*row)(void *arg, enum table table, uint16_t event_id, const char *argument), void *arg);

#endif
