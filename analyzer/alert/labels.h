/* SPDX-License-Identifier: Apache-2.0 */
/* Labels as Prometheus' family has them: some of the finding's fields under their own names, and fixed ones. */
#ifndef VEDETTE_ANALYZER_ALERT_LABELS_H
#define VEDETTE_ANALYZER_ALERT_LABELS_H

#include "analyzer/alert/fields.h"

/* Whether every item is NAME=VALUE with a name that a label may have ([a-zA-Z_][a-zA-Z0-9_]*) and that is there once.
 * 0, or -EINVAL with words that begin with `key`. */
int labels_check(const char *key, const struct option_list *fixed, char *why, size_t why_size);

/* Adds each field that the finding has, as a string. */
void labels_add_fields(json_t *object, const struct finding_field_list *fields, const struct finding_view *view);
/* Adds the fixed ones, over those of that name. */
void labels_add_fixed(json_t *object, const struct option_list *fixed);

#endif
