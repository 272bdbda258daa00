/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords, tokens and keys in argument lists and environments, replaced before anything is stored, printed or sent.
 * Detections see the list as it was.
 *
 * A pattern is a PCRE2 regular expression over a whole list, its items joined by NUL (\x00): so "--password" may be one
 * item and its value the next. What the pattern matches is replaced, as far as the end of the item in which the match
 * begins; \K keeps what stands before it. The patterns that are built in are analyzer/redact/patterns.def.
 */
#ifndef VEDETTE_ANALYZER_REDACT_REDACT_H
#define VEDETTE_ANALYZER_REDACT_REDACT_H

#include <stdbool.h>

#include "common/wire/decode.h"

enum {
    REDACT_ERROR_BYTES = 512,
    REDACT_MAX_PATTERNS = 128,     /* the built-in ones and the operator's */
    REDACT_MATCH_LIMIT = 10000000, /* steps of one pattern over one list; one that needs more hides the whole list */
};

#define REDACT_MARK "[redacted]"

/*
 * Says what is replaced from now on, in place of what was before: the built-in patterns if `builtin`, and the
 * operator's. 0, or -EINVAL with words that quote the pattern, or -ENOMEM. To be called before there are threads;
 * until it is called nothing is replaced.
 */
int redact_configure(bool builtin, const char *const *patterns, size_t n_patterns, char error[REDACT_ERROR_BYTES]);
void redact_reset(void);

/* One list without its secrets. Any thread; valid as long as the decoded request. */
struct redacted {
    const struct decoder *decoder;
    const struct value *list;
    struct string_view *items; /* NULL: as they came */
    char *bytes;
};

enum redact_kind {
    REDACT_ARGUMENTS = 1, /* a variable set in a command line ends with its word: `sh -c "TOKEN=x program"` */
    REDACT_ENVIRONMENT,
};
/* By the name of an event's argument. */
enum redact_kind redact_kind_of(const char *argument);

/* Without memory every item is the mark. */
void redact_list(struct redacted *ret, const struct decoder *decoder, const struct value *list, enum redact_kind kind);
void redacted_fini(struct redacted *redacted);
/* The state of an item (truncated, unreadable, user) is what it was. */
struct string_view redacted_item(const struct redacted *redacted, uint32_t i);

/* One string that stands alone, as the environment entry that a finding quotes; as of an environment. `ret` is to be
 * freed by redacted_fini; the result is valid as long as `string` and it. */
struct string_view redact_string(struct redacted *ret, const struct string_view *string);

#endif
