/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/guard.h"

#include <errno.h>

#include "analyzer/detect/condition.h"

/* What was found out about a string of the batch. */
struct answer {
    uint64_t mask;
    uint32_t epoch;
};

struct guard {
    uint8_t arg; /* whose string */
    uint64_t unguarded;
    uint32_t n;
    const struct condition *condition[GUARD_CONDITIONS]; /* a part that says "no" when the whole does; NULL: none */
    uint64_t given_up[GUARD_CONDITIONS];
    struct answer *answers;
    uint32_t capacity, epoch;
};

enum { NOT_ONE = -1 };

/* The argument whose string alone decides the condition, NOT_ONE when there is no such. */
static int only_argument(const struct condition *condition)
{
    if (condition->op > PREDICATE_EVERY)
        return condition->op >= PREDICATE_STRING && condition->is_plain ? condition->field.arg : NOT_ONE;
    int arg = only_argument(condition->children[0]);
    for (uint32_t i = 1; i < condition->n_children; i++)
        if (only_argument(condition->children[i]) != arg)
            arg = NOT_ONE;
    return arg;
}

/* The first part that must hold for the whole to, and that this argument's string alone decides. */
static const struct condition *part_over(const struct condition *condition, int arg)
{
    if (condition == NULL || only_argument(condition) == arg)
        return condition;
    for (uint32_t i = 0; condition->op == PREDICATE_ALL && i < condition->n_children; i++) {
        const struct condition *part = part_over(condition->children[i], arg);
        if (part != NULL)
            return part;
    }
    return NULL;
}

static uint32_t count_over(const struct condition *const *conditions, uint32_t n, int arg)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++)
        count += part_over(conditions[i], arg) != NULL;
    return count;
}

struct guard *guard_new(const struct condition *const *conditions, uint32_t n)
{
    uint32_t most = 0;
    int best = NOT_ONE;
    for (int arg = 0; arg < EVENT_MAX_ARGS; arg++) {
        const uint32_t count = count_over(conditions, n, arg);
        if (count > most) {
            most = count;
            best = arg;
        }
    }
    errno = 0;
    if (most < 2 || n > GUARD_CONDITIONS)
        return NULL;
    struct guard *guard = calloc(1, sizeof(*guard));
    if (guard == NULL)
        return NULL;
    guard->arg = (uint8_t)best;
    guard->n = n;
    for (uint32_t i = 0; i < n; i++) {
        guard->condition[i] = part_over(conditions[i], best);
        if (guard->condition[i] == NULL)
            guard->unguarded |= UINT64_C(1) << i;
    }
    return guard;
}

void guard_free(struct guard *guard)
{
    if (guard != NULL)
        free(guard->answers);
    free(guard);
}

void guard_begin_batch(struct guard *guard, uint32_t n_strings)
{
    if (n_strings > guard->capacity || guard->epoch == UINT32_MAX) {
        free(guard->answers);
        guard->capacity = n_strings > guard->capacity ? n_strings : guard->capacity;
        guard->answers = calloc(guard->capacity, sizeof(*guard->answers));
        guard->epoch = 0;
        if (guard->answers == NULL)
            guard->capacity = 0; /* no memory: every event is asked anew, and the next batch tries again */
    }
    guard->epoch++;
}

static uint64_t find_out(struct guard *guard, struct matcher *matcher, const struct event_context *context)
{
    uint64_t mask = guard->unguarded;
    for (uint32_t i = 0; i < guard->n; i++) {
        const uint64_t before = matcher_given_up(matcher);
        if (guard->condition[i] != NULL && matcher_judge(matcher, guard->condition[i], context) != VERDICT_NO)
            mask |= UINT64_C(1) << i;
        guard->given_up[i] += matcher_given_up(matcher) - before;
    }
    return mask;
}

uint64_t guard_take_given_up(struct guard *guard, uint32_t i)
{
    const uint64_t given_up = guard->given_up[i];
    guard->given_up[i] = 0;
    return given_up;
}

uint64_t guard_ask(struct guard *guard, struct matcher *matcher, const struct event_context *context)
{
    const struct string_view *string = &context->event->args[guard->arg].string;
    /* The same bytes may be whole here and cut there: only whole ones are kept. */
    if (string->index >= guard->capacity || (string->state & ITEM_STATE_MASK) != ITEM_COMPLETE)
        return find_out(guard, matcher, context);
    struct answer *answer = &guard->answers[string->index];
    if (answer->epoch != guard->epoch)
        *answer = (struct answer){.mask = find_out(guard, matcher, context), .epoch = guard->epoch};
    return answer->mask;
}
