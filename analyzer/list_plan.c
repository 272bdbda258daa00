// SPDX-License-Identifier: Apache-2.0
/* `vedette-analyzer plan`: what collectors are asked for, what their kernels leave out, and who keeps them from it. */
#include "analyzer/ingest/plan.h"
#include "analyzer/list.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "proto/vedette.pb-c.h"

struct view {
    struct schema *schema;
    struct engine *engine;
    const struct detection *const *detections;
    size_t n_detections;
    uint8_t wanted[EVENT_ID_LIMIT];
    uint8_t shown[EVENT_ID_LIMIT]; /* by the selection */
};

static const char *const part_names[] = {
    [VEDETTE__V1__WATCH_PART__WATCH_ANYTHING] = "access",     [VEDETTE__V1__WATCH_PART__WATCH_NAME] = "name",
    [VEDETTE__V1__WATCH_PART__WATCH_DIRECTORY] = "directory", [VEDETTE__V1__WATCH_PART__WATCH_NAME_END] = "name end",
    [VEDETTE__V1__WATCH_PART__WATCH_CONTENT] = "content",
};

static int open_view(struct view *view, const struct loaded_set *set)
{
    const char *error = NULL;
    const struct selection *selection = loaded_set_selection(set);
    *view = (struct view){.schema = schema_new_builtin()};
    view->detections = loaded_set_detections(set, &view->n_detections);
    view->engine =
        view->schema == NULL ? NULL : engine_new_from(view->schema, view->detections, view->n_detections, &error);
    if (view->engine == NULL) {
        log_error("%s", error != NULL ? error : "no memory");
        return EXIT_CODE_RUNTIME;
    }
    engine_wanted_events(view->engine, view->wanted);
    plan_mark(selection, view->wanted);
    for (uint32_t id = 0; id < EVENT_ID_LIMIT; id++)
        view->shown[id] = selection_has_event(selection, id);
    return EXIT_CODE_OK;
}

static void close_view(struct view *view)
{
    engine_free(view->engine);
    schema_free(view->schema);
}

/* The detections for which every event of the row is needed; false when there are none. */
static bool greedy(struct text *text, const struct view *view, const struct schema_event *event, const char *separator)
{
    static struct watches watches;
    const size_t before = text->size;
    const struct detection *const *all = view->detections;
    for (size_t d = 0; d < view->n_detections; d++) {
        for (size_t t = 0; t < DETECTION_MAX_TRIGGERS && all[d]->triggers[t].event != NULL; t++) {
            watches = (struct watches){0};
            if (strcmp(all[d]->triggers[t].event, event->name) != 0)
                continue;
            watches_add(&watches, event, all[d]->triggers[t].when);
            if (!watches.all)
                continue;
            text_string(text, text->size > before ? separator : "");
            text_string(text, all[d]->name);
            break;
        }
    }
    return text->size > before;
}

/* Why all of them are sent. */
static void because(struct text *text, const struct view *view, const struct schema_event *event)
{
    const char *unable = watch_unable(event);
    if (view->shown[event->id] != 0) {
        text_literal(text, "it is selected");
    } else if (view->wanted[event->id] == WANT_ALL) {
        text_literal(text, "the state of processes and containers, or another event, is made of it");
    } else if (unable != NULL) {
        text_string(text, unable);
    } else {
        text_literal(text, "needed by ");
        if (!greedy(text, view, event, ", "))
            text_literal(text, "more conditions than a plan holds");
    }
}

static void watch_words(struct text *text, const struct watch *watch)
{
    static const char *const access[] = {"reading", "writing", "both", "neither"};
    text_string(text, part_names[watch->part]);
    if (watch->length > 0) {
        text_literal(text, " ");
        text_printable(text, watch->text, watch->length);
    }
    if (watch->access == WATCH_EVERY_ACCESS)
        return;
    const char *separator = " (";
    for (size_t i = 0; i < sizeof(access) / sizeof(access[0]); i++)
        if ((watch->access >> i & 1) != 0) {
            text_string(text, separator);
            text_string(text, access[i]);
            separator = ", ";
        }
    text_literal(text, ")");
}

static void table_row(struct text *text, const struct view *view, const struct schema_event *event,
                      const struct watches *watches)
{
    const size_t start = text->size;
    text_string(text, event->name);
    do
        text_literal(text, " ");
    while (text->size - start < 28 && !text->failed);
    if (watches->all || watches->n == 0) {
        text_literal(text, "all    ");
        because(text, view, event);
    } else {
        text_string(text, view->wanted[event->id] == WANT_ALL ? "all    apart from the rest: " : "some   ");
        for (size_t i = 0; i < watches->n; i++) {
            text_string(text, i > 0 ? "; " : "");
            watch_words(text, &watches->list[i]);
        }
    }
    text_literal(text, "\n");
}

static void json_row(struct text *text, const struct view *view, const struct schema_event *event,
                     const struct watches *watches)
{
    const bool is_whole = watches->all || watches->n == 0 || view->wanted[event->id] == WANT_ALL;
    struct text reason = {0};
    text_literal(text, "{\"name\":");
    text_json(text, event->name, strlen(event->name));
    text_string(text, is_whole ? ",\"sent\":\"all\",\"reason\":" : ",\"sent\":\"some\",\"reason\":");
    if (is_whole)
        because(&reason, view, event);
    text_json(text, reason.data == NULL ? "" : reason.data, reason.size);
    text_fini(&reason);
    text_literal(text, ",\"watches\":[");
    for (size_t i = 0; i < watches->n && !watches->all; i++) {
        text_string(text, i > 0 ? ",{\"part\":" : "{\"part\":");
        text_json(text, part_names[watches->list[i].part], strlen(part_names[watches->list[i].part]));
        text_literal(text, ",\"text\":");
        text_json(text, watches->list[i].text, watches->list[i].length);
        text_literal(text, ",\"access\":");
        text_unsigned(text, watches->list[i].access);
        text_literal(text, "}");
    }
    text_literal(text, "]}");
}

static void rows(struct text *text, const struct view *view, enum list_format format)
{
    static struct watches watches;
    bool is_first = true;
    for (size_t i = 0; i < schema_count(view->schema); i++) {
        const struct schema_event *event = schema_event_at(view->schema, i);
        if (view->wanted[event->id] == WANT_NONE)
            continue;
        watches = (struct watches){0};
        engine_watches(view->engine, event, &watches);
        if (format == LIST_JSON) {
            text_string(text, is_first ? "[" : ",\n");
            json_row(text, view, event, &watches);
        } else {
            table_row(text, view, event, &watches);
        }
        is_first = false;
    }
    if (format == LIST_JSON)
        text_string(text, is_first ? "[]\n" : "]\n");
}

int list_plan(struct loaded_current *current, enum list_format format)
{
    struct view view;
    struct text text = {0};
    uint64_t number;
    struct loaded_set *set = loaded_current_get(current, &number);
    int code = open_view(&view, set);
    if (code == EXIT_CODE_OK) {
        if (format != LIST_JSON)
            text_literal(&text,
                         "EVENT                       SENT   WHY, OR WHAT IS WAITED FOR; THE REST IS LEFT OUT IN THE "
                         "KERNEL\n");
        rows(&text, &view, format);
        code = list_print(&text);
    }
    close_view(&view);
    loaded_set_unref(set);
    return code;
}
