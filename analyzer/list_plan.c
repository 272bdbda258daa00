// SPDX-License-Identifier: Apache-2.0
/* `vedette-analyzer plan`: what collectors are asked for, what their kernels decide of it, and what the analyzer, and
 * why. */
#include "analyzer/ingest/plan.h"
#include "analyzer/list.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "proto/vedette.pb-c.h"

struct view {
    struct schema *schema;
    struct engine *engine;
    const struct policies *policies;
    const struct detection *const *detections;
    size_t n_detections;
    struct plan_needs needs;
    struct task_scopes scopes;
};

/* One line: an event and what is asked for of it. */
struct line {
    const struct view *view;
    const struct schema_event *event;
    struct plan_event of;
};

static const char *const part_names[] = {
    [VEDETTE__V1__WATCH_PART__WATCH_ANYTHING] = "access",     [VEDETTE__V1__WATCH_PART__WATCH_NAME] = "name",
    [VEDETTE__V1__WATCH_PART__WATCH_DIRECTORY] = "directory", [VEDETTE__V1__WATCH_PART__WATCH_NAME_END] = "name end",
    [VEDETTE__V1__WATCH_PART__WATCH_CONTENT] = "content",
};

static const char *const field_names[] = {
    [VEDETTE__V1__SCOPE_FIELD__SCOPE_UID] = "uid",      [VEDETTE__V1__SCOPE_FIELD__SCOPE_PID] = "pid",
    [VEDETTE__V1__SCOPE_FIELD__SCOPE_TID] = "tid",      [VEDETTE__V1__SCOPE_FIELD__SCOPE_MNT_NS] = "mntns",
    [VEDETTE__V1__SCOPE_FIELD__SCOPE_PID_NS] = "pidns", [VEDETTE__V1__SCOPE_FIELD__SCOPE_COMM] = "comm",
    [VEDETTE__V1__SCOPE_FIELD__SCOPE_HOSTNAME] = "uts",
};

static int open_view(struct view *view, const struct loaded_set *set)
{
    const char *error = NULL;
    const struct selection *selection = loaded_set_selection(set);
    *view = (struct view){.schema = schema_new_builtin(), .policies = selection_policies(selection)};
    view->detections = loaded_set_detections(set, &view->n_detections);
    view->engine =
        view->schema == NULL ? NULL : engine_new_from(view->schema, view->detections, view->n_detections, &error);
    if (view->engine == NULL) {
        log_error("%s", error != NULL ? error : "no memory");
        return EXIT_CODE_RUNTIME;
    }
    view->needs =
        (struct plan_needs){.engine = view->engine, .selection = selection, .architecture = ARCHITECTURE_X86_64};
    plan_mark(&view->needs);
    return EXIT_CODE_OK;
}

static void close_view(struct view *view)
{
    engine_free(view->engine);
    schema_free(view->schema);
}

static bool is_shown(const struct line *line)
{
    return selection_has_event(line->view->needs.selection, line->event->known->id);
}

static bool is_shown_by_policies(const struct line *line)
{
    return is_shown(line) && line->view->policies->count > 0;
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

/* Why files are not told apart. */
static void because(struct text *text, const struct line *line)
{
    const struct view *view = line->view;
    const char *unable = watch_unable(line->event);
    if (view->needs.wanted[line->event->known->id] == WANT_ALL) {
        text_string(text, is_shown(line) && view->policies->count == 0
                              ? "it is selected"
                              : "the state of processes and containers, or another event, is made of it");
    } else if (unable != NULL) {
        text_string(text, unable);
    } else {
        text_literal(text, "needed by ");
        if (is_shown_by_policies(line) && line->of.whole)
            text_literal(text, "a policy");
        else if (!greedy(text, view, line->event, ", "))
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

static void value_words(struct text *text, const struct task_value *value)
{
    if (value->length > 0) {
        text_printable(text, value->text, value->length);
        text_string(text, (value->flags & TASK_VALUE_PREFIX) != 0 ? "*" : "");
    } else if (value->from > value->to) {
        text_literal(text, "nothing");
    } else {
        text_unsigned(text, value->from);
        if (value->to != value->from && value->to < INT64_MAX) {
            text_literal(text, " to ");
            text_unsigned(text, value->to);
        } else if (value->to != value->from) {
            text_literal(text, " and more");
        }
    }
}

/* "uid 0 or 1000 and comm not ss*" */
static void scope_words(struct text *text, const struct task_scopes *scopes, size_t i)
{
    bool is_first_of_key = true;
    for (size_t v = scopes->first[i], first = v; v < scopes->first[i + 1]; v++) {
        const struct task_value *value = &scopes->value[v];
        if (is_first_of_key) {
            size_t end = v;
            while ((scopes->value[end].flags & TASK_VALUE_ENDS_KEY) == 0)
                end++;
            text_string(text, v > first ? " and " : "");
            text_string(text, (scopes->value[end].flags & TASK_VALUE_NONE_OF) != 0 ? "not " : "");
        } else {
            text_literal(text, " or ");
        }
        text_string(text, field_names[value->field]);
        text_literal(text, " ");
        value_words(text, value);
        is_first_of_key = (value->flags & TASK_VALUE_ENDS_KEY) != 0;
    }
}

static const char continuation[] = "\n                                   ";

static void scopes_words(struct text *text, const struct line *line)
{
    const char *separator = "of: ";
    if (line->of.scopes != 0)
        text_string(text, continuation);
    for (size_t i = 0; i < line->view->scopes.n; i++)
        if ((line->of.scopes >> i & 1) != 0) {
            text_string(text, separator);
            scope_words(text, &line->view->scopes, i);
            separator = "; or of: ";
        }
}

/* Why everybody's are sent, of an event that policies name. */
static const char *because_of_tasks(const struct line *line)
{
    const char *unable = narrow_unable(line->event);
    struct watches unused = {0};
    if (unable != NULL)
        return unable;
    if (line->view->needs.wanted[line->event->known->id] == WANT_ALL)
        return "another event is made of it";
    if (engine_watches(line->view->engine, line->event, &unused))
        return "a detection needs it of every task";
    return "a policy says nothing of the task that a kernel can tell, or a plan holds no more";
}

struct left_words {
    struct text *text;
    const char *policy;
    bool as_json, any;
};

static void left_tell(void *arg, const struct policy *policy, const char *what)
{
    struct left_words *left = arg;
    const bool is_new = left->policy != policy->name;
    if (left->as_json) {
        text_string(left->text, left->any ? ",{\"policy\":" : "{\"policy\":");
        text_json(left->text, policy->name, strlen(policy->name));
        text_literal(left->text, ",\"what\":");
        text_json(left->text, what, strlen(what));
        text_literal(left->text, "}");
    } else {
        text_string(left->text, is_new ? continuation : ", ");
        text_string(left->text, is_new ? "left to the analyzer by policy " : "");
        text_string(left->text, is_new ? policy->name : "");
        text_string(left->text, is_new ? ": " : "");
        text_string(left->text, what);
    }
    left->any = true;
    left->policy = policy->name;
}

static void left_words(struct text *text, const struct line *line, bool as_json)
{
    struct left_words words = {.text = text, .as_json = as_json};
    const struct narrow_left left = {.tell = left_tell, .arg = &words};
    if (is_shown_by_policies(line))
        narrow_tell_left(line->view->policies, line->event, line->view->needs.architecture, &left);
}

static bool has_rows(const struct line *line)
{
    return !line->of.watches.all && line->of.watches.n > 0;
}

static bool is_sent_whole(const struct line *line)
{
    return (line->of.whole || !has_rows(line)) && line->of.scopes == 0;
}

static void table_row(struct text *text, const struct line *line)
{
    const size_t start = text->size;
    text_string(text, line->event->name);
    do
        text_literal(text, " ");
    while (text->size - start < 28 && !text->failed);
    text_string(text, is_sent_whole(line) ? "all    " : "some   ");
    if (!has_rows(line)) {
        if (line->of.scopes != 0)
            text_literal(text, "of every file: ");
        because(text, line);
    } else {
        text_string(text, line->of.whole ? "apart from the rest: " : "");
        for (size_t i = 0; i < line->of.watches.n; i++) {
            text_string(text, i > 0 ? "; " : "");
            watch_words(text, &line->of.watches.list[i]);
        }
    }
    scopes_words(text, line);
    if (line->of.scopes == 0 && is_shown_by_policies(line)) {
        text_string(text, continuation);
        text_literal(text, "of everybody: ");
        text_string(text, because_of_tasks(line));
    }
    left_words(text, line, false);
    text_literal(text, "\n");
}

static void json_value(struct text *text, const struct task_value *value)
{
    if (value->length > 0) {
        text_string(text, (value->flags & TASK_VALUE_PREFIX) != 0 ? "{\"prefix\":" : "{\"equal\":");
        text_json(text, value->text, value->length);
    } else {
        text_literal(text, "{\"from\":");
        text_unsigned(text, value->from);
        text_literal(text, ",\"to\":");
        text_unsigned(text, value->to);
    }
    text_literal(text, ",\"key\":");
    text_json(text, field_names[value->field], strlen(field_names[value->field]));
    text_literal(text, "}");
}

/* A scope is an array of keys, which all hold. */
static void json_scope(struct text *text, const struct task_scopes *scopes, size_t i)
{
    bool is_first_of_key = true;
    text_literal(text, "[");
    for (size_t v = scopes->first[i]; v < scopes->first[i + 1]; v++) {
        const uint8_t flags = scopes->value[v].flags;
        if (is_first_of_key)
            text_string(text, v > scopes->first[i] ? ",{\"values\":[" : "{\"values\":[");
        else
            text_literal(text, ",");
        json_value(text, &scopes->value[v]);
        is_first_of_key = (flags & TASK_VALUE_ENDS_KEY) != 0;
        if (is_first_of_key)
            text_string(text, (flags & TASK_VALUE_NONE_OF) != 0 ? "],\"none_of\":true}" : "],\"none_of\":false}");
    }
    text_literal(text, "]");
}

static void json_row(struct text *text, const struct line *line)
{
    struct text reason = {0};
    const char *separator = "";
    text_literal(text, "{\"name\":");
    text_json(text, line->event->name, strlen(line->event->name));
    text_string(text, is_sent_whole(line) ? ",\"sent\":\"all\",\"reason\":" : ",\"sent\":\"some\",\"reason\":");
    if (line->of.whole || !has_rows(line))
        because(&reason, line);
    text_json(text, reason.data == NULL ? "" : reason.data, reason.size);
    text_fini(&reason);
    text_literal(text, ",\"watches\":[");
    for (size_t i = 0; i < line->of.watches.n && has_rows(line); i++) {
        const struct watch *watch = &line->of.watches.list[i];
        text_string(text, i > 0 ? ",{\"part\":" : "{\"part\":");
        text_json(text, part_names[watch->part], strlen(part_names[watch->part]));
        text_literal(text, ",\"text\":");
        text_json(text, watch->text, watch->length);
        text_literal(text, ",\"access\":");
        text_unsigned(text, watch->access);
        text_literal(text, "}");
    }
    text_literal(text, "],\"scopes\":[");
    for (size_t i = 0; i < line->view->scopes.n; i++)
        if ((line->of.scopes >> i & 1) != 0) {
            text_string(text, separator);
            json_scope(text, &line->view->scopes, i);
            separator = ",";
        }
    text_literal(text, "],\"left\":[");
    left_words(text, line, true);
    text_literal(text, "]}");
}

static void rows(struct text *text, struct view *view, enum list_format format)
{
    static struct line line;
    bool is_first = true;
    for (size_t i = 0; i < schema_count(view->schema); i++) {
        const struct schema_event *event = schema_event_at(view->schema, i);
        if (view->needs.wanted[event->known->id] == WANT_NONE)
            continue;
        line = (struct line){.view = view, .event = event};
        plan_narrow(&view->needs, event, &view->scopes, &line.of);
        if (format == LIST_JSON) {
            text_string(text, is_first ? "[" : ",\n");
            json_row(text, &line);
        } else {
            table_row(text, &line);
        }
        is_first = false;
    }
    if (format == LIST_JSON)
        text_string(text, is_first ? "[]\n" : "]\n");
}

int list_plan(struct loaded_current *current, enum list_format format)
{
    static struct view view;
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
