/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/syslog_message.h"

#include "analyzer/alert/row.h"

enum {
    HOSTNAME_LIMIT = 255,
    MSGID_LIMIT = 32,
    VALUE_BYTES = 512, /* of one value of the structured data */
    SHORT_BYTES = 128, /* of one value of a short message */
    MICROSECONDS = 26, /* "2026-01-02T03:04:05.000000": RFC 5424 has six digits at most */
};

/* How much of a message there is room for. */
enum room { ROOM_FOR_ALL, ROOM_FOR_SHORT, ROOM_FOR_ID };

bool syslog_is_name(const char *text, size_t limit)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        if (text[i] < '!' || text[i] > '~')
            return false;
    return length > 0 && length <= limit;
}

bool syslog_is_sd_id(const char *text)
{
    const char *at = strchr(text, '@');
    return syslog_is_name(text, SYSLOG_SD_ID_BYTES - 1) && strpbrk(text, "=]\"") == NULL && at != NULL && at > text &&
           at[1] != '\0' && at[1 + strspn(at + 1, "0123456789.")] == '\0';
}

/* A name of the header: what may not stand there becomes '_', and nothing is "-". */
static void put_name(struct text *text, const char *name, size_t limit)
{
    size_t length = strnlen(name, limit);
    if (length == 0)
        text_literal(text, "-");
    for (size_t i = 0; i < length; i++) {
        char c = name[i] < '!' || name[i] > '~' ? '_' : name[i];
        text_append(text, &c, 1);
    }
}

/* Levels of severity: RFC 5424 section 6.2.1. */
static unsigned level_of(int severity)
{
    static const unsigned levels[] = {6, 5, 4, 3, 2}; /* informational, notice, warning, error, critical */
    int last = (int)(sizeof(levels) / sizeof(levels[0])) - 1;
    return levels[severity < 0 ? 0 : severity > last ? last : severity];
}

static void put_header(struct text *text, const struct syslog_form *form, const struct finding_view *view)
{
    char time[ALERT_TIME_BYTES];
    alert_time(view->alert->time_ns, time);
    text_literal(text, "<");
    text_unsigned(text, form->facility * 8 + level_of(view->alert->severity));
    text_literal(text, ">1 ");
    text_append(text, time, MICROSECONDS);
    text_literal(text, "Z ");
    put_name(text, view->alert->node, HOSTNAME_LIMIT);
    text_literal(text, " ");
    put_name(text, form->app_name, SYSLOG_APP_NAME_BYTES - 1);
    text_literal(text, " - "); /* our own pid would say nothing of the finding */
    put_name(text, view->alert->detection, MSGID_LIMIT);
    text_literal(text, " ");
}

/* The field's text, at most `limit` bytes of it and then a mark, ending between characters. */
static void put_cut(struct text *text, const struct finding_field *field, const struct finding_view *view, size_t limit)
{
    static const char mark[] = "[...]";
    size_t begin = text->size;
    finding_field_write(field, view, text);
    if (text->failed || text->size - begin <= limit)
        return;
    size_t end = begin + limit - (sizeof(mark) - 1);
    while (end > begin && ((unsigned char)text->data[end] & 0xc0) == 0x80)
        end--;
    text->size = end;
    text_literal(text, "[...]");
}

/* '"', '\' and ']' are escaped (RFC 5424 section 6.3.3); control characters, which it allows, would end a line for who
 * reads lines. */
static void put_value(struct text *text, const struct text *value)
{
    for (size_t i = 0; i < value->size; i++) {
        char c = value->data[i];
        if (c == '"' || c == '\\' || c == ']')
            text_literal(text, "\\");
        c = (unsigned char)c < ' ' || c == 127 ? ' ' : c;
        text_append(text, &c, 1);
    }
}

static void put_structured_data(struct text *text, const struct syslog_form *form, const struct finding_view *view,
                                bool only_id)
{
    struct text value = {0};
    const char *nearest;
    const struct finding_field *const id[] = {finding_field_by_name("id", &nearest)};
    const struct finding_field *const *fields = only_id ? id : form->fields->field;
    const size_t count = only_id ? 1 : form->fields->count;
    if (count == 0) {
        text_literal(text, "-");
        return;
    }
    text_literal(text, "[");
    text_string(text, form->sd_id);
    for (size_t i = 0; i < count; i++) {
        value.size = 0;
        put_cut(&value, fields[i], view, VALUE_BYTES);
        text->failed |= value.failed;
        if (value.size == 0)
            continue;
        text_literal(text, " ");
        text_string(text, fields[i]->name);
        text_literal(text, "=\"");
        put_value(text, &value);
        text_literal(text, "\"");
    }
    text_literal(text, "]");
    text_fini(&value);
}

static const char *const short_fields[] = {"id",      "time", "detection",  "severity", "node",
                                           "process", "pid",  "executable", NULL};

/* {"truncated":true,"id":"..."}: what tells which finding it is, and where the whole is to be found. */
static void put_short(struct text *text, const struct finding_view *view)
{
    struct text value = {0};
    const char *nearest;
    text_literal(text, "{\"truncated\":true");
    for (size_t i = 0; short_fields[i] != NULL; i++) {
        value.size = 0;
        put_cut(&value, finding_field_by_name(short_fields[i], &nearest), view, SHORT_BYTES);
        text->failed |= value.failed;
        text_literal(text, ",\"");
        text_string(text, short_fields[i]);
        text_literal(text, "\":");
        text_json(text, value.size > 0 ? value.data : "", value.size);
    }
    text_literal(text, "}");
    text_fini(&value);
}

/* "Title: sh (pid 42, /memfd:x) on node1" */
static void put_sentence(struct text *text, const struct finding_view *view)
{
    static const char *const parts[][2] = {
        {"", "title"}, {": ", "process"}, {" (pid ", "pid"}, {", ", "executable"}, {") on ", "node"}};
    struct text value = {0};
    const char *nearest;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        value.size = 0;
        put_cut(&value, finding_field_by_name(parts[i][1], &nearest), view, SHORT_BYTES);
        text->failed |= value.failed;
        text_string(text, parts[i][0]);
        text_printable(text, value.size > 0 ? value.data : "", value.size);
    }
    text_fini(&value);
}

static void put_message(struct text *text, const struct syslog_form *form, const struct finding_view *view,
                        enum room room)
{
    put_header(text, form, view);
    put_structured_data(text, form, view, room == ROOM_FOR_ID);
    text_literal(text, " ");
    if (form->text)
        put_sentence(text, view);
    else if (room == ROOM_FOR_ALL)
        text_string(text, view->alert->json);
    else
        put_short(text, view);
}

void syslog_message(struct text *text, const struct syslog_form *form, const struct finding_view *view)
{
    const size_t begin = text->size;
    for (enum room room = ROOM_FOR_ALL; room <= ROOM_FOR_ID; room++) {
        text->size = begin;
        put_message(text, form, view, room);
        if (text->failed || text->size - begin <= form->max_bytes)
            return;
    }
}
