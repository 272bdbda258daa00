/* SPDX-License-Identifier: Apache-2.0 */
/* Predicate trees to conditions: names resolved, types checked, strings and patterns prepared. */
#include <errno.h>
#include <stdarg.h>

#include "analyzer/detect/condition.h"
#include "analyzer/detect/glob.h"
#include "common/wire/limits.h"

static const char *const op_words[PREDICATE_OP_COUNT] = {
    [PREDICATE_ALL] = "all",
    [PREDICATE_ANY] = "any",
    [PREDICATE_NOT] = "not",
    [PREDICATE_IGNORE_CASE] = "ignore case",
    [PREDICATE_EVERY] = "every",
    [PREDICATE_EXISTS] = "exists",
    [PREDICATE_NUMBER] = "number",
    [PREDICATE_NUMBERS] = "numbers",
    [PREDICATE_RANGE] = "range",
    [PREDICATE_LESS] = "less",
    [PREDICATE_GREATER] = "greater",
    [PREDICATE_BITS] = "bits",
    [PREDICATE_FIELD_EQUAL] = "field equal",
    [PREDICATE_FIELD_LESS] = "field less",
    [PREDICATE_STRING] = "string",
    [PREDICATE_PREFIX] = "prefix",
    [PREDICATE_SUFFIX] = "suffix",
    [PREDICATE_CONTAINS] = "contains",
    [PREDICATE_BASENAME] = "basename",
    [PREDICATE_GLOB] = "glob",
    [PREDICATE_CIDR] = "cidr",
    [PREDICATE_REGEX] = "regex",
};

/* What stays the same while one tree is compiled. */
struct compilation {
    struct matcher *matcher;
    const struct schema_event *event;
    const char *owner;
    bool ignore_case, every;
};

struct matcher *matcher_new(void)
{
    struct matcher *matcher = calloc(1, sizeof(*matcher));
    if (matcher == NULL)
        return NULL;
    matcher->limits = pcre2_match_context_create(NULL);
    matcher->match_data = pcre2_match_data_create(1, NULL);
    matcher->jit_stack = pcre2_jit_stack_create(REGEX_STACK_BYTES / 32, REGEX_STACK_BYTES, NULL);
    if (matcher->limits == NULL || matcher->match_data == NULL || matcher->jit_stack == NULL) {
        matcher_free(matcher);
        errno = ENOMEM;
        return NULL;
    }
    pcre2_set_match_limit(matcher->limits, REGEX_MATCH_LIMIT);
    pcre2_set_depth_limit(matcher->limits, REGEX_MATCH_LIMIT);
    pcre2_set_heap_limit(matcher->limits, REGEX_HEAP_KIB);
    pcre2_jit_stack_assign(matcher->limits, NULL, matcher->jit_stack);
    return matcher;
}

static void condition_free(struct condition *condition)
{
    string_set_free(condition->strings);
    pcre2_code_free(condition->regex);
    for (size_t i = 0; i < condition->n_globs; i++)
        free(condition->globs[i]);
    free(condition->globs);
    free(condition->networks);
    free(condition->numbers);
    free(condition->other);
    free(condition->children);
    free(condition);
}

void matcher_free(struct matcher *matcher)
{
    if (matcher == NULL)
        return;
    while (matcher->all != NULL) {
        struct condition *condition = matcher->all;
        matcher->all = condition->next;
        condition_free(condition);
    }
    pcre2_match_data_free(matcher->match_data);
    pcre2_match_context_free(matcher->limits);
    pcre2_jit_stack_free(matcher->jit_stack);
    field_room_fini(&matcher->room[0]);
    field_room_fini(&matcher->room[1]);
    for (size_t i = 0; i < MATCHER_VALUES; i++)
        field_room_fini(&matcher->values[i]);
    free(matcher->cache);
    free(matcher);
}

void matcher_set_memory(struct matcher *matcher, enum matcher_memory memory)
{
    matcher->memory = memory;
}

uint64_t matcher_given_up(const struct matcher *matcher)
{
    return matcher->given_up;
}

const char *matcher_error(const struct matcher *matcher)
{
    return matcher->error;
}

__attribute__((format(printf, 3, 0))) static int refuse_with(struct matcher *matcher, const char *owner,
                                                             const char *format, va_list arguments)
{
    int used = snprintf(matcher->error, sizeof(matcher->error), "%s: ", owner);
    if (used >= 0 && (size_t)used < sizeof(matcher->error))
        vsnprintf(matcher->error + used, sizeof(matcher->error) - (size_t)used, format, arguments);
    return -EINVAL;
}

int matcher_refuse(struct matcher *matcher, const char *owner, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = refuse_with(matcher, owner, format, arguments);
    va_end(arguments);
    return result;
}

/* Says what is wrong with the tree. */
__attribute__((format(printf, 2, 3))) static int refuse(const struct compilation *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = refuse_with(c->matcher, c->owner, format, arguments);
    va_end(arguments);
    return result;
}

static int resolve(const struct compilation *c, const char *name, struct field *ret_field)
{
    if (name == NULL)
        return refuse(c, "a condition on event %s names no field", c->event->name);
    int result = field_resolve(c->event, name, ret_field);
    if (result == 0 && ret_field->place == PLACE_REMEMBERED &&
        c->matcher->memory != (ret_field->kind == FIELD_STRING ? MEMORY_STRING : MEMORY_NUMBER))
        return refuse(c, "%s: no trigger remembers a value of that kind", name);
    if (result == 0)
        return 0;
    char nearest[WIRE_NAME_BYTES];
    field_nearest(c->event, name, nearest, sizeof(nearest));
    if (nearest[0] == '\0')
        return refuse(c, "event %s has no field \"%s\"", c->event->name, name);
    return refuse(c, "event %s has no field \"%s\"; did you mean \"%s\"?", c->event->name, name, nearest);
}

static int compile_regex(const struct compilation *c, const struct predicate *tree, struct condition *condition)
{
    const char *pattern = tree->strings[0];
    if (strlen(pattern) > REGEX_PATTERN_BYTES)
        return refuse(c, "the pattern for %s is longer than %d bytes", tree->field, REGEX_PATTERN_BYTES);
    int error;
    PCRE2_SIZE offset;
    /* Values are bytes, not UTF-8; and '$' is the end, never "before a last newline", which a file name may hold. */
    condition->regex = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C |
                                         (c->ignore_case ? PCRE2_CASELESS : 0),
                                     &error, &offset, NULL);
    if (condition->regex == NULL) {
        PCRE2_UCHAR words[128];
        pcre2_get_error_message(error, words, sizeof(words));
        return refuse(c, "the pattern \"%s\" for %s is wrong at byte %zu: %s", pattern, tree->field, (size_t)offset,
                      (const char *)words);
    }
    /* Where memory may not be made executable this fails and pcre2_match interprets the pattern. */
    (void)pcre2_jit_compile(condition->regex, PCRE2_JIT_COMPLETE);
    return 0;
}

static int compile_globs(const struct compilation *c, const struct predicate *tree, struct condition *condition)
{
    size_t n = 0;
    while (tree->strings[n] != NULL)
        n++;
    condition->globs = calloc(n, sizeof(*condition->globs));
    if (condition->globs == NULL)
        return -ENOMEM;
    for (; condition->n_globs < n; condition->n_globs++) {
        const char *pattern = tree->strings[condition->n_globs];
        if (strlen(pattern) > GLOB_PATTERN_BYTES || !glob_is_well_formed(pattern))
            return refuse(c,
                          "the glob \"%.64s\" for %s has a '[' without ']', ends with '\\', or is longer than %d bytes",
                          pattern, tree->field, GLOB_PATTERN_BYTES);
        condition->globs[condition->n_globs] = strdup(pattern);
        if (condition->globs[condition->n_globs] == NULL)
            return -ENOMEM;
    }
    return 0;
}

static int compile_networks(const struct compilation *c, const struct predicate *tree, struct condition *condition)
{
    size_t n = 0;
    while (tree->strings[n] != NULL)
        n++;
    condition->networks = calloc(n, sizeof(*condition->networks));
    if (condition->networks == NULL)
        return -ENOMEM;
    for (; condition->n_networks < n; condition->n_networks++)
        if (!network_parse(tree->strings[condition->n_networks], &condition->networks[condition->n_networks]))
            return refuse(c, "\"%.64s\" for %s is no network: write \"10.0.0.0/8\" or \"fd00::/8\"",
                          tree->strings[condition->n_networks], tree->field);
    return 0;
}

static enum string_set_use use_of(enum predicate_op op)
{
    return op == PREDICATE_PREFIX     ? STRINGS_PREFIX
           : op == PREDICATE_SUFFIX   ? STRINGS_SUFFIX
           : op == PREDICATE_CONTAINS ? STRINGS_PART
                                      : STRINGS_EQUAL;
}

/* Of a value that is folded, what it is compared with is folded too. */
static int compile_strings(const struct compilation *c, const struct predicate *tree, struct condition *condition)
{
    if (c->ignore_case && field_add_transform(&condition->field, TRANSFORM_LOWER) != 0)
        return refuse(c, "field %s has too many transforms", tree->field);
    condition->strings = string_set_new(tree->strings, use_of(tree->op), c->ignore_case);
    return condition->strings != NULL ? 0 : -ENOMEM;
}

static int compile_string_atom(const struct compilation *c, const struct predicate *tree, struct condition *condition)
{
    if (condition->field.kind != FIELD_STRING && condition->field.kind != FIELD_STRINGS)
        return refuse(c, "field %s of event %s is %s, and %s wants a string", tree->field, c->event->name,
                      field_kind_words(condition->field.kind), op_words[tree->op]);
    if (tree->strings == NULL || tree->strings[0] == NULL)
        return refuse(c, "%s on field %s lists no string", op_words[tree->op], tree->field);
    condition->atom = c->matcher->n_atoms++;
    if (tree->op == PREDICATE_REGEX)
        return compile_regex(c, tree, condition);
    if (tree->op == PREDICATE_GLOB)
        return compile_globs(c, tree, condition);
    if (tree->op == PREDICATE_CIDR)
        return compile_networks(c, tree, condition);
    return compile_strings(c, tree, condition);
}

static bool is_number(const struct field *field)
{
    return field->kind == FIELD_SIGNED || field->kind == FIELD_UNSIGNED;
}

static int compile_fields_atom(const struct compilation *c, const struct predicate *tree, struct condition *condition)
{
    condition->other = calloc(1, sizeof(*condition->other));
    int result = condition->other != NULL ? resolve(c, tree->other, condition->other) : -ENOMEM;
    if (result != 0)
        return result;
    struct field *left = &condition->field, *right = condition->other;
    if (is_number(left) && is_number(right))
        return 0;
    if (tree->op != PREDICATE_FIELD_EQUAL || left->kind != FIELD_STRING || right->kind != FIELD_STRING)
        return refuse(c, "field %s of event %s is %s and %s is %s: %s cannot compare them", tree->field, c->event->name,
                      field_kind_words(left->kind), tree->other, field_kind_words(right->kind), op_words[tree->op]);
    if (c->ignore_case &&
        (field_add_transform(left, TRANSFORM_LOWER) != 0 || field_add_transform(right, TRANSFORM_LOWER) != 0))
        return refuse(c, "field %s or %s has too many transforms", tree->field, tree->other);
    return 0;
}

static int compile_number_atom(const struct compilation *c, const struct predicate *tree, struct condition *condition)
{
    if (!is_number(&condition->field))
        return refuse(c, "field %s of event %s is %s, and %s wants an integer", tree->field, c->event->name,
                      field_kind_words(condition->field.kind), op_words[tree->op]);
    condition->number = tree->number;
    condition->upper = tree->upper;
    condition->mask = tree->mask;
    if (tree->op == PREDICATE_RANGE && tree->number > tree->upper)
        return refuse(c, "the range for field %s begins after its end", tree->field);
    if (tree->op != PREDICATE_NUMBERS)
        return 0;
    if (tree->numbers == NULL || tree->n_numbers == 0)
        return refuse(c, "numbers on field %s lists no number", tree->field);
    condition->n_numbers = tree->n_numbers;
    condition->numbers = calloc(tree->n_numbers, sizeof(*condition->numbers));
    if (condition->numbers == NULL)
        return -ENOMEM;
    memcpy(condition->numbers, tree->numbers, tree->n_numbers * sizeof(*condition->numbers));
    return 0;
}

static int compile(const struct compilation *c, const struct predicate *tree, unsigned depth,
                   const struct condition **ret_condition);

static int compile_children(const struct compilation *c, const struct predicate *tree, unsigned depth,
                            struct condition *condition)
{
    size_t n = 0;
    while (tree->children != NULL && tree->children[n] != NULL)
        n++;
    if (n == 0)
        return refuse(c, "\"%s\" holds no condition", op_words[tree->op]);
    if (tree->op >= PREDICATE_NOT && n != 1)
        return refuse(c, "\"%s\" holds %zu conditions, and takes one", op_words[tree->op], n);
    condition->children = calloc(n, sizeof(const struct condition *));
    if (condition->children == NULL)
        return -ENOMEM;
    for (; condition->n_children < n; condition->n_children++) {
        const uint32_t i = condition->n_children;
        int result = compile(c, tree->children[i], depth + 1, &condition->children[i]);
        if (result != 0)
            return result;
    }
    return 0;
}

/* Words about how the atoms below are meant are not asked again when events are judged. */
static int compile_node(const struct compilation *c, const struct predicate *tree, unsigned depth,
                        struct condition *condition)
{
    struct compilation below = *c;
    below.ignore_case = c->ignore_case || tree->op == PREDICATE_IGNORE_CASE;
    below.every = c->every || tree->op == PREDICATE_EVERY;
    if (tree->op > PREDICATE_NOT)
        condition->op = PREDICATE_ALL;
    return compile_children(&below, tree, depth, condition);
}

static int compile_atom(const struct compilation *c, const struct predicate *tree, struct condition *condition)
{
    int result = resolve(c, tree->field, &condition->field);
    if (result != 0 || tree->op == PREDICATE_EXISTS)
        return result;
    result = tree->op >= PREDICATE_STRING        ? compile_string_atom(c, tree, condition)
             : tree->op >= PREDICATE_FIELD_EQUAL ? compile_fields_atom(c, tree, condition)
                                                 : compile_number_atom(c, tree, condition);
    const struct field *field = &condition->field;
    condition->is_plain = field->place == PLACE_ARGUMENT && field->part == PART_WHOLE && field->item == ITEMS_ALL &&
                          field->kind != FIELD_STRINGS && (field->kind == FIELD_STRING || field->n_transforms == 0);
    return result;
}

static int compile(const struct compilation *c, const struct predicate *tree, unsigned depth,
                   const struct condition **ret_condition)
{
    if (depth >= PREDICATE_MAX_DEPTH)
        return refuse(c, "conditions are nested deeper than %d", PREDICATE_MAX_DEPTH);
    if ((unsigned)tree->op >= PREDICATE_OP_COUNT)
        return refuse(c, "there is no operator %u", (unsigned)tree->op);
    struct condition *condition = calloc(1, sizeof(*condition));
    if (condition == NULL)
        return -ENOMEM;
    condition->op = (uint8_t)tree->op;
    condition->every = c->every;
    condition->ignore_case = c->ignore_case;
    condition->next = c->matcher->all;
    c->matcher->all = condition;
    *ret_condition = condition;

    return tree->op <= PREDICATE_EVERY ? compile_node(c, tree, depth, condition) : compile_atom(c, tree, condition);
}

int matcher_add(struct matcher *matcher, const struct schema_event *event, const char *owner,
                const struct predicate *tree, const struct condition **ret_condition)
{
    const struct condition *condition = NULL;
    const struct compilation c = {.matcher = matcher, .event = event, .owner = owner};
    /* What a refused tree has left behind is freed with the matcher. */
    int result = tree != NULL ? compile(&c, tree, 0, &condition) : 0;
    if (result == -ENOMEM)
        snprintf(matcher->error, sizeof(matcher->error), "%s: out of memory", owner);
    if (result == 0)
        *ret_condition = condition;
    return result;
}

int matcher_kind(struct matcher *matcher, const struct schema_event *event, const char *owner, const char *field,
                 enum field_kind *ret_kind)
{
    const struct compilation c = {.matcher = matcher, .event = event, .owner = owner};
    struct field resolved;
    int result = resolve(&c, field, &resolved);
    if (result == 0)
        *ret_kind = (enum field_kind)resolved.kind;
    return result;
}

int matcher_check_field(struct matcher *matcher, const struct schema_event *event, const char *owner, const char *field)
{
    enum field_kind kind;
    return matcher_kind(matcher, event, owner, field, &kind);
}

int matcher_resolve(struct matcher *matcher, const struct schema_event *event, const char *owner, const char *name,
                    struct field *ret_field)
{
    const struct compilation c = {.matcher = matcher, .event = event, .owner = owner};
    struct field field;
    int result = resolve(&c, name, &field);
    if (result == 0 && field.kind == FIELD_STRINGS)
        result = refuse(&c, "field %s of event %s is a list, and one value is wanted", name, event->name);
    if (result == 0)
        *ret_field = field;
    return result;
}
