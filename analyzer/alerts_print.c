/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How alerts look. Whatever came from outside goes through text_printable, so that no name of a process drives the
 * terminal; colours are ours and around it.
 */
#include "analyzer/alerts_internal.h"

#include "analyzer/alert/row.h"

enum {
    WIDTH_TIME = 20,
    WIDTH_SEVERITY = 8,
    WIDTH_DETECTION = 28,
    WIDTH_NODE = 16,
    WIDTH_PROCESS = 22,
    WIDTH_ID = 12,
    WIDTH_KEY = 12
};

static const struct {
    const char *word, *color;
} severities[] = {
    {"INFO", ""}, {"LOW", "\033[36m"}, {"MEDIUM", "\033[33m"}, {"HIGH", "\033[31m"}, {"CRITICAL", "\033[1;31m"}};
static const char bold[] = "\033[1m", plain[] = "\033[0m";

/* Characters on a screen, as near as it matters: those that continue a character take no place. */
static size_t width_of(const struct text *text, size_t from)
{
    size_t width = 0;
    for (size_t i = from; i < text->size; i++)
        width += ((unsigned char)text->data[i] & 0xc0) != 0x80;
    return width;
}

static void column(struct text *text, const char *words, size_t width)
{
    size_t from = text->size;
    text_printable(text, words, strlen(words));
    do
        text_literal(text, " ");
    while (!text->failed && width_of(text, from) <= width);
}

static void colored(struct text *text, const struct show *show, const char *color, const char *words, size_t width)
{
    bool on = show->color && color[0] != '\0';
    text_string(text, on ? color : "");
    column(text, words, width);
    text_string(text, on ? plain : "");
}

static int severity_of(const json_t *alert)
{
    json_int_t severity = json_integer_value(json_object_get(alert, "severity"));
    return severity < 0 ? 0 : severity > 4 ? 4 : (int)severity;
}

/* "2026-01-02 03:04:05Z" */
static void short_time(uint64_t time_ns, char ret_text[ALERT_TIME_BYTES])
{
    alert_time(time_ns, ret_text);
    ret_text[10] = ' ';
    memcpy(&ret_text[19], "Z", 2);
}

static const char *string_or(const char *string, const char *other)
{
    return string != NULL ? string : other;
}

void show_heading(const struct show *show, struct text *text)
{
    static const struct {
        const char *word;
        size_t width;
    } columns[] = {{"TIME", WIDTH_TIME}, {"SEVERITY", WIDTH_SEVERITY}, {"DETECTION", WIDTH_DETECTION},
                   {"NODE", WIDTH_NODE}, {"PROCESS", WIDTH_PROCESS},   {"ID", WIDTH_ID}};
    if (show->shape != SHAPE_ROWS)
        return;
    text_string(text, show->color ? bold : "");
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        column(text, columns[i].word, columns[i].width);
    text_literal(text, "DETAILS");
    text_string(text, show->color ? plain : "");
    text_literal(text, "\n");
}

static void named(struct text *text, const char *name, const char *value)
{
    if (value == NULL)
        return;
    text_literal(text, "; ");
    text_string(text, name);
    text_literal(text, ": ");
    text_printable(text, value, strlen(value));
}

static void letters(struct text *text, const json_t *alert, const char *sink)
{
    const json_t *all = json_object_get(alert, "dead_letters");
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *letter = json_array_get(all, i);
        const char *name = string_or(json_string_value(json_object_get(letter, "sink")), "");
        const char *reason = string_or(json_string_value(json_object_get(letter, "reason")), "");
        if (sink != NULL && strcmp(sink, name) != 0)
            continue;
        text_string(text,
                    json_is_true(json_object_get(letter, "again")) ? "; on its way again to " : "; dead letter of ");
        text_printable(text, name, strlen(name));
        text_literal(text, ": ");
        text_printable(text, reason, strlen(reason));
    }
}

static void row(const struct show *show, const json_t *alert, const char *sink, struct text *text)
{
    char time[ALERT_TIME_BYTES], process[64], id[WIDTH_ID + 1];
    const json_t *finding = json_object_get(alert, "finding");
    const int severity = severity_of(alert);
    const char *title = alert_string(finding, "metadata", "Properties", "signatureName", NULL);
    const char *container = alert_string(finding, "container", "id", NULL);
    short_time((uint64_t)json_integer_value(json_object_get(alert, "time_ns")), time);
    snprintf(process, sizeof(process), "%.40s(%lld)", string_or(alert_string(finding, "processName", NULL), "?"),
             (long long)json_integer_value(json_object_get(finding, "hostProcessId")));
    snprintf(id, sizeof(id), "%s", string_or(alert_string(alert, "id", NULL), ""));
    column(text, time, WIDTH_TIME);
    colored(text, show, severities[severity].color, severities[severity].word, WIDTH_SEVERITY);
    colored(text, show, bold, string_or(alert_string(alert, "detection", NULL), ""), WIDTH_DETECTION);
    column(text, string_or(alert_string(alert, "node", NULL), "-"), WIDTH_NODE);
    column(text, process, WIDTH_PROCESS);
    column(text, id, WIDTH_ID);
    title = string_or(title, "");
    text_printable(text, title, strlen(title));
    named(text, "file", json_string_value(alert_argument(finding, "pathname")));
    named(text, "executable", alert_string(finding, "executable", "path", NULL));
    if (container != NULL)
        snprintf(id, sizeof(id), "%s", container);
    named(text, "container", container != NULL ? id : NULL);
    if (json_is_true(json_object_get(json_object_get(finding, "vedette"), "incomplete")))
        text_literal(text, "; incomplete: events were lost around it");
    if (show->dead)
        letters(text, alert, sink);
    text_literal(text, "\n");
}

/* A uint64 beyond int64 is rounded rather than the whole refused: these numbers are only shown. */
static json_t *parse(const char *line, size_t size)
{
    json_error_t error;
    json_t *alert = json_loadb(line, size, JSON_ALLOW_NUL, &error);
    if (alert == NULL && json_error_code(&error) == json_error_numeric_overflow)
        alert = json_loadb(line, size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    return alert;
}

int64_t show_row(const char *line, size_t size)
{
    static const char begin[] = "{\"row\":";
    return size > sizeof(begin) && memcmp(line, begin, sizeof(begin) - 1) == 0
               ? (int64_t)strtoll(line + sizeof(begin) - 1, NULL, 10)
               : 0;
}

/* The finding as it was stored. The key cannot stand in a string before it, whose quotes are escaped. */
static const char *finding_of(const char *line, size_t size, size_t *ret_size)
{
    static const char key[] = ",\"finding\":";
    const char *at = memmem(line, size, key, sizeof(key) - 1);
    if (at == NULL || line[size - 1] != '}')
        return NULL;
    at += sizeof(key) - 1;
    *ret_size = (size_t)(line + size - 1 - at);
    return at;
}

static void letter_lines(const json_t *alert, const char *finding, size_t size, const char *sink, struct text *text)
{
    const json_t *all = json_object_get(alert, "dead_letters");
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *letter = json_array_get(all, i);
        const char *name = string_or(json_string_value(json_object_get(letter, "sink")), "");
        const char *reason = string_or(json_string_value(json_object_get(letter, "reason")), "");
        if (sink != NULL && strcmp(sink, name) != 0)
            continue;
        text_literal(text, "{\"sink\":");
        text_json(text, name, strlen(name));
        text_literal(text, ",\"reason\":");
        text_json(text, reason, strlen(reason));
        text_literal(text, ",\"time\":");
        text_signed(text, json_integer_value(json_object_get(letter, "time")));
        text_string(text, json_is_true(json_object_get(letter, "again")) ? ",\"again\":true" : ",\"again\":false");
        text_literal(text, ",\"finding\":");
        text_append(text, finding, size);
        text_literal(text, "}\n");
    }
}

void show_line(const struct show *show, const char *line, size_t size, const char *sink, struct text *text)
{
    size_t length = 0;
    const char *finding = finding_of(line, size, &length);
    if (show->shape == SHAPE_FINDING && finding != NULL) {
        text_append(text, finding, length);
        text_literal(text, "\n");
        return;
    }
    json_t *alert = show->shape == SHAPE_FINDING ? NULL : parse(line, size);
    if (show->shape == SHAPE_ROWS && alert != NULL)
        row(show, alert, sink, text);
    else if (show->shape == SHAPE_LETTER && alert != NULL && finding != NULL)
        letter_lines(alert, finding, length, sink, text);
    json_decref(alert);
}

static void fact(struct text *text, const char *key, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    column(text, key, WIDTH_KEY);
    text_printable(text, value, strlen(value));
    text_literal(text, "\n");
}

static void number_fact(struct text *text, const char *key, const json_t *number)
{
    char digits[32];
    if (!json_is_number(number))
        return;
    snprintf(digits, sizeof(digits), "%.0f", json_number_value(number));
    fact(text, key, digits);
}

static void arguments(struct text *text, const json_t *args)
{
    for (size_t i = 0; i < json_array_size(args); i++) {
        const json_t *argument = json_array_get(args, i), *value = json_object_get(argument, "value");
        const char *name = string_or(json_string_value(json_object_get(argument, "name")), "");
        if (strcmp(name, "triggeredBy") == 0) {
            fact(text, "trigger", alert_string(value, "name", NULL));
            arguments(text, json_object_get(value, "args"));
            continue;
        }
        char *dumped = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        text_literal(text, "  ");
        column(text, name, WIDTH_KEY);
        const char *shown = json_is_string(value) ? json_string_value(value) : dumped != NULL ? dumped : "";
        text_printable(text, shown, strlen(shown));
        text_literal(text, "\n");
        free(dumped);
    }
}

/* "falcosidekick: dead letter: HTTP 400", "stdout: delivered", "file: waiting" */
static void delivery(struct text *text, const json_t *alert, const json_t *sinks)
{
    const json_int_t at = json_integer_value(json_object_get(alert, "row"));
    const json_t *all = json_object_get(alert, "dead_letters");
    for (size_t i = 0; i < json_array_size(sinks); i++) {
        const json_t *sink = json_array_get(sinks, i), *mine = NULL;
        const char *name = string_or(json_string_value(json_object_get(sink, "name")), "");
        for (size_t k = 0; k < json_array_size(all); k++)
            if (strcmp(string_or(json_string_value(json_object_get(json_array_get(all, k), "sink")), ""), name) == 0)
                mine = json_array_get(all, k);
        column(text, "sink", WIDTH_KEY);
        text_printable(text, name, strlen(name));
        if (mine != NULL) {
            const char *reason = string_or(json_string_value(json_object_get(mine, "reason")), "");
            text_string(text,
                        json_is_true(json_object_get(mine, "again")) ? ": on its way again: " : ": dead letter: ");
            text_printable(text, reason, strlen(reason));
        } else if (json_integer_value(json_object_get(sink, "start")) >= at) {
            text_literal(text, ": was not there yet");
        } else {
            text_string(text, json_integer_value(json_object_get(sink, "row")) >= at ? ": done" : ": waiting");
        }
        text_literal(text, "\n");
    }
}

static void losses(struct text *text, const json_t *finding)
{
    const json_t *all = json_object_get(json_object_get(finding, "vedette"), "losses");
    for (size_t i = 0; i < json_array_size(all); i++) {
        char *dumped = json_dumps(json_array_get(all, i), JSON_COMPACT);
        fact(text, "incomplete", dumped);
        free(dumped);
    }
}

void show_whole(const struct show *show, const char *line, size_t size, const char *sinks, struct text *text)
{
    char time[ALERT_TIME_BYTES];
    json_t *alert = parse(line, size), *all = json_loads(sinks, 0, NULL);
    const json_t *finding = json_object_get(alert, "finding");
    const int severity = severity_of(alert);
    fact(text, "id", alert_string(alert, "id", NULL));
    alert_time((uint64_t)json_integer_value(json_object_get(alert, "time_ns")), time);
    fact(text, "time", time);
    alert_time((uint64_t)json_integer_value(json_object_get(alert, "stored")) * 1000000000u, time);
    time[19] = 'Z';
    time[20] = '\0';
    fact(text, "stored", time);
    column(text, "severity", WIDTH_KEY);
    colored(text, show, severities[severity].color, severities[severity].word, 0);
    text_literal(text, "\n");
    fact(text, "detection", alert_string(alert, "detection", NULL));
    fact(text, "title", alert_string(finding, "metadata", "Properties", "signatureName", NULL));
    fact(text, "description", alert_string(finding, "metadata", "Description", NULL));
    fact(text, "node", alert_string(alert, "node", NULL));
    fact(text, "process", alert_string(finding, "processName", NULL));
    number_fact(text, "pid", json_object_get(finding, "hostProcessId"));
    number_fact(text, "parent", json_object_get(finding, "hostParentProcessId"));
    number_fact(text, "uid", json_object_get(finding, "userId"));
    fact(text, "executable", alert_string(finding, "executable", "path", NULL));
    fact(text, "container", alert_string(finding, "container", "id", NULL));
    fact(text, "image", alert_string(finding, "container", "image", NULL));
    fact(text, "pod", alert_string(finding, "kubernetes", "podName", NULL));
    if (json_is_false(json_object_get(json_object_get(finding, "vedette"), "succeeded")))
        fact(text, "result", "the attempt failed");
    losses(text, finding);
    arguments(text, json_object_get(finding, "args"));
    delivery(text, alert, all);
    json_decref(alert);
    json_decref(all);
}
