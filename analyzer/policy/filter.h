/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One condition as people write it, in policies and in exceptions: FIELD OPERATOR VALUE[,VALUE...]. Reading it, and
 * lowering a list of them to a predicate.
 *
 * Conditions on different fields all hold. Of one field: one of the values of all its `=`, none of the values of its
 * `!=`, and every comparison. That is Tracee's documented meaning; docs/policies.md says where its behaviour differs.
 */
#ifndef VEDETTE_ANALYZER_POLICY_FILTER_H
#define VEDETTE_ANALYZER_POLICY_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "analyzer/arguments/tables.h"
#include "analyzer/detect/detection.h"
#include "analyzer/policy/pool.h"
#include "analyzer/policy/document.h"
#include "common/wire/decode.h"

enum filter_op {
    FILTER_EQUAL,
    FILTER_NOT_EQUAL,
    FILTER_LESS,
    FILTER_GREATER,
    FILTER_AT_MOST,
    FILTER_AT_LEAST,
    FILTER_MATCHES, /* a regular expression; in exceptions only */
};

/* What a field's values are, where its name alone says it. */
enum filter_kind {
    FILTER_ANY,          /* as the event's field says */
    FILTER_FLAG,         /* holds or not: the value is "true" or "false" */
    FILTER_PID_OR_TID,   /* of the task on the host */
    FILTER_PROGRAM_PATH, /* [host:|MNTNS:]/path */
};

struct filter {
    const char *text;  /* as it was written */
    const char *field; /* of predicate.h */
    const char *const *values;
    size_t n_values;
    enum filter_op op;
    enum filter_kind kind;
    size_t line, column;
};

enum {
    FILTER_MAX_VALUES = 1024, /* of one condition */
    FILTER_MAX = 256,         /* conditions of one rule */
    FILTER_WORDS_BYTES = POLICY_MESSAGE_BYTES,
};

/* A name that may stand before the operator. */
struct filter_name {
    const char *names; /* separated by spaces, the first is the one that messages use */
    const char *field;
    enum filter_kind kind;
    const char *operators; /* "=!": equality only; "": none, the name alone; else "=!<>" */
};

/* The fields of the acting task that a rule's filters and exceptions may name beside data.*, retval and the names of
 * predicate.h. */
extern const struct filter_name filter_task_names[];
extern const size_t filter_task_count;

/*
 * Reads one condition by the names given; `data` also allows data.NAME, args.NAME, retval and every field of
 * predicate.h, `regex` the operator =~. The result's memory is the pool's. 0; -ENOMEM; -EINVAL with words.
 */
struct filter_grammar {
    const struct filter_name *names;
    size_t n_names;
    bool data, regex;
};
int filter_parse(struct pool *pool, const struct filter_grammar *grammar, const char *text, struct filter *ret,
                 char words[FILTER_WORDS_BYTES]);

/* The same of a list's entry in a file. The result keeps its place there. -EINVAL: the error is filled. */
int filter_read(struct document *document, const char *key, const yaml_node_t *entry, struct pool *pool,
                const struct filter_grammar *grammar, struct filter *ret);

/* What a list of conditions is lowered for. */
struct lowering {
    struct pool *pool;
    const struct schema_event *event;
    const struct trigger *trigger; /* of a finding that is judged by this event; NULL: the event itself */
    enum architecture architecture;
    uint32_t host_mnt_ns; /* 0: not known */
    char words[FILTER_WORDS_BYTES];
    size_t at; /* which condition the words are about */
};

/*
 * *ret_tree lives in the pool; NULL stands for "always". 0; -ENOMEM; -ENOENT with words when the event lacks a field;
 * -EINVAL with words when a value or an operator does not fit the field.
 */
int filters_lower(struct lowering *lowering, const struct filter *filters, size_t n_filters,
                  const struct predicate **ret_tree);

/* Fills the error for the one of these conditions that could not be lowered, at its place; returns -EINVAL. */
int filter_fail(struct document *document, const char *key, const struct filter *filters,
                const struct lowering *lowering);

/* The predicate that never holds. */
const struct predicate *predicate_never(void);

#endif
