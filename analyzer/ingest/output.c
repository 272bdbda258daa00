// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/output.h"

#include <errno.h>

#include "analyzer/alert/stdout.h"
#include "common/base/log.h"

bool output_event(const struct output *output, struct text *text, const struct event_context *context,
                  const char *const *policies, size_t n_policies)
{
    size_t before = text->size;
    int result =
        output->table ? table_event(text, context) : json_event(text, context, policies, n_policies, output->arguments);
    if (result == 0)
        text_literal(text, "\n");
    if (result == 0 && !text->failed)
        return true;
    text->size = before;
    text->failed = false;
    return false;
}

void output_flush(struct output *output, struct text *text)
{
    if (text->size > 0 && !atomic_load(&output->broken)) {
        int result = stdout_write_until(text->data, text->size, output->cancel_fd);
        if (result < 0 && !atomic_exchange(&output->broken, true) && result != -ECANCELED)
            log_error(
                "standard output cannot be written (%s): events are no longer shown; restart with a reader to see them",
                strerror(-result));
    }
    text->size = 0;
}
