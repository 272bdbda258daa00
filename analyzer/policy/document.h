/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What readers of YAML files written by people share: one document, bounded, walked by tables of keys; every refusal
 * names file, line, column and key. JSON is read as the YAML that it is.
 */
#ifndef VEDETTE_ANALYZER_POLICY_DOCUMENT_H
#define VEDETTE_ANALYZER_POLICY_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

enum {
    DOCUMENT_MAX_BYTES = 1024 * 1024,
    /* Values read of one file. Aliases let a small file stand for more than memory holds: this is where they end. */
    DOCUMENT_MAX_VALUES = 65536,
    DOCUMENT_MAX_KEYS = 32, /* of one mapping */
    POLICY_ERROR_BYTES = 1024,
    POLICY_PATH_BYTES = 512,
    POLICY_KEY_BYTES = 64,
    POLICY_MESSAGE_BYTES = 400,
};

/* Why a file was refused. Zero-initialise; line 0: of the file as a whole. */
struct policy_error {
    char path[POLICY_PATH_BYTES];
    size_t line, column; /* from 1 */
    char key[POLICY_KEY_BYTES];
    char message[POLICY_MESSAGE_BYTES];
};

/* "path:line:column: key: message"; bytes that would drive a terminal become '?'. */
void policy_error_words(const struct policy_error *error, char words[POLICY_ERROR_BYTES]);
/* Of the file as a whole. Returns -EINVAL. */
int policy_error_set(struct policy_error *error, const char *path, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

struct document {
    const char *path;
    struct policy_error *error;
    void *target; /* what the readers fill */
    yaml_document_t *yaml;
    size_t n_values;
};

typedef int document_read(struct document *document, const char *key, const yaml_node_t *value);

struct document_key {
    const char *name;
    document_read *read; /* NULL: any value, which is not looked at */
    bool required;
};

/*
 * Parses `text` and calls `read` with its root. 0, what `read` answered, -EINVAL or -ENOMEM; on failure the error is
 * filled. Not UTF-8, no YAML, empty and more than one document are refused here.
 */
int document_parse(struct document *document, const char *text, size_t size, document_read *read);

/* The file's bytes, heap, NUL terminated; NULL with errno and the error filled. */
char *document_load(const char *path, size_t *ret_size, struct policy_error *error);

/* Fills the error for the place of `at`; returns -EINVAL. */
int document_fail(struct document *document, const yaml_node_t *at, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for a place that was kept; of the file as a whole when `line` is 0. */
int document_fail_at(struct document *document, size_t line, size_t column, const char *key, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* How many items a list has; 0 of anything else. */
size_t document_items(const yaml_node_t *node);

/* A scalar's text, which lives as long as the document; NULL when the node is something else or holds a NUL. */
const char *document_scalar(const yaml_node_t *node);

/* Reads a mapping by the table; unknown keys are refused with the nearest that is known. `what` is how messages call
 * it. */
int document_mapping(struct document *document, const char *what, const yaml_node_t *node,
                     const struct document_key *keys, size_t n_keys);
/* Reads a mapping whose keys are names: `read` is called with each. */
int document_names(struct document *document, const char *what, const yaml_node_t *node, document_read *read);
/* Reads every item of a list that must not be empty and holds at most `limit`. */
int document_sequence(struct document *document, const char *key, const yaml_node_t *node, size_t limit,
                      document_read *read);

/* Whether the mapping has that key. */
bool document_has(const struct document *document, const yaml_node_t *mapping, const char *key);

/* ": did you mean 'NAME'", or "", for messages; `names` ends with NULL. */
const char *document_nearest(const char *word, const char *const *names, char *buffer, size_t size);

#endif
