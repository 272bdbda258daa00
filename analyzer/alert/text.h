/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing buffer of bytes and what is written into it most: numbers and strings from outside, which are hostile: a
 * name may hold any byte. One thread at a time. When memory runs out `failed` is set and stays, and nothing more is
 * written: a writer looks at it once, at its end.
 */
#ifndef VEDETTE_ANALYZER_ALERT_TEXT_H
#define VEDETTE_ANALYZER_ALERT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; text_fini frees it. To reuse it set `size` to 0. */
struct text {
    char *data;
    size_t size, capacity;
    bool failed;
};

void text_fini(struct text *text);

/* Room for `extra` more bytes at data + size; false when there is none. */
bool text_reserve(struct text *text, size_t extra);
void text_append(struct text *text, const char *data, size_t size);
#define text_literal(text, literal) text_append((text), "" literal, sizeof(literal) - 1)
void text_string(struct text *text, const char *string);
void text_unsigned(struct text *text, uint64_t value);
void text_signed(struct text *text, int64_t value);
void text_hex64(struct text *text, uint64_t value); /* 16 digits */

/* A JSON string with its quotes: escaped, and U+FFFD for each stretch of bytes that is not UTF-8. */
void text_json(struct text *text, const char *data, size_t size);

/* The words that `separator` parts, as an array of such strings. */
void text_json_words(struct text *text, const char *words, char separator);

/* For a person's terminal: backslash, control characters and what is not UTF-8 as \xNN, \uNNNN, \n, \r, \t, so that no
 * name can drive it. */
void text_printable(struct text *text, const char *data, size_t size);

/*
 * The first character: how many bytes it takes (at least 1; `size` is not 0) and its code point, TEXT_INVALID when they
 * are no UTF-8 (overlong forms, surrogates and what is beyond U+10FFFF included).
 */
#define TEXT_INVALID UINT32_MAX
size_t text_decode(const char *data, size_t size, uint32_t *ret_point);

#endif
