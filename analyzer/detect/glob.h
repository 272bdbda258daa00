/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Globs over bytes, as Falco's, Sigma's and Tracee's rules mean them: '*' any run, a '/' too; '?' any byte; [a-z], [!a]
 * a set; '\' takes the next byte literally. Any thread.
 */
#ifndef VEDETTE_ANALYZER_DETECT_GLOB_H
#define VEDETTE_ANALYZER_DETECT_GLOB_H

#include <stdbool.h>
#include <stddef.h>

enum {
    GLOB_PATTERN_BYTES = 4096,
    GLOB_STEPS = 1 << 20, /* a pattern that needs more on one string is given up */
};

enum glob_answer { GLOB_NO, GLOB_YES, GLOB_GIVEN_UP };

/* Letters of any case are one when `ignore_case`; only ASCII's. */
enum glob_answer glob_match(const char *pattern, const char *data, size_t length, bool ignore_case);

/* Whether what stands before, or behind, the bytes that matched could be anything. */
bool glob_is_open_at_head(const char *pattern);
bool glob_is_open_at_tail(const char *pattern);

/* Whether every '[' has its ']' and no '\' stands last. */
bool glob_is_well_formed(const char *pattern);

#endif
