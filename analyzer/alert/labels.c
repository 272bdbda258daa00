/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/labels.h"

#include <errno.h>

static size_t name_length(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return strchr("0123456789", text[0]) != NULL ? 0 : strspn(text, letters);
}

int labels_check(const char *key, const struct option_list *fixed, char *why, size_t why_size)
{
    for (size_t i = 0; i < fixed->count; i++) {
        const char *item = fixed->item[i];
        size_t length = name_length(item);
        if (length == 0 || item[length] != '=' || item[length + 1] == '\0') {
            snprintf(why, why_size, "%s: '%.64s' is not NAME=VALUE with a name of letters, digits and '_'", key, item);
            return -EINVAL;
        }
        for (size_t j = 0; j < i; j++)
            if (strncmp(fixed->item[j], item, length + 1) == 0) {
                snprintf(why, why_size, "%s: '%.*s' is there twice", key, (int)length, item);
                return -EINVAL;
            }
    }
    return 0;
}

void labels_add_fields(json_t *object, const struct finding_field_list *fields, const struct finding_view *view)
{
    for (size_t i = 0; i < fields->count; i++) {
        char *text = finding_field_text(fields->field[i], view);
        if (text != NULL)
            json_object_set_new(object, fields->field[i]->name, json_string(text));
        free(text);
    }
}

void labels_add_fixed(json_t *object, const struct option_list *fixed)
{
    for (size_t i = 0; i < fixed->count; i++) {
        char name[OPTION_LIST_BYTES];
        const char *value = strchr(fixed->item[i], '=');
        snprintf(name, sizeof(name), "%.*s", (int)(value - fixed->item[i]), fixed->item[i]);
        json_object_set_new(object, name, json_string(value + 1));
    }
}
