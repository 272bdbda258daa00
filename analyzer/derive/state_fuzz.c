/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer may send, applied to a node's state, judged by every detection, and what is derived from it: bounds hold,
 * and a container that is told has an id and a runtime.
 */
#include "analyzer/derive/derive.h"
#include "common/wire/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct fixture {
    struct decoder *decoder;
    struct schema *schema;
    struct engine *engine;
};

static void ignore(void *arg, const struct finding *finding)
{
    (void)arg;
    if (finding->severity > SEVERITY_CRITICAL)
        abort();
}

static void judge(void *arg, const struct event_context *context)
{
    const struct fixture *f = arg;
    const struct container *container = context->container;
    if (container != NULL && (container->id[0] == '\0' || container->runtime[0] == '\0'))
        abort();
    engine_judge(f->engine, context, ignore, NULL);
}

static void apply(struct fixture *f, struct state *state)
{
    struct event_view event;
    struct event_context context = {
        .node = "node1", .boot_id = "boot-1", .decoder = f->decoder, .event = &event, .state = state};
    engine_begin_batch(f->engine, decoder_string_count(f->decoder));
    state_use_decoder(state, f->decoder);
    while (decoder_next(f->decoder, &event)) {
        context.process = state_apply(state, &event);
        if (context.process == NULL)
            continue;
        context.container = state_container_of(state, context.process, event.task);
        judge(f, &context);
        derive(f->schema, &context, judge, f);
    }
    state_use_decoder(state, NULL);
    if (atomic_load(&state_counters(state)->containers) > STATE_MAX_CONTAINERS ||
        atomic_load(&state_counters(state)->processes) > STATE_MAX_PROCESSES)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct fixture f;
    const char *error;
    if (f.decoder == NULL) {
        f.decoder = decoder_new(WIRE_REQUEST_BYTES);
        f.schema = schema_new_builtin();
        f.engine = f.schema == NULL ? NULL : engine_new(f.schema, NULL, 0, &error);
    }
    struct state *state = state_new();
    if (f.decoder == NULL || f.engine == NULL || state == NULL)
        abort();
    const Vedette__V1__Request *request = NULL;
    if (decoder_unpack(f.decoder, bytes, size, &request) == 0 &&
        request->body_case != VEDETTE__V1__REQUEST__BODY_HELLO &&
        decoder_open_batch(f.decoder, request->batch, f.schema) == 0)
        apply(&f, state);
    state_free(state);
    return 0;
}
