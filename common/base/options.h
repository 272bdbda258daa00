/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of options a program: flags by dotted path ("--queue.size 32M" or "--queue.size=32M") and the same keys
 * nested in a YAML file. Flag over file over default; no environment; an unknown key is an error that names file, line
 * and the nearest valid key. --help, the man page, the completion of shells and the YAML reader all come from the
 * table.
 *
 * --config PATH, --check, --completion SHELL, --help, --man and --version need no row. A row of the key "config"
 * (STRING) is told the path; its initial value is a file that is read when --config is absent and it exists. A file
 * cannot set "config".
 */
#ifndef VEDETTE_COMMON_BASE_OPTIONS_H
#define VEDETTE_COMMON_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum option_type {
    OPTION_STRING,   /* char[size]: the target is an inline array, so that the struct is flat and can cross a pipe */
    OPTION_UINT,     /* uint64_t */
    OPTION_BYTES,    /* uint64_t; 4096, 64K, 32M, 1G */
    OPTION_DURATION, /* uint64_t in milliseconds; 500ms, 5s, 2m, 1h, 7d */
    OPTION_BOOL,     /* bool; a flag alone means true */
    OPTION_LIST,   /* struct option_list: repeated flag, or a YAML sequence; the first flag replaces the file's list */
    OPTION_CHOICE, /* uint32_t: index in `choices` */
};

enum { OPTION_LIST_ITEMS = 64, OPTION_LIST_BYTES = 256 };

struct option_list {
    size_t count;
    char item[OPTION_LIST_ITEMS][OPTION_LIST_BYTES];
};

struct option {
    const char *key; /* "queue.size" */
    enum option_type type;
    size_t offset;               /* in the target struct */
    size_t size;                 /* of a STRING's array */
    const char *initial;         /* as it would be written; NULL: empty, 0 or false */
    const char *help;            /* one sentence */
    unsigned long long min, max; /* UINT, BYTES, DURATION: both 0 for no limit */
    const char *const *choices;  /* CHOICE: NULL terminated */
};

struct option_table {
    const struct option *options;
    size_t count;
    const char *program;
    const char *summary;        /* the first line says what the program is; what follows it is the description */
    const char *const *verbs;   /* NULL terminated "name", "help" pairs, first is the default; or NULL */
    const char *const *words;   /* NULL terminated "verb", "what may follow it" pairs, for completion; or NULL */
    const char *synopsis;       /* what follows the options; NULL: [--] [ARGUMENT]... */
    int section;                /* of the man page; 0: 8 */
    bool no_file;               /* there is no --config and no --check */
    const char *footer;         /* exit codes, files, examples; printed as it stands */
    const char *const *foreign; /* sections of the file that somebody else reads, NULL ends them; or NULL */
    bool file_by_root_only;     /* refuse a file that root does not own or that others may write */
};

enum { OPTION_ERROR_BYTES = 512 };

/* Sets every option to its initial value; `target` is zeroed first (size bytes). Aborts on a wrong table: a programming
 * error. */
void options_init(const struct option_table *table, void *target, size_t size);

/* Reads a YAML file over the values, whole or not at all. 0, or -EINVAL / -errno with words naming file, line, key. */
int options_read_file(const struct option_table *table, const char *path, void *target, char error[OPTION_ERROR_BYTES]);

/*
 * Reads argv[1...]. --config PATH is read first, wherever it stands; then flags over it. Handles no --help itself: it
 * reports them in *ret_special ('h' for --help, 'v' for --version, 'm' for --man, 'b' and 'z' for
 * --completion of bash and zsh, 'c' for --check, 0). *ret_verb is the verb's name or
 * the default's. Arguments after "--" or after the verb that are no flags are moved to the end of argv, in their order:
 * *ret_first is the index of the first. 0, or a negative errno with words. With what options_is_page the rest of the
 * line is not judged.
 */
int options_parse(const struct option_table *table, int argc, char **argv, void *target, const char **ret_verb,
                  int *ret_special, int *ret_first, char error[OPTION_ERROR_BYTES]);

/* --help in man-page layout: NAME, SYNOPSIS, DESCRIPTION, VERBS, OPTIONS, and the footer. */
void options_print_help(const struct option_table *table, FILE *out);

/* The same as a page for man(1), in roff. */
void options_print_man(const struct option_table *table, FILE *out);
/* What bash or zsh completes the program's verbs, options and their values with. */
void options_print_completion(const struct option_table *table, bool zsh, FILE *out);

/* Whether this special is answered by a page, and nothing else happens. */
bool options_is_page(int special);
/* Prints it; false when it is none. */
bool options_print_page(const struct option_table *table, int special, FILE *out);

#endif
