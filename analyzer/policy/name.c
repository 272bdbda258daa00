// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/name.h"

#include <errno.h>
#include <strings.h>

#include "common/base/options_internal.h"

/* The sets that every detection is in. */
static const char *const detection_sets[] = {"default", "detectors", "signatures"};

static bool holds_detections(const char *set)
{
    for (size_t i = 0; i < sizeof(detection_sets) / sizeof(detection_sets[0]); i++)
        if (strcmp(set, detection_sets[i]) == 0)
            return true;
    return false;
}

static void mark(uint8_t *target, uint8_t how)
{
    if (*target < how)
        *target = how;
}

/* Events in the set of that name, or, for a word that ends with '*', with a name that begins as the word does. */
static bool mark_set(const char *word, struct names_mask *mask)
{
    size_t n_events, n_detections, length = strlen(word);
    const struct event *events = events_all(&n_events);
    bool is_pattern = length > 0 && word[length - 1] == '*', any = false;
    for (size_t i = 0; i < n_events; i++)
        if (is_pattern ? strncmp(events[i].name, word, length - 1) == 0 : event_in_set(&events[i], word)) {
            mark(&mask->events[events[i].id], NAMED_BY_SET);
            any = true;
        }
    detections_all(&n_detections);
    for (size_t i = 0; i < n_detections && i < NAME_MAX_DETECTIONS && holds_detections(word); i++) {
        mark(&mask->detections[i], NAMED_BY_SET);
        any = true;
    }
    return any;
}

/* Events, then detections, then some sets. */
static const char *every_name(const void *context, size_t index)
{
    static const char *const others[] = {"default",  "detectors",  "signatures",
                                         "syscalls", "containers", "network_events"};
    size_t n_events, n_detections;
    const struct event *events = events_all(&n_events);
    const struct detection *const *detections = detections_all(&n_detections);
    (void)context;
    if (index < n_events)
        return events[index].name;
    if (index - n_events < n_detections)
        return detections[index - n_events]->name;
    index -= n_events + n_detections;
    return index < sizeof(others) / sizeof(others[0]) ? others[index] : NULL;
}

/* -- selectors -- */

enum compare { LESS, AT_MOST, EQUAL, AT_LEAST, GREATER, NOT_EQUAL };

static const struct {
    const char *text;
    enum compare compare;
} compares[] = {{"<=", AT_MOST}, {">=", AT_LEAST}, {"!=", NOT_EQUAL}, {"<", LESS}, {">", GREATER}, {"=", EQUAL}};

static bool holds(enum compare compare, long a, long b)
{
    switch (compare) {
    case LESS:
        return a < b;
    case AT_MOST:
        return a <= b;
    case EQUAL:
        return a == b;
    case AT_LEAST:
        return a >= b;
    case GREATER:
        return a > b;
    case NOT_EQUAL:
        break;
    }
    return a != b;
}

static int severity_of_word(const char *word)
{
    for (int i = 0; severity_names[i] != NULL; i++)
        if (strcasecmp(word, severity_names[i]) == 0 || (word[0] == '0' + i && word[1] == '\0'))
            return i;
    return -1;
}

/* "defense-evasion", "Defense Evasion" and "defense_evasion" are one tactic. */
static bool same_words(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        bool gap_a = *a == ' ' || *a == '-' || *a == '_', gap_b = *b == ' ' || *b == '-' || *b == '_';
        if (gap_a != gap_b || (!gap_a && (*a | 0x20) != (*b | 0x20)))
            return false;
    }
    return *a == *b;
}

enum selector { BY_SEVERITY, BY_TECHNIQUE, BY_TACTIC, BY_NAME, BY_TAG, N_SELECTORS };
static const char *const selectors[N_SELECTORS + 1] = {
    "threat.severity", "threat.mitre.technique", "threat.mitre.tactic", "threat.name", "tag", NULL,
};

static const char *selector_at(const void *context, size_t index)
{
    (void)context;
    return selectors[index];
}

bool name_is_selector(const char *word)
{
    return strncmp(word, "threat.", 7) == 0 || strncmp(word, "tag=", 4) == 0 || strncmp(word, "tag!=", 5) == 0;
}

static bool detection_is(const struct detection *detection, enum selector by, const char *value)
{
    if (by == BY_TECHNIQUE)
        return strcasecmp(detection->technique_id, value) == 0 || same_words(detection->technique, value);
    if (by == BY_TACTIC)
        return same_words(detection->category, value);
    return strcmp(detection->name, value) == 0 || strcmp(detection->id, value) == 0 ||
           same_words(detection->title, value);
}

static int select_detections(enum selector by, enum compare compare, const char *value, struct names_mask *mask,
                             char words[NAME_WORDS_BYTES])
{
    size_t n;
    const struct detection *const *all = detections_all(&n);
    int severity = by == BY_SEVERITY ? severity_of_word(value) : 0, selected = 0;
    if (severity < 0) {
        snprintf(words, NAME_WORDS_BYTES, "'%.80s' is no severity: say info, low, medium, high, critical, or 0 to 4",
                 value);
        return -EINVAL;
    }
    if (by != BY_SEVERITY && compare != EQUAL && compare != NOT_EQUAL) {
        snprintf(words, NAME_WORDS_BYTES, "%s takes = and !=", selectors[by]);
        return -EINVAL;
    }
    for (size_t i = 0; i < n && i < NAME_MAX_DETECTIONS; i++) {
        bool is = by == BY_SEVERITY ? holds(compare, (long)all[i]->severity, severity)
                                    : detection_is(all[i], by, value) == (compare == EQUAL);
        if (!is)
            continue;
        mark(&mask->detections[i], NAMED_BY_SET);
        selected++;
    }
    if (selected > 0)
        return 0;
    snprintf(words, NAME_WORDS_BYTES, "no detection has that %s; see vedette-analyzer list detections", selectors[by]);
    return -ENOENT;
}

static int mark_selector(const char *word, struct names_mask *mask, char words[NAME_WORDS_BYTES])
{
    size_t at = strcspn(word, "=<>!");
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)(at < sizeof(name) ? at : sizeof(name) - 1), word);
    int by = 0;
    while (by < N_SELECTORS && strcmp(selectors[by], name) != 0)
        by++;
    if (by == N_SELECTORS) {
        const char *near = option_nearest(name, selector_at, NULL);
        snprintf(words, NAME_WORDS_BYTES, "there is no selector '%.64s'%s%s%s", name,
                 near == NULL ? "" : ": did you mean '", near == NULL ? "" : near, near == NULL ? "" : "'");
        return -ENOENT;
    }
    for (size_t i = 0; i < sizeof(compares) / sizeof(compares[0]); i++) {
        size_t length = strlen(compares[i].text);
        if (strncmp(word + at, compares[i].text, length) != 0)
            continue;
        const char *value = word + at + length;
        if (by != BY_TAG)
            return select_detections((enum selector)by, compares[i].compare, value, mask, words);
        if (compares[i].compare == EQUAL && mark_set(value, mask))
            return 0;
        snprintf(words, NAME_WORDS_BYTES, "tag= takes the name of a set; '%.80s' is none", value);
        return -ENOENT;
    }
    snprintf(words, NAME_WORDS_BYTES, "%s lacks an operator and a value", selectors[by]);
    return -EINVAL;
}

int name_mark(const char *word, struct names_mask *mask, char words[NAME_WORDS_BYTES])
{
    const struct event *event = event_by_name(word);
    const struct detection *detection = event == NULL ? detection_by_name(word) : NULL;
    size_t n_detections;
    const struct detection *const *all = detections_all(&n_detections);
    if (name_is_selector(word))
        return mark_selector(word, mask, words);
    if (event != NULL)
        mark(&mask->events[event->id], NAMED_DIRECTLY);
    for (size_t i = 0; i < n_detections && i < NAME_MAX_DETECTIONS && detection != NULL; i++)
        if (all[i] == detection)
            mark(&mask->detections[i], NAMED_DIRECTLY);
    if (event != NULL || detection != NULL || mark_set(word, mask))
        return 0;
    const char *near = option_nearest(word, every_name, NULL);
    snprintf(words, NAME_WORDS_BYTES,
             "no event, set or detection is called '%.80s'%s%s%s; see vedette-analyzer list events", word,
             near == NULL ? "" : ": did you mean '", near == NULL ? "" : near, near == NULL ? "" : "'");
    return -ENOENT;
}
