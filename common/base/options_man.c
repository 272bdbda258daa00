/* SPDX-License-Identifier: Apache-2.0 */
/* A page for man(1): man(7) macros, so that groff and mandoc both read it. */
#include "common/base/options.h"
#include "common/base/options_internal.h"

/* Text as it is: no macro at the start of a line, no escape, and minus signs that can be copied. `size` bytes. */
static void put(FILE *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((text[i] == '.' || text[i] == '\'') && (i == 0 || text[i - 1] == '\n'))
            fputs("\\&", out);
        if (text[i] == '-')
            fputs("\\-", out);
        else if (text[i] == '\\')
            fputs("\\e", out);
        else
            fputc(text[i], out);
    }
}

static void put_string(FILE *out, const char *text)
{
    put(out, text, strlen(text));
}

static void put_line(FILE *out, const char *text)
{
    put_string(out, text);
    fputc('\n', out);
}

/* A word in bold, and what follows it, as the tag of a paragraph. */
static void tag(FILE *out, const char *before, const char *word, const char *after)
{
    fputs(".TP\n\\fB", out);
    put_string(out, before);
    put_string(out, word);
    fputs("\\fR", out);
    put_line(out, after);
}

static void print_name(const struct option_table *table, FILE *out)
{
    size_t head = strcspn(table->summary, "\n");
    const char *rest = table->summary + head + strspn(table->summary + head, "\n");
    fputs(".SH NAME\n", out);
    put_string(out, table->program);
    fputs(" \\- ", out);
    put(out, table->summary, head);
    fputs("\n.SH SYNOPSIS\n\\fB", out);
    put_string(out, table->program);
    fprintf(out, "\\fR%s [\\fIOPTION\\fR]... ", table->verbs != NULL ? " [\\fIVERB\\fR]" : "");
    put_line(out, table->synopsis != NULL ? table->synopsis : "[--] [ARGUMENT]...");
    if (*rest == '\0')
        return;
    fputs(".SH DESCRIPTION\n", out);
    put_line(out, rest);
}

static void print_verbs(const struct option_table *table, FILE *out)
{
    if (table->verbs == NULL)
        return;
    fputs(".SH VERBS\n", out);
    for (size_t i = 0; table->verbs[2 * i] != NULL; i++) {
        tag(out, "", table->verbs[2 * i], i == 0 ? " (the default)" : "");
        put_line(out, table->verbs[2 * i + 1]);
    }
}

static void print_options(const struct option_table *table, FILE *out)
{
    char text[OPTION_DESCRIPTION_BYTES];
    fputs(".SH OPTIONS\n", out);
    for (size_t i = 0; i < table->count; i++) {
        const struct option *option = &table->options[i];
        if (strcmp(option->key, "config") == 0)
            continue;
        tag(out, "--", option->key, option_value_word(option->type));
        option_describe(option, text);
        put_line(out, text);
    }
    for (const struct option_own *own = option_own_flags(table); own->flag != NULL; own++) {
        tag(out, "", own->synopsis, "");
        put_line(out, own->help);
    }
}

/* Its headings begin a line, all else is indented and stands as it is. */
static void print_footer(const char *footer, FILE *out)
{
    bool open = false;
    while (*footer != '\0') {
        size_t length = strcspn(footer, "\n");
        if (length > 0 && footer[0] != ' ') {
            fprintf(out, "%s.SH ", open ? ".EE\n" : "");
            put(out, footer, length);
            fputs("\n.EX\n", out);
            open = true;
        } else if (length > 0) {
            put(out, footer, length);
            fputc('\n', out);
        }
        footer += length + (footer[length] == '\n');
    }
    if (open)
        fputs(".EE\n", out);
}

void options_print_man(const struct option_table *table, FILE *out)
{
    fputs(".\\\" SPDX-License-Identifier: Apache-2.0\n.\\\" Made by ", out);
    put_string(out, table->program);
    fputs(" --man\n.TH ", out);
    for (const char *c = table->program; *c != '\0'; c++)
        fprintf(out, "%s%c", *c == '-' ? "\\" : "", *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    fprintf(out, " %d \"\" \"Vedette %s\" Vedette\n.nh\n.ad l\n", table->section != 0 ? table->section : 8,
            VEDETTE_VERSION);
    print_name(table, out);
    print_verbs(table, out);
    print_options(table, out);
    if (table->footer != NULL)
        print_footer(table->footer, out);
}
