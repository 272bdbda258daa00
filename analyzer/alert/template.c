/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/template.h"

#include <errno.h>

/* What stands in the template: a text, or when `size` is 0 a field, or the finding when there is no field either. */
struct piece {
    const char *data; /* in the template's source */
    size_t size;
    const struct finding_field *field;
};

struct template
{
    char *source;
    struct piece *pieces;
    size_t count, capacity;
    bool json;
};

void template_free(struct template *template)
{
    if (template == NULL)
        return;
    free(template->pieces);
    free(template->source);
    free(template);
}

static bool add(struct template *template, struct piece piece)
{
    if (template->count == template->capacity) {
        size_t capacity = template->capacity * 2 + 8;
        struct piece *grown = reallocarray(template->pieces, capacity, sizeof(*grown));
        if (grown == NULL)
            return false;
        template->pieces = grown;
        template->capacity = capacity;
    }
    template->pieces[template->count++] = piece;
    return true;
}

static size_t line_of(const struct template *template, const char *at)
{
    size_t line = 1;
    for (const char *c = template->source; c < at; c++)
        line += *c == '\n';
    return line;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* "{{ name }}" at `begin`; *ret_end stands behind it. False with words. */
static bool read_field(struct template *template, const char *path, const char *begin, const char **ret_end,
                       char *error)
{
    char name[32];
    const char *close = strstr(begin, "}}"), *nearest = NULL;
    size_t line = line_of(template, begin);
    if (close == NULL || (size_t)(close - begin) != strcspn(begin, "\n}")) {
        snprintf(error, TEMPLATE_ERROR_BYTES, "%s:%zu: '{{' without its '}}' on the line; two braces are '{{{{'", path,
                 line);
        return false;
    }
    const char *first = begin + 2, *last = close;
    while (first < last && is_blank(*first))
        first++;
    while (last > first && is_blank(last[-1]))
        last--;
    snprintf(name, sizeof(name), "%.*s", (int)(last - first > 31 ? 31 : last - first), first);
    const struct finding_field *field = finding_field_by_name(name, &nearest);
    if (field == NULL && strcmp(name, "finding") != 0) {
        snprintf(error, TEMPLATE_ERROR_BYTES, "%s:%zu: no field is called '%s'%s%s%s", path, line, name,
                 nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
        return false;
    }
    *ret_end = close + 2;
    if (add(template, (struct piece){.field = field}))
        return true;
    snprintf(error, TEMPLATE_ERROR_BYTES, "%s: out of memory", path);
    return false;
}

static bool read_pieces(struct template *template, const char *path, char *error)
{
    for (const char *at = template->source; *at != '\0';) {
        const char *open = strstr(at, "{{");
        bool is_literal = open != NULL && strncmp(open, "{{{{", 4) == 0;
        size_t size = open == NULL ? strlen(at) : (size_t)(open - at) + (is_literal ? 2 : 0);
        if (size > 0 && !add(template, (struct piece){.data = at, .size = size})) {
            snprintf(error, TEMPLATE_ERROR_BYTES, "%s: out of memory", path);
            return false;
        }
        at += size;
        if (is_literal)
            at += 2;
        else if (open != NULL && !read_field(template, path, open, &at, error))
            return false;
    }
    return true;
}

struct template *template_parse(const char *path, const char *source, size_t size, bool json,
                                char error[TEMPLATE_ERROR_BYTES])
{
    struct template *template = calloc(1, sizeof(*template));
    snprintf(error, TEMPLATE_ERROR_BYTES, "%s: out of memory", path);
    if (template == NULL || (template->source = strndup(source, size)) == NULL)
        goto fail;
    template->json = json;
    snprintf(error, TEMPLATE_ERROR_BYTES, "%s: holds a NUL byte: not a text", path);
    if (strlen(template->source) != size)
        goto fail;
    if (read_pieces(template, path, error))
        return template;
fail:
    template_free(template);
    return NULL;
}

struct template *template_load(const char *path, bool json, char error[TEMPLATE_ERROR_BYTES])
{
    FILE *file = fopen(path, "re");
    char *source = malloc(TEMPLATE_MAX_BYTES + 1);
    size_t size = file != NULL && source != NULL ? fread(source, 1, TEMPLATE_MAX_BYTES + 1, file) : 0;
    struct template *template = NULL;
    if (file == NULL || source == NULL || ferror(file))
        snprintf(error, TEMPLATE_ERROR_BYTES, "%s: cannot be read: %s", path, strerror(errno));
    else if (size > TEMPLATE_MAX_BYTES)
        snprintf(error, TEMPLATE_ERROR_BYTES, "%s: over %d bytes: not a template", path, TEMPLATE_MAX_BYTES);
    else
        template = template_parse(path, source, size, json, error);
    free(source);
    if (file != NULL)
        fclose(file);
    return template;
}

/* The inside of a JSON string. */
static void write_escaped(struct text *text, const struct finding_field *field, const struct finding_view *view)
{
    struct text raw = {0}, quoted = {0};
    finding_field_write(field, view, &raw);
    text_json(&quoted, raw.size > 0 ? raw.data : "", raw.size);
    if (raw.failed || quoted.failed)
        text->failed = true;
    else
        text_append(text, quoted.data + 1, quoted.size - 2);
    text_fini(&raw);
    text_fini(&quoted);
}

void template_write(const struct template *template, const struct finding_view *view, struct text *text)
{
    for (size_t i = 0; i < template->count; i++) {
        const struct piece *piece = &template->pieces[i];
        if (piece->size > 0)
            text_append(text, piece->data, piece->size);
        else if (piece->field == NULL)
            text_string(text, view->alert->json);
        else if (template->json)
            write_escaped(text, piece->field, view);
        else
            finding_field_write(piece->field, view, text);
    }
}
