/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an analyzer may answer, as the worker makes a plan of it: whatever comes, the drain gets one whose every count
 * and index is in range; and what a worker that was taken over writes in its place is brought into it.
 */
#include <stddef.h>

#include "collector/courier/messages.h"
#include "collector/queue/layout.h"
#include "common/wire/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_counts(const struct plan_request *plan)
{
    if (plan->n_watches > WATCH_ROWS || plan->scopes.n_values > SCOPE_VALUES)
        abort();
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        if (plan->selected[id] > SELECTED_WATCHED)
            abort();
}

static void check_indexes(const struct plan_request *plan)
{
    for (uint32_t i = 0; i < plan->n_watches; i++) {
        const struct watch_row *row = &plan->watch[i];
        if (row->event_id >= EVENT_ID_LIMIT || row->part >= WATCH_PARTS || row->length > WATCH_TEXT ||
            row->access >= 1u << WATCH_ACCESS_BITS || plan->selected[row->event_id] == SELECTED_NOT)
            abort();
    }
    for (uint32_t i = 0; i < plan->scopes.n_values; i++) {
        const struct scope_value *value = &plan->scopes.value[i];
        if (value->scope >= PLAN_SCOPES || value->key == TASK_KEY_NONE || value->key >= TASK_KEYS)
            abort();
    }
}

/* As queue_take_plan reads it, of an area that `bytes` were written over. */
static void take_raw(const uint8_t *bytes, size_t size)
{
    static struct worker_area area;
    static struct plan_request plan;
    struct queue queue = {.worker = &area, .drain_fd = -1};
    memset(&area, 0, sizeof(area));
    memcpy(&area.plan, bytes, size < sizeof(area.plan) ? size : sizeof(area.plan));
    area.plan_sequence = 2;
    if (queue_peek_plan(&queue, &plan))
        check_counts(&plan);
}

static void read_plan(const Vedette__V1__Plan *from)
{
    static struct plan_request plan;
    if (from == NULL)
        return;
    message_read_plan(from, &plan);
    check_counts(&plan);
    check_indexes(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct replies *replies;
    if (replies == NULL && (replies = replies_new()) == NULL)
        abort();
    const Vedette__V1__Reply *reply = replies_unpack(replies, bytes, size);
    if (reply != NULL && reply->body_case == VEDETTE__V1__REPLY__BODY_ACK)
        read_plan(reply->ack->plan);
    if (reply != NULL && reply->body_case == VEDETTE__V1__REPLY__BODY_WELCOME)
        read_plan(reply->welcome->plan);
    take_raw(bytes, size);
    return 0;
}
