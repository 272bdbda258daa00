/* SPDX-License-Identifier: Apache-2.0 */
/* What /healthz and /readyz answer: one line a check, each by name, in words or as JSON. */
#ifndef VEDETTE_ANALYZER_METRICS_REPORT_H
#define VEDETTE_ANALYZER_METRICS_REPORT_H

#include <stdbool.h>
#include <stddef.h>

enum { REPORT_CHECKS = 32, REPORT_NAME_BYTES = 80, REPORT_WORDS_BYTES = 256 };

struct report_check {
    char name[REPORT_NAME_BYTES];
    char words[REPORT_WORDS_BYTES]; /* "" when it is in order */
    bool decides;                   /* else it is only told */
};

/* Zero-initialise. More checks than there is room for are left out, which is a mistake of the caller's. */
struct report {
    size_t n;
    struct report_check check[REPORT_CHECKS];
};

/* `words`: what is wrong; NULL: nothing. */
void report_add(struct report *report, const char *name, bool decides, const char *words);
/* Whether every check that decides is in order. */
bool report_is_good(const struct report *report);

/* Heap, NUL terminated; NULL without memory. */
char *report_text(const struct report *report); /* "ok" when it is good, and a line for each check that is not in order */
char *report_json(const struct report *report); /* {"ok":true,"checks":[{"name":,"ok":,"decides":,"words":}]} */

#endif
