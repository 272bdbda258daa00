/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/world.h"

void world_open(struct world *world)
{
    *world = (struct world){.schema = schema_new_builtin(), .batch = test_batch_new(), .state = state_new(), .seq = 1};
    if (world->schema == NULL || world->state == NULL)
        abort();
    world->context = (struct event_context){
        .node = "node1",
        .boot_id = "boot-1",
        .session = 0x1122334455667788u,
        .wall_minus_boot_ns = INT64_C(1700000000000000000),
        .event = &world->event,
        .state = world->state,
    };
}

void world_close(struct world *world)
{
    test_batch_free(world->batch);
    state_free(world->state);
    schema_free(world->schema);
}

const struct event_context *world_send(struct world *world, const struct record *record)
{
    test_batch_begin(world->batch, world->context.session, world->seq++);
    test_batch_add(world->batch, record);
    struct decoder *decoder = test_batch_open(world->batch, world->schema);
    if (!decoder_next(decoder, &world->event))
        abort();
    state_use_decoder(world->state, decoder);
    world->context.decoder = decoder;
    world->context.process = state_apply(world->state, &world->event);
    world->context.container = state_container_of(world->state, world->context.process, world->event.task);
    return &world->context;
}

static void keep(void *arg, const struct finding *finding)
{
    struct world_findings *findings = arg;
    if (findings->n < WORLD_FINDINGS)
        findings->list[findings->n] = *finding;
    findings->n++;
}

struct world_findings world_judge(struct world *world, struct engine *engine, const struct record *record)
{
    struct world_findings findings = {0};
    const struct event_context *context = world_send(world, record);
    engine_begin_batch(engine, decoder_string_count(context->decoder));
    engine_judge(engine, context, keep, &findings);
    return findings;
}
