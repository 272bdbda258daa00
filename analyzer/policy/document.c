// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/document.h"

#include <errno.h>
#include <stdarg.h>

#include "analyzer/alert/text.h"
#include "common/base/options_internal.h"

static void printable(char *words)
{
    for (; *words != '\0'; words++)
        if ((unsigned char)*words < ' ' || *words == 0x7f)
            *words = '?';
}

void policy_error_words(const struct policy_error *error, char words[POLICY_ERROR_BYTES])
{
    char place[48] = "";
    if (error->line > 0)
        snprintf(place, sizeof(place), ":%zu:%zu", error->line, error->column);
    snprintf(words, POLICY_ERROR_BYTES, "%s%s%s%s%s%s", error->path, place, error->path[0] == '\0' ? "" : ": ",
             error->key, error->key[0] == '\0' ? "" : ": ", error->message);
    printable(words);
}

__attribute__((format(printf, 6, 0))) static int fill(struct policy_error *error, const char *path, size_t line,
                                                      size_t column, const char *key, const char *format,
                                                      va_list arguments)
{
    snprintf(error->path, sizeof(error->path), "%s", path);
    snprintf(error->key, sizeof(error->key), "%s", key);
    error->line = line;
    error->column = column;
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    return -EINVAL;
}

int policy_error_set(struct policy_error *error, const char *path, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = fill(error, path, 0, 0, key, format, arguments);
    va_end(arguments);
    return result;
}

int document_fail(struct document *document, const yaml_node_t *at, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const yaml_mark_t *mark = &at->start_mark; /* from 0 */
    int result = fill(document->error, document->path, mark->line + 1, mark->column + 1, key, format, arguments);
    va_end(arguments);
    return result;
}

int document_fail_at(struct document *document, size_t line, size_t column, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = fill(document->error, document->path, line, column, key, format, arguments);
    va_end(arguments);
    return result;
}

size_t document_items(const yaml_node_t *node)
{
    return node->type == YAML_SEQUENCE_NODE ? (size_t)(node->data.sequence.items.top - node->data.sequence.items.start)
                                            : 0;
}

const char *document_scalar(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || memchr(node->data.scalar.value, '\0', node->data.scalar.length) != NULL)
        return NULL;
    return (const char *)node->data.scalar.value;
}

static const char *name_at(const void *names, size_t index)
{
    return ((const char *const *)names)[index];
}

const char *document_nearest(const char *word, const char *const *names, char *buffer, size_t size)
{
    const char *near = option_nearest(word, name_at, names);
    buffer[0] = '\0';
    if (near != NULL)
        snprintf(buffer, size, ": did you mean '%s'", near);
    return buffer;
}

static yaml_node_t *node_at(const struct document *document, int index)
{
    return yaml_document_get_node(document->yaml, index);
}

/* One more value was looked at. */
static int count(struct document *document, const yaml_node_t *node)
{
    if (document->n_values++ < DOCUMENT_MAX_VALUES)
        return 0;
    return document_fail(document, node, "", "this file stands for more than %d values: write fewer, without aliases",
                         DOCUMENT_MAX_VALUES);
}

static int refuse_key(struct document *document, const char *what, const yaml_node_t *at, const char *name,
                      const struct document_key *keys, size_t n_keys)
{
    const char *names[DOCUMENT_MAX_KEYS + 1] = {NULL};
    char near[POLICY_KEY_BYTES + 32], known[256] = "";
    for (size_t i = 0; i < n_keys; i++) {
        size_t used = strlen(known);
        names[i] = keys[i].name;
        snprintf(known + used, sizeof(known) - used, "%s%s", i == 0 ? "" : ", ", keys[i].name);
    }
    document_nearest(name, names, near, sizeof(near));
    return document_fail(document, at, name, "%s has no such key%s; it takes: %s", what, near, known);
}

static int read_pair(struct document *document, const char *what, const yaml_node_pair_t *pair,
                     const struct document_key *keys, size_t n_keys, bool *seen)
{
    const yaml_node_t *key = node_at(document, pair->key), *value = node_at(document, pair->value);
    const char *name = document_scalar(key);
    int result = count(document, key);
    if (result < 0)
        return result;
    if (name == NULL)
        return document_fail(document, key, what, "a key must be a plain word");
    for (size_t i = 0; i < n_keys; i++) {
        if (strcmp(keys[i].name, name) != 0)
            continue;
        if (seen[i])
            return document_fail(document, key, name, "given twice");
        seen[i] = true;
        return keys[i].read == NULL ? 0 : keys[i].read(document, keys[i].name, value);
    }
    return refuse_key(document, what, key, name, keys, n_keys);
}

int document_mapping(struct document *document, const char *what, const yaml_node_t *node,
                     const struct document_key *keys, size_t n_keys)
{
    bool seen[DOCUMENT_MAX_KEYS] = {false};
    if (node->type != YAML_MAPPING_NODE)
        return document_fail(document, node, what, "must be a mapping of keys to values");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        int result = read_pair(document, what, pair, keys, n_keys, seen);
        if (result < 0)
            return result;
    }
    for (size_t i = 0; i < n_keys; i++)
        if (keys[i].required && !seen[i])
            return document_fail(document, node, what, "lacks the key %s", keys[i].name);
    return 0;
}

int document_names(struct document *document, const char *what, const yaml_node_t *node, document_read *read)
{
    if (node->type != YAML_MAPPING_NODE)
        return document_fail(document, node, what, "must be a mapping of names");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_at(document, pair->key);
        const char *name = document_scalar(key);
        int result = count(document, key);
        if (result == 0 && name == NULL)
            result = document_fail(document, key, what, "a key must be a plain word");
        for (const yaml_node_pair_t *before = node->data.mapping.pairs.start; result == 0 && before < pair; before++)
            if (strcmp(document_scalar(node_at(document, before->key)), name) == 0)
                result = document_fail(document, key, name, "given twice");
        if (result == 0)
            result = read(document, name, node_at(document, pair->value));
        if (result < 0)
            return result;
    }
    return 0;
}

int document_sequence(struct document *document, const char *key, const yaml_node_t *node, size_t limit,
                      document_read *read)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return document_fail(document, node, key, "must be a list");
    if (node->data.sequence.items.start == node->data.sequence.items.top)
        return document_fail(document, node, key, "must not be empty");
    if ((size_t)(node->data.sequence.items.top - node->data.sequence.items.start) > limit)
        return document_fail(document, node, key, "more than %zu entries", limit);
    for (const yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
        const yaml_node_t *value = node_at(document, *item);
        int result = count(document, value);
        if (result == 0)
            result = read(document, key, value);
        if (result < 0)
            return result;
    }
    return 0;
}

bool document_has(const struct document *document, const yaml_node_t *mapping, const char *wanted)
{
    if (mapping->type != YAML_MAPPING_NODE)
        return false;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top;
         pair++) {
        const char *key = document_scalar(node_at(document, pair->key));
        if (key != NULL && strcmp(key, wanted) == 0)
            return true;
    }
    return false;
}

static int yaml_problem(struct document *document, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    /* What was being read, where that says more than the end of the file does. */
    const char *context = parser->context == NULL ? "" : parser->context;
    return document_fail_at(document, parser->problem_mark.line + 1, parser->problem_mark.column + 1, "",
                            "not YAML: %s%s%s", parser->problem == NULL ? "unreadable" : parser->problem,
                            context[0] == '\0' ? "" : " ", context);
}

/* A second document would be one that is silently left out. */
static int expect_end(struct document *document, yaml_parser_t *parser)
{
    yaml_document_t next;
    if (!yaml_parser_load(parser, &next))
        return yaml_problem(document, parser);
    const yaml_node_t *root = yaml_document_get_root_node(&next);
    int result = root == NULL
                     ? 0
                     : document_fail(document, root, "---", "one document a file, please: a second one begins here");
    yaml_document_delete(&next);
    return result;
}

/* The library's own complaint has no line; and it would take UTF-16, which nobody's editor shows as what it is. */
static int check_utf8(struct document *document, const char *text, size_t size)
{
    yaml_mark_t mark = {0};
    for (size_t at = 0; at < size;) {
        uint32_t point;
        size_t length = text_decode(text + at, size - at, &point);
        if (point == TEXT_INVALID)
            return document_fail_at(document, mark.line + 1, mark.column + 1, "", "not UTF-8: byte 0x%02x",
                                    (unsigned)(unsigned char)text[at]);
        mark.column = point == '\n' ? 0 : mark.column + 1;
        mark.line += point == '\n';
        at += length;
    }
    return 0;
}

static int parse(struct document *document, yaml_parser_t *parser, document_read *read)
{
    yaml_document_t yaml;
    if (!yaml_parser_load(parser, &yaml))
        return yaml_problem(document, parser);
    document->yaml = &yaml;
    const yaml_node_t *root = yaml_document_get_root_node(&yaml);
    int result = root == NULL ? document_fail_at(document, 1, 1, "", "empty: nothing is said in this file")
                              : read(document, "", root);
    document->yaml = NULL;
    yaml_document_delete(&yaml);
    return result == 0 ? expect_end(document, parser) : result;
}

int document_parse(struct document *document, const char *text, size_t size, document_read *read)
{
    yaml_parser_t parser;
    int result = check_utf8(document, text, size);
    if (result == 0 && !yaml_parser_initialize(&parser))
        result = -ENOMEM;
    else if (result == 0) {
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
        result = parse(document, &parser, read);
        yaml_parser_delete(&parser);
    }
    if (result == -ENOMEM)
        policy_error_set(document->error, document->path, "", "no memory");
    return result;
}

char *document_load(const char *path, size_t *ret_size, struct policy_error *error)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(DOCUMENT_MAX_BYTES + 1);
    size_t size = file == NULL || text == NULL ? 0 : fread(text, 1, DOCUMENT_MAX_BYTES + 1, file);
    int problem = 0;
    if (file == NULL)
        problem = errno;
    else if (text == NULL)
        problem = ENOMEM;
    else if (ferror(file))
        problem = EIO;
    else if (size > DOCUMENT_MAX_BYTES)
        problem = EFBIG;
    if (file != NULL)
        fclose(file);
    if (problem == 0) {
        text[size] = '\0';
        *ret_size = size;
        return text;
    }
    policy_error_set(error, path, "", "cannot be read: %s", strerror(problem));
    free(text);
    errno = problem;
    return NULL;
}
