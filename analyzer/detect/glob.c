/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/glob.h"

#include <string.h>

static unsigned char fold(unsigned char byte, bool ignore_case)
{
    return ignore_case && byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + ('a' - 'A')) : byte;
}

/* Behind the ']' of the set that `set` (behind its '[') begins; NULL when it has none. A ']' that comes first is in it.
 */
static const char *set_end(const char *set)
{
    if (*set == '!' || *set == '^')
        set++;
    if (*set == ']')
        set++;
    set = strchr(set, ']');
    return set != NULL ? set + 1 : NULL;
}

static bool in_set(const char *set, const char *end, unsigned char byte, bool ignore_case)
{
    const bool negated = *set == '!' || *set == '^';
    bool found = false;
    byte = fold(byte, ignore_case);
    for (set += negated; set < end - 1; set++) {
        unsigned char low = fold((unsigned char)set[0], ignore_case), high = low;
        if (set[1] == '-' && set + 2 < end - 1) {
            high = fold((unsigned char)set[2], ignore_case);
            set += 2;
        }
        found = found || (low <= byte && byte <= high);
    }
    return found != negated;
}

/* Whether the one item at `pattern` takes the byte; *ret_next is behind the item. */
static bool takes(const char *pattern, unsigned char byte, bool ignore_case, const char **ret_next)
{
    const char *end = *pattern == '[' ? set_end(pattern + 1) : NULL;
    if (end != NULL) {
        *ret_next = end;
        return in_set(pattern + 1, end, byte, ignore_case);
    }
    if (*pattern == '?') {
        *ret_next = pattern + 1;
        return true;
    }
    if (*pattern == '\\' && pattern[1] != '\0')
        pattern++;
    *ret_next = pattern + 1;
    return fold((unsigned char)*pattern, ignore_case) == fold(byte, ignore_case);
}

/* Going back to the last '*' is enough: what an earlier one could still take, the last can too. */
enum glob_answer glob_match(const char *pattern, const char *data, size_t length, bool ignore_case)
{
    const char *end = data + length, *star = NULL, *from = NULL, *next;
    unsigned steps = 0;
    while (data < end) {
        if (++steps > GLOB_STEPS)
            return GLOB_GIVEN_UP;
        if (*pattern == '*') {
            star = ++pattern;
            from = data;
        } else if (*pattern != '\0' && takes(pattern, (unsigned char)*data, ignore_case, &next)) {
            pattern = next;
            data++;
        } else if (star != NULL) {
            pattern = star;
            data = ++from;
        } else {
            return GLOB_NO;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0' ? GLOB_YES : GLOB_NO;
}

bool glob_is_open_at_head(const char *pattern)
{
    return pattern[0] == '*';
}

bool glob_is_open_at_tail(const char *pattern)
{
    const char *last = "", *next;
    for (; *pattern != '\0'; pattern = next) {
        last = pattern;
        (void)takes(pattern, 0, false, &next);
    }
    return *last == '*';
}

bool glob_is_well_formed(const char *pattern)
{
    const char *next;
    for (; *pattern != '\0'; pattern = next) {
        if (*pattern == '[' && set_end(pattern + 1) == NULL)
            return false;
        if (*pattern == '\\' && pattern[1] == '\0')
            return false;
        (void)takes(pattern, 0, false, &next);
    }
    return true;
}
