/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/shape.h"

#include <errno.h>

#include "analyzer/alert/view.h"

enum {
    FIRST_OTHER_ID = 700,    /* before it: system calls */
    FIRST_FINDING_ID = 6000, /* ours */
    SHAPE_FINDING_ID = 7500,
    SHAPE_OTHER_ID = 10000,
    EXEC_ID = 715,
    SHAPE_EXEC_ID = 1015,
    MAX_FIELDS = 64, /* of a line; there are 28 */
    NANO = 1000000000,
};

/* The line's own members, found once. */
struct line {
    struct text *text;
    size_t n;
    struct view key[MAX_FIELDS], value[MAX_FIELDS];
};

static struct view field(const struct line *line, const char *key)
{
    for (size_t i = 0; i < line->n; i++)
        if (view_is(line->key[i], key))
            return line->value[i];
    return (struct view){0};
}

static void raw(struct text *text, struct view value)
{
    if (value.data == NULL)
        text_literal(text, "null");
    else
        text_append(text, value.data, value.size);
}

static void between(struct text *text, const char *before, struct view value, const char *after)
{
    text_string(text, before);
    raw(text, value);
    text_string(text, after);
}

static bool read_number(struct view digits, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (digits.data == NULL || digits.size == 0 || digits.size > 19)
        return false;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
    }
    *ret_number = number;
    return true;
}

/* Nanoseconds since the epoch as RFC 3339, whose zeros at the end are left out. */
static void time_of(struct text *text, struct view nanoseconds)
{
    uint64_t ns = 0;
    struct tm tm = {0};
    char date[32], fraction[16];
    if (!read_number(nanoseconds, &ns))
        ns = 0; /* one before the epoch: no clock has such */
    time_t seconds = (time_t)(ns / NANO);
    gmtime_r(&seconds, &tm);
    strftime(date, sizeof(date), "\"%Y-%m-%dT%H:%M:%S", &tm);
    int length = snprintf(fraction, sizeof(fraction), ".%09u", (unsigned)(ns % NANO));
    while (length > 1 && fraction[length - 1] == '0')
        length--;
    text_string(text, date);
    text_append(text, fraction, length > 1 ? (size_t)length : 0);
    text_literal(text, "Z\"");
}

static uint64_t id_of(uint64_t id)
{
    if (id >= FIRST_FINDING_ID)
        return id - FIRST_FINDING_ID + SHAPE_FINDING_ID;
    if (id == EXEC_ID)
        return SHAPE_EXEC_ID;
    return id < FIRST_OTHER_ID ? id + 1 : id + SHAPE_OTHER_ID;
}

/* How a value is written under its key. */
enum form { FORM_PLAIN, FORM_QUOTED, FORM_LIST, FORM_QUOTED_LIST, FORM_VALUE };

static const struct {
    const char *type, *key;
    enum form form;
} types[] = {
    {"string", "str", FORM_PLAIN},
    {"int32", "int32", FORM_PLAIN},
    {"uint64", "u_int64", FORM_QUOTED},
    {"int64", "int64", FORM_QUOTED},
    {"uint32", "u_int32", FORM_PLAIN},
    {"uint16", "u_int32", FORM_PLAIN},
    {"uint8", "u_int32", FORM_PLAIN},
    {"bool", "bool", FORM_PLAIN},
    {"trace.Pointer", "pointer", FORM_QUOTED},
    {"[]string", "str_array", FORM_LIST},
    {"[]uint64", "u_int64_array", FORM_QUOTED_LIST},
    {"[2]int32", "int32_array", FORM_LIST},
    {"[]byte", "bytes", FORM_PLAIN},
    {"SockAddr", "sockaddr", FORM_PLAIN},
    {"SlimCred", "credentials", FORM_PLAIN},
    {"float64", "timespec", FORM_VALUE},
    {"object", "struct", FORM_PLAIN},
};

static void quoted(struct text *text, struct view value)
{
    bool is_string = value.size > 0 && value.data[0] == '"';
    between(text, is_string ? "" : "\"", value, is_string ? "" : "\"");
}

static void list(struct text *text, struct view value, bool quotes)
{
    struct view rest = view_inside(value), key, item;
    bool is_first = true;
    text_literal(text, "{\"value\":[");
    while (view_next(&rest, &key, &item)) {
        text_string(text, is_first ? "" : ",");
        is_first = false;
        if (quotes)
            quoted(text, item);
        else
            raw(text, item);
    }
    text_literal(text, "]}");
}

static void write_form(struct text *text, enum form form, struct view value)
{
    switch (form) {
    case FORM_PLAIN:
        raw(text, value);
        break;
    case FORM_QUOTED:
        quoted(text, value);
        break;
    case FORM_LIST:
    case FORM_QUOTED_LIST:
        list(text, value, form == FORM_QUOTED_LIST);
        break;
    case FORM_VALUE:
        between(text, "{\"value\":", value, "}");
        break;
    }
}

/* {"name":...,"str":...}; false when its type is not known. */
static bool datum(struct text *text, struct view argument)
{
    struct view type = view_unquoted(view_get(argument, "type")), value = view_get(argument, "value");
    between(text, "{\"name\":", view_get(argument, "name"), ",\"");
    if (view_is(value, "null")) {
        text_literal(text, "value\":null}");
        return true;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!view_is(type, types[i].type))
            continue;
        text_string(text, types[i].key);
        text_literal(text, "\":");
        write_form(text, types[i].form, value);
        text_literal(text, "}");
        return true;
    }
    return false;
}

/* ,"data":[...] of all arguments but `triggeredBy`, which is given back; a system call's result is the last. */
static bool data(struct text *text, struct view args, bool is_call, struct view result, struct view *ret_trigger)
{
    struct view rest = view_inside(args), key, argument;
    const char *separator = "";
    bool good = rest.data != NULL;
    text_literal(text, ",\"data\":[");
    while (good && view_next(&rest, &key, &argument)) {
        if (view_is(view_get(argument, "name"), "\"triggeredBy\"")) {
            *ret_trigger = view_get(argument, "value");
            continue;
        }
        text_string(text, separator);
        separator = ",";
        good = datum(text, argument);
    }
    if (is_call) {
        text_string(text, separator);
        between(text, "{\"name\":\"returnValue\",\"int64\":\"", result, "\"}");
    }
    text_literal(text, "]");
    return good && rest.data != NULL;
}

static void policies(const struct line *line)
{
    struct view matched = field(line, "matchedPolicies");
    if (matched.data != NULL && !view_is(matched, "[\"\"]"))
        between(line->text, ",\"policies\":{\"matched\":", matched, "}");
}

static void thread(const struct line *line)
{
    struct text *text = line->text;
    text_literal(text, ",\"thread\":{\"start_time\":");
    time_of(text, field(line, "threadStartTime"));
    between(text, ",\"name\":", field(line, "processName"), "");
    between(text, ",\"unique_id\":", field(line, "threadEntityId"), "");
    between(text, ",\"host_tid\":", field(line, "hostThreadId"), "");
    between(text, ",\"tid\":", field(line, "threadId"), "");
    between(text, ",\"syscall\":", field(line, "syscall"), "");
    if (view_is(view_get(field(line, "contextFlags"), "isCompat"), "true"))
        text_literal(text, ",\"compat\":true");
    text_literal(text, "}");
}

static void process(const struct line *line)
{
    struct text *text = line->text;
    between(text, "{\"executable\":", field(line, "executable"), "");
    between(text, ",\"unique_id\":", field(line, "processEntityId"), "");
    between(text, ",\"host_pid\":", field(line, "hostProcessId"), "");
    between(text, ",\"pid\":", field(line, "processId"), "");
    between(text, ",\"real_user\":{\"id\":", field(line, "userId"), "}");
    thread(line);
    between(text, ",\"ancestors\":[{\"unique_id\":", field(line, "parentEntityId"), "");
    between(text, ",\"host_pid\":", field(line, "hostParentProcessId"), "");
    between(text, ",\"pid\":", field(line, "parentProcessId"), "}]}");
}

/* ,"key":"string" where there is one. */
static const char *optional(struct text *text, const char *separator, const char *key, struct view value)
{
    if (value.data == NULL)
        return separator;
    text_string(text, separator);
    text_literal(text, "\"");
    text_string(text, key);
    between(text, "\":", value, "");
    return ",";
}

static void container(const struct line *line)
{
    struct text *text = line->text;
    struct view object = field(line, "container"), image = view_get(object, "image"),
                digest = view_get(object, "imageDigest");
    if (view_get(object, "id").data == NULL)
        return;
    text_literal(text, ",\"container\":{");
    const char *separator = optional(text, "", "id", view_get(object, "id"));
    optional(text, separator, "name", view_get(object, "name"));
    if (image.data != NULL || digest.data != NULL) {
        text_literal(text, ",\"image\":{");
        separator = optional(text, "", "name", image);
        if (digest.data != NULL) {
            text_string(text, separator);
            between(text, "\"repo_digests\":[", digest, "]");
        }
        text_literal(text, "}");
    }
    between(text, ",\"started\":", view_get(field(line, "contextFlags"), "containerStarted"), "}");
}

static void kubernetes(const struct line *line)
{
    struct text *text = line->text;
    struct view object = field(line, "kubernetes"), name = view_get(object, "podName"),
                uid = view_get(object, "podUID"), space = view_get(object, "podNamespace");
    if (name.data == NULL && uid.data == NULL)
        return;
    text_literal(text, ",\"k8s\":{\"pod\":{");
    optional(text, optional(text, "", "name", name), "uid", uid);
    text_literal(text, "}");
    if (space.data != NULL)
        between(text, ",\"namespace\":{\"name\":", space, "}");
    text_literal(text, "}");
}

/* "defense-evasion" as "Defense Evasion"; small words stay small. */
static void tactic(struct text *text, struct view category)
{
    struct view words = view_unquoted(category);
    text_literal(text, "\"");
    for (size_t i = 0; i < words.size; i++) {
        bool begins = i == 0 || words.data[i - 1] == '-';
        bool is_and = words.size - i >= 4 && memcmp(words.data + i, "and-", 4) == 0;
        char c = words.data[i] == '-' ? ' ' : words.data[i];
        if (begins && !is_and && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        text_append(text, &c, 1);
    }
    text_literal(text, "\"");
}

static void threat(const struct line *line)
{
    struct text *text = line->text;
    struct view metadata = field(line, "metadata"), properties = view_get(metadata, "Properties");
    between(text, ",\"threat\":{\"description\":", view_get(metadata, "Description"), "");
    text_literal(text, ",\"mitre\":{\"tactic\":{\"name\":");
    tactic(text, view_get(properties, "Category"));
    between(text, "},\"technique\":{\"id\":", view_get(properties, "external_id"), "");
    between(text, ",\"name\":", view_get(properties, "Technique"), "}}");
    between(text, ",\"severity\":", view_get(properties, "Severity"), "");
    between(text, ",\"name\":", view_get(properties, "signatureName"), "");
    between(text, ",\"properties\":{\"Category\":", view_get(properties, "Category"), "");
    between(text, ",\"signatureID\":", view_get(properties, "signatureID"), "}}");
}

static bool detected_from(struct text *text, struct view trigger)
{
    uint64_t id = 0;
    struct view none;
    if (!read_number(view_get(trigger, "id"), &id))
        return false;
    text_literal(text, ",\"detected_from\":{\"id\":");
    text_unsigned(text, id_of(id));
    between(text, ",\"name\":", view_get(trigger, "name"), "");
    bool good = data(text, view_get(trigger, "args"), id < FIRST_OTHER_ID, view_get(trigger, "returnValue"), &none);
    text_literal(text, "}");
    return good;
}

/* ,"vedette":{...,"trace":{...}} */
static void own(const struct line *line)
{
    static const char *const kept[] = {"processorId", "cgroupId", "mountNamespace", "pidNamespace", "hostName"};
    struct text *text = line->text;
    struct view inside = view_inside(field(line, "vedette"));
    text_literal(text, ",\"vedette\":{");
    if (inside.data != NULL && inside.size > 0) {
        raw(text, inside);
        text_literal(text, ",");
    }
    text_literal(text, "\"trace\":{");
    const char *separator = "";
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        separator = optional(text, separator, kept[i], field(line, kept[i]));
    text_literal(text, "}}");
}

static bool write_line(const struct line *line)
{
    struct text *text = line->text;
    struct view trigger = {0};
    uint64_t id = 0;
    if (!read_number(view_unquoted(field(line, "eventId")), &id))
        return false;
    text_literal(text, "{\"timestamp\":");
    time_of(text, field(line, "timestamp"));
    text_literal(text, ",\"id\":");
    text_unsigned(text, id_of(id));
    between(text, ",\"name\":", field(line, "eventName"), "");
    policies(line);
    text_literal(text, ",\"workload\":{\"process\":");
    process(line);
    container(line);
    kubernetes(line);
    text_literal(text, "}");
    bool good = data(text, field(line, "args"), id < FIRST_OTHER_ID, field(line, "returnValue"), &trigger);
    if (id >= FIRST_FINDING_ID) {
        threat(line);
        good = good && detected_from(text, trigger);
    }
    own(line);
    text_literal(text, "}");
    return good;
}

int shape_v1beta1(struct text *text, const char *line, size_t size)
{
    struct line found = {.text = text};
    struct view rest = view_inside(view_of(line, size));
    const size_t before = text->size;
    while (found.n < MAX_FIELDS && view_next(&rest, &found.key[found.n], &found.value[found.n]))
        found.n++;
    bool good = rest.data != NULL && rest.size == 0 && write_line(&found);
    if (good && !text->failed)
        return 0;
    int result = text->failed ? -ENOMEM : -EBADMSG;
    text->size = before;
    text->failed = false;
    return result;
}
