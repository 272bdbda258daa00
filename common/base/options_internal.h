/* SPDX-License-Identifier: Apache-2.0 */
/* What the flag reader, the file reader and the help of options.h share. */
#ifndef VEDETTE_COMMON_BASE_OPTIONS_INTERNAL_H
#define VEDETTE_COMMON_BASE_OPTIONS_INTERNAL_H

#include "common/base/options.h"

enum { OPTION_WHY_BYTES = 256, OPTION_DESCRIPTION_BYTES = 2048 };

/* The flags that every table has; ends with a NULL flag. */
struct option_own {
    const char *flag, *synopsis, *help;
    const char *values; /* NULL: takes none; "file", or the words that it may be */
};
const struct option_own *option_own_flags(const struct option_table *table);

/* What stands behind the name in pages: " NUMBER". */
const char *option_value_word(enum option_type type);
/* The help with choices, default and range. */
void option_describe(const struct option *option, char text[OPTION_DESCRIPTION_BYTES]);

/* The row of that key (length bytes), NULL if there is none. */
const struct option *option_find(const struct option_table *table, const char *key, size_t length);

/* The nearest of the names `next` yields (until NULL), or NULL when none is near. */
const char *option_nearest(const char *word, const char *(*next)(const void *context, size_t index),
                           const void *context);

/* The nearest key of the table, or NULL. */
const char *option_nearest_key(const struct option_table *table, const char *key);

/* Parses `text` into the option's place in `target`; a list gets one more item. 0, or -EINVAL with the reason in `why`.
 */
int option_set(const struct option *option, void *target, const char *text, char why[OPTION_WHY_BYTES]);

/* Empties a list. */
void option_clear(const struct option *option, void *target);

/* A number as a person would write it for that type: "32M", "5s". */
void option_format_number(enum option_type type, unsigned long long value, char *out, size_t size);

/* Formats an error; control characters become '?', so that a file's bytes cannot drive a terminal. */
void option_error(char error[OPTION_ERROR_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
