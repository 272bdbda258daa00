// SPDX-License-Identifier: Apache-2.0
#include "analyzer/detect/scopes.h"

#include <string.h>

#include "proto/vedette.pb-c.h"

/* The fields whose value is in the header of every record, as the programs read it of the current task. */
static const struct {
    const char *field;
    Vedette__V1__ScopeField wire;
    bool is_text;
} task_fields[] = {
    {"task.comm", VEDETTE__V1__SCOPE_FIELD__SCOPE_COMM, true},
    {"task.hostname", VEDETTE__V1__SCOPE_FIELD__SCOPE_HOSTNAME, true},
    {"task.mntns", VEDETTE__V1__SCOPE_FIELD__SCOPE_MNT_NS, false},
    {"task.pid", VEDETTE__V1__SCOPE_FIELD__SCOPE_PID, false},
    {"task.pidns", VEDETTE__V1__SCOPE_FIELD__SCOPE_PID_NS, false},
    {"task.tid", VEDETTE__V1__SCOPE_FIELD__SCOPE_TID, false},
    {"task.uid", VEDETTE__V1__SCOPE_FIELD__SCOPE_UID, false},
};

static int field_of(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof(task_fields) / sizeof(task_fields[0]); i++)
        if (strcmp(task_fields[i].field, name) == 0)
            return (int)i;
    return -1;
}

/* Values that are being gathered for one key. */
struct key {
    struct task_value *value;
    size_t n, room;
};

static struct task_value *take(struct key *key, const struct predicate *atom)
{
    if (key->n == key->room)
        return NULL;
    struct task_value *value = &key->value[key->n++];
    *value = (struct task_value){.field = (uint8_t)task_fields[field_of(atom->field)].wire};
    return value;
}

/* These fields have no sign: what is negative is below every value. */
static bool add_range(struct key *key, const struct predicate *atom, int64_t from, int64_t to)
{
    struct task_value *value = take(key, atom);
    if (value == NULL)
        return false;
    value->from = to < 0 ? 1 : from < 0 ? 0 : (uint64_t)from;
    value->to = to < 0 ? 0 : (uint64_t)to;
    return true;
}

static bool add_number(struct key *key, const struct predicate *atom, int64_t number)
{
    return add_range(key, atom, number, number);
}

static bool add_text(struct key *key, const struct predicate *atom, const char *text)
{
    const size_t length = strlen(text);
    struct task_value *value = length == 0 || length > WIRE_SCOPE_TEXT ? NULL : take(key, atom);
    if (value == NULL)
        return false;
    memcpy(value->text, text, length);
    value->length = (uint8_t)length;
    value->flags = atom->op == PREDICATE_PREFIX ? TASK_VALUE_PREFIX : 0;
    return true;
}

static bool add_texts(struct key *key, const struct predicate *atom)
{
    for (size_t i = 0; atom->strings[i] != NULL; i++)
        if (!add_text(key, atom, atom->strings[i]))
            return false;
    return true;
}

static bool add_numbers(struct key *key, const struct predicate *atom)
{
    for (size_t i = 0; i < atom->n_numbers; i++)
        if (!add_number(key, atom, atom->numbers[i]))
            return false;
    return true;
}

/* False when the atom is not about the task, says what no value can, or has more values than there is room for. */
static bool add_atom(struct key *key, const struct predicate *atom)
{
    const int field = field_of(atom->field);
    if (field < 0)
        return false;
    if (task_fields[field].is_text)
        return (atom->op == PREDICATE_STRING || atom->op == PREDICATE_PREFIX) && add_texts(key, atom);
    switch (atom->op) {
    case PREDICATE_NUMBER:
        return add_number(key, atom, atom->number);
    case PREDICATE_NUMBERS:
        return add_numbers(key, atom);
    case PREDICATE_RANGE:
        return add_range(key, atom, atom->number, atom->upper);
    default:
        return false;
    }
}

static bool add_any(struct key *key, const struct predicate *when)
{
    if (when->op != PREDICATE_ANY)
        return add_atom(key, when);
    for (size_t i = 0; when->children[i] != NULL; i++)
        if (!add_any(key, when->children[i]))
            return false;
    return true;
}

/* All of it, or nothing. */
static bool add_key(struct task_scope *scope, const struct predicate *when)
{
    const bool negated = when->op == PREDICATE_NOT;
    struct key key = {.value = &scope->value[scope->n], .room = WIRE_SCOPE_VALUES - scope->n};
    if (!add_any(&key, negated ? when->children[0] : when) || key.n == 0)
        return false;
    key.value[key.n - 1].flags |= (uint8_t)(TASK_VALUE_ENDS_KEY | (negated ? TASK_VALUE_NONE_OF : 0));
    scope->n += key.n;
    return true;
}

static const char *some_field(const struct predicate *when)
{
    while (when->field == NULL && when->children != NULL && when->children[0] != NULL)
        when = when->children[0];
    return when->field != NULL ? when->field : "";
}

void task_scope_add(struct task_scope *scope, const struct predicate *when, void (*left)(void *arg, const char *field),
                    void *arg)
{
    if (when == NULL)
        return;
    if (when->op == PREDICATE_ALL) {
        for (size_t i = 0; when->children[i] != NULL; i++)
            task_scope_add(scope, when->children[i], left, arg);
    } else if (!add_key(scope, when) && left != NULL) {
        left(arg, some_field(when));
    }
}

uint32_t task_scopes_bit(struct task_scopes *scopes, const struct task_scope *scope)
{
    for (size_t i = 0; i < scopes->n; i++)
        if (scopes->first[i + 1] - scopes->first[i] == scope->n &&
            memcmp(&scopes->value[scopes->first[i]], scope->value, scope->n * sizeof(scope->value[0])) == 0)
            return 1u << i;
    if (scopes->n == WIRE_PLAN_SCOPES || scope->n > WIRE_SCOPE_VALUES - scopes->n_values)
        return 0;
    memcpy(&scopes->value[scopes->n_values], scope->value, scope->n * sizeof(scope->value[0]));
    scopes->n_values += scope->n;
    scopes->first[++scopes->n] = scopes->n_values;
    return 1u << (scopes->n - 1);
}

bool task_scopes_equal(const struct task_scopes *a, const struct task_scopes *b)
{
    return a->n == b->n && a->n_values == b->n_values && memcmp(a->first, b->first, (a->n + 1) * sizeof(size_t)) == 0 &&
           memcmp(a->value, b->value, a->n_values * sizeof(a->value[0])) == 0;
}
