/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kernel can tell of a condition by looking at the current task alone, exactly as it is judged here: a
 * conjunction of keys, each of which is a disjunction of values, or the negation of one. Made of predicates, sent to
 * collectors with the plan. What says anything else is left out of the conjunction, which then holds for more.
 */
#ifndef VEDETTE_ANALYZER_DETECT_SCOPES_H
#define VEDETTE_ANALYZER_DETECT_SCOPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/detect/predicate.h"
#include "common/wire/limits.h"

enum task_value_flag {
    TASK_VALUE_PREFIX = 1,   /* a name that begins so */
    TASK_VALUE_ENDS_KEY = 2, /* the values up to here are one key: one of them holds */
    TASK_VALUE_NONE_OF = 4,  /* or, with the above, none of them */
};

struct task_value {
    uint64_t from, to; /* of a number, both included; from > to: none */
    char text[WIRE_SCOPE_TEXT];
    uint8_t length; /* of the text */
    uint8_t field;  /* Vedette__V1__ScopeField */
    uint8_t flags;  /* enum task_value_flag */
    uint8_t pad[6]; /* 0: scopes are compared byte by byte */
};

/* All keys hold. */
struct task_scope {
    size_t n;
    struct task_value value[WIRE_SCOPE_VALUES];
};

/* Adds the keys that `when` (NULL: always) says and that there is room for; tells `left` (which may be NULL) a field of
 * every part that stays for the whole condition to judge. */
void task_scope_add(struct task_scope *scope, const struct predicate *when, void (*left)(void *arg, const char *field),
                    void *arg);

/* Of a whole plan. */
struct task_scopes {
    size_t n, n_values;
    size_t first[WIRE_PLAN_SCOPES + 1]; /* of scope i: the values from first[i] to before first[i + 1] */
    struct task_value value[WIRE_SCOPE_VALUES];
};

/* The bit of the scope among them, added when it is new; 0 when there is no room. It must have keys. */
uint32_t task_scopes_bit(struct task_scopes *scopes, const struct task_scope *scope);

bool task_scopes_equal(const struct task_scopes *a, const struct task_scopes *b);

#endif
