/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/row.h"

#include <stdarg.h>

json_t *alert_parse(const struct alert *alert)
{
    json_error_t error;
    json_t *finding = json_loads(alert->json, JSON_ALLOW_NUL, &error);
    /* A uint64 beyond int64 is refused as an integer: better rounded than no finding. */
    if (!finding && json_error_code(&error) == json_error_numeric_overflow)
        finding = json_loads(alert->json, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (finding && !json_is_object(finding)) {
        json_decref(finding);
        return NULL;
    }
    return finding;
}

const char *alert_string(const json_t *object, ...)
{
    va_list keys;
    va_start(keys, object);
    for (const char *key; object && (key = va_arg(keys, const char *));)
        object = json_object_get(object, key);
    va_end(keys);
    const char *text = json_string_value(object);
    return text && *text ? text : NULL;
}

static const json_t *find_argument(const json_t *args, const char *name)
{
    size_t index;
    const json_t *item;
    for (index = 0; index < json_array_size(args); index++) {
        item = json_array_get(args, index);
        const char *item_name = json_string_value(json_object_get(item, "name"));
        if (item_name && strcmp(item_name, name) == 0)
            return json_object_get(item, "value");
    }
    return NULL;
}

const json_t *alert_argument(const json_t *finding, const char *name)
{
    const json_t *args = json_object_get(finding, "args");
    const json_t *value = find_argument(args, name);
    return value ? value : find_argument(json_object_get(find_argument(args, "triggeredBy"), "args"), name);
}

const char *alert_trigger(const json_t *finding)
{
    return alert_string(find_argument(json_object_get(finding, "args"), "triggeredBy"), "name", NULL);
}

void alert_tags(const json_t *finding, const char *ret_tags[ALERT_TAGS])
{
    const json_t *properties = json_object_get(json_object_get(finding, "metadata"), "Properties");
    ret_tags[0] = alert_string(properties, "signatureID", NULL);
    ret_tags[1] = alert_string(properties, "external_id", NULL);
    ret_tags[2] = alert_string(properties, "Category", NULL);
}

void alert_time(uint64_t time_ns, char ret_text[ALERT_TIME_BYTES])
{
    time_t seconds = (time_t)(time_ns / 1000000000u);
    struct tm tm;
    char date[24];
    gmtime_r(&seconds, &tm);
    if (strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        date[0] = '\0';
    snprintf(ret_text, ALERT_TIME_BYTES, "%s.%09uZ", date, (unsigned)(time_ns % 1000000000u));
}

/* Escapes C0, DEL and, in UTF-8, C1 and the bidirectional controls, which could move the cursor or turn a line around.
 */
static void put_text(FILE *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        size_t hide = 0;
        if (*c < ' ' || *c == 127 || *c == '\\')
            hide = 1;
        else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
            hide = 2;
        else if (c[0] == 0xe2 &&
                 ((c[1] == 0x80 && ((c[2] >= 0x8e && c[2] <= 0x8f) || (c[2] >= 0xa8 && c[2] <= 0xae))) ||
                  (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)))
            hide = 3;
        if (!hide) {
            putc(*c, out);
            continue;
        }
        for (size_t i = 0; i < hide; i++)
            fprintf(out, "\\x%02x", c[i]);
        c += hide - 1;
    }
}

static void word_column(FILE *out, const char *text, int width)
{
    char *escaped = NULL;
    size_t size = 0;
    FILE *column = open_memstream(&escaped, &size);
    if (column) {
        put_text(column, text && *text ? text : "-");
        fclose(column);
        fprintf(out, "%-*s ", width, escaped);
        free(escaped);
    }
}

static void number_column(FILE *out, const json_t *number, int width)
{
    if (json_is_number(number))
        fprintf(out, "%-*.0f ", width, json_number_value(number));
    else
        fprintf(out, "%-*s ", width, "-");
}

static void named(FILE *out, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    fprintf(out, "; %s: ", name);
    put_text(out, text);
}

static void put_details(FILE *out, const json_t *finding, const struct alert *alert)
{
    static const char *const severities[] = {"INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"};
    bool known = alert->severity >= 0 && alert->severity < (int)(sizeof(severities) / sizeof(severities[0]));
    const json_t *ours = json_object_get(finding, "vedette");
    const char *title = alert_string(finding, "metadata", "Properties", "signatureName", NULL);
    fputs(known ? severities[alert->severity] : "UNKNOWN", out);
    fputs(json_is_false(json_object_get(ours, "succeeded")) ? " (attempt failed): " : ": ", out);
    put_text(out, title ? title : alert->detection);
    named(out, alert_trigger(finding) ? alert_trigger(finding) : "pathname",
          json_string_value(alert_argument(finding, "pathname")));
    named(out, "executable", alert_string(finding, "executable", "path", NULL));
    const char *container = alert_string(finding, "container", "id", NULL);
    char short_id[13]; /* what docker ps and crictl ps show */
    snprintf(short_id, sizeof(short_id), "%s", container ? container : "");
    named(out, "container", short_id);
    named(out, "node", alert->node);
    if (json_is_true(json_object_get(ours, "incomplete")))
        fputs("; incomplete: events were lost around it", out);
}

/* Widths as in table.c. */
char *alert_row(const struct alert *alert)
{
    char *row = NULL, time[ALERT_TIME_BYTES], day_time[16];
    size_t size = 0;
    FILE *out = open_memstream(&row, &size);
    if (!out)
        return NULL;
    json_t *finding = alert_parse(alert);
    alert_time(alert->time_ns, time);
    snprintf(day_time, sizeof(day_time), "%.15s", time + strlen("2026-01-02T"));
    word_column(out, day_time, 16);
    number_column(out, json_object_get(finding, "userId"), 6);
    word_column(out, alert_string(finding, "processName", NULL), 16);
    number_column(out, json_object_get(finding, "hostProcessId"), 7);
    number_column(out, json_object_get(finding, "hostThreadId"), 7);
    number_column(out, json_object_get(finding, "returnValue"), 16);
    word_column(out, alert->detection, 25);
    put_details(out, finding, alert);
    json_decref(finding);
    if (fclose(out)) {
        free(row);
        return NULL;
    }
    return row;
}
