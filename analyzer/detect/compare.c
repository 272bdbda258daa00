/* SPDX-License-Identifier: Apache-2.0 */
/* Atoms over numbers, and over two fields. A number may be a length of which only the lower bound is known. */
#include "analyzer/detect/condition.h"
#include "analyzer/detect/correlation.h"

static enum verdict from_bool(bool yes)
{
    return yes ? VERDICT_YES : VERDICT_NO;
}

/* -1, 0, 1; an unsigned value is never below a negative one, however large it is. */
static int compare(bool is_signed, uint64_t value, int64_t with)
{
    if (is_signed)
        return ((int64_t)value > with) - ((int64_t)value < with);
    if (with < 0)
        return 1;
    return (value > (uint64_t)with) - (value < (uint64_t)with);
}

static bool in_numbers(const struct condition *atom, uint64_t value)
{
    for (size_t i = 0; i < atom->n_numbers; i++)
        if ((uint64_t)atom->numbers[i] == value)
            return true;
    return false;
}

static bool holds(const struct condition *atom, uint64_t value)
{
    const bool is_signed = atom->field.kind == FIELD_SIGNED;
    switch ((enum predicate_op)atom->op) {
    case PREDICATE_NUMBER:
        return value == (uint64_t)atom->number;
    case PREDICATE_NUMBERS:
        return in_numbers(atom, value);
    case PREDICATE_RANGE:
        return compare(is_signed, value, atom->number) >= 0 && compare(is_signed, value, atom->upper) <= 0;
    case PREDICATE_LESS:
        return compare(is_signed, value, atom->number) < 0;
    case PREDICATE_GREATER:
        return compare(is_signed, value, atom->number) > 0;
    case PREDICATE_BITS:
        return (value & atom->mask) == (uint64_t)atom->number;
    default:
        return false;
    }
}

/* The atom on a value that is at least `least`. */
static enum verdict judge_least(const struct condition *atom, uint64_t least)
{
    switch ((enum predicate_op)atom->op) {
    case PREDICATE_NUMBER:
        return compare(false, least, atom->number) > 0 ? VERDICT_NO : VERDICT_UNKNOWN;
    case PREDICATE_RANGE:
        return compare(false, least, atom->upper) > 0 ? VERDICT_NO : VERDICT_UNKNOWN;
    case PREDICATE_LESS:
        return compare(false, least, atom->number) >= 0 ? VERDICT_NO : VERDICT_UNKNOWN;
    case PREDICATE_GREATER:
        return compare(false, least, atom->number) > 0 ? VERDICT_YES : VERDICT_UNKNOWN;
    default:
        return VERDICT_UNKNOWN;
    }
}

enum verdict condition_judge_number(const struct condition *atom, const struct event_context *context)
{
    if (atom->is_plain)
        return from_bool(holds(atom, context->event->args[atom->field.arg].u));
    const struct field_number number = field_number(&atom->field, context);
    if (number.state == ITEM_COMPLETE)
        return from_bool(holds(atom, number.value));
    return number.state == ITEM_TRUNCATED ? judge_least(atom, number.value) : VERDICT_NO;
}

/* What is remembered has the sign of the field that it was taken of. */
static bool is_negative(const struct field *field, const struct event_context *context, uint64_t value)
{
    const bool is_signed =
        field->place == PLACE_REMEMBERED ? event_recall(context)->kind == FIELD_SIGNED : field->kind == FIELD_SIGNED;
    return is_signed && (int64_t)value < 0;
}

static enum verdict judge_numbers(const struct condition *atom, const struct event_context *context)
{
    const struct field_number left = field_number(&atom->field, context), right = field_number(atom->other, context);
    if (left.state == ITEM_UNREADABLE || right.state == ITEM_UNREADABLE)
        return VERDICT_NO;
    if (left.state != ITEM_COMPLETE || right.state != ITEM_COMPLETE)
        return VERDICT_UNKNOWN;
    const bool left_negative = is_negative(&atom->field, context, left.value);
    const bool right_negative = is_negative(atom->other, context, right.value);
    if (atom->op == PREDICATE_FIELD_EQUAL)
        return from_bool(left.value == right.value && left_negative == right_negative);
    /* Of two negative ones the bits are in order too. */
    return from_bool(left_negative != right_negative ? left_negative : left.value < right.value);
}

enum verdict condition_judge_fields(struct matcher *matcher, const struct condition *atom,
                                    const struct event_context *context)
{
    if (atom->field.kind != FIELD_STRING)
        return judge_numbers(atom, context);
    const struct string_view left = field_string(&atom->field, context, &matcher->room[0]);
    const struct string_view right = field_string(atom->other, context, &matcher->room[1]);
    const unsigned states = (left.state | right.state) & ITEM_STATE_MASK;
    if (states & ITEM_UNREADABLE)
        return VERDICT_NO;
    if (states != ITEM_COMPLETE)
        return VERDICT_UNKNOWN;
    return from_bool(left.length == right.length && memcmp(left.data, right.data, left.length) == 0);
}
