// SPDX-License-Identifier: Apache-2.0
#include "analyzer/list.h"

#include "analyzer/arguments/arguments.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"

void list_member(struct text *text, const char *name, const char *value)
{
    text_json(text, name, strlen(name));
    text_literal(text, ":");
    text_json(text, value, strlen(value));
}

/* Best first; which one a kernel gives is told by `coverage`. */
static void json_sources(struct text *text, const struct event *event)
{
    static const char *const kinds[] = {
        [SOURCE_TRACEPOINT] = "tracepoint",         [SOURCE_EXIT] = "syscall_exit", [SOURCE_ENTER] = "syscall_enter",
        [SOURCE_ENTER_EXIT] = "syscall_enter_exit", [SOURCE_ITERATOR] = "iterator", [SOURCE_SYSCALL] = "syscall_exit",
        [SOURCE_SYSCALL_ENTER] = "syscall_enter",   [SOURCE_DERIVED] = "derived",   [SOURCE_NONE] = "none",
    };
    text_literal(text, "\"sources\":[");
    for (uint8_t i = 0; i < event->n_sources; i++) {
        const struct event_source *source = &event->sources[i];
        text_string(text, i == 0 ? "{" : ",{");
        list_member(text, "kind", kinds[source->kind]);
        if (source->kind == SOURCE_TRACEPOINT || source->kind == SOURCE_ITERATOR || source->kind == SOURCE_DERIVED) {
            text_literal(text, ",");
            list_member(text, "name", source->name);
        } else if (source->kind == SOURCE_NONE) {
            text_literal(text, ",");
            list_member(text, "reason", source->name);
        }
        if (source->syscalls != NULL) {
            text_literal(text, ",\"syscalls\":");
            text_json_words(text, source->syscalls, ' ');
        }
        text_string(text, source->on_request ? ",\"on_request\":true}" : "}");
    }
    text_literal(text, "]");
}

static void json_event(struct text *text, const struct event *event)
{
    text_literal(text, "{\"id\":");
    text_unsigned(text, event->id);
    text_literal(text, ",");
    list_member(text, "name", event->name);
    text_literal(text, ",");
    list_member(text, "class", event_class_name((enum event_class)event->class));
    text_string(text, event_is_always_on(event) ? ",\"alwaysOn\":true" : ",\"alwaysOn\":false");
    text_literal(text, ",\"sets\":");
    text_json_words(text, event->sets, ',');
    text_literal(text, ",\"args\":[");
    for (size_t i = 0; i < event->n_args; i++) {
        text_string(text, i == 0 ? "{" : ",{");
        list_member(text, "name", event->args[i].name);
        text_literal(text, ",");
        list_member(text, "type", arg_type_name(event->args[i].type));
        const enum table table = argument_table(event, i);
        if (table != TABLE_NONE) {
            text_literal(text, ",");
            list_member(text, "words", table_name(table));
        }
        text_literal(text, "}");
    }
    text_literal(text, "],");
    json_sources(text, event);
    text_literal(text, ",");
    list_member(text, "losses", event->losses);
    text_literal(text, "}");
}

static void json_detection(struct text *text, const struct detection *detection)
{
    text_literal(text, "{\"eventId\":");
    text_unsigned(text, detection->event_id);
    const char *const members[][2] = {
        {"id", detection->id},
        {"name", detection->name},
        {"title", detection->title},
        {"description", detection->description},
        {"severity", severity_names[detection->severity]},
        {"category", detection->category},
        {"technique", detection->technique},
        {"technique_id", detection->technique_id},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        text_literal(text, ",");
        list_member(text, members[i][0], members[i][1]);
    }
    text_literal(text, ",\"events\":[");
    for (size_t i = 0; i < DETECTION_MAX_TRIGGERS && detection->triggers[i].event != NULL; i++) {
        if (i > 0)
            text_literal(text, ",");
        text_json(text, detection->triggers[i].event, strlen(detection->triggers[i].event));
    }
    text_literal(text, "]}");
}

int list_print(struct text *text)
{
    bool written = !text->failed && fwrite(text->data, 1, text->size, stdout) == text->size && fflush(stdout) == 0;
    text_fini(text);
    if (written)
        return EXIT_CODE_OK;
    log_error("standard output cannot be written");
    return EXIT_CODE_RUNTIME;
}

static void table_events(struct text *text)
{
    size_t count;
    const struct event *events = events_all(&count);
    char line[256];
    snprintf(line, sizeof(line), "%-26s %5s  %-9s %-36s %s\n", "EVENT", "ID", "CLASS", "SETS", "ARGUMENTS");
    text_string(text, line);
    for (size_t i = 0; i < count; i++) {
        snprintf(line, sizeof(line), "%-26s %5u  %-9s %-36s", events[i].name, events[i].id,
                 event_class_name((enum event_class)events[i].class), events[i].sets);
        text_string(text, line);
        for (size_t a = 0; a < events[i].n_args; a++) {
            text_string(text, a == 0 ? " " : ", ");
            text_string(text, events[i].args[a].name);
        }
        text_literal(text, "\n");
    }
}

static void table_detections(struct text *text)
{
    size_t count;
    const struct detection *const *all = detections_all(&count);
    char line[256];
    snprintf(line, sizeof(line), "%-26s %-9s %-9s %-10s %s\n", "DETECTION", "ID", "SEVERITY", "TECHNIQUE", "TITLE");
    text_string(text, line);
    for (size_t i = 0; i < count; i++) {
        snprintf(line, sizeof(line), "%-26s %-9s %-9s %-10s ", all[i]->name, all[i]->id,
                 severity_names[all[i]->severity], all[i]->technique_id);
        text_string(text, line);
        text_string(text, all[i]->title);
        text_literal(text, "\n");
    }
}

static void json_events(struct text *text)
{
    size_t count;
    const struct event *events = events_all(&count);
    for (size_t i = 0; i < count; i++) {
        text_string(text, i == 0 ? "[" : ",\n");
        json_event(text, &events[i]);
    }
    text_literal(text, "]\n");
}

static void json_detections(struct text *text)
{
    size_t count;
    const struct detection *const *all = detections_all(&count);
    for (size_t i = 0; i < count; i++) {
        text_string(text, i == 0 ? "[" : ",\n");
        json_detection(text, all[i]);
    }
    text_literal(text, "]\n");
}

static const struct {
    const char *what;
    void (*write[LIST_MARKDOWN + 1])(struct text *text); /* by enum list_format */
} lists[] = {
    {"detections", {table_detections, json_detections, markdown_detections}},
    {"events", {table_events, json_events, markdown_events}},
    {"metrics", {table_metrics, json_metrics, markdown_metrics}},
    {"outputs", {table_outputs, json_outputs, markdown_outputs}},
};

int list(const char *what, enum list_format format)
{
    struct text text = {0};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (strcmp(what, lists[i].what) == 0) {
            lists[i].write[format](&text);
            return list_print(&text);
        }
    log_error("list: there is no list of '%s': say events, detections, metrics, outputs or policies", what);
    return EXIT_CODE_USAGE;
}
