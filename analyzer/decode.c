/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/decode.h"

#include <errno.h>

#include "analyzer/confine.h"
#include "analyzer/derive/derive.h"
#include "analyzer/ingest/coverage.h"
#include "analyzer/ingest/loss_words.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"

enum { FLUSH_BYTES = 64 * 1024, COMPLAINTS = 20 };

/* Whose stream it is: of the newest hello. */
struct speaker {
    char *node, *boot_id;
    enum architecture architecture;
    struct schema *schema;
    struct state *state;
    struct coverage *coverage;
};

struct decoding {
    const struct decode_settings *settings;
    struct decoder *decoder;
    struct speaker speaker;
    struct text text;
    uint64_t frames, batches, refused;
    bool deaf; /* nobody reads what is written */
    bool no_memory;
};

static void speaker_free(struct speaker *speaker)
{
    state_free(speaker->state);
    schema_free(speaker->schema);
    free(speaker->coverage);
    free(speaker->node);
    free(speaker->boot_id);
}

static void flush(struct decoding *decoding)
{
    const struct decode_settings *settings = decoding->settings;
    if (decoding->text.failed)
        decoding->no_memory = true;
    else if (decoding->text.size > 0 && !decoding->deaf)
        decoding->deaf = !settings->write(settings->arg, decoding->text.data, decoding->text.size);
    decoding->text.size = 0;
}

/* A hostile stream must not fill the log. */
static void refuse(struct decoding *decoding, const char *words)
{
    decoding->refused++;
    if (decoding->refused <= COMPLAINTS)
        log_error("request %llu is skipped: %s", (unsigned long long)decoding->frames, words);
    if (decoding->refused == COMPLAINTS)
        log_error("further ones are only counted");
}

static void take_hello(struct decoding *decoding, const Vedette__V1__Hello *hello)
{
    if (decoder_check_hello(decoding->decoder, hello) != 0) {
        refuse(decoding, decoder_error(decoding->decoder));
        return;
    }
    struct speaker speaker = {
        .node = strdup(hello->node),
        .boot_id = strdup(hello->boot_id),
        .architecture = architecture_by_name(hello->arch),
        .schema = schema_new(hello),
        .state = state_new(),
    };
    if (speaker.schema != NULL)
        speaker.coverage = coverage_new(hello, speaker.schema);
    if (speaker.node == NULL || speaker.boot_id == NULL || speaker.state == NULL || speaker.coverage == NULL) {
        speaker_free(&speaker);
        decoding->no_memory = true;
        return;
    }
    speaker_free(&decoding->speaker);
    decoding->speaker = speaker;
}

static void show(void *arg, const struct event_context *context)
{
    struct decoding *decoding = arg;
    if (json_event(&decoding->text, context, NULL, 0, decoding->settings->arguments) == 0)
        text_literal(&decoding->text, "\n");
    else
        decoding->no_memory = true;
    if (decoding->text.size >= FLUSH_BYTES)
        flush(decoding);
}

static void show_events(struct decoding *decoding, const Vedette__V1__EventBatch *batch)
{
    struct speaker *speaker = &decoding->speaker;
    struct event_view event;
    struct event_context context = {
        .node = speaker->node,
        .boot_id = speaker->boot_id,
        .session = batch->session,
        .wall_minus_boot_ns = batch->wall_minus_boot_ns,
        .architecture = speaker->architecture,
        .decoder = decoding->decoder,
        .state = speaker->state,
        .event = &event,
    };
    state_use_decoder(speaker->state, decoding->decoder);
    while (!decoding->deaf && !decoding->no_memory && decoder_next(decoding->decoder, &event)) {
        context.process = state_apply(speaker->state, &event);
        if (context.process == NULL) {
            decoding->no_memory = true;
            break;
        }
        context.container = state_container(speaker->state, event.task->cgroup_id);
        show(decoding, &context);
        derive(speaker->schema, &context, show, decoding);
    }
    state_use_decoder(speaker->state, NULL);
}

static void tell_losses(const Vedette__V1__EventBatch *batch)
{
    for (size_t i = 0; i < batch->n_loss; i++) {
        const Vedette__V1__Loss *loss = batch->loss[i];
        log_warning("lost %s%llu events of class %s: %s", loss->count_exact ? "" : "up to ",
                    (unsigned long long)loss->count,
                    loss->event_class < CLASS_COUNT ? event_class_name((enum event_class)loss->event_class) : "any",
                    loss_stage_words(loss->stage));
    }
}

static void take_batch(struct decoding *decoding, const Vedette__V1__EventBatch *batch)
{
    decoding->batches++;
    if (decoding->speaker.schema == NULL) {
        refuse(decoding, "a batch came before a hello");
        return;
    }
    if (decoder_open_batch(decoding->decoder, batch, decoding->speaker.schema) != 0) {
        refuse(decoding, decoder_error(decoding->decoder));
        return;
    }
    tell_losses(batch);
    show_events(decoding, batch);
    flush(decoding);
}

static void take_request(struct decoding *decoding, const uint8_t *bytes, size_t size)
{
    const Vedette__V1__Request *request = NULL;
    decoding->frames++;
    if (decoder_unpack(decoding->decoder, bytes, size, &request) != 0) {
        refuse(decoding, decoder_error(decoding->decoder));
        return;
    }
    switch (request->body_case) {
    case VEDETTE__V1__REQUEST__BODY_HELLO:
        take_hello(decoding, request->hello);
        return;
    case VEDETTE__V1__REQUEST__BODY_BATCH:
        take_batch(decoding, request->batch);
        return;
    case VEDETTE__V1__REQUEST__BODY_SNAPSHOT:
        take_batch(decoding, request->snapshot);
        return;
    default:
        refuse(decoding, "a request must hold a hello, a batch or a snapshot");
    }
}

static void show_coverage(struct decoding *decoding)
{
    if (decoding->batches > 0 || decoding->speaker.coverage == NULL)
        return;
    (decoding->settings->json ? coverage_json : coverage_table)(decoding->speaker.coverage, &decoding->text);
    flush(decoding);
}

int decode_stream(struct frame_reader *reader, const struct decode_settings *settings)
{
    struct decoding decoding = {.settings = settings, .decoder = decoder_new(WIRE_REQUEST_BYTES)};
    size_t size = 0;
    int result = decoding.decoder == NULL ? -ENOMEM : 0;
    while (result == 0 && !decoding.deaf && !decoding.no_memory) {
        result = frame_read(reader, &size);
        if (result != 1)
            break;
        take_request(&decoding, reader->bytes, size);
        result = 0;
    }
    show_coverage(&decoding);
    if (result < 0)
        log_error("after %llu requests: %s", (unsigned long long)decoding.frames,
                  reader->error != NULL ? reader->error : strerror(-result));
    if (decoding.no_memory)
        log_error("no memory");
    bool whole = result == 0 && decoding.refused == 0 && !decoding.deaf && !decoding.no_memory;
    speaker_free(&decoding.speaker);
    decoder_free(decoding.decoder);
    text_fini(&decoding.text);
    return whole ? EXIT_CODE_OK : EXIT_CODE_RUNTIME;
}

static ssize_t read_standard_input(void *arg, void *to, size_t size)
{
    (void)arg;
    return read(STDIN_FILENO, to, size);
}

int decode(const struct decode_settings *settings)
{
    static struct frame_reader reader; /* a request is too much for a stack */
    if (isatty(STDIN_FILENO)) {
        log_error("decode: reads what a collector writes: vedette-collector dump | vedette-analyzer decode");
        return EXIT_CODE_USAGE;
    }
    int result = confine_privilege();
    if (result == 0)
        result = confine_calls();
    if (result < 0 && result != -ENOSYS) {
        log_error("privilege cannot be given up: %s", strerror(-result));
        return EXIT_CODE_RUNTIME;
    }
    reader.read = read_standard_input;
    return decode_stream(&reader, settings);
}
