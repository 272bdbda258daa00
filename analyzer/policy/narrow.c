// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/narrow.h"

/* One rule of one policy, for the event: all of both hold. NULL: always. */
struct conditions {
    const struct policy *policy;
    const struct predicate *scope, *filters;
    bool whole; /* it must see every event */
};

/*
 * `follow` and `tree` remember processes, and what they remember may come from an event that the rest of the condition
 * would refuse: they see all of them.
 */
static bool remembers(const struct scope *scope)
{
    return scope->follow || scope->n_roots > 0;
}

/* Without the programs of the scope: "host:" stands for a namespace that is learnt of the node. */
static int lower_scope(struct lowering *lowering, const struct scope *scope, const struct predicate **ret)
{
    struct filter *filters = pool_take(lowering->pool, (scope->n_filters + 1) * sizeof(*filters));
    size_t n = 0;
    if (filters == NULL)
        return -1;
    for (size_t i = 0; i < scope->n_filters; i++)
        if (scope->filters[i].kind != FILTER_PROGRAM_PATH)
            filters[n++] = scope->filters[i];
    return filters_lower(lowering, filters, n, ret);
}

static bool names(const struct rule *rule, uint32_t event_id)
{
    for (size_t i = 0; i < rule->n_events; i++)
        if (rule->events[i] == event_id)
            return true;
    return false;
}

/* What cannot be lowered, which the judge says, is taken as a wish for everything. */
static void lower(struct lowering *lowering, const struct policy *policy, const struct rule *rule,
                  struct conditions *ret)
{
    *ret = (struct conditions){.policy = policy, .whole = remembers(&policy->scope)};
    ret->whole = lower_scope(lowering, &policy->scope, &ret->scope) != 0 ||
                 filters_lower(lowering, rule->filters, rule->n_filters, &ret->filters) != 0 || ret->whole;
}

/* Calls `each` for every rule that names the event, until it answers false. */
static void each_rule(const struct policies *policies, const struct schema_event *event, enum architecture architecture,
                      bool (*each)(void *arg, const struct conditions *conditions), void *arg)
{
    bool goes_on = true;
    for (size_t p = 0; p < policies->count && goes_on; p++) {
        const struct policy *policy = policies->policy[p];
        for (size_t r = 0; policy->events[event->known->id] != 0 && r < policy->n_rules && goes_on; r++) {
            struct pool pool = {0};
            struct lowering lowering = {.pool = &pool, .event = event, .architecture = architecture};
            struct conditions conditions;
            if (names(&policy->rules[r], event->known->id)) {
                lower(&lowering, policy, &policy->rules[r], &conditions);
                goes_on = each(arg, &conditions);
            }
            pool_fini(&pool);
        }
    }
}

/* -- files -- */

struct files {
    const struct schema_event *event;
    struct watches *watches;
};

static bool add_files(void *arg, const struct conditions *conditions)
{
    struct files *files = arg;
    watches_add(files->watches, files->event, conditions->whole ? NULL : conditions->filters);
    return !files->watches->all;
}

void narrow_files(const struct policies *policies, const struct schema_event *event, enum architecture architecture,
                  struct watches *watches)
{
    struct files files = {.event = event, .watches = watches};
    each_rule(policies, event, architecture, add_files, &files);
}

/* -- tasks -- */

const char *narrow_unable(const struct schema_event *event)
{
    if (event->known->class == CLASS_CRITICAL)
        return "events of the critical class are sent of every task";
    for (size_t i = 0; i < event->known->n_sources; i++) {
        const enum source_kind kind = event->known->sources[i].kind;
        if (kind == SOURCE_ITERATOR || kind == SOURCE_DERIVED || kind == SOURCE_NONE)
            return "no task causes this event";
    }
    return NULL;
}

struct tasks {
    struct task_scopes scopes;
    uint32_t mask;
    bool everybodys;
};

static bool add_tasks(void *arg, const struct conditions *conditions)
{
    struct tasks *tasks = arg;
    struct task_scope scope = {0};
    if (!conditions->whole) {
        task_scope_add(&scope, conditions->scope, NULL, NULL);
        task_scope_add(&scope, conditions->filters, NULL, NULL);
    }
    const uint32_t bit = scope.n == 0 ? 0 : task_scopes_bit(&tasks->scopes, &scope);
    tasks->mask |= bit;
    tasks->everybodys = tasks->everybodys || bit == 0;
    return !tasks->everybodys;
}

uint32_t narrow_tasks(const struct policies *policies, const struct schema_event *event, enum architecture architecture,
                      struct task_scopes *scopes)
{
    struct tasks tasks = {.scopes = *scopes};
    if (narrow_unable(event) != NULL)
        return 0;
    each_rule(policies, event, architecture, add_tasks, &tasks);
    if (tasks.everybodys)
        return 0;
    *scopes = tasks.scopes;
    return tasks.mask;
}

/* -- for people -- */

struct telling {
    const struct narrow_left *left;
    const struct policy *policy;
};

static void tell_field(void *arg, const char *field)
{
    const struct telling *telling = arg;
    telling->left->tell(telling->left->arg, telling->policy, field);
}

static void tell_scope(const struct narrow_left *left, const struct policy *policy)
{
    const struct scope *scope = &policy->scope;
    if (scope->follow)
        left->tell(left->arg, policy, "follow, which must see everything");
    if (scope->n_roots > 0)
        left->tell(left->arg, policy, "tree, which must see everything");
    if (scope->new_process != SCOPE_ANY_AGE)
        left->tell(left->arg, policy, "pid=new");
    for (size_t i = 0; i < scope->n_filters; i++)
        if (scope->filters[i].kind == FILTER_PROGRAM_PATH) {
            left->tell(left->arg, policy, "executable");
            return;
        }
}

static bool tell_rule(void *arg, const struct conditions *conditions)
{
    struct telling *telling = arg;
    struct task_scope scope = {0};
    if (telling->policy != conditions->policy)
        tell_scope(telling->left, conditions->policy);
    telling->policy = conditions->policy;
    task_scope_add(&scope, conditions->scope, tell_field, telling);
    task_scope_add(&scope, conditions->filters, tell_field, telling);
    return true;
}

void narrow_tell_left(const struct policies *policies, const struct schema_event *event, enum architecture architecture,
                      const struct narrow_left *left)
{
    struct telling telling = {.left = left};
    each_rule(policies, event, architecture, tell_rule, &telling);
}
