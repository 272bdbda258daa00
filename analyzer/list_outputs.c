// SPDX-License-Identifier: Apache-2.0
/* `list outputs`: kinds of outputs, their keys, and the fields of a finding, from the tables. */
#include "analyzer/list.h"

#include "analyzer/alert/fields.h"
#include "analyzer/alert/sink.h"

static const char *type_name(enum option_type type)
{
    static const char *const names[] = {
        [OPTION_STRING] = "text", [OPTION_UINT] = "number", [OPTION_BYTES] = "size",    [OPTION_DURATION] = "duration",
        [OPTION_BOOL] = "bool",   [OPTION_LIST] = "list",   [OPTION_CHOICE] = "choice",
    };
    return names[type];
}

/* The kind's keys that stand behind those of its groups: its own. */
static size_t n_shared(const struct sink_kind *kind)
{
    size_t count = 0;
    while (sink_option_at(kind, count) != NULL)
        count++;
    return count - kind->n_options;
}

static void table_option(struct text *text, const struct option *option)
{
    char line[512];
    snprintf(line, sizeof(line), "  %-20s %-9s %-20s %s\n", option->key, type_name(option->type),
             option->initial == NULL ? "" : option->initial, option->help);
    text_string(text, line);
}

void table_outputs(struct text *text)
{
    size_t count, n_fields;
    const struct sink_kind *const *kinds = sink_kinds(&count);
    for (size_t i = 0; i < count; i++) {
        const struct option *option;
        text_string(text, kinds[i]->name);
        text_literal(text, ": ");
        text_string(text, kinds[i]->summary);
        text_literal(text, "\n");
        for (size_t j = 0; (option = sink_option_at(kinds[i], j)) != NULL; j++)
            table_option(text, option);
        text_literal(text, "\n");
    }
    const struct finding_field *fields = finding_fields(&n_fields);
    text_literal(text, "Fields of a finding:\n");
    for (size_t i = 0; i < n_fields; i++) {
        char line[256];
        snprintf(line, sizeof(line), "  %-20s %s\n", fields[i].name, fields[i].help);
        text_string(text, line);
    }
}

static void json_option(struct text *text, const struct option *option)
{
    text_literal(text, "{");
    list_member(text, "key", option->key);
    text_literal(text, ",");
    list_member(text, "type", type_name(option->type));
    text_literal(text, ",");
    list_member(text, "initial", option->initial == NULL ? "" : option->initial);
    text_literal(text, ",");
    list_member(text, "help", option->help);
    text_literal(text, "}");
}

void json_outputs(struct text *text)
{
    size_t count;
    const struct sink_kind *const *kinds = sink_kinds(&count);
    for (size_t i = 0; i < count; i++) {
        const struct option *option;
        text_string(text, i == 0 ? "[{" : ",\n{");
        list_member(text, "kind", kinds[i]->name);
        text_literal(text, ",");
        list_member(text, "summary", kinds[i]->summary);
        text_literal(text, ",\"keys\":[");
        for (size_t j = 0; (option = sink_option_at(kinds[i], j)) != NULL; j++) {
            text_string(text, j == 0 ? "" : ",");
            json_option(text, option);
        }
        text_literal(text, "]}");
    }
    text_literal(text, "]\n");
}

static void markdown_cell(struct text *text, const char *words)
{
    for (; *words != '\0'; words++) {
        if (*words == '|')
            text_literal(text, "\\");
        text_append(text, words, 1);
    }
    text_literal(text, " | ");
}

static void markdown_option(struct text *text, const struct option *option)
{
    text_literal(text, "| `");
    text_string(text, option->key);
    text_literal(text, "` | ");
    if (option->type == OPTION_CHOICE)
        for (size_t i = 0; option->choices[i] != NULL; i++) {
            text_string(text, i == 0 ? "" : ", ");
            text_string(text, option->choices[i]);
        }
    else
        text_string(text, type_name(option->type));
    text_literal(text, " | ");
    markdown_cell(text, option->initial == NULL ? "" : option->initial);
    markdown_cell(text, option->help);
    text->size--; /* no blank at a line's end */
    text_literal(text, "\n");
}

static void markdown_head(struct text *text, const char *title, const char *summary)
{
    text_literal(text, "\n## ");
    text_string(text, title);
    text_literal(text, "\n\n");
    text_string(text, summary);
    text_literal(text, "\n\n| key | value | initially | |\n|---|---|---|---|\n");
}

void markdown_outputs(struct text *text)
{
    size_t count, n_fields;
    const struct sink_kind *const *kinds = sink_kinds(&count), *widest = kinds[0];
    for (size_t i = 0; i < count; i++)
        widest = n_shared(kinds[i]) > n_shared(widest) ? kinds[i] : widest;
    text_literal(text, "# Keys of outputs\n\nFrom the tables of `analyzer/alert/`, by `./dev docs`. How they are used: "
                       "[outputs.md](outputs.md).\n");
    markdown_head(text, "Of every kind",
                  "`url`, `timeout` and `tls.*`: of kinds that speak to a network. `url_file`, `proxy`, `headers` and "
                  "`auth.*`: of those that speak HTTP.");
    for (size_t i = 0; i < n_shared(widest); i++)
        markdown_option(text, sink_option_at(widest, i));
    for (size_t i = 0; i < count; i++) {
        if (kinds[i]->n_options > 0)
            markdown_head(text, kinds[i]->name, kinds[i]->summary);
        for (size_t j = 0; j < kinds[i]->n_options; j++)
            markdown_option(text, &kinds[i]->options[j]);
    }
    text_literal(text,
                 "\n## Fields of a finding\n\nFor templates, labels, annotations, metadata and structured data.\n\n"
                 "| field | | few values: fit for a label of Loki |\n|---|---|---|\n");
    const struct finding_field *fields = finding_fields(&n_fields);
    for (size_t i = 0; i < n_fields; i++) {
        text_literal(text, "| `");
        text_string(text, fields[i].name);
        text_literal(text, "` | ");
        markdown_cell(text, fields[i].help);
        text_string(text, fields[i].is_bounded ? "yes |\n" : "|\n");
    }
}
