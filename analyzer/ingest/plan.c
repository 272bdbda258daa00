// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/plan.h"

#include "analyzer/derive/derive.h"

static const uint64_t SECONDS_TO_2024 = 1704067200;

uint32_t plan_first_epoch(uint64_t wall_ns)
{
    uint64_t quarters = wall_ns / 250000000;
    uint64_t start = SECONDS_TO_2024 * 4;
    return quarters > start ? (uint32_t)(quarters - start) : 1;
}

static bool state_needs(uint32_t event_id)
{
    return event_id == EVENT_sched_process_fork || event_id == EVENT_sched_process_exec ||
           event_id == EVENT_sched_process_exit || event_id == EVENT_cgroup_mkdir || event_id == EVENT_cgroup_rmdir;
}

/* Of what policies show a kernel may leave out what none of them could tell; of what words name it may not. */
static uint8_t want_of_shown(const struct selection *selection)
{
    return selection_policies(selection)->count > 0 ? WANT_SOME : WANT_ALL;
}

void plan_mark(struct plan_needs *needs)
{
    const uint8_t want_shown = want_of_shown(needs->selection);
    uint8_t *wanted = needs->wanted;
    memset(wanted, WANT_NONE, sizeof(needs->wanted));
    engine_wanted_events(needs->engine, wanted);
    for (uint32_t id = 0; id < EVENT_ID_LIMIT; id++) {
        if (selection_has_event(needs->selection, id) && wanted[id] < want_shown)
            wanted[id] = want_shown;
        if (state_needs(id) || selection_needs_event(needs->selection, id))
            wanted[id] = WANT_ALL;
    }
    derive_mark_sources(wanted);
}

void plan_narrow(const struct plan_needs *needs, const struct schema_event *event, struct task_scopes *scopes,
                 struct plan_event *ret)
{
    const uint32_t id = event->known->id;
    const struct policies *policies = selection_policies(needs->selection);
    const bool is_some = needs->wanted[id] == WANT_SOME;
    *ret = (struct plan_event){.whole = !is_some};
    const bool is_judged = engine_watches(needs->engine, event, &ret->watches);
    if (!is_some || policies->count == 0 || !selection_has_event(needs->selection, id))
        return;
    struct watches both = ret->watches;
    narrow_files(policies, event, needs->architecture, &both);
    /* A policy that needs all of them must not take from the detections what tells theirs apart. */
    ret->whole = both.all;
    if (!both.all)
        ret->watches = both;
    if (!is_judged)
        ret->scopes = narrow_tasks(policies, event, needs->architecture, scopes);
}

/* An event without rows is wanted whole. */
static void add_event(struct plan *plan, const struct schema_event *event, const struct plan_needs *needs)
{
    struct plan_event of;
    plan_narrow(needs, event, &plan->scopes, &of);
    plan->scopes_of[plan->count] = of.scopes;
    plan->event_id[plan->count++] = event->id;
    if (of.watches.all || plan->n_watches + of.watches.n > WIRE_PLAN_WATCHES)
        return;
    for (size_t i = 0; i < of.watches.n; i++)
        plan->watch[plan->n_watches++] = (struct plan_watch){.event_id = event->id, .watch = of.watches.list[i]};
    if (of.whole && of.watches.n > 0)
        plan->whole[plan->n_whole++] = event->id;
}

void plan_build(struct plan *plan, const struct schema *schema, const struct plan_needs *needs)
{
    plan->count = 0;
    plan->n_watches = plan->n_whole = 0;
    plan->scopes = (struct task_scopes){0};
    for (size_t i = 0; i < schema_count(schema) && plan->count < WIRE_PLAN_EVENTS; i++) {
        const struct schema_event *event = schema_event_at(schema, i);
        if (event->known != NULL && needs->wanted[event->known->id] != WANT_NONE)
            add_event(plan, event, needs);
    }
}

bool plan_equal(const struct plan *a, const struct plan *b)
{
    return a->count == b->count && a->n_watches == b->n_watches && a->n_whole == b->n_whole &&
           memcmp(a->event_id, b->event_id, a->count * sizeof(a->event_id[0])) == 0 &&
           memcmp(a->scopes_of, b->scopes_of, a->count * sizeof(a->scopes_of[0])) == 0 &&
           task_scopes_equal(&a->scopes, &b->scopes) &&
           memcmp(a->whole, b->whole, a->n_whole * sizeof(a->whole[0])) == 0 &&
           memcmp(a->watch, b->watch, a->n_watches * sizeof(a->watch[0])) == 0; /* no padding: plan.h */
}
