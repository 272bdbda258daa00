/* SPDX-License-Identifier: Apache-2.0 */
/* What a name in a policy or behind --events stands for: an event, a set of events or a beginning of their names
 * (`net_*`, `*`), or a detection. */
#ifndef VEDETTE_ANALYZER_POLICY_NAME_H
#define VEDETTE_ANALYZER_POLICY_NAME_H

#include <stdint.h>

#include "analyzer/detect/detection.h"
#include "common/events/events.h"

enum { NAME_WORDS_BYTES = 256 };

/* One of the three is set. */
struct name {
    const struct event *event;
    const struct detection *detection;
    const char *set; /* the word that was asked for: a set's name, or one that ends with '*' */
};

/* 0, or -ENOENT with words that name the nearest that exists. `word` must outlive *ret_name. */
int name_find(const char *word, struct name *ret_name, char words[NAME_WORDS_BYTES]);

/* Marks the events that the name stands for; none for a detection. */
void name_mark(const struct name *name, uint8_t events[EVENT_ID_LIMIT]);

#endif
