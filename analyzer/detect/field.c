/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/field.h"

#include <errno.h>
#include <string.h>

enum {
    NEAR_NAME_BYTES = 64, /* longer names are compared by this many bytes */
    NEAR_EDITS = 4,       /* more edits than this are a different word, not a slip */
};

static const struct {
    const char *name;
    uint8_t kind, place;
} fixed_fields[] = {
    {"container.id", FIELD_STRING, PLACE_CONTAINER_ID},
    {"container.new", FIELD_UNSIGNED, PLACE_CONTAINER_NEW},
    {"container.pod_uid", FIELD_STRING, PLACE_CONTAINER_POD_UID},
    {"container.runtime", FIELD_STRING, PLACE_CONTAINER_RUNTIME},
    {"container.started", FIELD_UNSIGNED, PLACE_CONTAINER_STARTED},
    {"process.executable", FIELD_STRING, PLACE_EXECUTABLE},
    {"process.overlay_layer", FIELD_UNSIGNED, PLACE_OVERLAY_LAYER},
    {"process.prev_comm", FIELD_STRING, PLACE_PREV_COMM},
    {"returnValue", FIELD_SIGNED, PLACE_RESULT},
    {"task.comm", FIELD_STRING, PLACE_COMM},
    {"task.hostname", FIELD_STRING, PLACE_HOSTNAME},
    {"task.mntns", FIELD_UNSIGNED, PLACE_MNT_NS},
    {"task.pid", FIELD_UNSIGNED, PLACE_TGID},
    {"task.pidns", FIELD_UNSIGNED, PLACE_PID_NS},
    {"task.ppid", FIELD_UNSIGNED, PLACE_PPID},
    {"task.tid", FIELD_UNSIGNED, PLACE_TID},
    {"task.uid", FIELD_UNSIGNED, PLACE_UID},
};

enum { N_FIXED = sizeof(fixed_fields) / sizeof(fixed_fields[0]) };

static const char data_prefix[] = "data.";

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

int field_resolve(const struct schema_event *event, const char *name, struct field *ret_field)
{
    for (size_t i = 0; i < N_FIXED; i++)
        if (strcmp(fixed_fields[i].name, name) == 0) {
            *ret_field = (struct field){
                .kind = fixed_fields[i].kind,
                .place = fixed_fields[i].place,
                .cut = fixed_fields[i].place == PLACE_EXECUTABLE ? CUT_HEAD : CUT_HEAD | CUT_TAIL,
            };
            return 0;
        }
    if (strncmp(name, data_prefix, sizeof(data_prefix) - 1) != 0)
        return -ENOENT;
    const char *arg = name + sizeof(data_prefix) - 1;
    for (uint8_t i = 0; i < event->n_args; i++)
        if (strcmp(event->args[i].name, arg) == 0) {
            *ret_field = (struct field){
                .kind = (uint8_t)kind_of(event->args[i].type),
                .place = PLACE_ARGUMENT,
                .arg = i,
                .cut = (uint8_t)cut_of_argument(&event->args[i]),
            };
            return 0;
        }
    return -ENOENT;
}

unsigned name_distance(const char *a, const char *b)
{
    size_t n = strnlen(a, NEAR_NAME_BYTES), m = strnlen(b, NEAR_NAME_BYTES);
    unsigned row[NEAR_NAME_BYTES + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned replace = diagonal + (a[i - 1] != b[j - 1]);
            unsigned insert = row[j - 1] + 1, delete = row[j] + 1;
            diagonal = row[j];
            row[j] = replace < insert ? replace : insert;
            if (delete < row[j])
                row[j] = delete;
        }
    }
    return row[m];
}

void field_nearest(const struct schema_event *event, const char *name, char *ret_name, size_t size)
{
    unsigned best = NEAR_EDITS + 1;
    ret_name[0] = '\0';
    for (size_t i = 0; i < N_FIXED; i++) {
        unsigned distance = name_distance(name, fixed_fields[i].name);
        if (distance < best) {
            best = distance;
            snprintf(ret_name, size, "%s", fixed_fields[i].name);
        }
    }
    for (uint8_t i = 0; i < event->n_args; i++) {
        char full[NEAR_NAME_BYTES + sizeof(data_prefix)];
        snprintf(full, sizeof(full), "%s%s", data_prefix, event->args[i].name);
        unsigned distance = name_distance(name, full);
        /* "pathname" for "data.pathname" is the commonest slip of all. */
        if (strcmp(name, event->args[i].name) == 0)
            distance = 0;
        if (distance < best) {
            best = distance;
            snprintf(ret_name, size, "%s", full);
        }
    }
}

const char *field_kind_words(enum field_kind kind)
{
    switch (kind) {
    case FIELD_SIGNED:
        return "a signed integer";
    case FIELD_UNSIGNED:
        return "an unsigned integer";
    case FIELD_STRING:
        return "a string";
    case FIELD_STRINGS:
        return "a list of strings";
    }
    return "of no known type";
}

bool event_container_started(const struct event_context *context)
{
    const struct container *container = context->container;
    return container != NULL && (container->stage != CONTAINER_CREATED || context->process->started_in_container);
}

uint64_t field_number(const struct field *field, const struct event_context *context)
{
    const struct task_view *task = context->event->task;
    switch ((enum field_place)field->place) {
    case PLACE_ARGUMENT:
        return context->event->args[field->arg].u;
    case PLACE_RESULT:
        return (uint64_t)context->event->ret;
    case PLACE_UID:
        return task->uid;
    case PLACE_TGID:
        return task->tgid;
    case PLACE_TID:
        return task->tid;
    case PLACE_PPID:
        return task->ppid;
    case PLACE_MNT_NS:
        return task->mnt_ns;
    case PLACE_PID_NS:
        return task->pid_ns;
    case PLACE_CONTAINER_STARTED:
        return event_container_started(context);
    case PLACE_OVERLAY_LAYER:
        return context->process->overlay_layer;
    case PLACE_CONTAINER_NEW:
        return context->container != NULL && context->container->stage == CONTAINER_STARTED;
    default:
        return 0; /* compiled conditions ask numbers only of the places above */
    }
}

static struct string_view outside_batch(const char *string, uint8_t state)
{
    struct string_view view = {.index = STRING_NOT_IN_BATCH, .data = "", .state = ITEM_UNREADABLE};
    if (string != NULL) {
        view.data = string;
        view.length = (uint32_t)strlen(string);
        view.state = state;
    }
    return view;
}

struct string_view field_string(const struct field *field, const struct event_context *context)
{
    switch ((enum field_place)field->place) {
    case PLACE_ARGUMENT:
        return context->event->args[field->arg].string;
    case PLACE_COMM:
        return context->event->task->comm;
    case PLACE_HOSTNAME:
        return context->event->task->uts;
    case PLACE_EXECUTABLE:
        return outside_batch(context->process->executable, context->process->executable_state);
    case PLACE_PREV_COMM:
        return outside_batch(context->process->prev_comm, ITEM_COMPLETE);
    case PLACE_CONTAINER_ID:
        return outside_batch(context->container != NULL ? context->container->id : "", ITEM_COMPLETE);
    case PLACE_CONTAINER_POD_UID:
        return outside_batch(context->container != NULL ? context->container->pod_uid : "", ITEM_COMPLETE);
    case PLACE_CONTAINER_RUNTIME:
        return outside_batch(context->container != NULL ? context->container->runtime : "", ITEM_COMPLETE);
    default:
        return outside_batch(NULL, ITEM_UNREADABLE);
    }
}

const struct value *field_list(const struct field *field, const struct event_context *context)
{
    return &context->event->args[field->arg];
}
