/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus Alertmanager, by its v2 API (POST /api/v2/alerts). A finding is a moment, an alert there is a state: it
 * fires from the event's time until `active` after its delivery, and is sent again each `resend` until then, as the API
 * asks of its clients, so that an Alertmanager that was restarted knows it. Alertmanager tells alerts apart by their
 * labels alone: findings whose labels are the same are one alert, whose end moves on.
 */
#include <errno.h>
#include <stdatomic.h>

#include "analyzer/alert/labels.h"
#include "analyzer/alert/row.h"
#include "analyzer/alert/sink_http.h"
#include "common/base/clock.h"

enum {
    MAX_ACTIVE = 1024,  /* alerts that are sent again; the oldest goes first */
    RESEND_CHUNK = 64,  /* alerts in one request */
    NEVER_MS = 3600000, /* to look again when nothing is active */
};

struct alertmanager_settings {
    struct option_list labels, static_labels, annotations;
    uint64_t active_ms, resend_ms;
};

#define AT(field)                                                                                                      \
    .offset = offsetof(struct alertmanager_settings, field), .size = sizeof(((struct alertmanager_settings *)0)->field)
static const struct option options[] = {
    {"labels", OPTION_LIST, AT(labels),
     .help = "Fields that are labels, besides alertname, which is the detection; without it severity, node, namespace, "
             "pod and container. With id every finding is an alert of its own."},
    {"static_labels", OPTION_LIST, AT(static_labels), .help = "Further labels, each NAME=VALUE."},
    {"annotations", OPTION_LIST, AT(annotations),
     .help = "Fields that are annotations, besides summary; without it id, description, signature, technique, process, "
             "pid, executable, command, file and image."},
    {"active", OPTION_DURATION, AT(active_ms), .initial = "5m", .min = 1000, .max = 86400000,
     .help = "How long an alert fires after its delivery."},
    {"resend", OPTION_DURATION, AT(resend_ms), .initial = "1m", .max = 86400000,
     .help = "How often an alert that fires is sent again; 0: never."},
};
#undef AT

static const char *const usual_labels[] = {"severity", "node", "namespace", "pod", "container", NULL};
static const char *const usual_annotations[] = {"id",         "description", "signature", "technique", "process", "pid",
                                                "executable", "command",     "file",      "image",     NULL};

/* An alert that fires. */
struct active {
    char *labels; /* what tells it apart: its labels, sorted */
    char *body;
    uint64_t ends_ns; /* after boot */
};

struct alertmanager {
    const struct alertmanager_settings *settings;
    struct sink_http *http;
    struct finding_field_list labels, annotations;
    struct active active[MAX_ACTIVE]; /* oldest first */
    size_t n_active;
    uint64_t resend_ns; /* when the next is due, after boot */
    atomic_uint_fast64_t gauge, resent, evicted;
};

static void remove_active(struct alertmanager *sink, size_t index)
{
    free(sink->active[index].labels);
    free(sink->active[index].body);
    sink->n_active--;
    memmove(&sink->active[index], &sink->active[index + 1], (sink->n_active - index) * sizeof(sink->active[0]));
    atomic_store(&sink->gauge, sink->n_active);
}

static void alertmanager_close(void *arg)
{
    struct alertmanager *sink = arg;
    if (!sink)
        return;
    while (sink->n_active > 0)
        remove_active(sink, sink->n_active - 1);
    sink_http_free(sink->http);
    free(sink);
}

static int read_fields(struct alertmanager *sink, char *words, size_t size)
{
    const struct alertmanager_settings *own = sink->settings;
    int result = finding_field_list_read(&sink->labels, "labels", &own->labels, usual_labels, words, size);
    if (result == 0)
        result = finding_field_list_read(&sink->annotations, "annotations", &own->annotations, usual_annotations, words,
                                         size);
    return result == 0 ? labels_check("static_labels", &own->static_labels, words, size) : result;
}

static void *alertmanager_open(const struct sink_settings *settings, char error[SINK_ERROR_BYTES])
{
    static const struct sink_http_kind kind = {
        .path = "/api/v2/alerts", .content_type = "application/json", .example = "http://HOST:9093"};
    char words[SINK_ERROR_BYTES];
    struct alertmanager *sink = calloc(1, sizeof(*sink));
    if (!sink)
        return sink_fail(settings, error, "out of memory");
    sink->settings = settings->own;
    if (read_fields(sink, words, sizeof(words)) < 0)
        sink_fail(settings, error, "%s", words);
    else if ((sink->http = sink_http_new(settings, &kind, error)))
        return sink;
    alertmanager_close(sink);
    return NULL;
}

static json_t *make_labels(const struct alertmanager *sink, const struct finding_view *view)
{
    json_t *labels = json_object();
    labels_add_fields(labels, &sink->labels, view);
    labels_add_fixed(labels, &sink->settings->static_labels);
    json_object_set_new(labels, "alertname", json_string(view->alert->detection));
    return labels;
}

static json_t *make_annotations(const struct alertmanager *sink, const struct finding_view *view)
{
    json_t *annotations = json_object();
    const char *title = alert_string(view->json, "metadata", "Properties", "signatureName", NULL);
    labels_add_fields(annotations, &sink->annotations, view);
    json_object_set_new(annotations, "summary",
                        json_sprintf("%s on %s", title ? title : view->alert->detection, view->alert->node));
    return annotations;
}

/* False without memory. */
static bool make_alert(const struct alertmanager *sink, const struct finding_view *view, struct active *ret_alert)
{
    char starts[ALERT_TIME_BYTES], ends[ALERT_TIME_BYTES];
    uint64_t active_ns = sink->settings->active_ms * UINT64_C(1000000), now_ns = clock_boot_ns();
    uint64_t wall_ns = now_ns + (uint64_t)clock_wall_minus_boot_ns(), starts_ns = view->alert->time_ns;
    alert_time(starts_ns, starts);
    /* A node's clock may be ahead of ours, and an end before the begin is refused. */
    alert_time((wall_ns > starts_ns ? wall_ns : starts_ns) + active_ns, ends);
    json_t *labels = make_labels(sink, view);
    char *key = labels ? json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_t *alert = json_pack("{s: o, s: o, s: s, s: s}", "labels", labels, "annotations", make_annotations(sink, view),
                              "startsAt", starts, "endsAt", ends);
    char *body = alert ? json_dumps(alert, JSON_COMPACT) : NULL;
    json_decref(alert);
    *ret_alert = (struct active){.labels = key, .body = body, .ends_ns = now_ns + active_ns};
    if (key && body)
        return true;
    free(key);
    free(body);
    return false;
}

/* Takes the alert over. */
static void remember(struct alertmanager *sink, struct active *alert)
{
    if (sink->settings->resend_ms == 0) {
        free(alert->labels);
        free(alert->body);
        return;
    }
    for (size_t i = 0; i < sink->n_active; i++)
        if (strcmp(sink->active[i].labels, alert->labels) == 0) {
            remove_active(sink, i);
            break;
        }
    if (sink->n_active == MAX_ACTIVE) {
        remove_active(sink, 0);
        atomic_fetch_add(&sink->evicted, 1);
    }
    if (sink->n_active == 0)
        sink->resend_ns = clock_boot_ns() + sink->settings->resend_ms * UINT64_C(1000000);
    sink->active[sink->n_active++] = *alert;
    atomic_store(&sink->gauge, sink->n_active);
}

/* Alerts first to first + count - 1 in one request. */
static enum sink_result post(struct alertmanager *sink, const struct active *alerts, size_t count,
                             uint32_t *retry_after_ms, char error[SINK_ERROR_BYTES])
{
    struct text body = {0};
    for (size_t i = 0; i < count; i++) {
        text_string(&body, i == 0 ? "[" : ",");
        text_string(&body, alerts[i].body);
    }
    text_literal(&body, "]");
    enum sink_result result = SINK_RETRY;
    if (body.failed)
        snprintf(error, SINK_ERROR_BYTES, "out of memory");
    else
        result = sink_http_post(sink->http, body.data, body.size, NULL, retry_after_ms, error);
    text_fini(&body);
    return result;
}

static enum sink_result alertmanager_deliver(void *arg, const struct alert *alert, uint32_t *retry_after_ms,
                                             char error[SINK_ERROR_BYTES])
{
    struct alertmanager *sink = arg;
    struct finding_view view;
    struct active new;
    *retry_after_ms = 0;
    if (finding_view_init(&view, alert) < 0) {
        snprintf(error, SINK_ERROR_BYTES, "the stored finding is no JSON object");
        return SINK_REFUSED;
    }
    bool made = make_alert(sink, &view, &new);
    finding_view_fini(&view);
    if (!made) {
        snprintf(error, SINK_ERROR_BYTES, "out of memory");
        return SINK_RETRY;
    }
    enum sink_result result = post(sink, &new, 1, retry_after_ms, error);
    if (result == SINK_DELIVERED) {
        remember(sink, &new);
    } else {
        free(new.labels);
        free(new.body);
    }
    return result;
}

/* One whose turn fails, and those behind it, come at the next. */
static enum sink_result resend(struct alertmanager *sink, char error[SINK_ERROR_BYTES])
{
    uint32_t retry_after_ms;
    for (size_t first = 0; first < sink->n_active; first += RESEND_CHUNK) {
        size_t count = sink->n_active - first < RESEND_CHUNK ? sink->n_active - first : RESEND_CHUNK;
        /* It took each of them once: a refusal now is no dead letter. */
        if (post(sink, &sink->active[first], count, &retry_after_ms, error) != SINK_DELIVERED)
            return SINK_RETRY;
        atomic_fetch_add(&sink->resent, count);
    }
    return SINK_DELIVERED;
}

static enum sink_result alertmanager_tick(void *arg, uint32_t *ret_wait_ms, char error[SINK_ERROR_BYTES])
{
    struct alertmanager *sink = arg;
    const uint64_t now_ns = clock_boot_ns();
    for (size_t i = sink->n_active; i-- > 0;)
        if (sink->active[i].ends_ns <= now_ns)
            remove_active(sink, i);
    *ret_wait_ms = NEVER_MS;
    if (sink->n_active == 0)
        return SINK_DELIVERED;
    if (now_ns >= sink->resend_ns) {
        if (resend(sink, error) != SINK_DELIVERED)
            return SINK_RETRY;
        sink->resend_ns = now_ns + sink->settings->resend_ms * UINT64_C(1000000);
    }
    *ret_wait_ms = (uint32_t)((sink->resend_ns - now_ns) / 1000000) + 1;
    return SINK_DELIVERED;
}

static void alertmanager_interrupt(void *arg)
{
    struct alertmanager *sink = arg;
    sink_http_interrupt(sink->http);
}

static void alertmanager_collect(void *arg, const struct metric_label *labels, struct metrics_writer *writer)
{
    struct alertmanager *sink = arg;
    metrics_put(writer, METRIC_SINK_ACTIVE, labels, (double)atomic_load(&sink->gauge));
    metrics_put(writer, METRIC_SINK_RESENT, labels, (double)atomic_load(&sink->resent));
    metrics_put(writer, METRIC_SINK_ACTIVE_EVICTED, labels, (double)atomic_load(&sink->evicted));
}

extern const struct sink_kind sink_alertmanager;
const struct sink_kind sink_alertmanager = {
    .name = "alertmanager",
    .summary = "Prometheus Alertmanager (v2 API): each finding fires for a while and is sent again meanwhile.",
    .groups = SINK_NETWORK | SINK_HTTP,
    .options = options,
    .n_options = sizeof(options) / sizeof(options[0]),
    .own_size = sizeof(struct alertmanager_settings),
    .open = alertmanager_open,
    .deliver = alertmanager_deliver,
    .close = alertmanager_close,
    .interrupt = alertmanager_interrupt,
    .tick = alertmanager_tick,
    .collect = alertmanager_collect,
};
