/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "common/base/options.h"
#include "common/base/options_internal.h"

enum { WIDTH = 80, INDENT = 4, DEEP_INDENT = 8 };

/* Words wrapped at WIDTH; a newline in the text begins a new line. */
static void print_wrapped(FILE *out, int indent, const char *text)
{
    int column = 0;
    while (*text != '\0') {
        if (*text == '\n') {
            fputc('\n', out);
            column = 0;
            text++;
            continue;
        }
        if (*text == ' ') {
            text++;
            continue;
        }
        int length = (int)strcspn(text, " \n");
        if (column > 0 && column + 1 + length > WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        column += column == 0 ? fprintf(out, "%*s%.*s", indent, "", length, text) : fprintf(out, " %.*s", length, text);
        text += length;
    }
    fputc('\n', out);
}

static void print_name(const struct option_table *table, FILE *out)
{
    int head = (int)strcspn(table->summary, "\n");
    fprintf(out, "NAME\n%*s%s - %.*s\n\n", INDENT, "", table->program, head, table->summary);
    fprintf(out, "SYNOPSIS\n%*s%s%s [OPTION]... [--] [ARGUMENT]...\n", INDENT, "", table->program,
            table->verbs != NULL ? " [VERB]" : "");
    const char *rest = table->summary + head + strspn(table->summary + head, "\n");
    if (*rest != '\0') {
        fprintf(out, "\nDESCRIPTION\n");
        print_wrapped(out, INDENT, rest);
    }
}

static void print_verbs(const struct option_table *table, FILE *out)
{
    if (table->verbs == NULL)
        return;
    fprintf(out, "\nVERBS\n");
    for (size_t i = 0; table->verbs[2 * i] != NULL; i++) {
        fprintf(out, "%*s%s%s\n", INDENT, "", table->verbs[2 * i], i == 0 ? " (the default)" : "");
        print_wrapped(out, DEEP_INDENT, table->verbs[2 * i + 1]);
    }
}

static const char *value_word(enum option_type type)
{
    switch (type) {
    case OPTION_STRING:
        return " TEXT";
    case OPTION_UINT:
        return " NUMBER";
    case OPTION_BYTES:
        return " SIZE";
    case OPTION_DURATION:
        return " DURATION";
    case OPTION_BOOL:
        return "[=true|false]";
    case OPTION_LIST:
        return " ITEM (may be repeated)";
    case OPTION_CHOICE:
        return " WORD";
    }
    return "";
}

static bool is_number(enum option_type type)
{
    return type == OPTION_UINT || type == OPTION_BYTES || type == OPTION_DURATION;
}

static void print_option(const struct option *option, FILE *out)
{
    char text[2048], low[32], high[32];
    int at = snprintf(text, sizeof(text), "%s", option->help);
    const char *initial = option->initial;
    if (initial == NULL)
        initial = is_number(option->type)         ? "0"
                  : option->type == OPTION_BOOL   ? "false"
                  : option->type == OPTION_CHOICE ? option->choices[0]
                                                  : "";
    if (option->type == OPTION_CHOICE) {
        at += snprintf(text + at, sizeof(text) - (size_t)at, " One of:");
        for (size_t i = 0; option->choices[i] != NULL && (size_t)at < sizeof(text); i++)
            at += snprintf(text + at, sizeof(text) - (size_t)at, " %s%s", option->choices[i],
                           option->choices[i + 1] != NULL ? "," : ".");
    }
    if (initial[0] != '\0' && (size_t)at < sizeof(text))
        at += snprintf(text + at, sizeof(text) - (size_t)at, " Default: %s.", initial);
    if (is_number(option->type) && (option->min != 0 || option->max != 0) && (size_t)at < sizeof(text)) {
        option_format_number(option->type, option->min, low, sizeof(low));
        option_format_number(option->type, option->max, high, sizeof(high));
        snprintf(text + at, sizeof(text) - (size_t)at, " From %s to %s.", low, high);
    }
    fprintf(out, "%*s--%s%s\n", INDENT, "", option->key, value_word(option->type));
    print_wrapped(out, DEEP_INDENT, text);
}

void options_print_help(const struct option_table *table, FILE *out)
{
    static const char *const own[][2] = {
        {"--config PATH", "Read this YAML file; flags go over what it says. A key a.b is the nested key b below a."},
        {"--check", "Read the options, say whether they are right, and stop."},
        {"-h, --help", "Print this page."},
        {"-V, --version", "Print the version."},
    };
    print_name(table, out);
    print_verbs(table, out);
    fprintf(out, "\nOPTIONS\n");
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->options[i].key, "config") != 0)
            print_option(&table->options[i], out);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        fprintf(out, "%*s%s\n", INDENT, "", own[i][0]);
        print_wrapped(out, DEEP_INDENT, own[i][1]);
    }
    if (table->footer != NULL)
        fprintf(out, "\n%s%s", table->footer,
                table->footer[0] != '\0' && table->footer[strlen(table->footer) - 1] == '\n' ? "" : "\n");
}
