/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/base/options.h"
#include "common/base/options_internal.h"

/* One step over argv. */
struct flag {
    enum {
        FLAG_NONE,
        FLAG_END,
        FLAG_HELP,
        FLAG_VERSION,
        FLAG_MAN,
        FLAG_COMPLETION,
        FLAG_CHECK,
        FLAG_CONFIG,
        FLAG_OPTION,
        FLAG_UNKNOWN
    } kind;
    const struct option *option;
    const char *name; /* without the dashes */
    size_t name_length;
    const char *value; /* NULL: none given */
    int width;         /* arguments used */
};

static bool is_truth_value(const char *text)
{
    return text != NULL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0);
}

static bool name_is(const struct flag *flag, const char *name)
{
    return strlen(name) == flag->name_length && memcmp(name, flag->name, flag->name_length) == 0;
}

static void classify_flag(const struct option_table *table, struct flag *flag)
{
    if (name_is(flag, "help"))
        flag->kind = FLAG_HELP;
    else if (name_is(flag, "version"))
        flag->kind = FLAG_VERSION;
    else if (name_is(flag, "man"))
        flag->kind = FLAG_MAN;
    else if (name_is(flag, "completion"))
        flag->kind = FLAG_COMPLETION;
    else if (name_is(flag, "check"))
        flag->kind = FLAG_CHECK;
    else if (name_is(flag, "config"))
        flag->kind = FLAG_CONFIG;
    else
        flag->kind =
            (flag->option = option_find(table, flag->name, flag->name_length)) != NULL ? FLAG_OPTION : FLAG_UNKNOWN;
}

static struct flag read_flag(const struct option_table *table, char **argv, int argc, int index)
{
    struct flag flag = {.kind = FLAG_NONE, .width = 1};
    const char *text = argv[index];
    if (text[0] != '-' || text[1] == '\0')
        return flag;
    if (text[1] != '-') {
        flag.name = text + 1;
        flag.name_length = strlen(flag.name);
        flag.kind = name_is(&flag, "h") ? FLAG_HELP : name_is(&flag, "V") ? FLAG_VERSION : FLAG_UNKNOWN;
        return flag;
    }
    if (text[2] == '\0') {
        flag.kind = FLAG_END;
        return flag;
    }
    flag.name = text + 2;
    flag.name_length = strcspn(flag.name, "=");
    flag.value = flag.name[flag.name_length] == '=' ? flag.name + flag.name_length + 1 : NULL;
    classify_flag(table, &flag);

    const char *next = index + 1 < argc ? argv[index + 1] : NULL;
    bool takes_value = flag.kind == FLAG_CONFIG || flag.kind == FLAG_COMPLETION || flag.kind == FLAG_OPTION;
    bool is_bool = flag.kind == FLAG_OPTION && flag.option->type == OPTION_BOOL;
    if (flag.value == NULL && takes_value && next != NULL &&
        (is_bool ? is_truth_value(next) : strncmp(next, "--", 2) != 0)) {
        flag.value = next;
        flag.width = 2;
    } else if (flag.value == NULL && is_bool) {
        flag.value = "true";
    }
    return flag;
}

static const char *verb_at(const void *context, size_t index)
{
    const char *const *verbs = context;
    return verbs[2 * index];
}

static int find_verb(const struct option_table *table, const char *word, const char **ret_verb, char *error)
{
    for (size_t i = 0; table->verbs[2 * i] != NULL; i++)
        if (strcmp(table->verbs[2 * i], word) == 0) {
            *ret_verb = table->verbs[2 * i];
            return 0;
        }
    const char *nearest = option_nearest(word, verb_at, table->verbs);
    option_error(error, "unknown verb '%.64s'%s%s%s; see --help", word, nearest != NULL ? "; did you mean '" : "",
                 nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
    return -EINVAL;
}

static int unknown_flag(const struct option_table *table, const char *argument, const struct flag *flag, char *error)
{
    char name[OPTION_LIST_BYTES];
    snprintf(name, sizeof(name), "%.*s", (int)(flag->name_length < sizeof(name) ? flag->name_length : sizeof(name) - 1),
             flag->name);
    const char *nearest = option_nearest_key(table, name);
    option_error(error, "unknown flag '%.64s'%s%s%s; see --help", argument, nearest != NULL ? "; did you mean '--" : "",
                 nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
    return -EINVAL;
}

static int apply_flag(const struct flag *flag, void *target, bool *is_set, char *error)
{
    char why[OPTION_WHY_BYTES];
    if (!*is_set)
        option_clear(flag->option, target);
    *is_set = true;
    if (option_set(flag->option, target, flag->value, why) == 0)
        return 0;
    option_error(error, "--%s: %s", flag->option->key, why);
    return -EINVAL;
}

/* --help, --version and the other pages answer even when the rest of the line or the file is wrong, so they are looked
 * for first. */
static int scan_line(const struct option_table *table, int argc, char **argv, int *ret_special, const char **ret_config,
                     char *error)
{
    for (int i = 1; i < argc;) {
        struct flag flag = read_flag(table, argv, argc, i);
        if (flag.kind == FLAG_END)
            return 0;
        if (flag.kind == FLAG_HELP || flag.kind == FLAG_VERSION || flag.kind == FLAG_MAN) {
            *ret_special = flag.kind == FLAG_HELP ? 'h' : flag.kind == FLAG_MAN ? 'm' : 'v';
            return 0;
        }
        if (flag.kind == FLAG_COMPLETION) {
            *ret_special = flag.value == NULL                ? 0
                           : strcmp(flag.value, "bash") == 0 ? 'b'
                           : strcmp(flag.value, "zsh") == 0  ? 'z'
                                                             : 0;
            if (*ret_special == 0)
                option_error(error, "--completion: write bash or zsh");
            return *ret_special == 0 ? -EINVAL : 0;
        }
        if (flag.kind == FLAG_CONFIG && (flag.value == NULL || flag.value[0] == '\0')) {
            option_error(error, "--config: needs the path of a file");
            return -EINVAL;
        }
        if (flag.kind == FLAG_CONFIG && *ret_config != NULL) {
            option_error(error, "--config: given twice");
            return -EINVAL;
        }
        if (flag.kind == FLAG_CONFIG)
            *ret_config = flag.value;
        i += flag.width;
    }
    return 0;
}

static int read_config(const struct option_table *table, const char *path, void *target, char *error)
{
    const struct option *row = option_find(table, "config", strlen("config"));
    if (row != NULL && row->type == OPTION_STRING && path != NULL) {
        struct flag flag = {.kind = FLAG_OPTION, .option = row, .value = path};
        bool is_set = false;
        int result = apply_flag(&flag, target, &is_set, error);
        if (result != 0)
            return result;
    }
    if (path != NULL)
        return options_read_file(table, path, target, error);
    if (row == NULL || row->initial == NULL || row->initial[0] == '\0' ||
        (access(row->initial, F_OK) != 0 && errno == ENOENT))
        return 0;
    return options_read_file(table, row->initial, target, error);
}

/* The flags in order; what is no flag is collected in `rest`. */
static int read_line(const struct option_table *table, int argc, char **argv, void *target, const char **verb,
                     int *special, char **rest, int *ret_n_rest, bool *is_set, char *error)
{
    bool verb_seen = table->verbs == NULL, ended = false;
    *ret_n_rest = 0;
    for (int i = 1; i < argc;) {
        struct flag flag = {.kind = FLAG_NONE, .width = 1};
        int result = 0;
        if (!ended)
            flag = read_flag(table, argv, argc, i);
        if (flag.kind == FLAG_END) {
            ended = true;
        } else if (flag.kind == FLAG_NONE && !ended && !verb_seen) {
            verb_seen = true;
            result = find_verb(table, argv[i], verb, error);
        } else if (flag.kind == FLAG_NONE) {
            rest[(*ret_n_rest)++] = argv[i];
        } else if (flag.kind == FLAG_CHECK) {
            *special = 'c';
        } else if (flag.kind == FLAG_UNKNOWN) {
            result = unknown_flag(table, argv[i], &flag, error);
        } else if (flag.kind == FLAG_OPTION && flag.value == NULL) {
            option_error(error, "--%s: needs a value", flag.option->key);
            result = -EINVAL;
        } else if (flag.kind == FLAG_OPTION) {
            result = apply_flag(&flag, target, &is_set[flag.option - table->options], error);
        }
        if (result != 0)
            return result;
        i += flag.width;
    }
    return 0;
}

int options_parse(const struct option_table *table, int argc, char **argv, void *target, const char **ret_verb,
                  int *ret_special, int *ret_first, char error[OPTION_ERROR_BYTES])
{
    const char *config = NULL, *verb = table->verbs != NULL ? table->verbs[0] : NULL;
    int special = 0, n_rest = 0;
    error[0] = '\0';
    int result = scan_line(table, argc, argv, &special, &config, error);
    char **rest = calloc((size_t)argc + 1, sizeof(*rest));
    bool *is_set = calloc(table->count + 1, sizeof(*is_set));
    if (result == 0 && (rest == NULL || is_set == NULL)) {
        option_error(error, "out of memory");
        result = -ENOMEM;
    }
    if (result == 0 && special == 0)
        result = read_config(table, config, target, error);
    if (result == 0 && special == 0)
        result = read_line(table, argc, argv, target, &verb, &special, rest, &n_rest, is_set, error);
    if (result == 0) {
        for (int i = 0; i < n_rest; i++)
            argv[argc - n_rest + i] = rest[i];
        *ret_verb = verb;
        *ret_special = special;
        *ret_first = argc - n_rest;
    }
    free(rest);
    free(is_set);
    return result;
}
