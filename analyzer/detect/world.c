/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/world.h"

#include <errno.h>

struct world world;

void world_open(struct world *here)
{
    *here = (struct world){.schema = schema_new_builtin(), .batch = test_batch_new(), .state = state_new(), .seq = 1};
    if (here->schema == NULL || here->state == NULL)
        abort();
    here->context = (struct event_context){
        .node = "node1",
        .boot_id = "boot-1",
        .session = 0x1122334455667788u,
        .wall_minus_boot_ns = INT64_C(1700000000000000000),
        .event = &here->event,
        .state = here->state,
    };
}

void world_close(struct world *here)
{
    test_batch_free(here->batch);
    state_free(here->state);
    schema_free(here->schema);
}

const struct event_context *world_send(struct world *here, const struct record *record)
{
    test_batch_begin(here->batch, here->context.session, here->seq++);
    test_batch_add(here->batch, record);
    struct decoder *decoder = test_batch_open(here->batch, here->schema);
    if (!decoder_next(decoder, &here->event))
        abort();
    state_use_decoder(here->state, decoder);
    here->context.decoder = decoder;
    here->context.process = state_apply(here->state, &here->event);
    here->context.container = state_container_of(here->state, here->context.process, here->event.task);
    return &here->context;
}

enum verdict world_ask(struct world *here, const struct record *record, const struct predicate *tree)
{
    const struct event_context *context = world_send(here, record);
    struct matcher *matcher = matcher_new();
    const struct condition *condition;
    if (matcher == NULL)
        abort();
    if (matcher_add(matcher, context->event->schema, "test", tree, &condition) != 0) {
        fprintf(stderr, "%s\n", matcher_error(matcher));
        abort();
    }
    enum verdict uncached = matcher_judge(matcher, condition, context);
    matcher_begin_batch(matcher, decoder_string_count(context->decoder));
    enum verdict first = matcher_judge(matcher, condition, context);
    enum verdict second = matcher_judge(matcher, condition, context);
    matcher_free(matcher);
    if (uncached != first || first != second)
        abort();
    return first;
}

void world_refusal(struct world *here, const char *event, const struct predicate *tree, char *ret_words, size_t size)
{
    const struct schema_event *row = schema_event_by_id(here->schema, event_by_name(event)->id);
    struct matcher *matcher = matcher_new();
    const struct condition *condition = NULL;
    if (matcher == NULL)
        abort();
    int result = matcher_add(matcher, row, "detection \"x\"", tree, &condition);
    snprintf(ret_words, size, "%s", result == -EINVAL && condition == NULL ? matcher_error(matcher) : "");
    matcher_free(matcher);
}

static void keep(void *arg, const struct finding *finding)
{
    struct world_findings *findings = arg;
    if (findings->n < WORLD_FINDINGS)
        findings->list[findings->n] = *finding;
    findings->n++;
}

struct world_findings world_judge(struct world *here, struct engine *engine, const struct record *record)
{
    struct world_findings findings = {0};
    const struct event_context *context = world_send(here, record);
    engine_begin_batch(engine, decoder_string_count(context->decoder));
    engine_judge(engine, context, keep, &findings);
    return findings;
}

int world_setup(void **state)
{
    (void)state;
    world_open(&world);
    return 0;
}

int world_teardown(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}
