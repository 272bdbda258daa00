// SPDX-License-Identifier: Apache-2.0
/* A list of conditions to one predicate. */
#include <errno.h>
#include <stdarg.h>

#include "analyzer/arguments/arguments.h"
#include "analyzer/detect/field.h"
#include "analyzer/policy/filter.h"

enum { NAME_CUT = 15 /* the kernel cuts a task's name, and the collector a host's, to so many bytes */ };

/* What a field is in the event at hand. */
struct target {
    const char *name;
    enum field_kind kind;
    enum arg_type type; /* of an argument, else 0 */
    enum table table;   /* words for its numbers */
    bool short_name;
};

static int say(struct lowering *lowering, int result, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int say(struct lowering *lowering, int result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(lowering->words, sizeof(lowering->words), format, arguments);
    va_end(arguments);
    return result;
}

const struct predicate *predicate_never(void)
{
    /* A thread's number is 32 bits wide. */
    static const struct predicate never = {.op = PREDICATE_NUMBER, .field = "task.tid", .number = -1};
    return &never;
}

static struct predicate *make(struct lowering *lowering, enum predicate_op op, const char *field)
{
    struct predicate *predicate = pool_take(lowering->pool, sizeof(*predicate));
    if (predicate != NULL) {
        predicate->op = op;
        predicate->field = field;
    }
    return predicate;
}

/* Terms that are collected and then joined; at most one a value. */
struct terms {
    const struct predicate **term;
    size_t count;
};

static int terms_room(struct lowering *lowering, struct terms *terms, size_t limit)
{
    terms->count = 0;
    terms->term = pool_take(lowering->pool, (limit + 1) * sizeof(*terms->term));
    return terms->term == NULL ? -ENOMEM : 0;
}

static int terms_add(struct terms *terms, const struct predicate *predicate)
{
    if (predicate == NULL)
        return -ENOMEM;
    terms->term[terms->count++] = predicate;
    return 0;
}

static const struct predicate *join(struct lowering *lowering, enum predicate_op op, const struct terms *terms)
{
    if (terms->count == 1)
        return terms->term[0];
    struct predicate *joined = make(lowering, op, NULL);
    if (joined != NULL)
        joined->children = terms->term;
    return joined;
}

static const struct predicate *negate(struct lowering *lowering, const struct predicate *child)
{
    struct predicate *not = child == NULL ? NULL : make(lowering, PREDICATE_NOT, NULL);
    const struct predicate **children = pool_take(lowering->pool, 2 * sizeof(*children));
    if (not == NULL || children == NULL)
        return NULL;
    children[0] = child;
    not ->children = children;
    return not ;
}

static const char *field_in_event(const struct lowering *lowering, const char *field)
{
    static const char prefix[] = "data.";
    const struct trigger *trigger = lowering->trigger;
    if (trigger == NULL || strncmp(field, prefix, sizeof(prefix) - 1) != 0)
        return field;
    /* The finding's own data are values of the event that triggered it. */
    for (size_t i = 0; i < TRIGGER_MAX_DATA && trigger->data[i].name != NULL; i++)
        if (strcmp(field + sizeof(prefix) - 1, trigger->data[i].name) == 0)
            return trigger->data[i].field;
    return field;
}

static void describe_argument(const struct lowering *lowering, struct target *target)
{
    static const char prefix[] = "data.";
    const struct event *known = lowering->event->known;
    if (strncmp(target->name, prefix, sizeof(prefix) - 1) != 0)
        return;
    const char *name = target->name + sizeof(prefix) - 1;
    for (size_t i = 0; i < lowering->event->n_args; i++)
        if (strcmp(lowering->event->args[i].name, name) == 0)
            target->type = lowering->event->args[i].type;
    int index = known == NULL ? -1 : event_arg_index(known, name);
    if (index >= 0)
        target->table = argument_table(known, (size_t)index);
}

static int resolve(struct lowering *lowering, const char *name, struct target *ret)
{
    struct field field;
    struct target target = {.name = field_in_event(lowering, name)};
    if (field_resolve(lowering->event, target.name, &field) < 0) {
        char near[POLICY_KEY_BYTES];
        field_nearest(lowering->event, target.name, near, sizeof(near));
        return say(lowering, -ENOENT, "event %s has no field '%s'%s%s%s", lowering->event->name, name,
                   near[0] == '\0' ? "" : ": did you mean '", near, near[0] == '\0' ? "" : "'");
    }
    target.kind = (enum field_kind)field.kind;
    target.short_name = strcmp(name, "task.comm") == 0 || strcmp(name, "task.hostname") == 0;
    describe_argument(lowering, &target);
    *ret = target;
    return 0;
}

static bool is_string(const struct target *target)
{
    return target->kind == FIELD_STRING || target->kind == FIELD_STRINGS;
}

/* -- numbers -- */

static bool fits(const struct target *target, bool negative, uint64_t magnitude)
{
    if (negative && (target->kind != FIELD_SIGNED || magnitude > (uint64_t)INT64_MAX + 1))
        return false;
    switch (target->type) {
    case ARG_INT32:
        return magnitude <= UINT32_MAX; /* a mask may be written without its sign */
    case ARG_UINT8:
        return magnitude <= UINT8_MAX;
    case ARG_UINT16:
        return magnitude <= UINT16_MAX;
    case ARG_UINT32:
        return magnitude <= UINT32_MAX;
    case ARG_BOOL:
        return magnitude <= 1;
    default:
        return true;
    }
}

static bool number_of_digits(const char *text, bool *ret_negative, uint64_t *ret_magnitude)
{
    char *end;
    const char *digits = text + (text[0] == '-');
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    if (digits[0] < '0' || digits[0] > '9')
        return false;
    errno = 0;
    *ret_magnitude = strtoull(digits, &end, hex ? 16 : 10);
    *ret_negative = text[0] == '-';
    return errno == 0 && *end == '\0';
}

static int read_number(struct lowering *lowering, const struct target *target, const char *text, int64_t *ret)
{
    bool negative = false;
    uint64_t magnitude;
    if (target->type == ARG_BOOL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
        magnitude = text[0] == 't';
    } else if (!number_of_digits(text, &negative, &magnitude) &&
               !table_value(target->table, lowering->architecture, text, &magnitude)) {
        if (target->table == TABLE_NONE)
            return say(lowering, -EINVAL, "'%.100s' is no number, and %s of event %s is %s", text, target->name,
                       lowering->event->name, field_kind_words(target->kind));
        return say(lowering, -EINVAL, "'%.100s' is neither a number nor one of the names of %s", text,
                   table_name(target->table));
    }
    if (!fits(target, negative, magnitude))
        return say(lowering, -EINVAL, "'%.100s' is out of the range of %s of event %s", text, target->name,
                   lowering->event->name);
    *ret = (int64_t)(negative ? 0 - magnitude : magnitude);
    if (target->type == ARG_INT32)
        *ret = (int32_t)(uint32_t)*ret;
    return 0;
}

static int numbers(struct lowering *lowering, const struct target *target, const char *field,
                   const struct filter *filter, const struct predicate **ret)
{
    struct predicate *predicate = make(lowering, PREDICATE_NUMBERS, field);
    int64_t *list = pool_take(lowering->pool, filter->n_values * sizeof(*list));
    if (predicate == NULL || list == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < filter->n_values; i++) {
        int result = read_number(lowering, target, filter->values[i], &list[i]);
        if (result < 0)
            return result;
    }
    predicate->numbers = list;
    predicate->n_numbers = filter->n_values;
    *ret = predicate;
    return 0;
}

static int comparison(struct lowering *lowering, const struct target *target, const struct filter *filter,
                      const struct predicate **ret)
{
    struct predicate *range = make(lowering, PREDICATE_RANGE, target->name);
    int64_t bound = 0;
    int result = range == NULL ? -ENOMEM : read_number(lowering, target, filter->values[0], &bound);
    if (result < 0)
        return result;
    range->number = target->kind == FIELD_SIGNED ? INT64_MIN : 0;
    range->upper = INT64_MAX;
    bool below = filter->op == FILTER_LESS || filter->op == FILTER_AT_MOST;
    bool strict = filter->op == FILTER_LESS || filter->op == FILTER_GREATER;
    if (strict && bound == (below ? range->number : INT64_MAX)) {
        *ret = predicate_never();
        return 0;
    }
    if (below)
        range->upper = bound - strict;
    else
        range->number = bound + strict;
    *ret = range;
    return 0;
}

/* -- strings -- */

/* Which of the four forms a value has, and its text without the stars. */
static enum predicate_op form_of(const char *value, const char **ret_text, size_t *ret_length)
{
    size_t length = strlen(value);
    bool head = value[0] == '*', tail = length > 1 && value[length - 1] == '*';
    *ret_text = value + head;
    *ret_length = length - head - tail;
    if (head && tail)
        return PREDICATE_CONTAINS;
    return head ? PREDICATE_SUFFIX : tail ? PREDICATE_PREFIX : PREDICATE_STRING;
}

/* All values of one form as one atom. */
static int strings_of_form(struct lowering *lowering, const struct target *target, const struct filter *filter,
                           enum predicate_op form, struct terms *terms)
{
    const char **list = pool_take(lowering->pool, (filter->n_values + 1) * sizeof(*list));
    size_t n = 0;
    if (list == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < filter->n_values; i++) {
        const char *text;
        size_t length;
        if (form_of(filter->values[i], &text, &length) != form)
            continue;
        if (length == 0) /* "*": whatever it is, if it is there */
            return terms_add(terms, make(lowering, PREDICATE_EXISTS, target->name));
        if (target->short_name && (form == PREDICATE_STRING || form == PREDICATE_PREFIX) && length > NAME_CUT)
            length = NAME_CUT;
        list[n] = pool_text(lowering->pool, text, length);
        if (list[n++] == NULL)
            return -ENOMEM;
    }
    if (n == 0)
        return 0;
    struct predicate *atom = make(lowering, form, target->name);
    if (atom == NULL)
        return -ENOMEM;
    atom->strings = list;
    return terms_add(terms, atom);
}

static int strings(struct lowering *lowering, const struct target *target, const struct filter *filter,
                   const struct predicate **ret)
{
    static const enum predicate_op forms[] = {PREDICATE_STRING, PREDICATE_PREFIX, PREDICATE_SUFFIX, PREDICATE_CONTAINS};
    struct terms terms;
    int result = terms_room(lowering, &terms, sizeof(forms) / sizeof(forms[0]));
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) && result == 0; i++)
        result = strings_of_form(lowering, target, filter, forms[i], &terms);
    if (result == 0)
        *ret = join(lowering, PREDICATE_ANY, &terms);
    return result == 0 && *ret == NULL ? -ENOMEM : result;
}

static int regex(struct lowering *lowering, const struct target *target, const struct filter *filter,
                 const struct predicate **ret)
{
    struct predicate *atom = make(lowering, PREDICATE_REGEX, target->name);
    if (!is_string(target))
        return say(lowering, -EINVAL, "=~ wants text, and %s of event %s is %s", target->name, lowering->event->name,
                   field_kind_words(target->kind));
    if (atom == NULL)
        return -ENOMEM;
    atom->strings = filter->values;
    *ret = atom;
    return 0;
}

/* -- what is neither -- */

static int flag(struct lowering *lowering, const struct filter *filter, const struct predicate **ret)
{
    const bool host = filter->field[0] == '\0';
    const char *value = filter->values[0];
    const struct predicate *exists = make(lowering, PREDICATE_EXISTS, host ? "container.id" : filter->field);
    struct predicate *started = make(lowering, PREDICATE_NUMBER, "container.started");
    if (exists == NULL || started == NULL)
        return -ENOMEM;
    started->number = 1;
    const bool may_start = strcmp(filter->field, "container.id") == 0;
    if (filter->n_values == 1 && may_start && strcmp(value, "started") == 0)
        *ret = started;
    else if (filter->n_values == 1 && (strcmp(value, "true") == 0 || strcmp(value, "false") == 0))
        *ret = (value[0] == 't') != host ? exists : negate(lowering, exists);
    else
        return say(lowering, -EINVAL, "the value must be true%s or false", may_start ? ", started" : "");
    return *ret == NULL ? -ENOMEM : 0;
}

static int pid_or_tid(struct lowering *lowering, const struct filter *filter, const struct predicate **ret)
{
    struct target target;
    struct terms terms;
    int result = resolve(lowering, "task.pid", &target);
    if (result == 0)
        result = terms_room(lowering, &terms, 2);
    for (int i = 0; i < 2 && result == 0; i++) {
        const struct predicate *one = NULL;
        result = numbers(lowering, &target, i == 0 ? "task.pid" : "task.tid", filter, &one);
        if (result == 0)
            result = terms_add(&terms, one);
    }
    if (result == 0)
        *ret = join(lowering, PREDICATE_ANY, &terms);
    return result == 0 && *ret == NULL ? -ENOMEM : result;
}

/* [host:|MNTNS:]/path */
static int program_path(struct lowering *lowering, const char *value, const struct predicate **ret)
{
    struct target target = {.name = "process.executable", .kind = FIELD_STRING};
    const char *colon = strchr(value, ':'), *path = value;
    struct terms terms;
    int result = terms_room(lowering, &terms, 2);
    if (result == 0 && colon != NULL && value[0] != '/' && value[0] != '*') {
        struct predicate *ns = make(lowering, PREDICATE_NUMBER, "task.mntns");
        bool negative;
        uint64_t number = lowering->host_mnt_ns;
        char word[32];
        path = colon + 1;
        snprintf(word, sizeof(word), "%.*s", (int)(colon - value), value);
        if (strcmp(word, "host") != 0 &&
            (!number_of_digits(word, &negative, &number) || negative || number > UINT32_MAX))
            return say(lowering, -EINVAL, "'%s' before ':' is neither 'host' nor the number of a mount namespace",
                       word);
        if (ns != NULL)
            ns->number = number == 0 ? -1 : (int64_t)number;
        result = terms_add(&terms, ns);
    }
    if (result == 0 && path[0] != '/' && path[0] != '*')
        return say(lowering, -EINVAL, "'%.100s' is no absolute path", path);
    const char *one[] = {path};
    const struct filter of_path = {.values = one, .n_values = 1};
    const struct predicate *atom = NULL;
    if (result == 0)
        result = strings(lowering, &target, &of_path, &atom);
    if (result == 0)
        result = terms_add(&terms, atom);
    if (result == 0)
        *ret = join(lowering, PREDICATE_ALL, &terms);
    return result == 0 && *ret == NULL ? -ENOMEM : result;
}

static int program_paths(struct lowering *lowering, const struct filter *filter, const struct predicate **ret)
{
    struct terms terms;
    int result = terms_room(lowering, &terms, filter->n_values);
    for (size_t i = 0; i < filter->n_values && result == 0; i++) {
        const struct predicate *one = NULL;
        result = program_path(lowering, filter->values[i], &one);
        if (result == 0)
            result = terms_add(&terms, one);
    }
    if (result == 0)
        *ret = join(lowering, PREDICATE_ANY, &terms);
    return result == 0 && *ret == NULL ? -ENOMEM : result;
}

/* The condition as if its operator were `=`, or a comparison. */
static int positive(struct lowering *lowering, const struct filter *filter, const struct predicate **ret)
{
    struct target target;
    int result;
    switch (filter->kind) {
    case FILTER_FLAG:
        return flag(lowering, filter, ret);
    case FILTER_PROGRAM_PATH:
        return program_paths(lowering, filter, ret);
    case FILTER_PID_OR_TID:
        if (filter->op == FILTER_EQUAL || filter->op == FILTER_NOT_EQUAL)
            return pid_or_tid(lowering, filter, ret);
        result = resolve(lowering, "task.pid", &target);
        return result < 0 ? result : comparison(lowering, &target, filter, ret);
    case FILTER_ANY:
        break;
    }
    result = resolve(lowering, filter->field, &target);
    if (result < 0)
        return result;
    if (filter->op == FILTER_MATCHES)
        return regex(lowering, &target, filter, ret);
    bool equality = filter->op == FILTER_EQUAL || filter->op == FILTER_NOT_EQUAL;
    if (!is_string(&target))
        return equality ? numbers(lowering, &target, target.name, filter, ret)
                        : comparison(lowering, &target, filter, ret);
    if (!equality)
        return say(lowering, -EINVAL, "%s of event %s is %s: it takes = and !=", target.name, lowering->event->name,
                   field_kind_words(target.kind));
    return strings(lowering, &target, filter, ret);
}

static bool same_field(const struct filter *a, const struct filter *b)
{
    return a->kind == b->kind && strcmp(a->field, b->field) == 0;
}

static bool is_first_of_field(const struct filter *filters, size_t i)
{
    for (size_t before = 0; before < i; before++)
        if (same_field(&filters[before], &filters[i]) && filters[before].op == FILTER_EQUAL)
            return false;
    return true;
}

/* One of the values of all `=` of the field of filters[first]. */
static int equals(struct lowering *lowering, const struct filter *filters, size_t n, size_t first, struct terms *all)
{
    struct terms terms;
    int result = terms_room(lowering, &terms, n);
    for (size_t i = first; i < n && result == 0; i++) {
        const struct predicate *one = NULL;
        if (filters[i].op != FILTER_EQUAL || !same_field(&filters[first], &filters[i]))
            continue;
        lowering->at = i;
        result = positive(lowering, &filters[i], &one);
        if (result == 0 && one == NULL)
            return 0; /* one of them always holds */
        if (result == 0)
            result = terms_add(&terms, one);
    }
    return result < 0 ? result : terms_add(all, join(lowering, PREDICATE_ANY, &terms));
}

static int other(struct lowering *lowering, const struct filter *filter, struct terms *all)
{
    const struct predicate *one = NULL;
    int result = positive(lowering, filter, &one);
    if (result < 0)
        return result;
    if (filter->op != FILTER_NOT_EQUAL)
        return terms_add(all, one);
    return terms_add(all, one == NULL ? predicate_never() : negate(lowering, one));
}

int filters_lower(struct lowering *lowering, const struct filter *filters, size_t n_filters,
                  const struct predicate **ret_tree)
{
    struct terms all;
    int result = terms_room(lowering, &all, n_filters);
    for (size_t i = 0; i < n_filters && result == 0; i++) {
        lowering->at = i;
        if (filters[i].op != FILTER_EQUAL)
            result = other(lowering, &filters[i], &all);
        else if (is_first_of_field(filters, i))
            result = equals(lowering, filters, n_filters, i, &all);
    }
    if (result < 0)
        return result;
    *ret_tree = all.count == 0 ? NULL : join(lowering, PREDICATE_ALL, &all);
    return all.count > 0 && *ret_tree == NULL ? -ENOMEM : 0;
}
