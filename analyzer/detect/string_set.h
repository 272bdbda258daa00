/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strings of one atom, copied, and made ready for one way of comparing: a hash for equality, a sorted list for
 * beginnings and ends, an automaton for parts; a few are compared one after another. Constant once made.
 */
#ifndef VEDETTE_ANALYZER_DETECT_STRING_SET_H
#define VEDETTE_ANALYZER_DETECT_STRING_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum string_set_use { STRINGS_EQUAL, STRINGS_PREFIX, STRINGS_SUFFIX, STRINGS_PART };

struct string_set;

/* `strings` ends with NULL; `lower`: their ASCII letters are made small. NULL with errno. */
struct string_set *string_set_new(const char *const *strings, enum string_set_use use, bool lower);
void string_set_free(struct string_set *set);

/* Whether `data` is one of the strings, begins with one, ends with one, holds one: as the set's use says. */
bool string_set_matches(const struct string_set *set, const char *data, size_t length);

/* For any use: whether some string of the set is longer than `data` and begins with it, ends with it, holds it
 * anywhere.
 */
bool string_set_begins_with(const struct string_set *set, const char *data, size_t length);
bool string_set_ends_with(const struct string_set *set, const char *data, size_t length);
bool string_set_holds(const struct string_set *set, const char *data, size_t length);

#endif
