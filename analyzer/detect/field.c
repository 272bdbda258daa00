/* SPDX-License-Identifier: Apache-2.0 */
/* Names of fields: what each means for an event of a schema. field_value.c reads them, field_name.c knows their kin. */
#include "analyzer/detect/field_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct fixed_field fixed_fields[] = {
    {"container.id", FIELD_STRING, PLACE_CONTAINER_ID},
    {"container.image", FIELD_STRING, PLACE_KUBERNETES},
    {"container.image_digest", FIELD_STRING, PLACE_KUBERNETES},
    {"container.name", FIELD_STRING, PLACE_KUBERNETES},
    {"container.new", FIELD_UNSIGNED, PLACE_CONTAINER_NEW},
    {"container.pod_name", FIELD_STRING, PLACE_KUBERNETES},
    {"container.pod_namespace", FIELD_STRING, PLACE_KUBERNETES},
    {"container.pod_sandbox", FIELD_STRING, PLACE_KUBERNETES},
    {"container.pod_uid", FIELD_STRING, PLACE_CONTAINER_POD_UID},
    {"container.runtime", FIELD_STRING, PLACE_CONTAINER_RUNTIME},
    {"container.started", FIELD_UNSIGNED, PLACE_CONTAINER_STARTED},
    {"event.cpu", FIELD_UNSIGNED, PLACE_CPU},
    {"event.syscall", FIELD_STRING, PLACE_SYSCALL},
    {"event.time", FIELD_UNSIGNED, PLACE_TIME},
    {"remembered.number", FIELD_UNSIGNED, PLACE_REMEMBERED},
    {"remembered.string", FIELD_STRING, PLACE_REMEMBERED},
    {"returnValue", FIELD_SIGNED, PLACE_RESULT},
    {"task.cgroup", FIELD_UNSIGNED, PLACE_CGROUP},
    {"task.comm", FIELD_STRING, PLACE_COMM},
    {"task.hostname", FIELD_STRING, PLACE_HOSTNAME},
    {"task.mntns", FIELD_UNSIGNED, PLACE_MNT_NS},
    {"task.ns_pid", FIELD_UNSIGNED, PLACE_NS_TGID},
    {"task.ns_ppid", FIELD_UNSIGNED, PLACE_NS_PPID},
    {"task.ns_tid", FIELD_UNSIGNED, PLACE_NS_TID},
    {"task.pid", FIELD_UNSIGNED, PLACE_TGID},
    {"task.pidns", FIELD_UNSIGNED, PLACE_PID_NS},
    {"task.ppid", FIELD_UNSIGNED, PLACE_PPID},
    {"task.start_time", FIELD_UNSIGNED, PLACE_THREAD_START},
    {"task.tid", FIELD_UNSIGNED, PLACE_TID},
    {"task.uid", FIELD_UNSIGNED, PLACE_UID},
    {NULL, 0, 0},
};

/* Behind "process.", "process.parent.", "process.ancestor[N]." and "process.ancestors.". */
const struct fixed_field process_fields[] = {
    {"cmdline", FIELD_STRING, PLACE_PROCESS_CMDLINE},
    {"comm", FIELD_STRING, PLACE_PROCESS_COMM},
    {"executable", FIELD_STRING, PLACE_PROCESS_EXECUTABLE},
    {"id", FIELD_UNSIGNED, PLACE_PROCESS_ID},
    {"overlay_layer", FIELD_UNSIGNED, PLACE_PROCESS_OVERLAY_LAYER},
    {"pid", FIELD_UNSIGNED, PLACE_PROCESS_PID},
    {"prev_comm", FIELD_STRING, PLACE_PROCESS_PREV_COMM},
    {"start_time", FIELD_UNSIGNED, PLACE_PROCESS_START},
    {"uid", FIELD_UNSIGNED, PLACE_PROCESS_UID},
    {NULL, 0, 0},
};

const struct sockaddr_field sockaddr_fields[] = {
    {"address", FIELD_STRING, PART_ADDRESS},
    {"port", FIELD_UNSIGNED, PART_PORT},
    {"sa_family", FIELD_STRING, PART_FAMILY},
    {"sin6_addr", FIELD_STRING, PART_INET6_ADDRESS},
    {"sin6_port", FIELD_UNSIGNED, PART_PORT},
    {"sin_addr", FIELD_STRING, PART_INET_ADDRESS},
    {"sin_port", FIELD_UNSIGNED, PART_PORT},
    {"sun_path", FIELD_STRING, PART_UNIX_PATH},
    {NULL, 0, 0},
};

static const struct {
    const char *name;
    enum field_transform transform;
} transforms[] = {
    {"basename", TRANSFORM_BASENAME},
    {"dirname", TRANSFORM_DIRNAME},
    {"length", TRANSFORM_LENGTH},
    {"lower", TRANSFORM_LOWER},
};

enum { N_TRANSFORMS = sizeof(transforms) / sizeof(transforms[0]) };

static enum field_kind kind_of(enum arg_type type)
{
    switch (arg_type_shape(type)) {
    case SHAPE_SIGNED:
        return FIELD_SIGNED;
    case SHAPE_TEXT:
        return FIELD_STRING;
    case SHAPE_LIST:
        return FIELD_STRINGS;
    case SHAPE_UNSIGNED:
        break;
    }
    return FIELD_UNSIGNED;
}

/*
 * Paths that the collector walks from the file itself begin at the leaf, so a long one has lost its head. Lists and
 * other strings are copied from their beginning. Of an argument that we do not know nothing is taken for granted.
 */
static enum cut cut_of_argument(const struct event_arg *arg)
{
    static const char *const walked[] = {"cgroup_path", "interpreter_pathname", "pathname", "pwd", "stdin_path"};
    if (arg->type == ARG_STRINGS || arg->type == ARG_BYTES)
        return CUT_TAIL;
    for (size_t i = 0; i < sizeof(walked) / sizeof(walked[0]); i++)
        if (strcmp(arg->name, walked[i]) == 0)
            return CUT_HEAD;
    return CUT_HEAD | CUT_TAIL;
}

const struct fixed_field *fixed_field_find(const struct fixed_field *table, const char *name)
{
    for (; table->name != NULL; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

static bool skip(const char **name, const char *prefix)
{
    const size_t length = strlen(prefix);
    if (strncmp(*name, prefix, length) != 0)
        return false;
    *name += length;
    return true;
}

/* "[N]"; false when it is not there or beyond `limit`. */
static bool skip_index(const char **name, unsigned limit, uint16_t *ret_index)
{
    char *end;
    if ((*name)[0] != '[' || (*name)[1] < '0' || (*name)[1] > '9')
        return false;
    unsigned long index = strtoul(*name + 1, &end, 10);
    if (*end != ']' || index > limit)
        return false;
    *ret_index = (uint16_t)index;
    *name = end + 1;
    return true;
}

/* `name` stands behind "process.". */
static int resolve_process(const char *name, struct field *field)
{
    uint16_t generation = 0;
    bool any = false;
    if (skip(&name, "parent."))
        generation = 1;
    else if (skip(&name, "ancestors."))
        any = true;
    else if (skip(&name, "ancestor") &&
             (!skip_index(&name, FIELD_MAX_GENERATION, &generation) || generation == 0 || !skip(&name, ".")))
        return -ENOENT;
    const struct fixed_field *found = fixed_field_find(process_fields, name);
    if (found == NULL || (any && found->kind != FIELD_STRING))
        return -ENOENT;
    *field = (struct field){
        .kind = any ? FIELD_STRINGS : found->kind,
        .place = found->place,
        .cut = found->place == PLACE_PROCESS_EXECUTABLE ? CUT_HEAD
               : found->place == PLACE_PROCESS_CMDLINE  ? CUT_TAIL
                                                        : CUT_HEAD | CUT_TAIL,
        .generation = any ? FIELD_ANY_ANCESTOR : (uint8_t)generation,
    };
    return 0;
}

/* "[N]" or "[NAME]" behind a list. */
static int resolve_item(const char *rest, struct field *field)
{
    const size_t length = strlen(rest);
    field->kind = FIELD_STRING;
    field->cut = CUT_TAIL;
    if (skip_index(&rest, UINT16_MAX, &field->item_index)) {
        field->item = ITEMS_AT;
        return *rest == '\0' ? 0 : -ENOENT;
    }
    if (rest[0] != '[' || rest[length - 1] != ']' || length < 3 || length - 2 >= sizeof(field->item_name))
        return -ENOENT;
    field->item = ITEMS_NAMED;
    memcpy(field->item_name, rest + 1, length - 2);
    field->item_name[length - 2] = '\0';
    return 0;
}

/* What stands behind an argument's name. */
static int resolve_within(const char *rest, struct field *field)
{
    if (*rest == '\0')
        return 0;
    if (field->kind == FIELD_STRINGS)
        return resolve_item(rest, field);
    if (field->type != ARG_SOCKADDR || *rest != '.')
        return -ENOENT;
    for (const struct sockaddr_field *part = sockaddr_fields; part->name != NULL; part++)
        if (strcmp(part->name, rest + 1) == 0) {
            field->kind = part->kind;
            field->part = part->part;
            return 0;
        }
    return -ENOENT;
}

static int resolve_argument(const struct schema_event *event, const char *name, struct field *field)
{
    const size_t length = strcspn(name, ".[");
    for (uint8_t i = 0; i < event->n_args; i++)
        if (strncmp(event->args[i].name, name, length) == 0 && event->args[i].name[length] == '\0') {
            *field = (struct field){
                .kind = (uint8_t)kind_of(event->args[i].type),
                .place = PLACE_ARGUMENT,
                .arg = i,
                .type = (uint8_t)event->args[i].type,
                .cut = (uint8_t)cut_of_argument(&event->args[i]),
            };
            return resolve_within(name + length, field);
        }
    return -ENOENT;
}

static int resolve_plain(const struct schema_event *event, const char *name, struct field *field)
{
    const struct fixed_field *fixed = fixed_field_find(fixed_fields, name);
    if (fixed != NULL) {
        *field = (struct field){.kind = fixed->kind, .place = fixed->place, .cut = CUT_HEAD | CUT_TAIL};
        return 0;
    }
    if (skip(&name, "process."))
        return resolve_process(name, field);
    return skip(&name, "data.") ? resolve_argument(event, name, field) : -ENOENT;
}

/* Takes one transform off the name, which is shortened at its end; false when there is none. */
static bool take_transform(char **name, enum field_transform *ret_transform)
{
    const size_t length = strlen(*name);
    for (size_t i = 0; i < N_TRANSFORMS && length > 0 && (*name)[length - 1] == ')'; i++) {
        const size_t own = strlen(transforms[i].name);
        if (strncmp(*name, transforms[i].name, own) == 0 && (*name)[own] == '(') {
            (*name)[length - 1] = '\0';
            *name += own + 1;
            *ret_transform = transforms[i].transform;
            return true;
        }
    }
    return false;
}

int field_add_transform(struct field *field, enum field_transform transform)
{
    if (field->n_transforms == FIELD_MAX_TRANSFORMS || (field->kind != FIELD_STRING && field->kind != FIELD_STRINGS))
        return -ENOENT;
    if (transform == TRANSFORM_LENGTH)
        field->kind = FIELD_UNSIGNED;
    field->transforms[field->n_transforms++] = (uint8_t)transform;
    return 0;
}

int field_resolve(const struct schema_event *event, const char *name, struct field *ret_field)
{
    char copy[FIELD_NAME_BYTES], *inner = copy;
    enum field_transform taken[FIELD_MAX_TRANSFORMS];
    size_t n = 0;
    if (strlen(name) >= sizeof(copy))
        return -ENOENT;
    memcpy(copy, name, strlen(name) + 1);
    while (n < FIELD_MAX_TRANSFORMS && take_transform(&inner, &taken[n]))
        n++;
    struct field field;
    int result = resolve_plain(event, inner, &field);
    while (result == 0 && n > 0)
        result = field_add_transform(&field, taken[--n]);
    if (result == 0)
        *ret_field = field;
    return result;
}
