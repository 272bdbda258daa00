// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/output.h"

#include <errno.h>

#include "analyzer/alert/stdout.h"
#include "common/base/log.h"

bool output_samples(struct output *output)
{
    return output->sample < 2 ||
           atomic_fetch_add_explicit(&output->turn, 1, memory_order_relaxed) % output->sample == 0;
}

static int write_shape(const struct output *output, struct text *text, const struct event_context *context,
                       const char *const *policies, size_t n_policies)
{
    struct text line = {0};
    if (output->shape == JSON_SHAPE_TRACE)
        return json_event(text, context, policies, n_policies, output->arguments);
    int result = json_event(&line, context, policies, n_policies, output->arguments);
    if (result == 0)
        result = shape_v1beta1(text, line.data, line.size);
    text_fini(&line);
    return result;
}

bool output_event(const struct output *output, struct text *text, const struct event_context *context,
                  const char *const *policies, size_t n_policies)
{
    size_t before = text->size;
    int result = output->table && output->file == NULL ? table_event(text, context)
                                                       : write_shape(output, text, context, policies, n_policies);
    if (result == 0)
        text_literal(text, "\n");
    if (result == 0 && !text->failed)
        return true;
    text->size = before;
    text->failed = false;
    return false;
}

static uint64_t count_lines(const struct text *text)
{
    uint64_t lines = 0;
    const char *end = text->data + text->size;
    for (const char *at = text->data; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
        lines++;
    return lines;
}

static int flush_standard_output(struct output *output, const struct text *text)
{
    if (atomic_load(&output->broken))
        return -EPIPE;
    int result = stdout_write_until(text->data, text->size, output->cancel_fd);
    if (result < 0 && !atomic_exchange(&output->broken, true) && result != -ECANCELED)
        log_error(
            "standard output cannot be written (%s): events are no longer shown; restart with a reader to see them",
            strerror(-result));
    return result;
}

void output_flush(struct output *output, struct text *text)
{
    int result = 0;
    if (text->size > 0 && output->file != NULL)
        result = event_file_write(output->file, text->data, text->size);
    else if (text->size > 0)
        result = flush_standard_output(output, text);
    if (result < 0)
        atomic_fetch_add_explicit(&output->unwritten, count_lines(text), memory_order_relaxed);
    text->size = 0;
}
