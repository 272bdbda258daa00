/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/fields.h"

#include <errno.h>

#include "analyzer/alert/row.h"
#include "analyzer/detect/detection.h"
#include "common/base/options_internal.h"

int finding_view_init(struct finding_view *view, const struct alert *alert)
{
    *view = (struct finding_view){.alert = alert, .json = alert_parse(alert)};
    return view->json == NULL ? -EBADMSG : 0;
}

void finding_view_fini(struct finding_view *view)
{
    json_decref(view->json);
    *view = (struct finding_view){0};
}

/* -- one function a field -- */

static void put(struct text *text, const char *string)
{
    if (string != NULL)
        text_string(text, string);
}

static void put_integer(struct text *text, const json_t *value)
{
    if (json_is_integer(value))
        text_signed(text, json_integer_value(value));
    else if (json_is_real(value))
        text_signed(text, (int64_t)json_real_value(value));
}

static void put_boolean(struct text *text, const json_t *value)
{
    if (json_is_boolean(value))
        text_string(text, json_is_true(value) ? "true" : "false");
}

static void put_joined(struct text *text, const json_t *list, const char *separator)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i > 0)
            text_string(text, separator);
        put(text, json_string_value(json_array_get(list, i)));
    }
}

/* A field that is the string at a path of keys, a number at one, or a property of the detection. */
#define STRING_FIELD(name, ...)                                                                                        \
    static void write_##name(struct text *text, const struct finding_view *view)                                       \
    {                                                                                                                  \
        put(text, alert_string(view->json, __VA_ARGS__, NULL));                                                        \
    }
#define NUMBER_FIELD(name, key)                                                                                        \
    static void write_##name(struct text *text, const struct finding_view *view)                                       \
    {                                                                                                                  \
        put_integer(text, json_object_get(view->json, key));                                                           \
    }
#define TRUTH_FIELD(name, key)                                                                                         \
    static void write_##name(struct text *text, const struct finding_view *view)                                       \
    {                                                                                                                  \
        put_boolean(text, json_object_get(json_object_get(view->json, "vedette"), key));                               \
    }
STRING_FIELD(signature, "metadata", "Properties", "signatureID")
STRING_FIELD(title, "metadata", "Properties", "signatureName")
STRING_FIELD(description, "metadata", "Description")
STRING_FIELD(technique, "metadata", "Properties", "external_id")
STRING_FIELD(tactic, "metadata", "Properties", "Category")
STRING_FIELD(process, "processName")
STRING_FIELD(executable, "executable", "path")
STRING_FIELD(container, "container", "id")
STRING_FIELD(container_name, "container", "name")
STRING_FIELD(image, "container", "image")
STRING_FIELD(namespace, "kubernetes", "podNamespace")
STRING_FIELD(pod, "kubernetes", "podName")
NUMBER_FIELD(pid, "hostProcessId")
NUMBER_FIELD(ppid, "hostParentProcessId")
NUMBER_FIELD(uid, "userId")
TRUTH_FIELD(succeeded, "succeeded")
TRUTH_FIELD(incomplete, "incomplete")

static void write_id(struct text *text, const struct finding_view *view)
{
    text_string(text, view->alert->id);
}

static void write_time(struct text *text, const struct finding_view *view)
{
    char time[ALERT_TIME_BYTES];
    alert_time(view->alert->time_ns, time);
    text_string(text, time);
}

static void write_time_ns(struct text *text, const struct finding_view *view)
{
    text_unsigned(text, view->alert->time_ns);
}

static void write_detection(struct text *text, const struct finding_view *view)
{
    put(text, view->alert->detection);
}

static void write_node(struct text *text, const struct finding_view *view)
{
    put(text, view->alert->node);
}

static void write_severity(struct text *text, const struct finding_view *view)
{
    int severity = view->alert->severity;
    text_string(text, severity_names[severity < 0 ? 0 : severity >= SEVERITIES ? SEVERITIES - 1 : severity]);
}

static void write_severity_number(struct text *text, const struct finding_view *view)
{
    text_signed(text, view->alert->severity);
}

static void write_event(struct text *text, const struct finding_view *view)
{
    put(text, alert_trigger(view->json));
}

static void write_policies(struct text *text, const struct finding_view *view)
{
    put_joined(text, json_object_get(view->json, "matchedPolicies"), ",");
}

static void write_command(struct text *text, const struct finding_view *view)
{
    put_joined(text, alert_argument(view->json, "argv"), " ");
}

static void write_file(struct text *text, const struct finding_view *view)
{
    put(text, json_string_value(alert_argument(view->json, "pathname")));
}

static const struct finding_field fields[] = {
#define FIELD(name_, bounded, help_) {#name_, help_, bounded, write_##name_},
#include "analyzer/alert/fields.def"
#undef FIELD
};

enum { N_FIELDS = sizeof(fields) / sizeof(fields[0]) };
_Static_assert((int)N_FIELDS <= (int)FINDING_FIELDS_MAX, "a list can hold every field");

const struct finding_field *finding_fields(size_t *ret_count)
{
    *ret_count = N_FIELDS;
    return fields;
}

static const char *name_at(const void *context, size_t index)
{
    (void)context;
    return index < N_FIELDS ? fields[index].name : NULL;
}

const struct finding_field *finding_field_by_name(const char *name, const char **ret_nearest)
{
    for (size_t i = 0; i < N_FIELDS; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    *ret_nearest = option_nearest(name, name_at, NULL);
    return NULL;
}

void finding_field_write(const struct finding_field *field, const struct finding_view *view, struct text *text)
{
    field->write(text, view);
}

char *finding_field_text(const struct finding_field *field, const struct finding_view *view)
{
    struct text text = {0};
    field->write(&text, view);
    if (text.size == 0 || !text_reserve(&text, 1)) {
        text_fini(&text);
        return NULL;
    }
    text.data[text.size] = '\0';
    return text.data;
}

static int add(struct finding_field_list *list, const char *key, const char *name, char *why, size_t why_size)
{
    const char *nearest = NULL;
    const struct finding_field *field = finding_field_by_name(name, &nearest);
    for (size_t i = 0; field != NULL && i < list->count; i++)
        if (list->field[i] == field) {
            snprintf(why, why_size, "%s: '%s' is there twice", key, name);
            return -EINVAL;
        }
    if (field == NULL) {
        snprintf(why, why_size, "%s: no field is called '%.64s'%s%s%s", key, name, nearest ? "; did you mean '" : "",
                 nearest ? nearest : "", nearest ? "'?" : "");
        return -EINVAL;
    }
    list->field[list->count++] = field; /* each once, so there is room */
    return 0;
}

int finding_field_list_read(struct finding_field_list *ret_list, const char *key, const struct option_list *names,
                            const char *const *usual, char *why, size_t why_size)
{
    struct finding_field_list list = {0};
    int result = 0;
    bool is_none = names->count == 1 && strcmp(names->item[0], "none") == 0;
    for (size_t i = 0; names->count == 0 && usual[i] != NULL && result == 0; i++)
        result = add(&list, key, usual[i], why, why_size);
    for (size_t i = 0; !is_none && i < names->count && result == 0; i++)
        result = add(&list, key, names->item[i], why, why_size);
    if (result == 0)
        *ret_list = list;
    return result;
}
