// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/canary_plan.h"

#include <string.h>

#include "common/events/canaries.h"

static const struct {
    uint16_t event;
    bool alone; /* may be asked for although nobody else wants the event: a rare call, or once a process */
} rows[CANARY_FAMILIES] = {
#define CANARY(family, name) [CANARY_##family].event = EVENT_##name,
#include "common/events/canaries.def"
    [CANARY_sys_enter].alone = true,
    [CANARY_sys_exit].alone = true,
};

static const struct schema_event *covered_row(const struct schema *schema, const struct coverage *coverage,
                                              uint16_t event)
{
    for (size_t i = 0; i < schema_count(schema); i++) {
        const struct schema_event *row = schema_event_at(schema, i);
        if (row->known == NULL || row->known->id != event)
            continue;
        const struct coverage_row *covered = coverage_find(coverage, row->id);
        return covered != NULL && covered->covered ? row : NULL;
    }
    return NULL;
}

/* 0 when there is no room. */
static uint32_t scope_of_canary(struct plan *plan)
{
    struct task_scope scope = {.n = 1};
    scope.value[0].field = VEDETTE__V1__SCOPE_FIELD__SCOPE_COMM;
    scope.value[0].length = sizeof(CANARY_COMM) - 1;
    scope.value[0].flags = TASK_VALUE_ENDS_KEY;
    memcpy(scope.value[0].text, CANARY_COMM, sizeof(CANARY_COMM) - 1);
    return task_scopes_bit(&plan->scopes, &scope);
}

/* An event that is narrowed to rows needs one for the canary's file. */
static bool watch_canary(struct plan *plan, uint32_t event_id)
{
    bool has_rows = false;
    for (size_t i = 0; i < plan->n_watches; i++)
        has_rows = has_rows || plan->watch[i].event_id == event_id;
    if (!has_rows)
        return true;
    if (plan->n_watches == WIRE_PLAN_WATCHES)
        return false;
    struct plan_watch *watch = &plan->watch[plan->n_watches++];
    *watch = (struct plan_watch){.event_id = event_id};
    watch->watch.part = VEDETTE__V1__WATCH_PART__WATCH_NAME;
    watch->watch.access = WATCH_READ;
    watch->watch.length = sizeof(CANARY_FILE_NAME) - 1;
    memcpy(watch->watch.text, CANARY_FILE_NAME, sizeof(CANARY_FILE_NAME) - 1);
    return true;
}

/* Of an event that stands at `i`, or is added there. */
static bool want(struct plan *plan, size_t i, uint32_t event_id)
{
    const bool is_new = i == plan->count;
    if (is_new || plan->scopes_of[i] != 0) {
        const uint32_t scope = scope_of_canary(plan);
        if (scope == 0 || i == WIRE_PLAN_EVENTS)
            return false;
        if (is_new) {
            plan->event_id[plan->count++] = event_id;
            plan->scopes_of[i] = 0;
        }
        plan->scopes_of[i] |= scope;
    }
    return watch_canary(plan, event_id);
}

uint32_t canary_plan(struct plan *plan, const struct schema *schema, const struct coverage *coverage, uint32_t families)
{
    uint32_t expected = 0;
    for (unsigned family = 0; family < CANARY_FAMILIES; family++) {
        const struct schema_event *row = covered_row(schema, coverage, rows[family].event);
        size_t i = 0;
        if ((families >> family & 1) == 0 || row == NULL)
            continue;
        while (i < plan->count && plan->event_id[i] != row->id)
            i++;
        if ((i < plan->count || rows[family].alone) && want(plan, i, row->id))
            expected |= 1u << family;
    }
    return expected;
}
