/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of fields resolved to where their values are, and the values. The names are listed in predicate.h.
 */
#ifndef VEDETTE_ANALYZER_DETECT_FIELD_H
#define VEDETTE_ANALYZER_DETECT_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/arguments/objects.h"
#include "analyzer/detect/engine.h"

enum field_place {
    PLACE_ARGUMENT,
    PLACE_RESULT,
    PLACE_TIME,
    PLACE_CPU,
    PLACE_SYSCALL,
    /* the acting thread's */
    PLACE_COMM,
    PLACE_HOSTNAME,
    PLACE_UID,
    PLACE_TGID,
    PLACE_TID,
    PLACE_PPID,
    PLACE_NS_TGID,
    PLACE_NS_TID,
    PLACE_NS_PPID,
    PLACE_MNT_NS,
    PLACE_PID_NS,
    PLACE_CGROUP,
    PLACE_THREAD_START,
    /* a process's that the state knows: `generation` says which */
    PLACE_PROCESS_CMDLINE,
    PLACE_PROCESS_COMM,
    PLACE_PROCESS_EXECUTABLE,
    PLACE_PROCESS_ID,
    PLACE_PROCESS_OVERLAY_LAYER,
    PLACE_PROCESS_PID,
    PLACE_PROCESS_PREV_COMM,
    PLACE_PROCESS_START,
    PLACE_PROCESS_UID,
    PLACE_CONTAINER_ID,
    PLACE_CONTAINER_STARTED,
    PLACE_CONTAINER_NEW,
    PLACE_CONTAINER_POD_UID,
    PLACE_CONTAINER_RUNTIME,
    PLACE_REMEMBERED,
    PLACE_KUBERNETES, /* known from the container's runtime or the cluster only: missing until that is read */
};

/* Which end of a truncated value may be gone. */
enum cut {
    CUT_HEAD = 1,
    CUT_TAIL = 2,
};

/* What of a struct sockaddr. */
enum field_part {
    PART_WHOLE,
    PART_FAMILY,
    PART_ADDRESS, /* of either family */
    PART_INET_ADDRESS,
    PART_INET6_ADDRESS,
    PART_PORT,
    PART_UNIX_PATH,
};

enum field_transform {
    TRANSFORM_BASENAME,
    TRANSFORM_DIRNAME,
    TRANSFORM_LOWER,
    TRANSFORM_LENGTH,
};

/* What of a list. */
enum field_item {
    ITEMS_ALL,
    ITEMS_AT,    /* the one at `item_index` */
    ITEMS_NAMED, /* what follows "NAME=" in the first that begins so */
};

enum {
    FIELD_NAME_BYTES = 256,
    FIELD_ITEM_NAME_BYTES = 48,
    FIELD_MAX_TRANSFORMS = 4,
    FIELD_MAX_GENERATION = STATE_MAX_ANCESTORS,
    FIELD_ANY_ANCESTOR = 255,
};

struct field {
    uint8_t kind;       /* enum field_kind */
    uint8_t place;      /* enum field_place */
    uint8_t arg;        /* PLACE_ARGUMENT: index in the event's row */
    uint8_t type;       /* PLACE_ARGUMENT: enum arg_type */
    uint8_t cut;        /* of enum cut, for strings and lists */
    uint8_t part;       /* enum field_part */
    uint8_t generation; /* 0 the process itself, 1 its parent, ..., FIELD_ANY_ANCESTOR */
    uint8_t item;       /* enum field_item */
    uint8_t n_transforms, transforms[FIELD_MAX_TRANSFORMS]; /* of enum field_transform, innermost first */
    uint16_t item_index;
    char item_name[FIELD_ITEM_NAME_BYTES];
};

/* Marks a view that is in no batch's string table: nothing may be cached under it. */
#define STRING_NOT_IN_BATCH UINT32_MAX

/* 0, or -ENOENT when `event` has no field of that name. */
int field_resolve(const struct schema_event *event, const char *name, struct field *ret_field);

/* -ENOENT when the field is no string, or has as many as fit. */
int field_add_transform(struct field *field, enum field_transform transform);

/* The valid name that is nearest to `name`, written to `ret_name`; "" when none is near. */
void field_nearest(const struct schema_event *event, const char *name, char *ret_name, size_t size);

/* "a signed integer", "a string", ... for messages. */
const char *field_kind_words(enum field_kind kind);

/*
 * Value of a number; a signed one is sign-extended. `state` as a string's: ITEM_UNREADABLE when it is missing,
 * ITEM_TRUNCATED when it is a length of which only the lower bound is known.
 */
struct field_number {
    uint64_t value;
    uint8_t state;
};
struct field_number field_number(const struct field *field, const struct event_context *context);

/*
 * The string that the field's value is derived from: the argument as it came, so that what was found out about it may
 * be kept under its index. State ITEM_UNREADABLE when it is missing.
 */
struct string_view field_source(const struct field *field, const struct event_context *context);

/* Where derived strings are kept, one at a time. Begins as zeros. */
struct field_room {
    struct object object;
    char *bytes;
    size_t capacity;
};
void field_room_fini(struct field_room *room);

/*
 * The field's value out of its source (for a list, out of one of its items). Lives until the room is used again, and no
 * longer than `source`. Without memory it is ITEM_TRUNCATED and empty: not known.
 */
struct string_view field_derive(const struct field *field, const struct string_view *source, struct field_room *room);

/* Both of the above. */
struct string_view field_string(const struct field *field, const struct event_context *context,
                                struct field_room *room);

/* The items of a list field. */
struct field_list {
    uint8_t state;
    uint32_t count;
    const struct value *value; /* NULL: the ancestors' */
    const struct process *ancestors[STATE_MAX_ANCESTORS];
};
void field_list(const struct field *field, const struct event_context *context, struct field_list *ret_list);
/* The source of item `i`, below count. */
struct string_view field_list_item(const struct field *field, const struct event_context *context,
                                   const struct field_list *list, uint32_t i);

/* Edits that turn one name into the other, for "did you mean". */
unsigned name_distance(const char *a, const char *b);

#endif
