// SPDX-License-Identifier: Apache-2.0
/* Reading one condition. */
#include "analyzer/policy/filter.h"

#include <errno.h>
#include <stdarg.h>

static const char all_operators[] = "=!<>";

const struct filter_name filter_task_names[] = {
    {"cgroupId", "task.cgroup", FILTER_ANY, all_operators},
    {"comm processName", "task.comm", FILTER_ANY, "=!"},
    {"container", "container.id", FILTER_FLAG, "=!"},
    {"containerId", "container.id", FILTER_ANY, "=!"},
    {"containerImage", "container.image", FILTER_ANY, "=!"},
    {"containerImageDigest", "container.image_digest", FILTER_ANY, "=!"},
    {"containerName", "container.name", FILTER_ANY, "=!"},
    {"executable exec binary bin", "process.executable", FILTER_ANY, "=!"},
    {"host", "", FILTER_FLAG, "=!"},
    {"hostName", "task.hostname", FILTER_ANY, "=!"},
    {"hostParentProcessId hostPpid", "task.ppid", FILTER_ANY, all_operators},
    {"hostPid hostProcessId", "task.pid", FILTER_ANY, all_operators},
    {"hostTid hostThreadId", "task.tid", FILTER_ANY, all_operators},
    {"mntns mountNamespace", "task.mntns", FILTER_ANY, all_operators},
    {"pid p processId", "task.ns_pid", FILTER_ANY, all_operators},
    {"pidns pidNamespace", "task.pidns", FILTER_ANY, all_operators},
    {"podName", "container.pod_name", FILTER_ANY, "=!"},
    {"podNamespace", "container.pod_namespace", FILTER_ANY, "=!"},
    {"podSandbox", "container.pod_sandbox", FILTER_FLAG, "=!"},
    {"podUid", "container.pod_uid", FILTER_ANY, "=!"},
    {"ppid parentProcessId", "task.ns_ppid", FILTER_ANY, all_operators},
    {"processorId", "event.cpu", FILTER_ANY, all_operators},
    {"retval returnValue", "returnValue", FILTER_ANY, all_operators},
    {"syscall", "event.syscall", FILTER_ANY, "=!"},
    {"tid threadId", "task.ns_tid", FILTER_ANY, all_operators},
    {"timestamp", "event.time", FILTER_ANY, all_operators},
    {"uid userId u", "task.uid", FILTER_ANY, all_operators},
};
const size_t filter_task_count = sizeof(filter_task_names) / sizeof(filter_task_names[0]);

static int say(char words[FILTER_WORDS_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));
static int say(char words[FILTER_WORDS_BYTES], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, FILTER_WORDS_BYTES, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static bool is_among(const char *names, const char *name, size_t length)
{
    while (*names != '\0') {
        size_t n = strcspn(names, " ");
        if (n == length && memcmp(names, name, n) == 0)
            return true;
        names += n + strspn(names + n, " ");
    }
    return false;
}

static const struct filter_name *find(const struct filter_grammar *grammar, const char *name, size_t length)
{
    for (size_t i = 0; i < grammar->n_names; i++)
        if (is_among(grammar->names[i].names, name, length))
            return &grammar->names[i];
    return NULL;
}

/* Where the operator stands, how long it is; false when there is none. */
static bool find_operator(const char *text, bool regex, size_t *ret_at, size_t *ret_length, enum filter_op *ret_op)
{
    size_t at = strcspn(text, "=<>!");
    if (text[at] == '!' && text[at + 1] != '=')
        return false;
    if (text[at] == '\0')
        return false;
    bool wide = (text[at] != '=' && text[at + 1] == '=') || (regex && text[at] == '=' && text[at + 1] == '~');
    *ret_at = at;
    *ret_length = wide ? 2 : 1;
    switch (text[at]) {
    case '!':
        *ret_op = FILTER_NOT_EQUAL;
        break;
    case '<':
        *ret_op = wide ? FILTER_AT_MOST : FILTER_LESS;
        break;
    case '>':
        *ret_op = wide ? FILTER_AT_LEAST : FILTER_GREATER;
        break;
    default:
        *ret_op = wide ? FILTER_MATCHES : FILTER_EQUAL;
    }
    return true;
}

/* "" of every name of the grammar in turn, for option_nearest's kin. */
static int refuse_name(const struct filter_grammar *grammar, const char *name, size_t length,
                       char words[FILTER_WORDS_BYTES])
{
    enum { MOST = 64, WORD = 64 };
    char buffer[MOST][WORD], wanted[WORD], near[WORD + 32];
    const char *names[MOST + 1] = {NULL};
    size_t n = 0;
    for (size_t i = 0; i < grammar->n_names; i++)
        for (const char *at = grammar->names[i].names; *at != '\0' && n < MOST;) {
            size_t part = strcspn(at, " ");
            snprintf(buffer[n], WORD, "%.*s", (int)part, at);
            names[n] = buffer[n];
            n++;
            at += part + strspn(at + part, " ");
        }
    snprintf(wanted, sizeof(wanted), "%.*s", (int)(length < WORD ? length : WORD - 1), name);
    document_nearest(wanted, names, near, sizeof(near));
    return say(words, "there is no field '%s'%s%s", wanted, near,
               grammar->data ? "; an argument of the event is data.NAME, its result is retval" : "");
}

static int take_value(struct pool *pool, const char *text, size_t length, const char **ret)
{
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    *ret = pool_text(pool, text, length);
    return *ret == NULL ? -ENOMEM : 0;
}

static int take_values(struct pool *pool, const char *list, bool whole, struct filter *filter,
                       char words[FILTER_WORDS_BYTES])
{
    size_t n = 1;
    for (const char *at = list; !whole && *at != '\0'; at++)
        n += *at == ',';
    if (n > FILTER_MAX_VALUES)
        return say(words, "more than %d values in one condition", FILTER_MAX_VALUES);
    const char **values = pool_take(pool, (n + 1) * sizeof(*values));
    if (values == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        size_t length = whole ? strlen(list) : strcspn(list, ",");
        if (take_value(pool, list, length, &values[i]) < 0)
            return -ENOMEM;
        if (values[i][0] == '\0')
            return say(words, "a value is missing");
        list += length + 1;
    }
    filter->values = values;
    filter->n_values = n;
    return 0;
}

static int name_field(struct pool *pool, const struct filter_grammar *grammar, const char *name, size_t length,
                      const struct filter_name **ret_known, struct filter *filter, char words[FILTER_WORDS_BYTES])
{
    static const struct filter_name any = {"", "", FILTER_ANY, all_operators};
    *ret_known = find(grammar, name, length);
    if (*ret_known != NULL) {
        filter->field = (*ret_known)->field;
        filter->kind = (*ret_known)->kind;
        return 0;
    }
    if (!grammar->data || memchr(name, '.', length) == NULL)
        return refuse_name(grammar, name, length, words);
    /* data.NAME, its older spelling, and what predicate.h names: the event says whether it has the field. */
    static const char old[] = "args.";
    bool is_old = length > sizeof(old) - 1 && memcmp(name, old, sizeof(old) - 1) == 0;
    char *field = pool_text(pool, name, length);
    if (field == NULL)
        return -ENOMEM;
    if (is_old)
        memcpy(field, "data.", sizeof(old) - 1);
    filter->field = field;
    *ret_known = &any;
    return 0;
}

/* `container`, `!container`, `not-container`. */
static int parse_flag(const struct filter_grammar *grammar, const char *text, struct filter *filter,
                      char words[FILTER_WORDS_BYTES])
{
    static const char not [] = "not-";
    static const char *const yes[] = {"true", NULL}, *const no[] = {"false", NULL};
    const struct filter_name *known = find(grammar, text, strlen(text));
    bool negated = false;
    if (known == NULL && text[0] == '!') {
        negated = true;
        known = find(grammar, text + 1, strlen(text + 1));
    } else if (known == NULL && strncmp(text, not, sizeof(not ) - 1) == 0) {
        negated = true;
        known = find(grammar, text + sizeof(not ) - 1, strlen(text + sizeof(not ) - 1));
    }
    if (known == NULL)
        return refuse_name(grammar, text, strlen(text), words);
    if (known->kind != FILTER_FLAG)
        return say(words, "'%.100s' lacks an operator and a value, as in %.*s=VALUE", text,
                   (int)strcspn(known->names, " "), known->names);
    filter->field = known->field;
    filter->kind = known->kind;
    filter->op = FILTER_EQUAL;
    filter->values = negated ? no : yes;
    filter->n_values = 1;
    return 0;
}

static int check_operator(const struct filter_name *known, enum filter_op op, const char *text, size_t at,
                          size_t length, char words[FILTER_WORDS_BYTES])
{
    if (op == FILTER_EQUAL || op == FILTER_NOT_EQUAL || op == FILTER_MATCHES || strchr(known->operators, '<') != NULL)
        return 0;
    return say(words, "'%.*s' takes = and !=, not %.*s", (int)strcspn(known->names, " "), known->names, (int)length,
               text + at);
}

int filter_parse(struct pool *pool, const struct filter_grammar *grammar, const char *text, struct filter *ret,
                 char words[FILTER_WORDS_BYTES])
{
    struct filter filter = {0};
    const struct filter_name *known = NULL;
    size_t at, length;
    filter.text = pool_text(pool, text, strlen(text));
    if (filter.text == NULL)
        return -ENOMEM;
    int result = 0;
    if (!find_operator(text, grammar->regex, &at, &length, &filter.op)) {
        result = parse_flag(grammar, text, &filter, words);
    } else {
        size_t name_length = at;
        while (name_length > 0 && text[name_length - 1] == ' ')
            name_length--;
        if (name_length == 0)
            return say(words, "'%.100s' names no field before its operator", text);
        result = name_field(pool, grammar, text, name_length, &known, &filter, words);
        if (result == 0)
            result = check_operator(known, filter.op, text, at, length, words);
        if (result == 0)
            result = take_values(pool, text + at + length, filter.op == FILTER_MATCHES, &filter, words);
        bool compares = filter.op >= FILTER_LESS && filter.op <= FILTER_AT_LEAST;
        if (result == 0 && compares && filter.n_values > 1)
            result = say(words, "a comparison takes one value");
    }
    if (result == 0)
        *ret = filter;
    return result;
}

int filter_read(struct document *document, const char *key, const yaml_node_t *entry, struct pool *pool,
                const struct filter_grammar *grammar, struct filter *ret)
{
    const char *text = document_scalar(entry);
    char words[FILTER_WORDS_BYTES];
    if (text == NULL)
        return document_fail(document, entry, key, "each entry must be text, as in comm=strace");
    int result = filter_parse(pool, grammar, text, ret, words);
    if (result == -EINVAL)
        return document_fail(document, entry, key, "%s", words);
    ret->line = entry->start_mark.line + 1;
    ret->column = entry->start_mark.column + 1;
    return result;
}

int filter_fail(struct document *document, const char *key, const struct filter *filters,
                const struct lowering *lowering)
{
    const struct filter *filter = &filters[lowering->at];
    return document_fail_at(document, filter->line, filter->column, key, "%.100s: %s", filter->text, lowering->words);
}
