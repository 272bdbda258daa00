/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are not an argument as it came: a part of it, an item's own value, what transforms make of it. */
#include <stdlib.h>
#include <string.h>

#include "analyzer/detect/field.h"

void field_room_fini(struct field_room *room)
{
    free(room->bytes);
    room->bytes = NULL;
    room->capacity = 0;
}

static void set_state(struct string_view *view, enum item_state state)
{
    view->state = (uint8_t)((view->state & ~ITEM_STATE_MASK) | state);
}

static bool take_key(const struct object *object, const char *key, struct string_view *view)
{
    for (size_t i = 0; i < object->n; i++)
        if (strcmp(object->field[i].key, key) == 0) {
            view->data = object->field[i].data;
            view->length = (uint32_t)object->field[i].length;
            return true;
        }
    return false;
}

/* A part that is there is there whole, but for a path, which may go on. */
static void take_part(enum field_part part, struct string_view *view, struct object *object)
{
    object_sockaddr(view->data, view->length, object);
    bool found = false;
    if (part == PART_FAMILY)
        found = take_key(object, "sa_family", view);
    if (part == PART_INET_ADDRESS || part == PART_ADDRESS)
        found = take_key(object, "sin_addr", view);
    if (part == PART_INET6_ADDRESS || (part == PART_ADDRESS && !found))
        found = take_key(object, "sin6_addr", view);
    if (part == PART_UNIX_PATH && take_key(object, "sun_path", view))
        return;
    if (found) {
        set_state(view, ITEM_COMPLETE);
        return;
    }
    view->data = "";
    view->length = 0;
    if ((view->state & ITEM_STATE_MASK) == ITEM_COMPLETE)
        set_state(view, ITEM_UNREADABLE);
}

static void base(const struct field *field, struct string_view *view)
{
    const char *slash = memrchr(view->data, '/', view->length);
    if (slash == NULL)
        return;
    view->length -= (uint32_t)(slash + 1 - view->data);
    view->data = slash + 1;
    if (field->cut == CUT_HEAD && (view->state & ITEM_USER) == 0)
        set_state(view, ITEM_COMPLETE);
}

/* As dirname(3), but that slashes which follow one another are not joined. */
static void directory(struct string_view *view)
{
    const char *slash = memrchr(view->data, '/', view->length);
    if (slash == NULL)
        view->data = ".";
    view->length = slash == NULL || slash == view->data ? 1 : (uint32_t)(slash - view->data);
}

static void lower(struct string_view *view, struct field_room *room)
{
    if (view->length == 0)
        return;
    if (view->length > room->capacity) {
        char *grown = realloc(room->bytes, view->length);
        if (grown == NULL) {
            view->length = 0;
            set_state(view, ITEM_TRUNCATED);
            return;
        }
        room->bytes = grown;
        room->capacity = view->length;
    }
    /* In place when it was folded before: both then begin at the same byte, or the target stands before. */
    for (uint32_t i = 0; i < view->length; i++) {
        char c = view->data[i];
        room->bytes[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    view->data = room->bytes;
}

struct string_view field_derive(const struct field *field, const struct string_view *source, struct field_room *room)
{
    struct string_view view = *source;
    if ((view.state & ITEM_STATE_MASK) == ITEM_UNREADABLE)
        return view;
    if (field->item == ITEMS_NAMED && view.length > 0) {
        const uint32_t name = (uint32_t)strlen(field->item_name) + 1; /* "NAME=" */
        view.data += name;
        view.length -= name;
    }
    if (field->part != PART_WHOLE)
        take_part((enum field_part)field->part, &view, &room->object);
    for (uint8_t i = 0; i < field->n_transforms && (view.state & ITEM_STATE_MASK) != ITEM_UNREADABLE; i++) {
        if (field->transforms[i] == TRANSFORM_BASENAME)
            base(field, &view);
        else if (field->transforms[i] == TRANSFORM_DIRNAME)
            directory(&view);
        else if (field->transforms[i] == TRANSFORM_LOWER)
            lower(&view, room);
    }
    return view;
}

struct string_view field_string(const struct field *field, const struct event_context *context, struct field_room *room)
{
    const struct string_view source = field_source(field, context);
    return field_derive(field, &source, room);
}
