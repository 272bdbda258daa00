/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of fields resolved to where their values are. The names are listed in predicate.h.
 */
#ifndef VEDETTE_ANALYZER_DETECT_FIELD_H
#define VEDETTE_ANALYZER_DETECT_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/detect/engine.h"

enum field_place {
    PLACE_ARGUMENT,
    PLACE_RESULT,
    PLACE_COMM,
    PLACE_HOSTNAME,
    PLACE_UID,
    PLACE_TGID,
    PLACE_TID,
    PLACE_PPID,
    PLACE_MNT_NS,
    PLACE_PID_NS,
    PLACE_EXECUTABLE,
    PLACE_PREV_COMM,
    PLACE_OVERLAY_LAYER,
    PLACE_CONTAINER_ID,
    PLACE_CONTAINER_STARTED,
    PLACE_CONTAINER_NEW,
    PLACE_CONTAINER_POD_UID,
    PLACE_CONTAINER_RUNTIME,
};

/* Which end of a truncated value may be gone. */
enum cut {
    CUT_HEAD = 1,
    CUT_TAIL = 2,
};

struct field {
    uint8_t kind;  /* enum field_kind */
    uint8_t place; /* enum field_place */
    uint8_t arg;   /* PLACE_ARGUMENT: index in the event's row */
    uint8_t cut;   /* of enum cut, for strings and lists */
};

/* Marks a view that is in no batch's string table: nothing may be cached under it. */
#define STRING_NOT_IN_BATCH UINT32_MAX

/* 0, or -ENOENT when `event` has no field of that name. */
int field_resolve(const struct schema_event *event, const char *name, struct field *ret_field);

/* The valid name that is nearest to `name`, written to `ret_name`; "" when none is near. */
void field_nearest(const struct schema_event *event, const char *name, char *ret_name, size_t size);

/* "a signed integer", "a string", ... for messages. */
const char *field_kind_words(enum field_kind kind);

/* Value of a number; a signed one is sign-extended. */
uint64_t field_number(const struct field *field, const struct event_context *context);

/* Value of a string; state ITEM_UNREADABLE when it is missing. */
struct string_view field_string(const struct field *field, const struct event_context *context);

/* Value of a list of strings. */
const struct value *field_list(const struct field *field, const struct event_context *context);

/* Edits that turn one name into the other, for "did you mean". */
unsigned name_distance(const char *a, const char *b);

#endif
