// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/judge.h"

#include <errno.h>

#include "analyzer/detect/matcher.h"
#include "analyzer/policy/lineage.h"
#include "analyzer/policy/rows.h"

enum { FIRST_FINDING_ID = 6000, NO_SLOT = -1, MAX_GAPS = 64 };

/* A rule, for one event or for one trigger of a detection. */
struct entry {
    uint32_t policy;
    const struct condition *when;
};

struct entries {
    struct entry *list;
    size_t count, capacity;
};

struct judged_policy {
    const struct policy *policy;
    const struct condition *scope;
    int tree_slot, follow_slot;
    uint64_t asked; /* at which event the scope was judged last */
    bool holds;
};

struct policy_judge {
    const struct selection *selection;
    const struct schema *schema;
    enum architecture architecture;
    struct matcher *matcher;
    struct rows rows;
    const struct schema_event *row[EVENT_ID_LIMIT]; /* of our ids; NULL: the node has none */
    struct judged_policy *policies;
    size_t n_policies;
    struct entries by_event[EVENT_ID_LIMIT]; /* our ids */
    struct entries *by_trigger;              /* [event id - FIRST_FINDING_ID][trigger] */
    size_t n_findings;
    struct lineage *lineage; /* NULL: no scope remembers */
    bool has_follow;
    uint32_t host_mnt_ns;
    uint64_t n_events;
    const char **matched;
    char *gaps[MAX_GAPS];
    size_t n_gaps;
};

static _Thread_local char judge_error[FILTER_WORDS_BYTES + POLICY_MAX_NAME];

/* -- making one -- */

static int entries_add(struct entries *entries, uint32_t policy, const struct condition *when)
{
    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity == 0 ? 4 : entries->capacity * 2;
        struct entry *grown = reallocarray(entries->list, capacity, sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        entries->list = grown;
        entries->capacity = capacity;
    }
    entries->list[entries->count++] = (struct entry){.policy = policy, .when = when};
    return 0;
}

static void add_gap(struct policy_judge *judge, const struct policy *policy, const char *words)
{
    if (judge->n_gaps < MAX_GAPS && asprintf(&judge->gaps[judge->n_gaps], "policy %s: %s", policy->name, words) >= 0)
        judge->n_gaps++;
}

/* One rule for one event of the node. -ENOENT: the node's row lacks what the rule asks for. */
static int compile(struct policy_judge *judge, const struct policy *policy, const struct filter *filters,
                   size_t n_filters, const struct schema_event *event, const struct trigger *trigger,
                   const struct condition **ret)
{
    struct pool pool = {0};
    struct lowering lowering = {.pool = &pool,
                                .event = event,
                                .trigger = trigger,
                                .architecture = judge->architecture,
                                .host_mnt_ns = judge->host_mnt_ns};
    const struct predicate *tree = NULL;
    int result = filters_lower(&lowering, filters, n_filters, &tree);
    const char *words = lowering.words;
    if (result == 0) {
        result = matcher_add(judge->matcher, event, policy->name, tree, ret);
        words = matcher_error(judge->matcher);
    }
    if (result == -EINVAL || result == -ENOENT)
        snprintf(judge_error, sizeof(judge_error), "%s", words);
    pool_fini(&pool);
    return result;
}

static int add_rule_event(struct policy_judge *judge, uint32_t p, const struct rule *rule, uint16_t id)
{
    const struct policy *policy = judge->policies[p].policy;
    const struct schema_event *event = judge->row[id];
    const struct condition *when = NULL;
    if (event == NULL)
        return 0; /* the node says that it does not cover it */
    int result = compile(judge, policy, rule->filters, rule->n_filters, event, NULL, &when);
    if (result == -ENOENT) {
        add_gap(judge, policy, judge_error);
        return 0;
    }
    return result < 0 ? result : entries_add(&judge->by_event[id], p, when);
}

/* Only the detection's own triggers: those that lack what the filters ask for cannot meet them. */
static int add_rule_detection(struct policy_judge *judge, uint32_t p, const struct rule *rule,
                              const struct detection *detection)
{
    size_t finding = (size_t)(detection->event_id - FIRST_FINDING_ID);
    for (size_t t = 0; t < DETECTION_MAX_TRIGGERS && detection->triggers[t].event != NULL; t++) {
        const struct trigger *trigger = &detection->triggers[t];
        const struct schema_event *event = rows_find(&judge->rows, trigger->event);
        const struct condition *when = NULL;
        int result = event == NULL ? -ENOENT
                                   : compile(judge, judge->policies[p].policy, rule->filters, rule->n_filters, event,
                                             trigger, &when);
        if (result == 0)
            result = entries_add(&judge->by_trigger[finding * DETECTION_MAX_TRIGGERS + t], p, when);
        if (result < 0 && result != -ENOENT)
            return result;
    }
    return 0;
}

static int compile_scope(struct policy_judge *judge, struct judged_policy *judged)
{
    const struct scope *scope = &judged->policy->scope;
    return schema_count(judge->schema) == 0 ? 0
                                            : compile(judge, judged->policy, scope->filters, scope->n_filters,
                                                      schema_event_at(judge->schema, 0), NULL, &judged->scope);
}

static int add_policy(struct policy_judge *judge, uint32_t p)
{
    const struct policy *policy = judge->policies[p].policy;
    int result = compile_scope(judge, &judge->policies[p]);
    for (size_t r = 0; r < policy->n_rules && result == 0; r++) {
        const struct rule *rule = &policy->rules[r];
        for (size_t i = 0; i < rule->n_events && result == 0; i++)
            result = add_rule_event(judge, p, rule, rule->events[i]);
        for (size_t i = 0; i < rule->n_detections && result == 0; i++)
            result = add_rule_detection(judge, p, rule, rule->detections[i]);
    }
    return result;
}

static int make_lineage(struct policy_judge *judge)
{
    struct lineage_slot *slots = calloc(2 * judge->n_policies + 1, sizeof(*slots));
    size_t n = 0;
    if (slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < judge->n_policies; i++) {
        struct judged_policy *judged = &judge->policies[i];
        const struct scope *scope = &judged->policy->scope;
        judged->tree_slot = judged->follow_slot = NO_SLOT;
        const struct lineage_slot slot = {.policy = judged->policy->name, .scope = scope->text};
        if (scope->n_roots > 0) {
            judged->tree_slot = (int)n;
            slots[n] = slot;
            slots[n].roots = scope->roots;
            slots[n++].n_roots = scope->n_roots;
        }
        if (scope->follow) {
            judged->follow_slot = (int)n;
            slots[n++] = slot;
            judge->has_follow = true;
        }
    }
    if (n > 0)
        judge->lineage = lineage_new(slots, n);
    int result = n > 0 && judge->lineage == NULL ? -ENOMEM : 0;
    free(slots);
    return result;
}

static int fill(struct policy_judge *judge)
{
    const struct policies *policies = selection_policies(judge->selection);
    size_t n_detections;
    const struct detection *const *detections = detections_all(&n_detections);
    for (size_t i = 0; i < n_detections; i++)
        if ((size_t)(detections[i]->event_id - FIRST_FINDING_ID) >= judge->n_findings)
            judge->n_findings = (size_t)(detections[i]->event_id - FIRST_FINDING_ID) + 1;
    judge->matcher = matcher_new();
    judge->by_trigger = calloc(judge->n_findings * DETECTION_MAX_TRIGGERS + 1, sizeof(*judge->by_trigger));
    judge->policies = calloc(policies->count + 1, sizeof(*judge->policies));
    judge->matched = calloc(policies->count + 1, sizeof(*judge->matched));
    if (judge->matcher == NULL || judge->by_trigger == NULL || judge->policies == NULL || judge->matched == NULL)
        return -ENOMEM;
    if (rows_init(&judge->rows, judge->schema, judge->matcher) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < schema_count(judge->schema); i++) {
        const struct schema_event *event = schema_event_at(judge->schema, i);
        if (event->known != NULL)
            judge->row[event->known->id] = event;
    }
    judge->n_policies = policies->count;
    for (size_t i = 0; i < policies->count; i++)
        judge->policies[i].policy = policies->policy[i];
    int result = make_lineage(judge);
    for (uint32_t i = 0; i < judge->n_policies && result == 0; i++)
        result = add_policy(judge, i);
    return result;
}

struct policy_judge *policy_judge_new(const struct selection *selection, const struct schema *schema,
                                      enum architecture architecture, const char **ret_error)
{
    struct policy_judge *judge = calloc(1, sizeof(*judge));
    snprintf(judge_error, sizeof(judge_error), "out of memory");
    *ret_error = judge_error;
    if (judge == NULL)
        return NULL;
    judge->selection = selection;
    judge->schema = schema;
    judge->architecture = architecture;
    int result = fill(judge);
    if (result == 0)
        return judge;
    policy_judge_free(judge);
    errno = -result;
    return NULL;
}

void policy_judge_free(struct policy_judge *judge)
{
    if (judge == NULL)
        return;
    for (size_t i = 0; i < EVENT_ID_LIMIT; i++)
        free(judge->by_event[i].list);
    for (size_t i = 0; judge->by_trigger != NULL && i < judge->n_findings * DETECTION_MAX_TRIGGERS; i++)
        free(judge->by_trigger[i].list);
    for (size_t i = 0; i < judge->n_gaps; i++)
        free(judge->gaps[i]);
    lineage_free(judge->lineage);
    rows_fini(&judge->rows);
    matcher_free(judge->matcher);
    free(judge->by_trigger);
    free(judge->policies);
    free(judge->matched);
    free(judge);
}

void policy_judge_inherit(struct policy_judge *judge, struct policy_judge *from, const struct state *state)
{
    if (from == NULL)
        return;
    if (judge->lineage != NULL)
        lineage_inherit(judge->lineage, from->lineage, state);
    judge->host_mnt_ns = from->host_mnt_ns;
    for (size_t i = 0; i < judge->n_policies; i++)
        if (judge->policies[i].policy->scope.wants_host_namespace)
            (void)compile_scope(judge, &judge->policies[i]);
}

size_t policy_judge_gaps(const struct policy_judge *judge, const char **ret, size_t limit)
{
    for (size_t i = 0; i < judge->n_gaps && i < limit; i++)
        ret[i] = judge->gaps[i];
    return judge->n_gaps;
}

uint64_t policy_judge_evicted(const struct policy_judge *judge)
{
    return judge->lineage == NULL ? 0 : lineage_evicted(judge->lineage);
}

/* -- judging -- */

void policy_judge_begin_batch(struct policy_judge *judge, uint32_t n_strings)
{
    matcher_begin_batch(judge->matcher, n_strings);
}

static bool roots_hold(const struct policy_judge *judge, const struct judged_policy *judged, const uint8_t *marks)
{
    const struct scope *scope = &judged->policy->scope;
    bool any_included = false;
    (void)judge;
    if (judged->tree_slot == NO_SLOT || marks == NULL)
        return true;
    if (marks[judged->tree_slot] != MARK_NONE)
        return marks[judged->tree_slot] == MARK_IN;
    for (size_t i = 0; i < scope->n_roots; i++)
        any_included = any_included || !scope->roots[i].excluded;
    return !any_included;
}

/* Began, or executed a program, since the node is watched. */
static bool is_new(const struct process *process)
{
    return process->exec_ns != 0 || !process->from_snapshot;
}

static bool scope_holds(struct policy_judge *judge, struct judged_policy *judged, const struct event_context *context)
{
    const struct scope *scope = &judged->policy->scope;
    if (judged->asked == judge->n_events)
        return judged->holds;
    bool remembers = judged->tree_slot != NO_SLOT || judged->follow_slot != NO_SLOT;
    uint8_t *marks = remembers ? lineage_marks(judge->lineage, context) : NULL;
    bool holds =
        (scope->new_process == SCOPE_ANY_AGE || is_new(context->process) == (scope->new_process == SCOPE_NEW)) &&
        roots_hold(judge, judged, marks) && matcher_judge(judge->matcher, judged->scope, context) != VERDICT_NO;
    if (judged->follow_slot != NO_SLOT && marks != NULL) {
        if (holds)
            marks[judged->follow_slot] = MARK_IN;
        holds = marks[judged->follow_slot] == MARK_IN;
    }
    judged->asked = judge->n_events;
    judged->holds = holds;
    return holds;
}

static void learn_host_namespace(struct policy_judge *judge, const struct event_view *event)
{
    int index = event_arg_index(event->schema->known, "mnt");
    uint32_t mnt_ns = index < 0 ? 0 : (uint32_t)event->args[index].u;
    if (mnt_ns == 0 || mnt_ns == judge->host_mnt_ns)
        return;
    judge->host_mnt_ns = mnt_ns;
    for (size_t i = 0; i < judge->n_policies; i++)
        if (judge->policies[i].policy->scope.wants_host_namespace)
            (void)compile_scope(judge, &judge->policies[i]); /* without memory the old condition stays */
}

void policy_judge_begin_event(struct policy_judge *judge, const struct event_context *context)
{
    const struct event *known = context->event->schema->known;
    judge->n_events++;
    if (known == NULL)
        return;
    if (known->id == EVENT_init_namespaces)
        learn_host_namespace(judge, context->event);
    /* What is followed is decided where a process can become what it was not, selected or not. */
    bool turns = known->id == EVENT_sched_process_fork || known->id == EVENT_sched_process_exec;
    for (size_t i = 0; judge->has_follow && turns && i < judge->n_policies; i++)
        if (judge->policies[i].follow_slot != NO_SLOT)
            scope_holds(judge, &judge->policies[i], context);
    if (judge->lineage != NULL)
        lineage_event(judge->lineage, context);
}

static const char *const *match(struct policy_judge *judge, const struct entries *entries,
                                const struct event_context *context, size_t *ret_count)
{
    size_t n = 0;
    const char *last = NULL;
    for (size_t i = 0; i < entries->count; i++) {
        struct judged_policy *judged = &judge->policies[entries->list[i].policy];
        /* Entries are in the order of policies, so that two rules of one stand together. */
        if (judged->policy->name == last || !scope_holds(judge, judged, context) ||
            matcher_judge(judge->matcher, entries->list[i].when, context) == VERDICT_NO)
            continue;
        last = judged->policy->name;
        judge->matched[n++] = last;
    }
    *ret_count = n;
    return judge->matched;
}

static const char *const no_policy[] = {""};

const char *const *policy_judge_event(struct policy_judge *judge, const struct event_context *context,
                                      size_t *ret_count)
{
    const struct event *known = context->event->schema->known;
    *ret_count = 0;
    if (known == NULL || !selection_has_event(judge->selection, known->id))
        return no_policy;
    if (judge->n_policies > 0)
        return match(judge, &judge->by_event[known->id], context, ret_count);
    *ret_count = 1;
    return no_policy;
}

const char *const *policy_judge_finding(struct policy_judge *judge, const struct finding *finding, size_t *ret_count)
{
    size_t row = (size_t)(finding->detection->event_id - FIRST_FINDING_ID);
    size_t trigger = (size_t)(finding->trigger - finding->detection->triggers);
    *ret_count = 0;
    if (judge->n_policies > 0 && row < judge->n_findings && trigger < DETECTION_MAX_TRIGGERS)
        return match(judge, &judge->by_trigger[row * DETECTION_MAX_TRIGGERS + trigger], finding->context, ret_count);
    *ret_count = judge->n_policies == 0;
    return no_policy;
}
