/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks into a JSON text that this program wrote, without copying or decoding anything: a value is the bytes that stand
 * there, a string with its quotes and escapes, a number with all its digits. Whatever the bytes are, nothing beyond
 * them is read.
 */
#ifndef VEDETTE_ANALYZER_ALERT_VIEW_H
#define VEDETTE_ANALYZER_ALERT_VIEW_H

#include <stdbool.h>
#include <stddef.h>

enum { VIEW_MAX_DEPTH = 32 }; /* a deeper text is none of ours */

/* A value, or the rest of a list or object that is being walked. */
struct view {
    const char *data; /* NULL: none */
    size_t size;
};

/* The text without what stands around it. */
struct view view_of(const char *text, size_t size);

/* What is in an object or a list, to be walked; none when it is neither. */
struct view view_inside(struct view value);
/* The next member or item. False at the end, and where the text is malformed: rest->data is then NULL. `ret_key` is
 * without quotes, none in a list. */
bool view_next(struct view *rest, struct view *ret_key, struct view *ret_value);

/* The value of an object's key, none where there is no such. */
struct view view_get(struct view object, const char *key);
/* Whether the value is exactly these bytes, as in "true", or the key these letters. */
bool view_is(struct view value, const char *bytes);
/* Of a string: what stands between its quotes; none of anything else. */
struct view view_unquoted(struct view value);

#endif
