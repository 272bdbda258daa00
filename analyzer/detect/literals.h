/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a text holds any of many strings, in one pass over it whatever the text is (Aho and Corasick, 1975): a
 * hostile one costs no more than another of its length. Constant once made; any thread.
 */
#ifndef VEDETTE_ANALYZER_DETECT_LITERALS_H
#define VEDETTE_ANALYZER_DETECT_LITERALS_H

#include <stdbool.h>
#include <stddef.h>

struct literals;

struct literal {
    const char *data;
    size_t length;
};

/* The strings are not kept. NULL with errno. */
struct literals *literals_new(const struct literal *strings, size_t n);
void literals_free(struct literals *literals);

bool literals_any(const struct literals *literals, const char *text, size_t length);

#endif
