/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pushes each finding to Loki, or to what takes its push API (POST /loki/api/v1/push, JSON): a stream of few labels,
 * the finding's JSON as the line, and what has many values as structured metadata. Loki keeps one of two entries of the
 * same stream, time and line, so an alert that comes twice stands there once.
 */
#include <errno.h>

#include "analyzer/alert/labels.h"
#include "analyzer/alert/sink_http.h"

struct loki_settings {
    struct option_list labels, static_labels, metadata;
};

enum { MAX_LABELS = 15 }; /* Loki's own default of max_label_names_per_series */

#define AT(field) .offset = offsetof(struct loki_settings, field), .size = sizeof(((struct loki_settings *)0)->field)
static const struct option options[] = {
    {"labels", OPTION_LIST, AT(labels),
     .help = "Fields that are labels, of those with few values; without it detection, namespace, node and severity."},
    {"static_labels", OPTION_LIST, AT(static_labels), .initial = "job=vedette",
     .help = "Further labels, each NAME=VALUE; without it job=vedette."},
    {"metadata", OPTION_LIST, AT(metadata),
     .help = "Fields that are structured metadata; without it id, signature, technique, process, pid, executable, "
             "container, image and pod. none: for a Loki whose schema is older than v13."},
};
#undef AT

static const char *const usual_labels[] = {"detection", "namespace", "node", "severity", NULL};
static const char *const usual_metadata[] = {"id",         "signature", "technique", "process", "pid",
                                             "executable", "container", "image",     "pod",     NULL};

struct loki {
    const struct loki_settings *settings;
    struct sink_http *http;
    struct finding_field_list labels, metadata;
};

static int read_fields(struct loki *sink, char *words, size_t size)
{
    const struct loki_settings *own = sink->settings;
    if (finding_field_list_read(&sink->labels, "labels", &own->labels, usual_labels, words, size) < 0 ||
        finding_field_list_read(&sink->metadata, "metadata", &own->metadata, usual_metadata, words, size) < 0 ||
        labels_check("static_labels", &own->static_labels, words, size) < 0)
        return -EINVAL;
    for (size_t i = 0; i < sink->labels.count; i++)
        if (!sink->labels.field[i]->is_bounded) {
            snprintf(words, size, "labels: '%s' has too many values for a label of Loki: put it under metadata",
                     sink->labels.field[i]->name);
            return -EINVAL;
        }
    size_t count = sink->labels.count + own->static_labels.count;
    if (count > MAX_LABELS || count == 0) {
        snprintf(words, size, "labels and static_labels are %zu together: at least 1, at most %d", count, MAX_LABELS);
        return -EINVAL;
    }
    return 0;
}

static void loki_close(void *arg)
{
    struct loki *sink = arg;
    if (!sink)
        return;
    sink_http_free(sink->http);
    free(sink);
}

static void *loki_open(const struct sink_settings *settings, char error[SINK_ERROR_BYTES])
{
    static const struct sink_http_kind kind = {
        .path = "/loki/api/v1/push", .content_type = "application/json", .example = "http://HOST:3100"};
    char words[SINK_ERROR_BYTES];
    struct loki *sink = calloc(1, sizeof(*sink));
    if (!sink)
        return sink_fail(settings, error, "out of memory");
    sink->settings = settings->own;
    if (read_fields(sink, words, sizeof(words)) < 0)
        sink_fail(settings, error, "%s", words);
    else if ((sink->http = sink_http_new(settings, &kind, error)))
        return sink;
    loki_close(sink);
    return NULL;
}

/* {"streams":[{"stream":{LABELS},"values":[["NANOSECONDS","LINE",{METADATA}]]}]}; heap, NULL without memory. */
static char *make_body(const struct loki *sink, const struct finding_view *view)
{
    char time[24];
    json_t *labels = json_object(), *metadata = json_object();
    snprintf(time, sizeof(time), "%llu", (unsigned long long)view->alert->time_ns);
    labels_add_fields(labels, &sink->labels, view);
    labels_add_fixed(labels, &sink->settings->static_labels);
    labels_add_fields(metadata, &sink->metadata, view);
    json_t *entry = json_pack("[s, s]", time, view->alert->json);
    if (json_object_size(metadata) > 0)
        json_array_append(entry, metadata);
    json_decref(metadata);
    json_t *body = json_pack("{s: [{s: o, s: [o]}]}", "streams", "stream", labels, "values", entry);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

static enum sink_result loki_deliver(void *arg, const struct alert *alert, uint32_t *retry_after_ms,
                                     char error[SINK_ERROR_BYTES])
{
    struct loki *sink = arg;
    struct finding_view view;
    *retry_after_ms = 0;
    if (finding_view_init(&view, alert) < 0) {
        snprintf(error, SINK_ERROR_BYTES, "the stored finding is no JSON object");
        return SINK_REFUSED;
    }
    char *body = make_body(sink, &view);
    finding_view_fini(&view);
    enum sink_result result = SINK_RETRY;
    if (body)
        result = sink_http_post(sink->http, body, strlen(body), NULL, retry_after_ms, error);
    else
        snprintf(error, SINK_ERROR_BYTES, "out of memory");
    free(body);
    return result;
}

static void loki_interrupt(void *arg)
{
    struct loki *sink = arg;
    sink_http_interrupt(sink->http);
}

extern const struct sink_kind sink_loki;
const struct sink_kind sink_loki = {
    .name = "loki",
    .summary = "Grafana Loki, or what takes its push API: few labels, the finding's JSON as the line.",
    .groups = SINK_NETWORK | SINK_HTTP,
    .options = options,
    .n_options = sizeof(options) / sizeof(options[0]),
    .own_size = sizeof(struct loki_settings),
    .open = loki_open,
    .deliver = loki_deliver,
    .close = loki_close,
    .interrupt = loki_interrupt,
};
