// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/policy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <yaml.h>

#include "analyzer/policy/name.h"

struct reader {
    const char *path;
    yaml_document_t *document;
    struct policy *policy;
    char *error;
};

typedef int read_function(struct reader *reader, const char *key, const yaml_node_t *value);

struct key {
    const char *name;
    read_function *read;
    bool required;
};

static int fail(struct reader *reader, const yaml_node_t *at, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static int fail(struct reader *reader, const yaml_node_t *at, const char *key, const char *format, ...)
{
    int n = snprintf(reader->error, POLICY_ERROR_BYTES, "%s:%zu:%zu: %s: ", reader->path, at->start_mark.line + 1,
                     at->start_mark.column + 1, key);
    if (n < 0 || n >= POLICY_ERROR_BYTES)
        return -EINVAL;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->error + n, (size_t)(POLICY_ERROR_BYTES - n), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* A scalar's text, NULL when the node is something else or holds a NUL. */
static const char *scalar(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || memchr(node->data.scalar.value, '\0', node->data.scalar.length) != NULL)
        return NULL;
    return (const char *)node->data.scalar.value;
}

static yaml_node_t *node_at(const struct reader *reader, int index)
{
    return yaml_document_get_node(reader->document, index);
}

static void list_keys(const struct key *keys, size_t n, char *target, size_t size)
{
    size_t used = 0;
    target[0] = '\0';
    for (size_t i = 0; i < n && used < size; i++) {
        int length = snprintf(target + used, size - used, "%s%s", i == 0 ? "" : ", ", keys[i].name);
        used += length < 0 ? 0 : (size_t)length;
    }
}

static int read_pair(struct reader *reader, const char *what, const yaml_node_pair_t *pair, const struct key *keys,
                     size_t n_keys, bool *seen)
{
    const yaml_node_t *key = node_at(reader, pair->key);
    const char *name = scalar(key);
    if (name == NULL)
        return fail(reader, key, what, "a key must be a plain word");
    for (size_t i = 0; i < n_keys; i++) {
        if (strcmp(keys[i].name, name) != 0)
            continue;
        if (seen[i])
            return fail(reader, key, name, "given twice");
        seen[i] = true;
        return keys[i].read(reader, name, node_at(reader, pair->value));
    }
    char known[128];
    list_keys(keys, n_keys, known, sizeof(known));
    return fail(reader, key, name, "not supported in %s yet, which takes: %s", what, known);
}

enum { MAX_KEYS = 8 };

static int read_mapping(struct reader *reader, const char *what, const yaml_node_t *node, const struct key *keys,
                        size_t n_keys)
{
    bool seen[MAX_KEYS] = {false};
    if (node->type != YAML_MAPPING_NODE)
        return fail(reader, node, what, "must be a mapping of keys to values");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        int result = read_pair(reader, what, pair, keys, n_keys, seen);
        if (result < 0)
            return result;
    }
    for (size_t i = 0; i < n_keys; i++)
        if (keys[i].required && !seen[i])
            return fail(reader, node, what, "lacks the key %s", keys[i].name);
    return 0;
}

static int read_sequence(struct reader *reader, const char *key, const yaml_node_t *node, read_function *read)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return fail(reader, node, key, "must be a list");
    if (node->data.sequence.items.start == node->data.sequence.items.top)
        return fail(reader, node, key, "must not be empty");
    for (const yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
        int result = read(reader, key, node_at(reader, *item));
        if (result < 0)
            return result;
    }
    return 0;
}

static int read_exactly(struct reader *reader, const char *key, const yaml_node_t *value, const char *wanted)
{
    const char *text = scalar(value);
    return text != NULL && strcmp(text, wanted) == 0 ? 0 : fail(reader, value, key, "must be %s", wanted);
}

static int read_api_version(struct reader *reader, const char *key, const yaml_node_t *value)
{
    return read_exactly(reader, key, value, "tracee.aquasec.com/v1beta1");
}

static int read_kind(struct reader *reader, const char *key, const yaml_node_t *value)
{
    return read_exactly(reader, key, value, "Policy");
}

static int read_type(struct reader *reader, const char *key, const yaml_node_t *value)
{
    return read_exactly(reader, key, value, "policy");
}

static int read_description(struct reader *reader, const char *key, const yaml_node_t *value)
{
    return scalar(value) != NULL ? 0 : fail(reader, value, key, "must be text");
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

static int read_name(struct reader *reader, const char *key, const yaml_node_t *value)
{
    const char *text = scalar(value);
    if (text == NULL || !is_policy_name(text))
        return fail(reader, value, key,
                    "must be lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit");
    reader->policy->name = strdup(text);
    return reader->policy->name == NULL ? -ENOMEM : 0;
}

static int read_annotations(struct reader *reader, const char *key, const yaml_node_t *value)
{
    static const struct key keys[] = {{"description", read_description, false}};
    return read_mapping(reader, key, value, keys, 1);
}

static int read_metadata(struct reader *reader, const char *key, const yaml_node_t *value)
{
    static const struct key keys[] = {{"name", read_name, true}, {"annotations", read_annotations, false}};
    return read_mapping(reader, key, value, keys, 2);
}

static int read_scope_item(struct reader *reader, const char *key, const yaml_node_t *value)
{
    const char *text = scalar(value);
    if (text == NULL)
        return fail(reader, value, key, "each entry must be text");
    return strcmp(text, "global") == 0 ? 0
                                       : fail(reader, value, key, "'%s' is not supported yet: only global is", text);
}

static int read_scope(struct reader *reader, const char *key, const yaml_node_t *value)
{
    return read_sequence(reader, key, value, read_scope_item);
}

static int add_detection(struct policy *policy, const struct detection *detection)
{
    const struct detection **grown =
        reallocarray(policy->detections, policy->n_detections + 1, sizeof(const struct detection *));
    if (grown == NULL)
        return -ENOMEM;
    policy->detections = grown;
    policy->detections[policy->n_detections++] = detection;
    return 0;
}

static int read_event(struct reader *reader, const char *key, const yaml_node_t *value)
{
    struct policy *policy = reader->policy;
    const char *text = scalar(value);
    struct name name;
    char words[NAME_WORDS_BYTES];
    if (text == NULL)
        return fail(reader, value, key, "must be the name of an event, a set or a detection");
    if (name_find(text, &name, words) < 0)
        return fail(reader, value, key, "%s", words);
    if (name.detection != NULL) {
        for (size_t i = 0; i < policy->n_detections; i++)
            if (policy->detections[i] == name.detection)
                return fail(reader, value, key, "%s is in this policy twice", text);
        return add_detection(policy, name.detection);
    }
    if (name.event != NULL && policy->events[name.event->id] != 0)
        return fail(reader, value, key, "%s is in this policy twice", text);
    name_mark(&name, policy->events);
    return 0;
}

static int read_rule(struct reader *reader, const char *key, const yaml_node_t *value)
{
    static const struct key keys[] = {{"event", read_event, true}};
    (void)key;
    return read_mapping(reader, "a rule", value, keys, 1);
}

static int read_rules(struct reader *reader, const char *key, const yaml_node_t *value)
{
    if (value->type == YAML_SEQUENCE_NODE &&
        value->data.sequence.items.top - value->data.sequence.items.start > POLICY_MAX_RULES)
        return fail(reader, value, key, "more than %d rules", POLICY_MAX_RULES);
    return read_sequence(reader, key, value, read_rule);
}

static int read_spec(struct reader *reader, const char *key, const yaml_node_t *value)
{
    static const struct key keys[] = {{"scope", read_scope, true}, {"rules", read_rules, true}};
    return read_mapping(reader, key, value, keys, 2);
}

static bool has_key(const struct reader *reader, const yaml_node_t *mapping, const char *wanted)
{
    if (mapping->type != YAML_MAPPING_NODE)
        return false;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top;
         pair++) {
        const char *key = scalar(node_at(reader, pair->key));
        if (key != NULL && strcmp(key, wanted) == 0)
            return true;
    }
    return false;
}

static int read_policy(struct reader *reader, const yaml_node_t *root)
{
    static const struct key crd[] = {
        {"apiVersion", read_api_version, true},
        {"kind", read_kind, true},
        {"metadata", read_metadata, true},
        {"spec", read_spec, true},
    };
    static const struct key plain[] = {
        {"type", read_type, true},   {"name", read_name, true},   {"description", read_description, false},
        {"scope", read_scope, true}, {"rules", read_rules, true},
    };
    return has_key(reader, root, "type")
               ? read_mapping(reader, "a policy", root, plain, sizeof(plain) / sizeof(plain[0]))
               : read_mapping(reader, "a policy", root, crd, sizeof(crd) / sizeof(crd[0]));
}

static int yaml_problem(const struct reader *reader, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    snprintf(reader->error, POLICY_ERROR_BYTES, "%s:%zu:%zu: not YAML: %s", reader->path, parser->problem_mark.line + 1,
             parser->problem_mark.column + 1, parser->problem == NULL ? "unreadable" : parser->problem);
    return -EINVAL;
}

/* A second document would be a policy that is silently left out. */
static int expect_end(struct reader *reader, yaml_parser_t *parser)
{
    yaml_document_t next;
    if (!yaml_parser_load(parser, &next))
        return yaml_problem(reader, parser);
    const yaml_node_t *root = yaml_document_get_root_node(&next);
    int result =
        root == NULL ? 0 : fail(reader, root, "---", "one policy a file, please: a second document begins here");
    yaml_document_delete(&next);
    return result;
}

static int parse_document(struct reader *reader, yaml_parser_t *parser)
{
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document))
        return yaml_problem(reader, parser);
    reader->document = &document;
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    int result = 0;
    if (root == NULL) {
        snprintf(reader->error, POLICY_ERROR_BYTES, "%s:1:1: empty: a policy needs apiVersion, kind, metadata and spec",
                 reader->path);
        result = -EINVAL;
    } else {
        result = read_policy(reader, root);
    }
    yaml_document_delete(&document);
    return result == 0 && root != NULL ? expect_end(reader, parser) : result;
}

struct policy *policy_parse(const char *path, const char *text, size_t size, char error[POLICY_ERROR_BYTES])
{
    struct policy *policy = calloc(1, sizeof(*policy));
    yaml_parser_t parser;
    if (policy == NULL)
        return NULL;
    struct reader reader = {.path = path, .policy = policy, .error = error};
    policy->path = strdup(path);
    int result = policy->path == NULL || !yaml_parser_initialize(&parser) ? -ENOMEM : 0;
    if (result == 0) {
        yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
        result = parse_document(&reader, &parser);
        yaml_parser_delete(&parser);
    }
    if (result == 0)
        return policy;
    if (result == -ENOMEM)
        snprintf(error, POLICY_ERROR_BYTES, "%s: no memory", path);
    policy_free(policy);
    errno = -result;
    return NULL;
}

void policy_free(struct policy *policy)
{
    if (policy == NULL)
        return;
    free(policy->name);
    free(policy->path);
    free(policy->detections);
    free(policy);
}
