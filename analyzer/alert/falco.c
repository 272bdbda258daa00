/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/falco.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "analyzer/alert/row.h"

/* Falcosidekick's own cut is 507 bytes and the mark; the later rounds are for strings that are all escapes. */
static const size_t cuts[] = {507, 123, 59};
static const char cut_mark[] = "[...]";

static const char *const priorities[] = {"Informational", "Notice", "Warning", "Error", "Critical"};

static const char *priority_of(int severity)
{
    int last = (int)(sizeof(priorities) / sizeof(priorities[0])) - 1;
    return priorities[severity < 0 ? 0 : severity > last ? last : severity];
}

static void set_string(json_t *fields, const char *key, const char *text)
{
    if (text && *text)
        json_object_set_new(fields, key, json_string(text));
}

/* Numbers stay integers, also where the finding could only be read as reals. */
static void set_integer(json_t *fields, const char *key, const json_t *value)
{
    if (json_is_integer(value))
        json_object_set_new(fields, key, json_integer(json_integer_value(value)));
    else if (json_is_real(value) && fabs(json_real_value(value)) < 9.0e15)
        json_object_set_new(fields, key, json_integer((json_int_t)json_real_value(value)));
}

static void set_bool(json_t *fields, const char *key, const json_t *value)
{
    if (json_is_boolean(value))
        json_object_set_new(fields, key, json_boolean(json_is_true(value)));
}

/* A list of strings as one, heap; NULL if it is none. */
static char *joined(const json_t *list)
{
    char *text = NULL;
    size_t size = 0;
    if (json_array_size(list) == 0)
        return NULL;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *item = json_string_value(json_array_get(list, i));
        fprintf(out, "%s%s", i ? " " : "", item ? item : "");
    }
    fclose(out);
    return text;
}

static void set_process(json_t *fields, const json_t *finding)
{
    set_string(fields, "proc.name", alert_string(finding, "processName", NULL));
    set_integer(fields, "proc.pid", json_object_get(finding, "hostProcessId"));
    set_integer(fields, "proc.ppid", json_object_get(finding, "hostParentProcessId"));
    set_integer(fields, "proc.vpid", json_object_get(finding, "processId"));
    set_integer(fields, "thread.tid", json_object_get(finding, "hostThreadId"));
    set_integer(fields, "user.uid", json_object_get(finding, "userId"));
    set_string(fields, "proc.exepath", alert_string(finding, "executable", "path", NULL));
    char *argv = joined(alert_argument(finding, "argv"));
    set_string(fields, "proc.cmdline", argv);
    free(argv);
    const json_t *parent = json_array_get(json_object_get(json_object_get(finding, "vedette"), "ancestry"), 0);
    set_string(fields, "proc.pname", alert_string(parent, "comm", NULL));
    set_string(fields, "proc.pexepath", alert_string(parent, "executable", NULL));
    set_string(fields, "proc.pcmdline", alert_string(parent, "argv", NULL));
}

static void set_container(json_t *fields, const json_t *finding)
{
    const char *id = alert_string(finding, "container", "id", NULL);
    set_string(fields, "container.id", id ? id : "host"); /* as Falco says it */
    set_string(fields, "container.name", alert_string(finding, "container", "name", NULL));
    set_string(fields, "container.image", alert_string(finding, "container", "image", NULL));
    set_string(fields, "container.image.digest", alert_string(finding, "container", "imageDigest", NULL));
    /* Falcosidekick drops the connection for a value of these two that is no string. */
    set_string(fields, "k8s.ns.name", alert_string(finding, "kubernetes", "podNamespace", NULL));
    set_string(fields, "k8s.pod.name", alert_string(finding, "kubernetes", "podName", NULL));
    set_string(fields, "k8s.pod.uid", alert_string(finding, "kubernetes", "podUID", NULL));
}

static void set_event(json_t *fields, const json_t *finding, const struct alert *alert)
{
    const char *trigger = alert_trigger(finding);
    const char *syscall = alert_string(finding, "syscall", NULL);
    set_string(fields, "evt.type", syscall ? syscall : trigger);
    json_object_set_new(fields, "evt.time", json_integer((json_int_t)alert->time_ns));
    /* An exec's path is the process's own. */
    if (!trigger || strncmp(trigger, "sched_process_", strlen("sched_process_")) != 0)
        set_string(fields, "fd.name", json_string_value(alert_argument(finding, "pathname")));
    set_string(fields, "vedette.id", alert->id);
    set_string(fields, "vedette.event", trigger);
    const json_t *ours = json_object_get(finding, "vedette");
    set_bool(fields, "vedette.succeeded", json_object_get(ours, "succeeded"));
    set_bool(fields, "vedette.incomplete", json_object_get(ours, "incomplete"));
}

static json_t *make_tags(const json_t *finding)
{
    const char *tags[ALERT_TAGS];
    alert_tags(finding, tags);
    json_t *list = json_array();
    for (size_t i = 0; i < ALERT_TAGS; i++)
        if (tags[i])
            json_array_append_new(list, json_string(tags[i]));
    return list;
}

/* "03:04:05.000000006: Warning Title (name=value name=value)", as Falco's own lines read; on one line whatever the
 * names hold. */
static char *make_output(const json_t *finding, const json_t *fields, const struct alert *alert, const char *rule)
{
    static const char *const shown[] = {"proc.name", "proc.pid",     "proc.exepath", "proc.cmdline", "fd.name",
                                        "user.uid",  "container.id", "k8s.ns.name",  "k8s.pod.name"};
    char *text = NULL, time[ALERT_TIME_BYTES];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    const char *title = alert_string(finding, "metadata", "Properties", "signatureName", NULL);
    alert_time(alert->time_ns, time);
    fprintf(out, "%.18s: %s %s (", time + strlen("2026-01-02T"), priority_of(alert->severity), title ? title : rule);
    const char *separator = "";
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        const json_t *value = json_object_get(fields, shown[i]);
        if (json_is_string(value))
            fprintf(out, "%s%s=%s", separator, shown[i], json_string_value(value));
        else if (value)
            fprintf(out, "%s%s=%lld", separator, shown[i], (long long)json_integer_value(value));
        separator = value ? " " : separator;
    }
    fprintf(out, ")");
    fclose(out);
    for (char *c = text; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = ' ';
    return text;
}

/* Replaces the value by its first `limit` bytes, ending between characters, and the mark. */
static json_t *cut_string(const json_t *value, size_t limit)
{
    const char *text = json_string_value(value);
    size_t size = limit;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    char short_text[1024];
    snprintf(short_text, sizeof(short_text), "%.*s%s", (int)size, text, cut_mark);
    return json_string(short_text);
}

static void cut_strings(json_t *object, size_t limit)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (json_is_object(value))
            cut_strings(value, limit);
        else if (json_is_string(value) && json_string_length(value) > limit + strlen(cut_mark))
            json_object_set_new(object, key, cut_string(value, limit));
    }
}

static json_t *make_payload(const json_t *finding, const struct alert *alert)
{
    const char *rule = alert_string(finding, "eventName", NULL);
    if (!rule)
        rule = alert->detection;
    char time[ALERT_TIME_BYTES];
    alert_time(alert->time_ns, time);
    json_t *payload = json_object(), *fields = json_object();
    set_process(fields, finding);
    set_container(fields, finding);
    set_event(fields, finding, alert);
    char *output = make_output(finding, fields, alert, rule);
    set_string(payload, "output", output);
    free(output);
    set_string(payload, "priority", priority_of(alert->severity));
    set_string(payload, "rule", rule);
    set_string(payload, "time", time);
    set_string(payload, "source", "syscall");
    set_string(payload, "hostname", alert->node);
    json_object_set_new(payload, "tags", make_tags(finding));
    json_object_set_new(payload, "output_fields", fields);
    return payload;
}

char *falco_payload(const struct alert *alert, size_t *ret_size, char error[FALCO_ERROR_BYTES])
{
    json_t *finding = alert_parse(alert);
    if (!finding) {
        snprintf(error, FALCO_ERROR_BYTES, "the stored finding is no JSON object");
        errno = EBADMSG;
        return NULL;
    }
    json_t *payload = make_payload(finding, alert);
    char *text = json_dumps(payload, JSON_COMPACT);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]) && text && strlen(text) > FALCO_PAYLOAD_BYTES; i++) {
        free(text);
        cut_strings(payload, cuts[i]);
        text = json_dumps(payload, JSON_COMPACT);
    }
    json_decref(payload);
    json_decref(finding);
    if (text) {
        *ret_size = strlen(text);
    } else {
        snprintf(error, FALCO_ERROR_BYTES, "out of memory");
        errno = ENOMEM;
    }
    return text;
}
