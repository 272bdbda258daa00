/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Predicates compiled for one schema, and their answers. A matcher belongs to one thread: it keeps what each string
 * atom said about each distinct string of the batch, so that a string is looked at once a batch however many events
 * carry it.
 */
#ifndef VEDETTE_ANALYZER_DETECT_MATCHER_H
#define VEDETTE_ANALYZER_DETECT_MATCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/detect/detection.h"
#include "analyzer/detect/engine.h"

enum verdict {
    VERDICT_NO,
    VERDICT_YES,
    VERDICT_UNKNOWN, /* the bytes that would decide were cut off */
};

struct matcher;
struct condition; /* one compiled tree, owned by its matcher */

/* NULL with errno. */
struct matcher *matcher_new(void);
void matcher_free(struct matcher *matcher);

/*
 * Compiles `tree` (NULL: always) for events of that schema row. 0; -ENOMEM; -EINVAL with words in matcher_error that
 * name `owner`, the field and the nearest valid name. The tree is not kept.
 */
int matcher_add(struct matcher *matcher, const struct schema_event *event, const char *owner,
                const struct predicate *tree, const struct condition **ret_condition);
/* Of what kind the fields "remembered" are for the trees that are added from now on. At first there are none. */
enum matcher_memory { MEMORY_NONE, MEMORY_NUMBER, MEMORY_STRING };
void matcher_set_memory(struct matcher *matcher, enum matcher_memory memory);
const char *matcher_error(const struct matcher *matcher);

/* Forgets what was kept of the batch before; `n_strings` is decoder_string_count. */
void matcher_begin_batch(struct matcher *matcher, uint32_t n_strings);

/* How often a pattern was given up because it took too long on a string. */
uint64_t matcher_given_up(const struct matcher *matcher);

enum verdict matcher_judge(struct matcher *matcher, const struct condition *condition,
                           const struct event_context *context);

/*
 * The value of a field, but for its name; of a list the first item that an atom of the condition on that field matched.
 * False when there is none. `field` is one that matcher_check_field accepted. A string lives until MATCHER_VALUES more
 * were asked for, and no longer than the event.
 */
enum { MATCHER_VALUES = TRIGGER_MAX_DATA * (DETECTION_MAX_DEPTH + 1) };
bool matcher_value(struct matcher *matcher, const struct condition *condition, const char *field,
                   const struct event_context *context, struct finding_data *ret_value);
/* What was asked for after matcher_values_begin gave `mark` is not needed any more. */
unsigned matcher_values_begin(const struct matcher *matcher);
void matcher_values_end(struct matcher *matcher, unsigned mark);

/* 0 when `field` names one of that row, else -EINVAL with words. */
int matcher_check_field(struct matcher *matcher, const struct schema_event *event, const char *owner,
                        const char *field);

/* The same, and of what kind its values are. */
int matcher_kind(struct matcher *matcher, const struct schema_event *event, const char *owner, const char *field,
                 enum field_kind *ret_kind);
/* Writes matcher_error after the owner's name; -EINVAL. */
int matcher_refuse(struct matcher *matcher, const char *owner, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The field of that name, a number or a string. 0, or -EINVAL with words. */
struct field;
int matcher_resolve(struct matcher *matcher, const struct schema_event *event, const char *owner, const char *name,
                    struct field *ret_field);

#endif
