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
            wanted[id] = 1;
    derive_mark_sources(wanted);
}

void plan_build(struct plan *plan, const struct schema *schema, const uint8_t wanted[EVENT_ID_LIMIT])
{
    plan->count = 0;
    for (size_t i = 0; i < schema_count(schema) && plan->count < WIRE_PLAN_EVENTS; i++) {
        const struct schema_event *event = schema_event_at(schema, i);
        if (event->known != NULL && wanted[event->known->id] != 0)
            plan->event_id[plan->count++] = event->id;
    }
}
