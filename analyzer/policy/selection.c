// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/selection.h"

#include <errno.h>

#include "analyzer/policy/name.h"

struct names {
    const char **name;
    size_t count;
};

struct selection {
    uint8_t events[EVENT_ID_LIMIT];
    bool all_detections;
    struct names detections;
    const struct detection *const *catalogue;
    size_t n_catalogue;
    struct names event_policies[EVENT_ID_LIMIT];
    struct names *detection_policies; /* by position in the catalogue */
};

static const char *const no_policy[] = {""};

static int names_add(struct names *names, const char *name)
{
    const char **grown = reallocarray(names->name, names->count + 1, sizeof(const char *));
    if (grown == NULL)
        return -ENOMEM;
    names->name = grown;
    names->name[names->count++] = name;
    return 0;
}

static size_t position(const struct selection *selection, const struct detection *detection)
{
    size_t i = 0;
    while (i < selection->n_catalogue && selection->catalogue[i] != detection)
        i++;
    return i;
}

static int add_policy(struct selection *selection, const struct policy *policy)
{
    int result = 0;
    for (size_t id = 0; id < EVENT_ID_LIMIT && result == 0; id++) {
        if (policy->events[id] == 0)
            continue;
        selection->events[id] = 1;
        result = names_add(&selection->event_policies[id], policy->name);
    }
    for (size_t i = 0; i < policy->n_detections && result == 0; i++) {
        struct names *policies = &selection->detection_policies[position(selection, policy->detections[i])];
        if (policies->count == 0)
            result = names_add(&selection->detections, policy->detections[i]->name);
        if (result == 0)
            result = names_add(policies, policy->name);
    }
    return result;
}

static int add_word(struct selection *selection, const char *word, char *error)
{
    struct name name;
    char words[NAME_WORDS_BYTES];
    int result = name_find(word, &name, words);
    if (result == 0 && name.detection != NULL) {
        snprintf(words, sizeof(words), "'%.80s' is a detection, not an event: all detections run without being named",
                 word);
        result = -EINVAL;
    }
    if (result < 0) {
        snprintf(error, POLICY_ERROR_BYTES, "events: %s", words);
        return -EINVAL;
    }
    name_mark(&name, selection->events);
    return 0;
}

static int add_words(struct selection *selection, const char *list, char *error)
{
    char *copy = strdup(list), *rest;
    int result = copy == NULL ? -ENOMEM : 0;
    for (char *word = copy == NULL ? NULL : strtok_r(copy, ",", &rest); word != NULL && result == 0;
         word = strtok_r(NULL, ",", &rest))
        result = add_word(selection, word, error);
    free(copy);
    return result;
}

static int fill(struct selection *selection, const struct policies *policies, const char *const *words, size_t n_words,
                char *error)
{
    int result = 0;
    if (policies->count > 0 && n_words > 0) {
        snprintf(error, POLICY_ERROR_BYTES,
                 "events: policies already say which events are selected; give --policy or --events, not both");
        return -EINVAL;
    }
    selection->all_detections = policies->count == 0;
    selection->detection_policies = calloc(selection->n_catalogue + 1, sizeof(*selection->detection_policies));
    if (selection->detection_policies == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < policies->count && result == 0; i++)
        result = add_policy(selection, policies->policy[i]);
    for (size_t i = 0; i < n_words && result == 0; i++)
        result = add_words(selection, words[i], error);
    return result;
}

struct selection *selection_new(const struct policies *policies, const char *const *words, size_t n_words,
                                char error[POLICY_ERROR_BYTES])
{
    struct selection *selection = calloc(1, sizeof(*selection));
    int result = -ENOMEM;
    if (selection != NULL) {
        selection->catalogue = detections_all(&selection->n_catalogue);
        result = fill(selection, policies, words, n_words, error);
    }
    if (result == 0)
        return selection;
    if (result == -ENOMEM)
        snprintf(error, POLICY_ERROR_BYTES, "no memory");
    selection_free(selection);
    errno = -result;
    return NULL;
}

void selection_free(struct selection *selection)
{
    if (selection == NULL)
        return;
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        free(selection->event_policies[id].name);
    for (size_t i = 0; selection->detection_policies != NULL && i < selection->n_catalogue; i++)
        free(selection->detection_policies[i].name);
    free(selection->detection_policies);
    free(selection->detections.name);
    free(selection);
}

bool selection_has_event(const struct selection *selection, uint32_t event_id)
{
    return event_id < EVENT_ID_LIMIT && selection->events[event_id] != 0;
}

const char *const *selection_detections(const struct selection *selection, size_t *ret_count)
{
    static const char *const none[] = {NULL};
    *ret_count = selection->detections.count;
    if (selection->all_detections)
        return NULL;
    return selection->detections.name == NULL ? none : selection->detections.name;
}

static const char *const *names_or_none(const struct names *names, size_t *ret_count)
{
    *ret_count = names->count == 0 ? 1 : names->count;
    return names->count == 0 ? no_policy : names->name;
}

const char *const *selection_event_policies(const struct selection *selection, uint32_t event_id, size_t *ret_count)
{
    static const struct names empty;
    return names_or_none(event_id < EVENT_ID_LIMIT ? &selection->event_policies[event_id] : &empty, ret_count);
}

const char *const *selection_detection_policies(const struct selection *selection, const struct detection *detection,
                                                size_t *ret_count)
{
    /* One more than the catalogue is allocated, and stays empty. */
    return names_or_none(&selection->detection_policies[position(selection, detection)], ret_count);
}
