/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long arguments and environments. What must arrive is described instead of written out: check.py makes the same
 * strings, and knows how much of them the collector was asked to show.
 */
#ifndef VEDETTE_EVENTS_LISTS_H
#define VEDETTE_EVENTS_LISTS_H

#include "integration-tests/events/trigger.h"

/* Strings of `each` bytes behind the first ones, until all have `bytes`, NULs included. */
struct list {
    const char *first[3];
    size_t bytes, each;
};

enum { LIST_SIZES = 7, LIST_SHORT_STRINGS = 40, LIST_ONE_STRING = 1 << 20 };

/* Around what is shown as a rule, and around the most. */
extern const size_t list_sizes[LIST_SIZES];

/* Those strings, for execve; never freed. */
char *const *list_strings(const struct list *list);
void line_list(struct line *line, const char *argument, const struct list *list);
/* The caller's array of pointers, of which a kernel without bounded loops by helper shows few. */
void line_user_list(struct line *line, const char *argument, const struct list *list);
size_t list_user_each(void);

/* A path of 4,095 bytes below the directory of the run; its directories are made. */
const char *longest_path(const char *name);

#endif
