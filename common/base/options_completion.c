/* SPDX-License-Identifier: Apache-2.0 */
/* What shells complete: verbs, what follows them, options, and the values of those that have few. */
#include "common/base/options.h"
#include "common/base/options_internal.h"

static bool takes_value(const struct option *option)
{
    return option->type != OPTION_BOOL;
}

/* Text may be a path. */
static bool may_be_file(const struct option *option)
{
    return option->type == OPTION_STRING || option->type == OPTION_LIST;
}

static bool is_own(const struct option *option)
{
    return strcmp(option->key, "config") == 0;
}

/* -- bash -- */

static void bash_flags(const struct option_table *table, FILE *out)
{
    for (size_t i = 0; i < table->count; i++)
        if (!is_own(&table->options[i]))
            fprintf(out, "--%s ", table->options[i].key);
    for (const struct option_own *own = option_own_flags(table); own->flag != NULL; own++)
        fprintf(out, "%s%s", own->flag, own[1].flag != NULL ? " " : "");
}

static void bash_words(const char *words, FILE *out)
{
    fprintf(out, "mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")", words);
}

/* The option before the word decides what the word may be. */
static void bash_values(const struct option_table *table, FILE *out)
{
    const char *separator = "";
    fputs("    case $prev in\n", out);
    for (size_t i = 0; i < table->count; i++) {
        const struct option *option = &table->options[i];
        if (option->type != OPTION_CHOICE)
            continue;
        fprintf(out, "    --%s)\n        mapfile -t COMPREPLY < <(compgen -W '", option->key);
        for (size_t k = 0; option->choices[k] != NULL; k++)
            fprintf(out, "%s%s", k > 0 ? " " : "", option->choices[k]);
        fputs("' -- \"$cur\")\n        return\n        ;;\n", out);
    }
    for (const struct option_own *own = option_own_flags(table); own->flag != NULL; own++)
        if (own->values != NULL && strcmp(own->values, "file") != 0) {
            fprintf(out, "    %s)\n        ", own->flag);
            bash_words(own->values, out);
            fputs("\n        return\n        ;;\n", out);
        }
    for (size_t i = 0; i < table->count; i++)
        if (may_be_file(&table->options[i])) {
            fprintf(out, "%s--%s", separator[0] == '\0' ? "    " : separator, table->options[i].key);
            separator = " | ";
        }
    if (separator[0] != '\0')
        fputs(")\n        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n        return\n        ;;\n", out);
    separator = "";
    for (size_t i = 0; i < table->count; i++) {
        const struct option *option = &table->options[i];
        if (!takes_value(option) || may_be_file(option) || option->type == OPTION_CHOICE)
            continue;
        fprintf(out, "%s--%s", separator[0] == '\0' ? "    " : separator, option->key);
        separator = " | ";
    }
    if (separator[0] != '\0')
        fputs(")\n        return\n        ;;\n", out);
    fputs("    esac\n", out);
}

/* The first word that is neither an option nor the value of one. */
static void bash_find_verb(const struct option_table *table, FILE *out)
{
    fputs(
        "    while [ \"$i\" -lt \"$COMP_CWORD\" ]; do\n        word=${COMP_WORDS[i]}\n        case $word in\n        ",
        out);
    for (size_t i = 0; i < table->count; i++)
        if (takes_value(&table->options[i]))
            fprintf(out, "--%s%s", table->options[i].key, " | ");
    fputs("--completion)\n            i=$((i + 1))\n            [ \"${COMP_WORDS[i]}\" != = ] || i=$((i + 1))\n        "
          "    ;;\n"
          "        -* | =) ;;\n        *)\n            verb=$word\n            break\n            ;;\n        esac\n"
          "        i=$((i + 1))\n    done\n",
          out);
}

static void bash_arguments(const struct option_table *table, FILE *out)
{
    fputs("    case $verb in\n    '')\n        mapfile -t COMPREPLY < <(compgen -W '", out);
    for (size_t i = 0; table->verbs[2 * i] != NULL; i++)
        fprintf(out, "%s%s", i > 0 ? " " : "", table->verbs[2 * i]);
    fputs("' -- \"$cur\")\n        ;;\n", out);
    for (size_t i = 0; table->words != NULL && table->words[2 * i] != NULL; i++) {
        fprintf(out, "    %s)\n        ", table->words[2 * i]);
        bash_words(table->words[2 * i + 1], out);
        fputs("\n        ;;\n", out);
    }
    fputs("    *)\n        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n        ;;\n    esac\n", out);
}

/* "vedette-run" as part of a function's name. */
static void put_identifier(const struct option_table *table, FILE *out)
{
    for (const char *c = table->program; *c != '\0'; c++)
        fputc(*c == '-' ? '_' : *c, out);
}

static void print_bash(const struct option_table *table, FILE *out)
{
    fprintf(out, "# shellcheck shell=bash\n# SPDX-License-Identifier: Apache-2.0\n# Made by %s --completion bash\n_",
            table->program);
    put_identifier(table, out);
    fputs("() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n", out);
    if (table->verbs != NULL)
        fputs("    local verb='' word i=1\n", out);
    /* Bash takes the sign of equality for a word of its own. */
    fputs("    if [ \"$cur\" = = ]; then\n        cur=\n    elif [ \"$prev\" = = ]; then\n        "
          "prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n    COMPREPLY=()\n",
          out);
    bash_values(table, out);
    fputs("    if [[ $cur == -* ]]; then\n        mapfile -t COMPREPLY < <(compgen -W '", out);
    bash_flags(table, out);
    fputs("' -- \"$cur\")\n        return\n    fi\n", out);
    if (table->verbs != NULL) {
        bash_find_verb(table, out);
        bash_arguments(table, out);
    } else {
        fputs("    mapfile -t COMPREPLY < <(compgen -c -f -- \"$cur\")\n", out);
    }
    fputs("}\ncomplete -o filenames -F _", out);
    put_identifier(table, out);
    fprintf(out, " %s\n", table->program);
}

/* -- zsh -- */

/* Inside '...' and [...] of _arguments; only the first sentence. */
static void zsh_help(const char *help, FILE *out)
{
    for (const char *c = help; *c != '\0' && !(*c == '.' && (c[1] == ' ' || c[1] == '\0')); c++) {
        if (*c == '\'')
            fputs("'\\''", out);
        else if (*c == '[' || *c == ']' || *c == ':' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c == '`')
            fputc('"', out);
        else
            fputc(*c, out);
    }
}

static void zsh_option(const struct option *option, FILE *out)
{
    fprintf(out, "        '%s--%s%s[", option->type == OPTION_LIST ? "*" : "", option->key,
            takes_value(option) ? "=" : "");
    zsh_help(option->help, out);
    fputc(']', out);
    if (option->type == OPTION_CHOICE) {
        fputs(":word:(", out);
        for (size_t i = 0; option->choices[i] != NULL; i++)
            fprintf(out, "%s%s", i > 0 ? " " : "", option->choices[i]);
        fputc(')', out);
    } else if (may_be_file(option)) {
        fputs(":text:_files", out);
    } else if (takes_value(option)) {
        fputs(":value: ", out);
    }
    fputs("' \\\n", out);
}

static void zsh_own(const struct option_own *own, FILE *out)
{
    fprintf(out, "        '%s%s[", own->flag, own->values != NULL ? "=" : "");
    zsh_help(own->help, out);
    fputc(']', out);
    if (own->values != NULL && strcmp(own->values, "file") == 0)
        fputs(":file:_files", out);
    else if (own->values != NULL)
        fprintf(out, ":word:(%s)", own->values);
    fputs("' \\\n", out);
}

static void zsh_verbs(const struct option_table *table, FILE *out)
{
    fputs("        '1:verb:((", out);
    for (size_t i = 0; table->verbs[2 * i] != NULL; i++) {
        fprintf(out, "%s%s\\:\"", i > 0 ? " " : "", table->verbs[2 * i]);
        for (const char *c = table->verbs[2 * i + 1]; *c != '\0' && *c != ';'; c++) {
            if (*c == '\'')
                fputs("'\\''", out);
            else if (*c == ':')
                fputs("\\:", out);
            else if (*c != '`' && *c != '"')
                fputc(*c, out);
        }
        fputc('"', out);
    }
    fputs("))' \\\n        '*::argument:->argument'\n    case $state in\n    argument)\n        case $words[1] in\n",
          out);
    for (size_t i = 0; table->words != NULL && table->words[2 * i] != NULL; i++)
        fprintf(out, "        %s) _values word %s ;;\n", table->words[2 * i], table->words[2 * i + 1]);
    fputs("        *) _files ;;\n        esac\n        ;;\n    esac\n", out);
}

static void print_zsh(const struct option_table *table, FILE *out)
{
    fprintf(out, "#compdef %s\n# SPDX-License-Identifier: Apache-2.0\n# Made by %s --completion zsh\n_", table->program,
            table->program);
    put_identifier(table, out);
    fputs("() {\n    local context state state_descr line\n    typeset -A opt_args\n    _arguments -C \\\n", out);
    for (size_t i = 0; i < table->count; i++)
        if (!is_own(&table->options[i]))
            zsh_option(&table->options[i], out);
    for (const struct option_own *own = option_own_flags(table); own->flag != NULL; own++)
        zsh_own(own, out);
    if (table->verbs != NULL)
        zsh_verbs(table, out);
    else
        fputs("        '(-)1:command: _command_names -e' \\\n        '*::argument: _normal'\n", out);
    fputs("}\n_", out);
    put_identifier(table, out);
    fputs(" \"$@\"\n", out);
}

void options_print_completion(const struct option_table *table, bool zsh, FILE *out)
{
    (zsh ? print_zsh : print_bash)(table, out);
}
