/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strings of one atom, copied: a set for equality and a list for prefixes, suffixes and parts. Constant once made.
 */
#ifndef VEDETTE_ANALYZER_DETECT_STRING_SET_H
#define VEDETTE_ANALYZER_DETECT_STRING_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct string_set;

/* `strings` ends with NULL; `lower`: their ASCII letters are made small. NULL with errno. */
struct string_set *string_set_new(const char *const *strings, bool lower);
void string_set_free(struct string_set *set);

bool string_set_has(const struct string_set *set, const char *data, size_t length);
bool string_set_has_prefix_of(const struct string_set *set, const char *data, size_t length);
bool string_set_has_suffix_of(const struct string_set *set, const char *data, size_t length);
bool string_set_has_part_of(const struct string_set *set, const char *data, size_t length);

/* Whether some string of the set is longer than `data` and begins with it, ends with it, holds it anywhere. */
bool string_set_begins_with(const struct string_set *set, const char *data, size_t length);
bool string_set_ends_with(const struct string_set *set, const char *data, size_t length);
bool string_set_holds(const struct string_set *set, const char *data, size_t length);

#endif
