/* SPDX-License-Identifier: Apache-2.0 */
/* Findings on standard output: one JSON object a line, in the newer shape with the format "v1beta1"; or with the format
 * "table" a readable row each. */
#include "analyzer/alert/sink.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "analyzer/alert/row.h"
#include "analyzer/alert/shape.h"
#include "analyzer/alert/stdout.h"

struct stdout_sink {
    bool table, v1beta1;
    int cancel_fd;
    char *line; /* reused from alert to alert */
    size_t capacity;
};

struct stdout_settings {
    uint32_t format;
};

enum { FORMAT_JSON, FORMAT_TABLE, FORMAT_V1BETA1 };
static const char *const formats[] = {"json", "table", "v1beta1", NULL};

static const struct option options[] = {
    {"format", OPTION_CHOICE, .offset = offsetof(struct stdout_settings, format), .size = sizeof(uint32_t),
     .initial = "json", .choices = formats,
     .help =
         "json: one object a line; v1beta1: the same in Tracee's newer shape; table: a readable row. Without it, what "
         "output.format and output.shape say."},
};

static void *stdout_open(const struct sink_settings *settings, char error[SINK_ERROR_BYTES])
{
    const struct stdout_settings *own = settings->own;
    struct stdout_sink *sink = calloc(1, sizeof(*sink));
    int cancel_fd = sink ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    if (cancel_fd < 0) {
        free(sink);
        return sink_fail(settings, error, "%s", strerror(errno));
    }
    sink->table = own->format == FORMAT_TABLE;
    sink->v1beta1 = own->format == FORMAT_V1BETA1;
    sink->cancel_fd = cancel_fd;
    return sink;
}

static bool reserve(struct stdout_sink *sink, size_t size)
{
    if (size <= sink->capacity)
        return true;
    char *grown = realloc(sink->line, size);
    if (!grown)
        return false;
    sink->line = grown;
    sink->capacity = size;
    return true;
}

/* Puts the line with its newline into sink->line; its size, 0 without memory. */
static size_t make_line(struct stdout_sink *sink, const struct alert *alert)
{
    char *row = NULL;
    struct text shaped = {0};
    if (sink->table && !(row = alert_row(alert)))
        return 0;
    const char *text = sink->table ? row : alert->json;
    size_t size = strlen(text) + 1;
    /* What the outbox holds and cannot be shaped is better shown as it is than not at all. */
    if (sink->v1beta1 && shape_v1beta1(&shaped, text, size - 1) == 0) {
        text = shaped.data;
        size = shaped.size + 1;
    }
    if (reserve(sink, size)) {
        memcpy(sink->line, text, size - 1);
        sink->line[size - 1] = '\n';
    } else {
        size = 0;
    }
    free(row);
    text_fini(&shaped);
    return size;
}

static enum sink_result stdout_deliver(void *arg, const struct alert *alert, uint32_t *retry_after_ms,
                                       char error[SINK_ERROR_BYTES])
{
    struct stdout_sink *sink = arg;
    size_t size = make_line(sink, alert);
    int result = size ? stdout_write_until(sink->line, size, sink->cancel_fd) : -ENOMEM;
    *retry_after_ms = 0;
    if (!result)
        return SINK_DELIVERED;
    if (result == -EPIPE)
        snprintf(error, SINK_ERROR_BYTES,
                 "standard output is closed at the other end: start its reader, or leave this sink out");
    else
        snprintf(error, SINK_ERROR_BYTES, "standard output cannot be written: %s", strerror(-result));
    return SINK_RETRY;
}

static void stdout_interrupt(void *arg)
{
    struct stdout_sink *sink = arg;
    eventfd_write(sink->cancel_fd, 1);
}

static void stdout_close(void *arg)
{
    struct stdout_sink *sink = arg;
    if (!sink)
        return;
    close(sink->cancel_fd);
    free(sink->line);
    free(sink);
}

extern const struct sink_kind sink_stdout;
const struct sink_kind sink_stdout = {
    .name = "stdout",
    .summary = "Standard output, which carries findings and selected events and nothing else.",
    .options = options,
    .n_options = sizeof(options) / sizeof(options[0]),
    .own_size = sizeof(struct stdout_settings),
    .open = stdout_open,
    .deliver = stdout_deliver,
    .close = stdout_close,
    .interrupt = stdout_interrupt,
};
