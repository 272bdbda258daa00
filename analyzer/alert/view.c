/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/view.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct view *at)
{
    while (at->size > 0 && is_blank(at->data[0])) {
        at->data++;
        at->size--;
    }
}

struct view view_of(const char *text, size_t size)
{
    struct view view = {text, size};
    skip_blanks(&view);
    while (view.size > 0 && is_blank(view.data[view.size - 1]))
        view.size--;
    return view;
}

/* Bytes of the string that begins here, with its quotes; 0 when it does not end. */
static size_t string_size(struct view at)
{
    for (size_t i = 1; i < at.size; i++) {
        if (at.data[i] == '\\')
            i++;
        else if (at.data[i] == '"')
            return i + 1;
    }
    return 0;
}

/* Bytes of the object or list that begins here, 0 when it does not end. */
static size_t nested_size(struct view at)
{
    size_t depth = 0;
    for (size_t i = 0; i < at.size;) {
        char c = at.data[i];
        size_t step = c == '"' ? string_size((struct view){at.data + i, at.size - i}) : 1;
        if (step == 0)
            return 0;
        i += step;
        if ((c == '{' || c == '[') && ++depth > VIEW_MAX_DEPTH)
            return 0;
        if ((c == '}' || c == ']') && --depth == 0)
            return i;
    }
    return 0;
}

static size_t value_size(struct view at)
{
    size_t size = 0;
    if (at.size == 0)
        return 0;
    if (at.data[0] == '"')
        return string_size(at);
    if (at.data[0] == '{' || at.data[0] == '[')
        return nested_size(at);
    while (size < at.size && !is_blank(at.data[size]) && at.data[size] != ',' && at.data[size] != ':' &&
           at.data[size] != '}' && at.data[size] != ']')
        size++;
    return size;
}

static bool take_value(struct view *at, struct view *ret_value)
{
    skip_blanks(at);
    size_t size = value_size(*at);
    *ret_value = (struct view){at->data, size};
    at->data += size;
    at->size -= size;
    skip_blanks(at);
    return size > 0;
}

struct view view_inside(struct view value)
{
    if (value.data == NULL || value.size < 2)
        return (struct view){0};
    char first = value.data[0], last = value.data[value.size - 1];
    if ((first != '{' || last != '}') && (first != '[' || last != ']'))
        return (struct view){0};
    return (struct view){value.data + 1, value.size - 2};
}

bool view_next(struct view *rest, struct view *ret_key, struct view *ret_value)
{
    *ret_key = (struct view){0};
    if (rest->data == NULL)
        return false;
    skip_blanks(rest);
    if (rest->size == 0)
        return false;
    bool good = take_value(rest, ret_value);
    if (good && rest->size > 0 && rest->data[0] == ':') {
        *ret_key = view_unquoted(*ret_value);
        rest->data++;
        rest->size--;
        good = ret_key->data != NULL && take_value(rest, ret_value);
    }
    if (good && rest->size > 0) {
        good = rest->data[0] == ',';
        rest->data++;
        rest->size--;
    }
    if (!good)
        *rest = (struct view){0};
    return good;
}

struct view view_get(struct view object, const char *key)
{
    struct view rest = view_inside(object), name, value;
    while (view_next(&rest, &name, &value))
        if (view_is(name, key))
            return value;
    return (struct view){0};
}

bool view_is(struct view value, const char *bytes)
{
    return value.data != NULL && value.size == strlen(bytes) && memcmp(value.data, bytes, value.size) == 0;
}

struct view view_unquoted(struct view value)
{
    if (value.data == NULL || value.size < 2 || value.data[0] != '"')
        return (struct view){0};
    return (struct view){value.data + 1, value.size - 2};
}
