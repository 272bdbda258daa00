/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of an event as the state wants them; used by the files of analyzer/state only. */
#ifndef VEDETTE_ANALYZER_STATE_ARGUMENT_H
#define VEDETTE_ANALYZER_STATE_ARGUMENT_H

#include "common/wire/decode.h"

/* NULL if this event's schema has no argument of that name and type. */
const struct value *state_argument(const struct event_view *event, const char *name, enum arg_type type);
/* 0 where there is none. */
uint32_t state_pid_argument(const struct event_view *event, const char *name);
uint64_t state_number_argument(const struct event_view *event, const char *name);
/* NULL where there is none, or it could not be read. */
const struct string_view *state_string_argument(const struct event_view *event, const char *name);

#endif
