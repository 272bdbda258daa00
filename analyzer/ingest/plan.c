// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/plan.h"

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
           event_id == EVENT_sched_process_exit;
}

bool plan_wants(const struct selection *selection, const uint8_t wanted[EVENT_ID_LIMIT], uint32_t event_id)
{
    return event_id < EVENT_ID_LIMIT &&
           (state_needs(event_id) || wanted[event_id] != 0 || selection_has_event(selection, event_id));
}

void plan_build(struct plan *plan, const struct schema *schema, const struct selection *selection,
                const uint8_t wanted[EVENT_ID_LIMIT])
{
    plan->count = 0;
    for (size_t i = 0; i < schema_count(schema) && plan->count < WIRE_PLAN_EVENTS; i++) {
        const struct schema_event *event = schema_event_at(schema, i);
        if (event->known != NULL && plan_wants(selection, wanted, event->known->id))
            plan->event_id[plan->count++] = event->id;
    }
}
