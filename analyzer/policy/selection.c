// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/selection.h"

#include <errno.h>

#include "analyzer/policy/name.h"

struct selection {
    struct policies policies; /* borrowed */
    uint8_t events[EVENT_ID_LIMIT];
    bool wants_host_namespace;
    const struct detection **detections;
    size_t n_detections;
};

static int refuse(struct policy_error *error, const char *words)
{
    return policy_error_set(error, "", "events", "%s", words);
}

static int add_word(struct selection *selection, const char *word, struct policy_error *error)
{
    struct names_mask mask = {0};
    char words[NAME_WORDS_BYTES];
    if (name_mark(word, &mask, words) < 0)
        return refuse(error, words);
    bool any = false;
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        if (mask.events[id] != 0) {
            selection->events[id] = 1;
            any = true;
        }
    if (any)
        return 0;
    snprintf(words, sizeof(words), "'%.80s' is a detection, not an event: all detections run without being named",
             word);
    return refuse(error, words);
}

static int add_words(struct selection *selection, const char *list, struct policy_error *error)
{
    char *copy = strdup(list), *rest;
    int result = copy == NULL ? -ENOMEM : 0;
    for (char *word = copy == NULL ? NULL : strtok_r(copy, ",", &rest); word != NULL && result == 0;
         word = strtok_r(NULL, ",", &rest))
        result = add_word(selection, word, error);
    free(copy);
    return result;
}

static bool asked_for(const struct policies *policies, const struct detection *detection)
{
    for (size_t p = 0; p < policies->count; p++)
        for (size_t d = 0; d < policies->policy[p]->n_detections; d++)
            if (policies->policy[p]->detections[d] == detection)
                return true;
    return policies->count == 0;
}

static int fill(struct selection *selection, const char *const *words, size_t n_words, struct policy_error *error)
{
    const struct policies *policies = &selection->policies;
    size_t n_all;
    const struct detection *const *all = detections_all(&n_all);
    int result = 0;
    if (policies->count > 0 && n_words > 0)
        return refuse(error, "policies already say which events are selected; give --policy or --events, not both");
    selection->detections = calloc(n_all + 1, sizeof(struct detection *));
    if (selection->detections == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n_all; i++)
        if (asked_for(policies, all[i]))
            selection->detections[selection->n_detections++] = all[i];
    for (size_t p = 0; p < policies->count; p++) {
        for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
            selection->events[id] |= policies->policy[p]->events[id];
        selection->wants_host_namespace =
            selection->wants_host_namespace || policies->policy[p]->scope.wants_host_namespace;
    }
    for (size_t i = 0; i < n_words && result == 0; i++)
        result = add_words(selection, words[i], error);
    return result;
}

struct selection *selection_new(const struct policies *policies, const char *const *words, size_t n_words,
                                struct policy_error *error)
{
    struct selection *selection = calloc(1, sizeof(*selection));
    int result = -ENOMEM;
    if (selection != NULL) {
        selection->policies = *policies;
        result = fill(selection, words, n_words, error);
    }
    if (result == 0)
        return selection;
    if (result == -ENOMEM)
        policy_error_set(error, "", "", "no memory");
    selection_free(selection);
    errno = -result;
    return NULL;
}

void selection_free(struct selection *selection)
{
    if (selection == NULL)
        return;
    free(selection->detections);
    free(selection);
}

const struct policies *selection_policies(const struct selection *selection)
{
    return &selection->policies;
}

bool selection_has_event(const struct selection *selection, uint32_t event_id)
{
    return event_id < EVENT_ID_LIMIT && selection->events[event_id] != 0;
}

bool selection_needs_event(const struct selection *selection, uint32_t event_id)
{
    return event_id == EVENT_init_namespaces && selection->wants_host_namespace;
}

const struct detection *const *selection_detections(const struct selection *selection, size_t *ret_count)
{
    *ret_count = selection->n_detections;
    return selection->detections;
}
