// SPDX-License-Identifier: Apache-2.0
/* The lines of a policy's scope. */
#include <errno.h>

#include "analyzer/policy/policy.h"

static const struct filter_name scope_names[] = {
    {"comm", "task.comm", FILTER_ANY, "=!"},
    {"container", "container.id", FILTER_FLAG, "=!"},
    {"executable exec binary bin", "process.executable", FILTER_PROGRAM_PATH, "=!"},
    {"follow", "", FILTER_FLAG, ""},
    {"global", "", FILTER_FLAG, ""},
    {"mntns mountNamespace", "task.mntns", FILTER_ANY, "=!"},
    {"pid p", "", FILTER_PID_OR_TID, "=!<>"},
    {"pidns pidNamespace", "task.pidns", FILTER_ANY, "=!"},
    {"tree", "", FILTER_ANY, "=!"},
    {"uid u userId", "task.uid", FILTER_ANY, "=!<>"},
    {"uts", "task.hostname", FILTER_ANY, "=!"},
};

static const struct filter_grammar scope_grammar = {.names = scope_names,
                                                    .n_names = sizeof(scope_names) / sizeof(scope_names[0])};

static bool begins_with_name(const char *text, const char *name)
{
    size_t length = strlen(name);
    return strncmp(text, name, length) == 0 && strchr("=!<> ", text[length]) != NULL;
}

static bool is_word(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

static int add_filter(struct document *document, const yaml_node_t *at, struct scope *scope, struct filter *filter)
{
    filter->line = at->start_mark.line + 1;
    filter->column = at->start_mark.column + 1;
    if (scope->n_filters == POLICY_MAX_SCOPES)
        return document_fail(document, at, "scope", "more than %d lines", POLICY_MAX_SCOPES);
    scope->filters[scope->n_filters++] = *filter;
    return 0;
}

/* tree=PID[,PID...], tree!=... */
static int add_roots(struct document *document, const yaml_node_t *at, struct pool *pool, struct scope *scope,
                     const struct filter *filter)
{
    struct scope_root *roots = pool_take(pool, (scope->n_roots + filter->n_values) * sizeof(*roots));
    if (roots == NULL)
        return -ENOMEM;
    if (scope->n_roots > 0)
        memcpy(roots, scope->roots, scope->n_roots * sizeof(*roots));
    scope->roots = roots;
    for (size_t i = 0; i < filter->n_values; i++) {
        char *end;
        unsigned long long pid = strtoull(filter->values[i], &end, 10);
        if (filter->values[i][0] < '0' || filter->values[i][0] > '9' || *end != '\0' || pid == 0 || pid > INT32_MAX)
            return document_fail(document, at, "scope", "tree: '%.100s' is not the number of a process",
                                 filter->values[i]);
        roots[scope->n_roots++] = (struct scope_root){.pid = (uint32_t)pid, .excluded = filter->op == FILTER_NOT_EQUAL};
    }
    return 0;
}

/* container=ID,ID... by the beginnings of ids; container=new. */
static int add_containers(struct document *document, const yaml_node_t *at, struct pool *pool, struct scope *scope,
                          struct filter *filter)
{
    static const char *const one[] = {"1", NULL};
    if (filter->n_values == 1 && is_word(filter->values[0], "new")) {
        filter->field = "container.new";
        filter->kind = FILTER_ANY;
        filter->values = one;
        return add_filter(document, at, scope, filter);
    }
    if (filter->n_values == 1 && is_word(filter->values[0], "started")) {
        if (filter->op == FILTER_NOT_EQUAL)
            return document_fail(document, at, "scope",
                                 "container!=started is no scope: say not-container, or container!=new");
        return add_filter(document, at, scope, filter);
    }
    const char **values = pool_take(pool, (filter->n_values + 1) * sizeof(*values));
    if (values == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < filter->n_values; i++) {
        size_t length = strlen(filter->values[i]);
        char *prefix = pool_text(pool, filter->values[i], length + 1); /* its NUL becomes the star */
        if (prefix == NULL)
            return -ENOMEM;
        if (strspn(prefix, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-") != length)
            return document_fail(document, at, "scope", "container: '%.100s' is no id, nor 'new' or 'started'",
                                 filter->values[i]);
        prefix[length] = '*';
        values[i] = prefix;
    }
    filter->kind = FILTER_ANY;
    filter->values = values;
    return add_filter(document, at, scope, filter);
}

static bool names_host(const struct filter *filter)
{
    for (size_t i = 0; i < filter->n_values; i++)
        if (strncmp(filter->values[i], "host:", 5) == 0)
            return true;
    return false;
}

static int add_line(struct document *document, const yaml_node_t *at, struct pool *pool, struct scope *scope,
                    const char *text)
{
    struct filter filter;
    char words[FILTER_WORDS_BYTES];
    if (is_word(text, "global") || is_word(text, "follow")) {
        scope->is_global = scope->is_global || text[0] == 'g';
        scope->follow = scope->follow || text[0] == 'f';
        return 0;
    }
    int result = filter_parse(pool, &scope_grammar, text, &filter, words);
    if (result < 0)
        return result == -EINVAL ? document_fail(document, at, "scope", "%s", words) : result;
    if (begins_with_name(text, "global") || begins_with_name(text, "follow") ||
        (filter.field[0] == '\0' && filter.kind == FILTER_FLAG))
        return document_fail(document, at, "scope", "'%.6s' takes no value and no '!'", text + strcspn(text, "gf"));
    if (begins_with_name(text, "tree"))
        return add_roots(document, at, pool, scope, &filter);
    bool has_value = strpbrk(text, "=<>") != NULL;
    if (filter.kind == FILTER_FLAG && has_value)
        return add_containers(document, at, pool, scope, &filter);
    if (filter.kind == FILTER_PID_OR_TID && filter.n_values == 1 && is_word(filter.values[0], "new") &&
        (filter.op == FILTER_EQUAL || filter.op == FILTER_NOT_EQUAL)) {
        scope->new_process = filter.op == FILTER_EQUAL ? SCOPE_NEW : SCOPE_NOT_NEW;
        return 0;
    }
    scope->wants_host_namespace =
        scope->wants_host_namespace || (filter.kind == FILTER_PROGRAM_PATH && names_host(&filter));
    return add_filter(document, at, scope, &filter);
}

int scope_add(struct document *document, const yaml_node_t *at, struct pool *pool, struct scope *scope,
              const char *text)
{
    if (scope->filters == NULL) {
        scope->filters = pool_take(pool, POLICY_MAX_SCOPES * sizeof(*scope->filters));
        if (scope->filters == NULL)
            return -ENOMEM;
    }
    size_t before = scope->text == NULL ? 0 : strlen(scope->text), length = strlen(text);
    char *joined = pool_take(pool, before + length + 8);
    if (joined == NULL)
        return -ENOMEM;
    snprintf(joined, before + length + 8, "%s%s%s", before == 0 ? "" : scope->text, before == 0 ? "" : " and ", text);
    scope->text = joined;
    return add_line(document, at, pool, scope, text);
}

int scope_check(struct document *document, const yaml_node_t *at, const struct scope *scope)
{
    if (scope->is_global && (scope->n_filters > 0 || scope->n_roots > 0 || scope->follow || scope->new_process != 0))
        return document_fail(document, at, "scope", "'global' means everything: it must be the only entry");
    struct schema *schema = schema_new_builtin();
    struct pool pool = {0};
    struct lowering lowering = {.pool = &pool};
    const struct predicate *tree;
    int result = -ENOMEM;
    if (schema != NULL) {
        lowering.event = schema_event_at(schema, 0); /* a scope is about the task, which every event has */
        result = filters_lower(&lowering, scope->filters, scope->n_filters, &tree);
    }
    if (result == -EINVAL || result == -ENOENT)
        result = filter_fail(document, "scope", scope->filters, &lowering);
    pool_fini(&pool);
    schema_free(schema);
    return result;
}
