// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/name.h"

#include <errno.h>
#include <stdbool.h>

#include "common/base/options_internal.h"

/* In the set of that name, or, for a word that ends with '*', with a name that begins as the word does. */
static bool is_meant(const struct event *event, const char *word)
{
    size_t length = strlen(word);
    if (length > 0 && word[length - 1] == '*')
        return strncmp(event->name, word, length - 1) == 0;
    return event_in_set(event, word);
}

static bool is_set(const char *word)
{
    size_t count;
    const struct event *all = events_all(&count);
    for (size_t i = 0; i < count && strchr(word, ',') == NULL; i++)
        if (is_meant(&all[i], word))
            return true;
    return false;
}

/* Events, then detections. */
static const char *every_name(const void *context, size_t index)
{
    size_t n_events, n_detections;
    const struct event *events = events_all(&n_events);
    const struct detection *const *detections = detections_all(&n_detections);
    (void)context;
    if (index < n_events)
        return events[index].name;
    return index - n_events < n_detections ? detections[index - n_events]->name : NULL;
}

int name_find(const char *word, struct name *ret_name, char words[NAME_WORDS_BYTES])
{
    struct name name = {.event = event_by_name(word)};
    if (name.event == NULL)
        name.detection = detection_by_name(word);
    if (name.event == NULL && name.detection == NULL && is_set(word))
        name.set = word;
    if (name.event != NULL || name.detection != NULL || name.set != NULL) {
        *ret_name = name;
        return 0;
    }
    const char *near = option_nearest(word, every_name, NULL);
    snprintf(words, NAME_WORDS_BYTES,
             "no event, set or detection is called '%.80s'%s%s%s; see vedette-analyzer list events", word,
             near == NULL ? "" : ": did you mean '", near == NULL ? "" : near, near == NULL ? "" : "'");
    return -ENOENT;
}

void name_mark(const struct name *name, uint8_t events[EVENT_ID_LIMIT])
{
    if (name->event != NULL)
        events[name->event->id] = 1;
    if (name->set == NULL)
        return;
    size_t count;
    const struct event *all = events_all(&count);
    for (size_t i = 0; i < count; i++)
        if (is_meant(&all[i], name->set))
            events[all[i].id] = 1;
}
