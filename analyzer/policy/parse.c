// SPDX-License-Identifier: Apache-2.0
/* A policy file by its keys, in Tracee's two forms. */
#include <errno.h>

#include "analyzer/policy/policy.h"

struct reader {
    struct policy *policy;
    struct rule *rule; /* at hand */
};

static struct reader *reader_of(struct document *document)
{
    return document->target;
}

static int read_exactly(struct document *document, const char *key, const yaml_node_t *value, const char *wanted)
{
    const char *text = document_scalar(value);
    return text != NULL && strcmp(text, wanted) == 0 ? 0 : document_fail(document, value, key, "must be %s", wanted);
}

static int read_api_version(struct document *document, const char *key, const yaml_node_t *value)
{
    return read_exactly(document, key, value, "tracee.aquasec.com/v1beta1");
}

static int read_kind(struct document *document, const char *key, const yaml_node_t *value)
{
    return read_exactly(document, key, value, "Policy");
}

static int read_type(struct document *document, const char *key, const yaml_node_t *value)
{
    return read_exactly(document, key, value, "policy");
}

static int take_text(struct document *document, const char *key, const yaml_node_t *value, const char **target)
{
    const char *text = document_scalar(value);
    if (text == NULL)
        return document_fail(document, value, key, "must be text");
    *target = pool_text(&reader_of(document)->policy->pool, text, strlen(text));
    return *target == NULL ? -ENOMEM : 0;
}

static int read_description(struct document *document, const char *key, const yaml_node_t *value)
{
    return take_text(document, key, value, &reader_of(document)->policy->description);
}

static int read_version(struct document *document, const char *key, const yaml_node_t *value)
{
    const char *ignored; /* Tracee reserves the key */
    return take_text(document, key, value, &ignored);
}

static bool is_policy_name(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > POLICY_MAX_NAME)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool alphanumeric = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9');
        bool inner = i > 0 && i + 1 < length && (name[i] == '-' || name[i] == '.');
        if (!alphanumeric && !inner)
            return false;
    }
    return true;
}

static int read_name(struct document *document, const char *key, const yaml_node_t *value)
{
    const char *text = document_scalar(value);
    if (text == NULL || !is_policy_name(text))
        return document_fail(
            document, value, key,
            "must be lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit");
    return take_text(document, key, value, &reader_of(document)->policy->name);
}

static int read_annotation(struct document *document, const char *key, const yaml_node_t *value)
{
    if (strcmp(key, "description") == 0)
        return read_description(document, key, value);
    return document_scalar(value) != NULL ? 0 : document_fail(document, value, key, "must be text");
}

static int read_annotations(struct document *document, const char *key, const yaml_node_t *value)
{
    return document_names(document, key, value, read_annotation);
}

/* What else Kubernetes writes there says nothing about the policy. */
static int read_metadata(struct document *document, const char *key, const yaml_node_t *value)
{
    static const struct document_key keys[] = {
        {"name", read_name, true},
        {"annotations", read_annotations, false},
        {"creationTimestamp", NULL, false},
        {"generation", NULL, false},
        {"labels", NULL, false},
        {"managedFields", NULL, false},
        {"namespace", NULL, false},
        {"resourceVersion", NULL, false},
        {"selfLink", NULL, false},
        {"uid", NULL, false},
    };
    return document_mapping(document, key, value, keys, sizeof(keys) / sizeof(keys[0]));
}

static int read_scope_line(struct document *document, const char *key, const yaml_node_t *value)
{
    struct policy *policy = reader_of(document)->policy;
    const char *text = document_scalar(value);
    if (text == NULL || text[0] == '\0')
        return document_fail(document, value, key, "each entry must be text");
    return scope_add(document, value, &policy->pool, &policy->scope, text);
}

static int read_scope(struct document *document, const char *key, const yaml_node_t *value)
{
    int result = document_sequence(document, key, value, POLICY_MAX_SCOPES, read_scope_line);
    return result < 0 ? result : scope_check(document, value, &reader_of(document)->policy->scope);
}

/* -- rules -- */

static int read_event(struct document *document, const char *key, const yaml_node_t *value)
{
    struct rule *rule = reader_of(document)->rule;
    const char *text = document_scalar(value);
    if (text == NULL || text[strspn(text, ", \t")] == '\0')
        return document_fail(document, value, key, "must be the name of an event, a set or a detection");
    rule->line = value->start_mark.line + 1;
    rule->column = value->start_mark.column + 1;
    return take_text(document, key, value, &rule->text);
}

static int read_filter(struct document *document, const char *key, const yaml_node_t *value)
{
    const struct filter_grammar grammar = {.names = filter_task_names, .n_names = filter_task_count, .data = true};
    struct reader *reader = reader_of(document);
    struct rule *rule = reader->rule;
    int result = filter_read(document, key, value, &reader->policy->pool, &grammar, &rule->filters[rule->n_filters]);
    rule->n_filters += result == 0;
    return result;
}

static int read_filters(struct document *document, const char *key, const yaml_node_t *value)
{
    struct reader *reader = reader_of(document);
    size_t n = document_items(value);
    if (n == 0 && (value->type == YAML_SEQUENCE_NODE || document_scalar(value) != NULL))
        return value->type == YAML_SEQUENCE_NODE || document_scalar(value)[0] == '\0'
                   ? 0 /* "filters:" and "filters: []" mean none */
                   : document_fail(document, value, key, "must be a list");
    reader->rule->filters = pool_take(&reader->policy->pool, (n < FILTER_MAX ? n : FILTER_MAX) * sizeof(struct filter));
    if (reader->rule->filters == NULL)
        return -ENOMEM;
    return document_sequence(document, key, value, FILTER_MAX, read_filter);
}

/* Both mean that it is told, which all that is selected is. */
static int read_action(struct document *document, const char *key, const yaml_node_t *value)
{
    static const char *const actions[] = {"log", "print", NULL};
    const char *text = document_scalar(value);
    char near[POLICY_KEY_BYTES];
    for (size_t i = 0; text != NULL && actions[i] != NULL; i++)
        if (strcmp(text, actions[i]) == 0)
            return 0;
    return document_fail(
        document, value, key, "there is no action '%.64s'%s; the actions are log and print, which mean the same",
        text == NULL ? "" : text, text == NULL ? "" : document_nearest(text, actions, near, sizeof(near)));
}

static int read_actions(struct document *document, const char *key, const yaml_node_t *value)
{
    return document_sequence(document, key, value, FILTER_MAX, read_action);
}

static int read_rule(struct document *document, const char *key, const yaml_node_t *value)
{
    static const struct document_key keys[] = {
        {"event", read_event, true}, {"filters", read_filters, false}, {"actions", read_actions, false}};
    struct reader *reader = reader_of(document);
    (void)key;
    reader->rule = &reader->policy->rules[reader->policy->n_rules++];
    return document_mapping(document, "a rule", value, keys, sizeof(keys) / sizeof(keys[0]));
}

static int read_rules(struct document *document, const char *key, const yaml_node_t *value)
{
    struct policy *policy = reader_of(document)->policy;
    size_t n = document_items(value);
    policy->rules = pool_take(&policy->pool, ((n < POLICY_MAX_RULES ? n : POLICY_MAX_RULES) + 1) * sizeof(struct rule));
    if (policy->rules == NULL)
        return -ENOMEM;
    return document_sequence(document, key, value, POLICY_MAX_RULES, read_rule);
}

static int read_spec(struct document *document, const char *key, const yaml_node_t *value)
{
    static const struct document_key keys[] = {
        {"scope", read_scope, true}, {"rules", read_rules, true}, {"defaultActions", read_actions, false}};
    return document_mapping(document, key, value, keys, sizeof(keys) / sizeof(keys[0]));
}

static int read_policy(struct document *document, const char *key, const yaml_node_t *root)
{
    static const struct document_key crd[] = {
        {"apiVersion", read_api_version, true},
        {"kind", read_kind, true},
        {"metadata", read_metadata, true},
        {"spec", read_spec, true},
        {"status", NULL, false},
    };
    static const struct document_key plain[] = {
        {"type", read_type, true},
        {"name", read_name, true},
        {"description", read_description, false},
        {"version", read_version, false},
        {"scope", read_scope, true},
        {"rules", read_rules, true},
        {"defaultActions", read_actions, false},
    };
    (void)key;
    int result = document_has(document, root, "type")
                     ? document_mapping(document, "a policy", root, plain, sizeof(plain) / sizeof(plain[0]))
                     : document_mapping(document, "a policy", root, crd, sizeof(crd) / sizeof(crd[0]));
    return result < 0 ? result : rules_resolve(document, reader_of(document)->policy);
}

struct policy *policy_parse(const char *path, const char *text, size_t size, struct policy_error *error)
{
    struct policy *policy = calloc(1, sizeof(*policy));
    int result = policy == NULL ? -ENOMEM : 0;
    if (result == 0) {
        struct reader reader = {.policy = policy};
        struct document document = {.path = path, .error = error, .target = &reader};
        policy->path = pool_text(&policy->pool, path, strlen(path));
        policy->description = "";
        result = policy->path == NULL ? -ENOMEM : document_parse(&document, text, size, read_policy);
    }
    if (result == 0)
        return policy;
    if (result == -ENOMEM)
        policy_error_set(error, path, "", "no memory");
    policy_free(policy);
    errno = -result;
    return NULL;
}

void policy_free(struct policy *policy)
{
    if (policy == NULL)
        return;
    pool_fini(&policy->pool);
    free(policy);
}
