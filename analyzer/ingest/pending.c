// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/pending.h"

#include <errno.h>

static char *own(const struct alert *alert)
{
    union {
        const char *in;
        char *out;
    } json = {.in = alert->json}; /* struct alert is shared with readers, who may not write it */
    return json.out;
}

void pending_clear(struct pending *pending)
{
    for (size_t i = 0; i < pending->count; i++)
        free(own(&pending->alert[i]));
    pending->count = 0;
    pending->bytes = 0;
}

void pending_fini(struct pending *pending)
{
    pending_clear(pending);
    free(pending->alert);
    text_fini(&pending->text);
    *pending = (struct pending){0};
}

static int make_room(struct pending *pending)
{
    if (pending->count < pending->capacity)
        return 0;
    size_t capacity = pending->capacity == 0 ? 16 : pending->capacity * 2;
    struct alert *grown = reallocarray(pending->alert, capacity, sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    pending->alert = grown;
    pending->capacity = capacity;
    return 0;
}

int pending_add(struct pending *pending, const char *node, const struct finding *finding, const char *const *policies,
                size_t n_policies, enum json_arguments arguments)
{
    const struct event_context *context = finding->context;
    if (pending->bytes >= PENDING_MAX_BYTES)
        return -ENOBUFS;
    if (make_room(pending) < 0)
        return -ENOMEM;
    struct alert *alert = &pending->alert[pending->count];
    *alert = (struct alert){
        .time_ns = context->event->time_ns + (uint64_t)context->wall_minus_boot_ns,
        .node = node,
        .detection = finding->detection->name,
        .severity = (int)finding->severity,
    };
    alert_id(finding, alert->id);
    pending->text.size = 0;
    pending->text.failed = false;
    int result = json_finding(&pending->text, finding, alert->id, policies, n_policies, arguments);
    if (result < 0)
        return result;
    alert->json = strndup(pending->text.data, pending->text.size);
    if (alert->json == NULL)
        return -ENOMEM;
    pending->count++;
    pending->bytes += pending->text.size;
    return 0;
}
