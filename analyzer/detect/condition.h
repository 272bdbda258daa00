/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the matcher: what predicate.c compiles and evaluate.c runs.
 */
#ifndef VEDETTE_ANALYZER_DETECT_CONDITION_H
#define VEDETTE_ANALYZER_DETECT_CONDITION_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "analyzer/detect/address.h"
#include "analyzer/detect/field.h"
#include "analyzer/detect/matcher.h"
#include "analyzer/detect/string_set.h"

enum {
    REGEX_MATCH_LIMIT = 100000,  /* steps; a pattern that needs more on one string is given up: unknown */
    REGEX_STACK_BYTES = 1 << 20, /* of compiled patterns, at most; taken as needed */
    REGEX_HEAP_KIB = 1024,       /* of those that are interpreted */
    REGEX_PATTERN_BYTES = 4096,
    MATCHER_ERROR_BYTES = 512,
    CACHE_EPOCHS = 63, /* a cached byte is epoch << 2 | verdict */
};

/* What is looked at for every event stands first. */
struct condition {
    uint8_t op;       /* enum predicate_op */
    bool every;       /* of a list's items, else any */
    bool ignore_case; /* for globs; of the others the field is folded */
    bool is_plain;    /* the field is an argument as it came: args[field.arg] */
    uint32_t atom;    /* row of the cache, for atoms over strings */
    uint32_t n_children;
    const struct condition **children; /* asked in the order in which they are written */
    int64_t number, upper;
    uint64_t mask;
    struct field field;
    struct string_set *strings;
    pcre2_code *regex;
    int64_t *numbers;
    size_t n_numbers;
    char **globs;
    size_t n_globs;
    struct network *networks;
    size_t n_networks;
    struct field *other;    /* of FIELD_EQUAL and FIELD_LESS */
    struct condition *next; /* all conditions of a matcher, for its end */
};

struct matcher {
    struct condition *all;
    uint32_t n_atoms;
    /* cache[atom * capacity + string index] */
    uint8_t *cache;
    uint32_t cache_atoms, capacity;
    uint8_t epoch;
    uint64_t given_up;
    enum matcher_memory memory; /* what the trees that are added may take as remembered */
    pcre2_match_context *limits;
    pcre2_jit_stack *jit_stack;
    pcre2_match_data *match_data;
    struct field_room room[2]; /* of the value that is looked at, and of the one it is compared with */
    struct field_room values[MATCHER_VALUES];
    unsigned next_value;
    char error[MATCHER_ERROR_BYTES];
};

/* compare.c: atoms over numbers and over two fields. */
enum verdict condition_judge_number(const struct condition *atom, const struct event_context *context);
enum verdict condition_judge_fields(struct matcher *matcher, const struct condition *atom,
                                    const struct event_context *context);

#endif
