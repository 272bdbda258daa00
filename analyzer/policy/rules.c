// SPDX-License-Identifier: Apache-2.0
/*
 * What the rules of a policy select, once all are read: sets are taken apart, exclusions taken out, an event that a
 * rule names itself belongs to that rule and not to the sets that hold it too, and every filter must fit what it is
 * for.
 */
#include <errno.h>

#include "analyzer/policy/name.h"
#include "analyzer/policy/policy.h"

struct resolving {
    struct document *document;
    struct policy *policy;
    struct schema *schema;
    struct names_mask *masks; /* one a rule */
    struct names_mask named;  /* by some rule itself */
    struct names_mask excluded;
    size_t n_conditions;
    bool any_included;
};

static int fail(struct resolving *r, const struct rule *rule, const char *key, const char *words)
{
    return document_fail_at(r->document, rule->line, rule->column, key, "%s", words);
}

static int mark_word(struct resolving *r, const struct rule *rule, const char *word, struct names_mask *mask,
                     bool *ret_included)
{
    char words[NAME_WORDS_BYTES];
    bool excludes = word[0] == '-';
    *ret_included = *ret_included || !excludes;
    if (name_mark(excludes ? word + 1 : word, excludes ? &r->excluded : mask, words) < 0)
        return fail(r, rule, "event", words);
    return 0;
}

/* "openat,fs,-fs_file_attr", or one selector. */
static int mark_rule(struct resolving *r, const struct rule *rule, struct names_mask *mask)
{
    bool included = false;
    int result = 0;
    if (name_is_selector(rule->text)) {
        result = mark_word(r, rule, rule->text, mask, &included);
    } else {
        char *copy = strdup(rule->text), *rest = NULL;
        if (copy == NULL)
            return -ENOMEM;
        for (char *word = strtok_r(copy, ", \t", &rest); word != NULL && result == 0;
             word = strtok_r(NULL, ", \t", &rest))
            result = mark_word(r, rule, word, mask, &included);
        free(copy);
    }
    r->any_included = r->any_included || included;
    if (result == 0 && !included && rule->n_filters > 0)
        return fail(r, rule, "filters", "a rule that only excludes takes no filters");
    return result;
}

/* An event that is named by two rules of a policy, or named and excluded, is a mistake. */
static int check_named(struct resolving *r, const struct rule *rule, const struct names_mask *mask)
{
    size_t n_events, n_detections;
    const struct event *events = events_all(&n_events);
    const struct detection *const *detections = detections_all(&n_detections);
    for (size_t i = 0; i < n_events + n_detections; i++) {
        bool is_event = i < n_events;
        size_t at = is_event ? events[i].id : i - n_events;
        const char *name = is_event ? events[i].name : detections[at]->name;
        uint8_t how = is_event ? mask->events[at] : mask->detections[at];
        uint8_t *named = is_event ? &r->named.events[at] : &r->named.detections[at];
        uint8_t excluded = is_event ? r->excluded.events[at] : r->excluded.detections[at];
        char words[128];
        if (how != NAMED_DIRECTLY)
            continue;
        if (*named != 0 || excluded != 0) {
            snprintf(words, sizeof(words), "%.64s is %s", name,
                     excluded != 0 ? "named and excluded" : "in this policy twice");
            return fail(r, rule, "event", words);
        }
        *named = 1;
    }
    return 0;
}

static bool selects(uint8_t how, uint8_t named, uint8_t excluded)
{
    return how == NAMED_DIRECTLY || (how == NAMED_BY_SET && named == 0 && excluded == 0);
}

static int take_lists(struct resolving *r, struct rule *rule, const struct names_mask *mask)
{
    size_t n_events, n_detections;
    const struct event *events = events_all(&n_events);
    const struct detection *const *detections = detections_all(&n_detections);
    rule->events = pool_take(&r->policy->pool, n_events * sizeof(*rule->events));
    rule->detections = pool_take(&r->policy->pool, (n_detections + 1) * sizeof(struct detection *));
    if (rule->events == NULL || rule->detections == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n_events; i++) {
        uint16_t id = events[i].id;
        if (selects(mask->events[id], r->named.events[id], r->excluded.events[id]))
            rule->events[rule->n_events++] = id;
    }
    for (size_t i = 0; i < n_detections && i < NAME_MAX_DETECTIONS; i++)
        if (selects(mask->detections[i], r->named.detections[i], r->excluded.detections[i]))
            rule->detections[rule->n_detections++] = detections[i];
    return 0;
}

/* -- filters -- */

static int fail_filter(struct resolving *r, const struct rule *rule, const struct lowering *lowering)
{
    return filter_fail(r->document, "filters", rule->filters, lowering);
}

/* 0, or what filters_lower answers. */
static int fits(struct resolving *r, const struct rule *rule, uint32_t event_id, const struct trigger *trigger,
                struct lowering *lowering)
{
    struct pool pool = {0};
    const struct predicate *tree;
    lowering->pool = &pool;
    lowering->trigger = trigger;
    lowering->event = schema_event_by_id(r->schema, event_id);
    int result = lowering->event == NULL ? 0 : filters_lower(lowering, rule->filters, rule->n_filters, &tree);
    pool_fini(&pool);
    r->n_conditions += rule->n_filters;
    return result;
}

/* 1 when some trigger of the detection has all the fields. */
static int fits_detection(struct resolving *r, const struct rule *rule, const struct detection *detection,
                          struct lowering *lowering)
{
    int any = 0, result = 0;
    for (size_t t = 0; t < DETECTION_MAX_TRIGGERS && detection->triggers[t].event != NULL; t++) {
        const struct event *event = event_by_name(detection->triggers[t].event);
        int one = event == NULL ? 0 : fits(r, rule, event->id, &detection->triggers[t], lowering);
        if (one < 0 && one != -ENOENT)
            return one;
        any += one == 0;
        result = one < 0 ? one : result;
    }
    return any > 0 ? 1 : result;
}

static bool is_direct(const struct names_mask *mask, const struct detection *detection)
{
    size_t n, at = 0;
    const struct detection *const *all = detections_all(&n);
    while (at < n && all[at] != detection)
        at++;
    return at < n && at < NAME_MAX_DETECTIONS && mask->detections[at] == NAMED_DIRECTLY;
}

/* What a rule names must have every field; of a set, those that lack one are left out, but not all of them. */
static int check_filters(struct resolving *r, struct rule *rule, const struct names_mask *mask)
{
    struct lowering lowering = {0};
    size_t kept = 0, kept_detections = 0;
    bool had = rule->n_events + rule->n_detections > 0;
    for (size_t i = 0; i < rule->n_events; i++) {
        uint16_t id = rule->events[i];
        int result = fits(r, rule, id, NULL, &lowering);
        if (result < 0 && (result != -ENOENT || mask->events[id] == NAMED_DIRECTLY))
            return result == -ENOMEM ? result : fail_filter(r, rule, &lowering);
        if (result == 0)
            rule->events[kept++] = id;
        if (r->n_conditions > POLICY_MAX_CONDITIONS)
            return fail(r, rule, "filters",
                        "the filters of this policy, times the events that they are for, are too many");
    }
    for (size_t i = 0; i < rule->n_detections; i++) {
        const struct detection *detection = rule->detections[i];
        int result = fits_detection(r, rule, detection, &lowering);
        if (result < 0 && (result != -ENOENT || is_direct(mask, detection)))
            return result == -ENOMEM ? result : fail_filter(r, rule, &lowering);
        if (result == 1)
            rule->detections[kept_detections++] = detection;
    }
    rule->n_events = kept;
    rule->n_detections = kept_detections;
    return had && kept + kept_detections == 0 ? fail_filter(r, rule, &lowering) : 0;
}

static void add_detection(struct policy *policy, const struct detection *detection)
{
    for (size_t i = 0; i < policy->n_detections; i++)
        if (policy->detections[i] == detection)
            return;
    policy->detections[policy->n_detections++] = detection;
}

static int gather(struct policy *policy)
{
    size_t n_detections;
    detections_all(&n_detections);
    policy->detections = pool_take(&policy->pool, (n_detections + 1) * sizeof(struct detection *));
    if (policy->detections == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i];
        for (size_t e = 0; e < rule->n_events; e++)
            policy->events[rule->events[e]] = 1;
        for (size_t d = 0; d < rule->n_detections; d++)
            add_detection(policy, rule->detections[d]);
    }
    return 0;
}

static int resolve(struct resolving *r)
{
    struct policy *policy = r->policy;
    char words[NAME_WORDS_BYTES];
    int result = 0;
    for (size_t i = 0; i < policy->n_rules && result == 0; i++)
        result = mark_rule(r, &policy->rules[i], &r->masks[i]);
    /* Only exclusions: from what is selected when nothing is named. */
    if (result == 0 && !r->any_included && name_mark("default", &r->masks[0], words) < 0)
        result = fail(r, &policy->rules[0], "event", words);
    for (size_t i = 0; i < policy->n_rules && result == 0; i++)
        result = check_named(r, &policy->rules[i], &r->masks[i]);
    for (size_t i = 0; i < policy->n_rules && result == 0; i++) {
        result = take_lists(r, &policy->rules[i], &r->masks[i]);
        if (result == 0 && policy->rules[i].n_filters > 0)
            result = check_filters(r, &policy->rules[i], &r->masks[i]);
    }
    return result == 0 ? gather(policy) : result;
}

int rules_resolve(struct document *document, struct policy *policy)
{
    struct resolving *r = calloc(1, sizeof(*r));
    int result = -ENOMEM;
    if (r == NULL)
        return -ENOMEM;
    r->document = document;
    r->policy = policy;
    r->schema = schema_new_builtin();
    r->masks = calloc(policy->n_rules + 1, sizeof(*r->masks));
    if (r->schema != NULL && r->masks != NULL)
        result = resolve(r);
    schema_free(r->schema);
    free(r->masks);
    free(r);
    return result;
}
