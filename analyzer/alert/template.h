/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text with fields of a finding in it: {{detection}} stands for that field (fields.def), {{finding}} for the whole
 * finding as JSON, {{{{ for two braces. There is nothing else to it: no condition, no loop. Constant once read.
 */
#ifndef VEDETTE_ANALYZER_ALERT_TEMPLATE_H
#define VEDETTE_ANALYZER_ALERT_TEMPLATE_H

#include "analyzer/alert/fields.h"

enum { TEMPLATE_MAX_BYTES = 65536, TEMPLATE_ERROR_BYTES = 768 };

struct template;

/*
 * Reads `source`, which is called `path` in words. With `json` a field is written as the inside of a JSON string: its
 * place in the template stands between quotes, and no value can end it. NULL with words that name path, line and, for
 * an unknown field, the nearest; or without memory.
 */
struct template *template_parse(const char *path, const char *source, size_t size, bool json,
                                char error[TEMPLATE_ERROR_BYTES]);
/* The same of a file. */
struct template *template_load(const char *path, bool json, char error[TEMPLATE_ERROR_BYTES]);
void template_free(struct template *template);

/* Appends the text for one finding. */
void template_write(const struct template *template, const struct finding_view *view, struct text *text);

#endif
