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

const char *option_value_word(enum option_type type)
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

void option_describe(const struct option *option, char text[OPTION_DESCRIPTION_BYTES])
{
    char low[32], high[32];
    const size_t room = OPTION_DESCRIPTION_BYTES;
    int at = snprintf(text, room, "%s", option->help);
    const char *initial = option->initial;
    if (initial == NULL)
        initial = is_number(option->type)         ? "0"
                  : option->type == OPTION_BOOL   ? "false"
                  : option->type == OPTION_CHOICE ? option->choices[0]
                                                  : "";
    if (option->type == OPTION_CHOICE) {
        at += snprintf(text + at, room - (size_t)at, " One of:");
        for (size_t i = 0; option->choices[i] != NULL && (size_t)at < room; i++)
            at += snprintf(text + at, room - (size_t)at, " %s%s", option->choices[i],
                           option->choices[i + 1] != NULL ? "," : ".");
    }
    if (initial[0] != '\0' && (size_t)at < room)
        at += snprintf(text + at, room - (size_t)at, " Default: %s.", initial);
    if (is_number(option->type) && (option->min != 0 || option->max != 0) && (size_t)at < room) {
        option_format_number(option->type, option->min, low, sizeof(low));
        option_format_number(option->type, option->max, high, sizeof(high));
        snprintf(text + at, room - (size_t)at, " From %s to %s.", low, high);
    }
}

static void print_option(const struct option *option, FILE *out)
{
    char text[OPTION_DESCRIPTION_BYTES];
    option_describe(option, text);
    fprintf(out, "%*s--%s%s\n", INDENT, "", option->key, option_value_word(option->type));
    print_wrapped(out, DEEP_INDENT, text);
}

const struct option_own *option_own_flags(const struct option_table *table)
{
    static const struct option_own own[] = {
        {"--config", "--config PATH",
         "Read this YAML file; flags go over what it says. A key a.b is the nested key b below a.", "file"},
        {"--check", "--check", "Read the options, say whether they are right, and stop.", NULL},
        {"--completion", "--completion SHELL", "Print what completes this program's words in that shell: bash or zsh.",
         "bash zsh"},
        {"--help", "-h, --help", "Print this page.", NULL},
        {"--man", "--man", "Print this page for man(1).", NULL},
        {"--version", "-V, --version", "Print the version.", NULL},
        {0},
    };
    return table->no_file ? own + 2 : own; /* nor has it anything to check */
}

bool options_is_page(int special)
{
    return special != 0 && strchr("hvmbz", special) != NULL;
}

bool options_print_page(const struct option_table *table, int special, FILE *out)
{
    switch (special) {
    case 'h':
        options_print_help(table, out);
        return true;
    case 'v':
        fprintf(out, "%s %s\n", table->program, VEDETTE_VERSION);
        return true;
    case 'm':
        options_print_man(table, out);
        return true;
    case 'b':
    case 'z':
        options_print_completion(table, special == 'z', out);
        return true;
    default:
        return false;
    }
}

void options_print_help(const struct option_table *table, FILE *out)
{
    print_name(table, out);
    print_verbs(table, out);
    fprintf(out, "\nOPTIONS\n");
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->options[i].key, "config") != 0)
            print_option(&table->options[i], out);
    for (const struct option_own *own = option_own_flags(table); own->flag != NULL; own++) {
        fprintf(out, "%*s%s\n", INDENT, "", own->synopsis);
        print_wrapped(out, DEEP_INDENT, own->help);
    }
    if (table->footer != NULL)
        fprintf(out, "\n%s%s", table->footer,
                table->footer[0] != '\0' && table->footer[strlen(table->footer) - 1] == '\n' ? "" : "\n");
}
