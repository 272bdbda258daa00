/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of the control socket that speak of alerts. All on the HTTP thread. */
#include "analyzer/control.h"

#include <errno.h>

static unsigned status_of(int result)
{
    return result == 0 ? 200 : result == -ENOENT ? 404 : result == -ENOTUNIQ ? 409 : 500;
}

/* The text, or the words when something went wrong. */
static unsigned answer(struct text *text, int result, const char *words, char **ret_body, size_t *ret_size)
{
    if (result != 0) {
        text->size = 0;
        text_string(text, words);
    }
    if (text->failed || !text_reserve(text, 1)) {
        text_fini(text);
        return 500;
    }
    *ret_body = text->data; /* the server's from here on */
    *ret_size = text->size;
    return status_of(result);
}

static int reader_of(struct control *control, char error[OUTBOX_ERROR_BYTES])
{
    return control->reader ? 0 : alert_reader_open(control->outbox_path, &control->reader, error);
}

static uint64_t number(const struct http_query *query, const char *name)
{
    const char *value = http_argument(query, name);
    return value ? strtoull(value, NULL, 10) : 0;
}

/* NULL for an argument that is not there or empty. */
static const char *word(const struct http_query *query, const char *name)
{
    const char *value = http_argument(query, name);
    return value && *value ? value : NULL;
}

unsigned control_answer_alerts(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size)
{
    struct control *control = arg;
    char error[OUTBOX_ERROR_BYTES] = "";
    struct text text = {0};
    const struct alert_query wanted = {
        .since_ns = number(query, "since"),
        .until_ns = number(query, "until"),
        .severity = (int)number(query, "severity"),
        .node = word(query, "node"),
        .detections = word(query, "detection"),
        .id = word(query, "id"),
        .sink = word(query, "sink"),
        .dead = word(query, "dead") != NULL,
        .after = (int64_t)number(query, "after"),
        .before = (int64_t)number(query, "before"),
        .oldest_first = word(query, "oldest") != NULL,
        .limit = (unsigned)number(query, "limit"),
    };
    int result = reader_of(control, error);
    if (result == 0)
        result = alert_reader_list(control->reader, &wanted, &text, error);
    return answer(&text, result, error, ret_body, ret_size);
}

unsigned control_answer_sinks(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size)
{
    struct control *control = arg;
    char error[OUTBOX_ERROR_BYTES] = "";
    struct text text = {0};
    (void)query;
    int result = reader_of(control, error);
    if (result == 0)
        result = alert_reader_sinks(control->reader, &text, error);
    return answer(&text, result, error, ret_body, ret_size);
}

unsigned control_answer_balance(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size)
{
    struct control *control = arg;
    char error[OUTBOX_ERROR_BYTES] = "";
    struct text nodes = {0}, text = {0};
    struct outbox_figures figures;
    bool balanced = false;
    int result = ingest_balance(control->ingest, word(query, "node"), &nodes, &balanced);
    if (result != 0) {
        snprintf(error, sizeof(error), "%.*s", (int)nodes.size, nodes.size == 0 ? "" : nodes.data);
        text_fini(&nodes);
        return answer(&text, result, error, ret_body, ret_size);
    }
    outbox_figures(control->outbox, &figures);
    text_string(&text, balanced ? "{\"balanced\":true,\"nodes\":" : "{\"balanced\":false,\"nodes\":");
    text_append(&text, nodes.data, nodes.size);
    text.failed = text.failed || nodes.failed;
    text_literal(&text, ",\"sinks\":");
    result = reader_of(control, error);
    if (result == 0)
        result = alert_reader_sinks(control->reader, &text, error);
    text_literal(&text, ",\"alerts_unreadable\":");
    text_unsigned(&text, outbox_salvaged(control->outbox)->unreadable);
    text_literal(&text, ",\"alerts_lost\":");
    text_unsigned(&text, figures.lost);
    text_literal(&text, "}");
    text_fini(&nodes);
    return answer(&text, result, error, ret_body, ret_size);
}

/* Of the alert `id` (the beginning of it is enough), of all without one. */
static unsigned change(void *arg, const struct http_query *query,
                       int (*apply)(struct outbox *outbox, const char *id, const char *sink, uint64_t *ret_count),
                       char **ret_body, size_t *ret_size)
{
    struct control *control = arg;
    char error[OUTBOX_ERROR_BYTES] = "", id[ALERT_ID_BYTES] = "";
    const char *prefix = word(query, "id"), *sink = word(query, "sink");
    struct text text = {0};
    uint64_t count = 0;
    int result = reader_of(control, error);
    if (result == 0 && prefix)
        result = alert_reader_resolve(control->reader, prefix, id, error);
    if (result == 0) {
        result = apply(control->outbox, prefix ? id : NULL, sink, &count);
        if (result == -ENOENT)
            snprintf(error, sizeof(error), "no sink is called %.63s", sink ? sink : "");
        else if (result != 0)
            outbox_last_error(control->outbox, error);
    }
    text_literal(&text, "{\"count\":");
    text_unsigned(&text, count);
    text_literal(&text, "}");
    return answer(&text, result, error, ret_body, ret_size);
}

unsigned control_answer_redrive(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size)
{
    return change(arg, query, outbox_redrive, ret_body, ret_size);
}

unsigned control_answer_ack(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size)
{
    return change(arg, query, outbox_acknowledge, ret_body, ret_size);
}
