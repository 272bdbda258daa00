/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finding by named fields, for what sinks build of it: templates, labels, annotations, structured data. One table,
 * fields.def; a name is append only, as users write them into their files. One thread at a time.
 */
#ifndef VEDETTE_ANALYZER_ALERT_FIELDS_H
#define VEDETTE_ANALYZER_ALERT_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "analyzer/alert/outbox.h"
#include "analyzer/alert/text.h"
#include "common/base/options.h"

/* An alert and its JSON, which is read once. The alert must outlive it. */
struct finding_view {
    const struct alert *alert;
    json_t *json;
};

/* 0, or -EBADMSG when the stored finding is no JSON object; the view is then empty. */
int finding_view_init(struct finding_view *view, const struct alert *alert);
void finding_view_fini(struct finding_view *view);

struct finding_field {
    const char *name, *help;
    bool is_bounded; /* few values in a fleet: fit for a label */
    void (*write)(struct text *text, const struct finding_view *view);
};

/* In the order of the table; *ret_count of them. */
const struct finding_field *finding_fields(size_t *ret_count);
/* NULL with the nearest name, NULL if none is near, in *ret_nearest. */
const struct finding_field *finding_field_by_name(const char *name, const char **ret_nearest);

/* Appends the field's text: bytes as the finding has them, valid UTF-8, nothing when the finding has none. */
void finding_field_write(const struct finding_field *field, const struct finding_view *view, struct text *text);
/* The same as a string of its own, heap; NULL when there is none, or no memory. */
char *finding_field_text(const struct finding_field *field, const struct finding_view *view);

enum { FINDING_FIELDS_MAX = 32 };
/* A list of fields as a user gives it. */
struct finding_field_list {
    const struct finding_field *field[FINDING_FIELDS_MAX];
    size_t count;
};
/*
 * Reads `names`; an empty list is `usual` (NULL ends it), the one word "none" no field. 0, or -EINVAL with words that
 * begin with `key`.
 */
int finding_field_list_read(struct finding_field_list *ret_list, const char *key, const struct option_list *names,
                            const char *const *usual, char *why, size_t why_size);

#endif
