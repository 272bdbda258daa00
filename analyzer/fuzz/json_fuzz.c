/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may send, as it is shown: one line of valid JSON each event in either shape, and nothing that drives a
 * terminal. */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>

#include "analyzer/alert/json.h"
#include "analyzer/alert/shape.h"
#include "common/wire/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_back(const struct text *text)
{
    json_error_t error;
    json_t *read = json_loadb(text->data, text->size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    /* Numbers beyond int64 are valid, only jansson has no integer for them. */
    if (read == NULL && json_error_code(&error) != json_error_numeric_overflow)
        abort();
    json_decref(read);
    if (memchr(text->data, '\n', text->size) != NULL)
        abort();
}

static void show(struct text *text, const struct event_context *context, enum json_arguments arguments)
{
    static struct text shaped;
    text->size = shaped.size = 0;
    if (json_event(text, context, NULL, 0, arguments) != 0)
        return; /* no memory */
    read_back(text);
    if (shape_v1beta1(&shaped, text->data, text->size) == -EBADMSG)
        abort();
    read_back(&shaped);
}

static void show_row(struct text *text, const struct event_context *context)
{
    text->size = 0;
    if (table_event(text, context) != 0)
        return;
    for (size_t i = 0; i < text->size; i++)
        if (iscntrl((unsigned char)text->data[i]))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct decoder *decoder;
    static struct schema *schema;
    static struct text text;
    static const struct process process;
    if (decoder == NULL) {
        decoder = decoder_new(WIRE_REQUEST_BYTES);
        schema = schema_new_builtin();
    }
    if (decoder == NULL || schema == NULL)
        abort();
    const Vedette__V1__Request *request = NULL;
    if (decoder_unpack(decoder, bytes, size, &request) != 0 || request->body_case == VEDETTE__V1__REQUEST__BODY_HELLO ||
        decoder_open_batch(decoder, request->batch, schema) != 0)
        return 0;
    struct event_view event;
    struct event_context context = {
        .node = "node1", .boot_id = "boot-1", .decoder = decoder, .event = &event, .process = &process};
    while (decoder_next(decoder, &event)) {
        context.architecture = event.cpu % 2 == 0 ? ARCHITECTURE_X86_64 : ARCHITECTURE_ARM64;
        show(&text, &context, JSON_WORDS);
        show(&text, &context, JSON_NUMBERS);
        show_row(&text, &context);
    }
    return 0;
}
