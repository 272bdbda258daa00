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

void plan_mark(const struct selection *selection, uint8_t wanted[EVENT_ID_LIMIT])
{
    for (uint32_t id = 0; id < EVENT_ID_LIMIT; id++)
        if (state_needs(id) || selection_has_event(selection, id) || selection_needs_event(selection, id))
            wanted[id] = WANT_ALL;
    derive_mark_sources(wanted);
}

/* An event without rows is wanted whole. Of one that is shown whole too the rows say what must not drown in the rest.
 */
static void add_watches(struct plan *plan, const struct engine *engine, const struct schema_event *event, bool is_whole)
{
    struct watches watches = {0};
    engine_watches(engine, event, &watches);
    if (watches.all || plan->n_watches + watches.n > WIRE_PLAN_WATCHES)
        return;
    for (size_t i = 0; i < watches.n; i++)
        plan->watch[plan->n_watches++] = (struct plan_watch){.event_id = event->id, .watch = watches.list[i]};
    if (is_whole && watches.n > 0)
        plan->whole[plan->n_whole++] = event->id;
}

void plan_build(struct plan *plan, const struct schema *schema, const struct engine *engine,
                const uint8_t wanted[EVENT_ID_LIMIT])
{
    plan->count = 0;
    plan->n_watches = plan->n_whole = 0;
    for (size_t i = 0; i < schema_count(schema) && plan->count < WIRE_PLAN_EVENTS; i++) {
        const struct schema_event *event = schema_event_at(schema, i);
        if (event->known == NULL || wanted[event->known->id] == WANT_NONE)
            continue;
        plan->event_id[plan->count++] = event->id;
        add_watches(plan, engine, event, wanted[event->known->id] == WANT_ALL);
    }
}

bool plan_equal(const struct plan *a, const struct plan *b)
{
    return a->count == b->count && a->n_watches == b->n_watches && a->n_whole == b->n_whole &&
           memcmp(a->event_id, b->event_id, a->count * sizeof(a->event_id[0])) == 0 &&
           memcmp(a->whole, b->whole, a->n_whole * sizeof(a->whole[0])) == 0 &&
           memcmp(a->watch, b->watch, a->n_watches * sizeof(a->watch[0])) == 0; /* no padding: plan.h */
}
