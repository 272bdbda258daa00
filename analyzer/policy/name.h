/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a word in a policy or behind --events stands for: an event, a detection, a set of both, a beginning of events'
 * names (`net_*`, `*`), or what a selector says (threat.severity>=high, tag=net).
 */
#ifndef VEDETTE_ANALYZER_POLICY_NAME_H
#define VEDETTE_ANALYZER_POLICY_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/detect/detection.h"
#include "common/events/events.h"

enum { NAME_WORDS_BYTES = 256, NAME_MAX_DETECTIONS = 1024 };

/* Marked: 1 by a set or a selector, 2 by its own name. Detections by their place in detections_all. */
struct names_mask {
    uint8_t events[EVENT_ID_LIMIT];
    uint8_t detections[NAME_MAX_DETECTIONS];
};

enum { NAMED_BY_SET = 1, NAMED_DIRECTLY = 2 };

/* Marks what the word stands for. 0, or -ENOENT / -EINVAL with words that name the nearest that exists. */
int name_mark(const char *word, struct names_mask *mask, char words[NAME_WORDS_BYTES]);

/* Whether the word is one of the selectors: those may not stand in a comma list. */
bool name_is_selector(const char *word);

#endif
