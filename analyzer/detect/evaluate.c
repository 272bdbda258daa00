/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions on events: yes, no, or unknown where the deciding bytes were cut off. */
#include "analyzer/detect/condition.h"
#include "analyzer/detect/glob.h"

void matcher_begin_batch(struct matcher *matcher, uint32_t n_strings)
{
    if (n_strings > matcher->capacity || matcher->n_atoms != matcher->cache_atoms) {
        free(matcher->cache);
        matcher->capacity = n_strings > matcher->capacity ? n_strings : matcher->capacity;
        matcher->cache_atoms = matcher->n_atoms;
        matcher->cache = calloc((size_t)matcher->n_atoms + 1, (size_t)matcher->capacity + 1);
        matcher->epoch = 0;
        if (matcher->cache == NULL)
            matcher->capacity = 0; /* no memory: every string is looked at anew, and the next batch tries again */
    }
    if (++matcher->epoch <= CACHE_EPOCHS)
        return;
    if (matcher->cache != NULL)
        memset(matcher->cache, 0, ((size_t)matcher->cache_atoms + 1) * ((size_t)matcher->capacity + 1));
    matcher->epoch = 1;
}

static enum verdict from_bool(bool yes)
{
    return yes ? VERDICT_YES : VERDICT_NO;
}

static void split_base(const char *data, size_t length, const char **ret_base, size_t *ret_length)
{
    const char *slash = memrchr(data, '/', length);
    *ret_base = slash != NULL ? slash + 1 : data;
    *ret_length = length - (size_t)(*ret_base - data);
}

static enum verdict judge_regex(struct matcher *matcher, const struct condition *atom, const char *data, size_t length)
{
    int result = pcre2_match(atom->regex, (PCRE2_SPTR)data, length, 0, 0, matcher->match_data, matcher->limits);
    if (result >= 0)
        return VERDICT_YES;
    if (result == PCRE2_ERROR_NOMATCH)
        return VERDICT_NO;
    /* A string made to exhaust the limits must not pass for one that does not match. */
    matcher->given_up++;
    return VERDICT_UNKNOWN;
}

static enum verdict judge_glob(struct matcher *matcher, const struct condition *atom, const char *data, size_t length)
{
    enum verdict verdict = VERDICT_NO;
    for (size_t i = 0; i < atom->n_globs; i++)
        switch (glob_match(atom->globs[i], data, length, atom->ignore_case)) {
        case GLOB_YES:
            return VERDICT_YES;
        case GLOB_GIVEN_UP:
            matcher->given_up++;
            verdict = VERDICT_UNKNOWN;
            break;
        case GLOB_NO:
            break;
        }
    return verdict;
}

static bool in_networks(const struct condition *atom, const char *data, size_t length)
{
    struct address address;
    const bool is_raw = atom->field.type == ARG_SOCKADDR && atom->field.part == PART_WHOLE;
    if (is_raw ? !address_of_sockaddr(data, length, &address) : !address_parse(data, length, &address))
        return false;
    for (size_t i = 0; i < atom->n_networks; i++)
        if (network_has(&atom->networks[i], &address))
            return true;
    return false;
}

/* The atom on a complete value. */
static enum verdict judge_bytes(struct matcher *matcher, const struct condition *atom, const char *data, size_t length)
{
    switch ((enum predicate_op)atom->op) {
    case PREDICATE_STRING:
    case PREDICATE_PREFIX:
    case PREDICATE_SUFFIX:
    case PREDICATE_CONTAINS:
        return from_bool(string_set_matches(atom->strings, data, length));
    case PREDICATE_BASENAME:
        split_base(data, length, &data, &length);
        return from_bool(string_set_matches(atom->strings, data, length));
    case PREDICATE_GLOB:
        return judge_glob(matcher, atom, data, length);
    case PREDICATE_CIDR:
        return from_bool(in_networks(atom, data, length));
    case PREDICATE_REGEX:
        return judge_regex(matcher, atom, data, length);
    default:
        return VERDICT_NO;
    }
}

/* What the caller wrote into a path, as in a rename, may have been cut at its end whatever the field is. */
static unsigned cut_of(const struct string_view *view, const struct field *field)
{
    if (field->kind == FIELD_STRING && (view->state & ITEM_USER) != 0)
        return CUT_HEAD | CUT_TAIL;
    return field->cut;
}

static enum verdict unknown_unless(bool ruled_out)
{
    return ruled_out ? VERDICT_NO : VERDICT_UNKNOWN;
}

/* Whether no string of the set can be the whole of which `data` is the part that was not cut. */
static bool none_fits(const struct string_set *strings, const char *data, size_t length, unsigned cut)
{
    if (cut == CUT_TAIL)
        return !string_set_begins_with(strings, data, length);
    if (cut == CUT_HEAD)
        return !string_set_ends_with(strings, data, length);
    return !string_set_holds(strings, data, length);
}

/* A glob that matched what is there matches the whole when its open end is where the bytes are gone. */
static enum verdict judge_truncated_glob(const struct condition *atom, const struct string_view *view, unsigned cut)
{
    for (size_t i = 0; i < atom->n_globs; i++) {
        const char *glob = atom->globs[i];
        if (((cut & CUT_HEAD) == 0 || glob_is_open_at_head(glob)) &&
            ((cut & CUT_TAIL) == 0 || glob_is_open_at_tail(glob)) &&
            glob_match(glob, view->data, view->length, atom->ignore_case) == GLOB_YES)
            return VERDICT_YES;
    }
    return VERDICT_UNKNOWN;
}

/* The atom on a value of which something is missing: an answer only where the missing bytes could not change it. */
static enum verdict judge_truncated(struct matcher *matcher, const struct condition *atom,
                                    const struct string_view *view)
{
    const unsigned cut = cut_of(view, &atom->field);
    const char *data = view->data;
    size_t length = view->length;
    if (atom->op == PREDICATE_GLOB)
        return judge_truncated_glob(atom, view, cut);
    const enum verdict seen = judge_bytes(matcher, atom, data, length);

    switch ((enum predicate_op)atom->op) {
    case PREDICATE_STRING:
        return unknown_unless(none_fits(atom->strings, data, length, cut));
    case PREDICATE_PREFIX:
        if (cut != CUT_TAIL)
            return VERDICT_UNKNOWN;
        return seen == VERDICT_YES ? VERDICT_YES : unknown_unless(!string_set_begins_with(atom->strings, data, length));
    case PREDICATE_SUFFIX:
        if (cut != CUT_HEAD)
            return VERDICT_UNKNOWN;
        return seen == VERDICT_YES ? VERDICT_YES : unknown_unless(!string_set_ends_with(atom->strings, data, length));
    case PREDICATE_BASENAME:
        /* The last component is whole when only the head is gone and a slash was seen. */
        return cut == CUT_HEAD && memchr(data, '/', length) != NULL ? seen : VERDICT_UNKNOWN;
    case PREDICATE_CIDR:
        /* Bytes of a socket address that are there are right; a text may go on with a further digit. */
        return seen == VERDICT_YES && atom->field.type == ARG_SOCKADDR ? VERDICT_YES : VERDICT_UNKNOWN;
    default: /* contains, regex: what is there may match, what is gone might have */
        return seen == VERDICT_YES ? VERDICT_YES : VERDICT_UNKNOWN;
    }
}

static enum verdict judge_value(struct matcher *matcher, const struct condition *atom, const struct string_view *source)
{
    const struct string_view view = field_derive(&atom->field, source, &matcher->room[0]);
    switch (view.state & ITEM_STATE_MASK) {
    case ITEM_COMPLETE:
        return judge_bytes(matcher, atom, view.data, view.length);
    case ITEM_TRUNCATED:
        return judge_truncated(matcher, atom, &view);
    default:
        return VERDICT_NO; /* missing */
    }
}

/* Equal index, equal bytes; but the same bytes may be whole here and cut there, so only whole ones are kept. */
static enum verdict judge_view(struct matcher *matcher, const struct condition *atom, const struct string_view *source)
{
    if (source->index >= matcher->capacity || atom->atom >= matcher->cache_atoms ||
        (source->state & ITEM_STATE_MASK) != ITEM_COMPLETE)
        return judge_value(matcher, atom, source);
    uint8_t *cached = &matcher->cache[(size_t)atom->atom * matcher->capacity + source->index];
    if (*cached >> 2 == matcher->epoch)
        return (enum verdict)(*cached & 3);
    enum verdict verdict = judge_value(matcher, atom, source);
    *cached = (uint8_t)(matcher->epoch << 2 | verdict);
    return verdict;
}

/* Over a list: any item, or every one. *ret_item is the first that matched. */
static enum verdict judge_list(struct matcher *matcher, const struct condition *atom,
                               const struct event_context *context, struct string_view *ret_item)
{
    struct field_list list;
    field_list(&atom->field, context, &list);
    if (list.state == ITEM_UNREADABLE || (atom->every && list.state == ITEM_COMPLETE && list.count == 0))
        return VERDICT_NO;
    const enum verdict decided = atom->every ? VERDICT_NO : VERDICT_YES;
    enum verdict verdict = atom->every ? VERDICT_YES : VERDICT_NO;
    bool found = false;
    if (list.state == ITEM_TRUNCATED)
        verdict = VERDICT_UNKNOWN;
    for (uint32_t i = 0; i < list.count; i++) {
        struct string_view item = field_list_item(&atom->field, context, &list, i);
        enum verdict of_item = judge_view(matcher, atom, &item);
        if (of_item == VERDICT_YES && !found) {
            *ret_item = item;
            found = true;
        }
        if (of_item == decided)
            return decided;
        if (of_item == VERDICT_UNKNOWN)
            verdict = VERDICT_UNKNOWN;
    }
    return verdict;
}

static enum verdict judge_string_atom(struct matcher *matcher, const struct condition *atom,
                                      const struct event_context *context)
{
    struct string_view view;
    if (atom->is_plain)
        return judge_view(matcher, atom, &context->event->args[atom->field.arg].string);
    if (atom->field.kind == FIELD_STRINGS)
        return judge_list(matcher, atom, context, &view);
    view = field_source(&atom->field, context);
    return judge_view(matcher, atom, &view);
}

static bool exists(struct matcher *matcher, const struct condition *atom, const struct event_context *context)
{
    if (atom->field.place == PLACE_CONTAINER_ID)
        return context->container != NULL;
    if (atom->field.kind == FIELD_STRING)
        return (field_string(&atom->field, context, &matcher->room[0]).state & ITEM_STATE_MASK) != ITEM_UNREADABLE;
    if (atom->field.kind != FIELD_STRINGS)
        return field_number(&atom->field, context).state != ITEM_UNREADABLE;
    struct field_list list;
    field_list(&atom->field, context, &list);
    return list.state != ITEM_UNREADABLE;
}

static enum verdict judge_all(struct matcher *matcher, const struct condition *condition,
                              const struct event_context *context)
{
    enum verdict verdict = VERDICT_YES;
    for (size_t i = 0; i < condition->n_children; i++) {
        enum verdict child = matcher_judge(matcher, condition->children[i], context);
        if (child == VERDICT_NO)
            return VERDICT_NO;
        if (child == VERDICT_UNKNOWN)
            verdict = VERDICT_UNKNOWN;
    }
    return verdict;
}

static enum verdict judge_any(struct matcher *matcher, const struct condition *condition,
                              const struct event_context *context)
{
    enum verdict verdict = VERDICT_NO;
    for (size_t i = 0; i < condition->n_children; i++) {
        enum verdict child = matcher_judge(matcher, condition->children[i], context);
        if (child == VERDICT_YES)
            return VERDICT_YES;
        if (child == VERDICT_UNKNOWN)
            verdict = VERDICT_UNKNOWN;
    }
    return verdict;
}

static enum verdict judge_not(struct matcher *matcher, const struct condition *condition,
                              const struct event_context *context)
{
    switch (matcher_judge(matcher, condition->children[0], context)) {
    case VERDICT_NO:
        return VERDICT_YES;
    case VERDICT_YES:
        return VERDICT_NO;
    default:
        return VERDICT_UNKNOWN;
    }
}

enum verdict matcher_judge(struct matcher *matcher, const struct condition *condition,
                           const struct event_context *context)
{
    if (condition == NULL)
        return VERDICT_YES;
    switch ((enum predicate_op)condition->op) {
    case PREDICATE_ALL:
        return judge_all(matcher, condition, context);
    case PREDICATE_ANY:
        return judge_any(matcher, condition, context);
    case PREDICATE_NOT:
        return judge_not(matcher, condition, context);
    case PREDICATE_EXISTS:
        return from_bool(exists(matcher, condition, context));
    case PREDICATE_FIELD_EQUAL:
    case PREDICATE_FIELD_LESS:
        return condition_judge_fields(matcher, condition, context);
    default:
        return condition->op >= PREDICATE_STRING ? judge_string_atom(matcher, condition, context)
                                                 : condition_judge_number(condition, context);
    }
}

/* Atoms in the order they are written; one below a "not" explains nothing. */
static bool find_item(struct matcher *matcher, const struct condition *condition, const struct field *field,
                      const struct event_context *context, struct string_view *ret_item)
{
    if (condition == NULL || condition->op == PREDICATE_NOT)
        return false;
    for (size_t i = 0; i < condition->n_children; i++)
        if (find_item(matcher, condition->children[i], field, context, ret_item))
            return true;
    return condition->op >= PREDICATE_STRING && condition->field.kind == FIELD_STRINGS &&
           condition->field.place == field->place && condition->field.arg == field->arg &&
           judge_list(matcher, condition, context, ret_item) == VERDICT_YES;
}

unsigned matcher_values_begin(const struct matcher *matcher)
{
    return matcher->next_value;
}

void matcher_values_end(struct matcher *matcher, unsigned mark)
{
    matcher->next_value = mark;
}

bool matcher_value(struct matcher *matcher, const struct condition *condition, const char *name,
                   const struct event_context *context, struct finding_data *ret_value)
{
    struct field field;
    if (field_resolve(context->event->schema, name, &field) != 0)
        return false;
    ret_value->kind = field.kind;
    if (field.kind == FIELD_SIGNED || field.kind == FIELD_UNSIGNED) {
        const struct field_number number = field_number(&field, context);
        ret_value->number = number.value;
        return number.state != ITEM_UNREADABLE;
    }
    ret_value->kind = FIELD_STRING;
    if (field.kind == FIELD_STRINGS)
        return find_item(matcher, condition, &field, context, &ret_value->string);
    struct field_room *room = &matcher->values[matcher->next_value++ % MATCHER_VALUES];
    struct string_view view = field_string(&field, context, room);
    if ((view.state & ITEM_STATE_MASK) == ITEM_UNREADABLE)
        return false;
    ret_value->string = view;
    return true;
}
