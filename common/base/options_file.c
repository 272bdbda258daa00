/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <yaml.h>

#include "common/base/options.h"
#include "common/base/options_internal.h"

enum {
    FILE_BYTES = 1 << 20,
    PATH_DEPTH = 8,
    PATH_BYTES = 256,
    SECTIONS = 256, /* of one file; every one is a prefix of some key, so a true file stays far below */
};

/* A section's path is the first `length` bytes of a row's key, so it needs no copy. */
struct section {
    const char *key;
    size_t length;
};

struct file_reader {
    const struct option_table *table;
    const char *path;
    void *target;
    char *error;
    yaml_parser_t parser;
    yaml_event_t event;
    bool *is_set;
    char key[PATH_BYTES]; /* dotted path of the value to come */
    size_t key_length[PATH_DEPTH + 1];
    struct section sections[SECTIONS];
    size_t n_sections;
};

static int fail_at(struct file_reader *reader, yaml_mark_t mark, const char *what)
{
    option_error(reader->error, "%s:%zu:%zu: %s", reader->path, mark.line + 1, mark.column + 1, what);
    return -EINVAL;
}

static int fail_key(struct file_reader *reader, const char *what)
{
    yaml_mark_t mark = reader->event.start_mark;
    option_error(reader->error, "%s:%zu:%zu: key '%s': %s", reader->path, mark.line + 1, mark.column + 1, reader->key,
                 what);
    return -EINVAL;
}

static int check_plain(struct file_reader *reader)
{
    const yaml_event_t *event = &reader->event;
    bool is_anchored = false, is_tagged = false;
    if (event->type == YAML_SCALAR_EVENT) {
        is_anchored = event->data.scalar.anchor != NULL;
        is_tagged = event->data.scalar.tag != NULL;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        is_anchored = event->data.sequence_start.anchor != NULL;
        is_tagged = event->data.sequence_start.tag != NULL;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        is_anchored = event->data.mapping_start.anchor != NULL;
        is_tagged = event->data.mapping_start.tag != NULL;
    }
    if (is_anchored || event->type == YAML_ALIAS_EVENT)
        return fail_at(reader, event->start_mark, "anchors and aliases are not allowed here: write the value out");
    if (is_tagged)
        return fail_at(reader, event->start_mark, "tags (!...) are not allowed here");
    return 0;
}

/* The next event, its predecessor freed. */
static int next_event(struct file_reader *reader)
{
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event))
        return check_plain(reader);
    memset(&reader->event, 0, sizeof(reader->event));
    const char *problem = reader->parser.problem != NULL ? reader->parser.problem : "not YAML";
    if (reader->parser.error == YAML_READER_ERROR) {
        option_error(reader->error, "%s: byte %zu: %s: not a text file", reader->path, reader->parser.problem_offset,
                     problem);
        return -EINVAL;
    }
    return fail_at(reader, reader->parser.problem_mark, problem);
}

/* Whether some key lies below the path in reader->key; its row then. */
static const struct option *row_below(const struct file_reader *reader)
{
    size_t length = strlen(reader->key);
    for (size_t i = 0; i < reader->table->count; i++)
        if (strncmp(reader->table->options[i].key, reader->key, length) == 0 &&
            reader->table->options[i].key[length] == '.')
            return &reader->table->options[i];
    return NULL;
}

static const struct option *row_here(const struct file_reader *reader)
{
    const struct option *row = option_find(reader->table, reader->key, strlen(reader->key));
    /* A file that named another would raise the question which of the two holds. */
    return row != NULL && strcmp(row->key, "config") == 0 ? NULL : row;
}

static int fail_unknown(struct file_reader *reader)
{
    char what[OPTION_WHY_BYTES];
    const char *nearest = option_nearest_key(reader->table, reader->key);
    snprintf(what, sizeof(what), "unknown%s%s%s", nearest != NULL ? "; did you mean '" : "",
             nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
    return fail_key(reader, what);
}

/* The section that is not ours: whoever it belongs to reads it. */
static bool is_foreign(const struct file_reader *reader, size_t depth)
{
    const yaml_event_t *event = &reader->event;
    const char *const *foreign = reader->table->foreign;
    if (depth != 1 || event->type != YAML_SCALAR_EVENT)
        return false;
    for (; foreign != NULL && *foreign != NULL; foreign++)
        if (event->data.scalar.length == strlen(*foreign) &&
            memcmp(event->data.scalar.value, *foreign, event->data.scalar.length) == 0)
            return true;
    return false;
}

static int skip_value(struct file_reader *reader)
{
    size_t depth = 0;
    do {
        int result = next_event(reader);
        if (result != 0)
            return result;
        yaml_event_type_t type = reader->event.type;
        if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT)
            depth++;
        else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT)
            depth--;
    } while (depth > 0);
    return 0;
}

/* Appends the scalar event to the path at `depth` (1 is the outermost). */
static int push_key(struct file_reader *reader, size_t depth)
{
    const yaml_event_t *event = &reader->event;
    if (event->type != YAML_SCALAR_EVENT)
        return fail_at(reader, event->start_mark, "a key must be a plain word");
    size_t at = reader->key_length[depth - 1], length = event->data.scalar.length;
    const char *word = (const char *)event->data.scalar.value;
    if (at + length + 2 > PATH_BYTES)
        return fail_at(reader, event->start_mark, "the key is too long to be one of ours");
    if (memchr(word, '\0', length) != NULL)
        return fail_at(reader, event->start_mark, "the key holds a NUL byte");
    if (at > 0)
        reader->key[at++] = '.';
    memcpy(reader->key + at, word, length);
    reader->key[at + length] = '\0';
    reader->key_length[depth] = at + length;
    return row_here(reader) == NULL && row_below(reader) == NULL ? fail_unknown(reader) : 0;
}

static int enter_section(struct file_reader *reader)
{
    const struct option *row = row_below(reader);
    size_t length = strlen(reader->key);
    if (row == NULL)
        return fail_key(reader, "takes a value, not a section");
    for (size_t i = 0; i < reader->n_sections; i++)
        if (reader->sections[i].length == length && strncmp(reader->sections[i].key, row->key, length) == 0)
            return fail_key(reader, "this section is there twice");
    if (reader->n_sections == SECTIONS)
        return fail_key(reader, "too many sections");
    reader->sections[reader->n_sections++] = (struct section){.key = row->key, .length = length};
    return 0;
}

static int set_scalar(struct file_reader *reader, const struct option *row)
{
    const yaml_event_t *event = &reader->event;
    const char *text = (const char *)event->data.scalar.value;
    char why[OPTION_WHY_BYTES];
    if (memchr(text, '\0', event->data.scalar.length) != NULL)
        return fail_key(reader, "the value holds a NUL byte");
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
        (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0))
        return fail_key(reader, "has no value: write one, or \"\" for an empty one");
    return option_set(row, reader->target, text, why) == 0 ? 0 : fail_key(reader, why);
}

static int set_sequence(struct file_reader *reader, const struct option *row)
{
    if (row->type != OPTION_LIST)
        return fail_key(reader, "takes one value, not a list");
    option_clear(row, reader->target);
    for (;;) {
        int result = next_event(reader);
        if (result != 0)
            return result;
        if (reader->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        if (reader->event.type != YAML_SCALAR_EVENT)
            return fail_key(reader, "an item of this list must be one value");
        result = set_scalar(reader, row);
        if (result != 0)
            return result;
    }
}

/* Reads what follows a key, up to a section's start, which is left to the caller. */
static int read_value(struct file_reader *reader)
{
    const struct option *row = row_here(reader);
    if (reader->event.type == YAML_MAPPING_START_EVENT)
        return enter_section(reader);
    if (row == NULL)
        return fail_key(reader, "is a section: its keys are written below it, indented");
    size_t index = (size_t)(row - reader->table->options);
    if (reader->is_set[index])
        return fail_key(reader, "is there twice");
    reader->is_set[index] = true;
    if (reader->event.type == YAML_SEQUENCE_START_EVENT)
        return set_sequence(reader, row);
    if (row->type == OPTION_LIST)
        return fail_key(reader, "takes a list: one '- item' a line");
    return set_scalar(reader, row);
}

/* Walks the mapping whose start is the current event; no recursion, so that depth costs no stack. */
static int read_mapping(struct file_reader *reader)
{
    size_t depth = 1;
    while (depth > 0) {
        int result = next_event(reader);
        if (result != 0)
            return result;
        if (reader->event.type == YAML_MAPPING_END_EVENT) {
            depth--;
            continue;
        }
        if (is_foreign(reader, depth)) {
            result = skip_value(reader);
            if (result != 0)
                return result;
            continue;
        }
        result = push_key(reader, depth);
        if (result == 0)
            result = next_event(reader);
        if (result == 0)
            result = read_value(reader);
        if (result != 0)
            return result;
        if (reader->event.type == YAML_MAPPING_START_EVENT && ++depth > PATH_DEPTH)
            return fail_key(reader, "nested too deeply");
    }
    return 0;
}

static int read_document(struct file_reader *reader)
{
    int result = next_event(reader); /* stream start */
    if (result == 0)
        result = next_event(reader);
    if (result != 0 || reader->event.type == YAML_STREAM_END_EVENT)
        return result;
    result = next_event(reader);
    if (result != 0)
        return result;
    bool is_empty = reader->event.type == YAML_SCALAR_EVENT && reader->event.data.scalar.length == 0;
    if (reader->event.type == YAML_MAPPING_START_EVENT)
        result = read_mapping(reader);
    else if (!is_empty)
        return fail_at(reader, reader->event.start_mark, "a configuration is 'key: value' lines");
    if (result == 0)
        result = next_event(reader); /* document end */
    if (result == 0)
        result = next_event(reader);
    if (result == 0 && reader->event.type != YAML_STREAM_END_EVENT)
        return fail_at(reader, reader->event.start_mark, "a second document (---) is not allowed");
    return result;
}

static int check_owner(const struct option_table *table, int fd, const char *path, char *error)
{
    struct stat status;
    if (!table->file_by_root_only)
        return 0;
    if (fstat(fd, &status) != 0) {
        option_error(error, "%s: %s", path, strerror(errno));
        return -errno;
    }
    if (S_ISREG(status.st_mode) && status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return 0;
    option_error(error,
                 "%s: refused: it must be a regular file, root must own it and nobody else may write it (chown root, "
                 "chmod go-w)",
                 path);
    return -EPERM;
}

static int read_bytes(const struct option_table *table, const char *path, unsigned char *bytes, size_t *ret_size,
                      char *error)
{
    size_t size = 0;
    /* A FIFO in the place of root's file must not hold the start up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | (table->file_by_root_only ? O_NONBLOCK : 0));
    if (fd < 0) {
        int failure = errno;
        option_error(error, "%s: %s", path, strerror(failure));
        return -failure;
    }
    int result = check_owner(table, fd, path, error);
    while (result == 0 && size <= FILE_BYTES) {
        ssize_t n = read(fd, bytes + size, FILE_BYTES + 1 - size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            result = -errno;
            option_error(error, "%s: %s", path, strerror(-result));
        }
        if (n <= 0)
            break;
        size += (size_t)n;
    }
    if (result == 0 && size > FILE_BYTES) {
        option_error(error, "%s: over 1 MiB: not a configuration", path);
        result = -EFBIG;
    }
    close(fd);
    *ret_size = size;
    return result;
}

/* The rows' bytes, so that a file that is wrong at its end changes nothing. */
static size_t target_span(const struct option_table *table)
{
    size_t span = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct option *row = &table->options[i];
        size_t size = row->type == OPTION_STRING ? row->size
                      : row->type == OPTION_LIST ? sizeof(struct option_list)
                                                 : sizeof(uint64_t);
        /* A BOOL or CHOICE at the very end is smaller than the 8 bytes above. */
        if (row->type == OPTION_BOOL)
            size = sizeof(bool);
        else if (row->type == OPTION_CHOICE)
            size = sizeof(uint32_t);
        if (row->offset + size > span)
            span = row->offset + size;
    }
    return span;
}

int options_read_file(const struct option_table *table, const char *path, void *target, char error[OPTION_ERROR_BYTES])
{
    size_t size = 0, span = target_span(table);
    error[0] = '\0';
    struct file_reader *reader = calloc(1, sizeof(*reader));
    unsigned char *bytes = malloc(FILE_BYTES + 1);
    bool *is_set = calloc(table->count + 1, sizeof(*is_set));
    void *copy = malloc(span + 1);
    int result = -ENOMEM;
    if (reader == NULL || bytes == NULL || is_set == NULL || copy == NULL || !yaml_parser_initialize(&reader->parser)) {
        option_error(error, "%s: out of memory", path);
        goto out;
    }
    result = read_bytes(table, path, bytes, &size, error);
    if (result == 0) {
        reader->table = table;
        reader->path = path;
        reader->error = error;
        reader->is_set = is_set;
        reader->target = copy;
        memcpy(copy, target, span);
        yaml_parser_set_input_string(&reader->parser, bytes, size);
        result = read_document(reader);
        yaml_event_delete(&reader->event);
    }
    if (result == 0)
        memcpy(target, copy, span);
    yaml_parser_delete(&reader->parser);
out:
    free(copy);
    free(is_set);
    free(bytes);
    free(reader);
    return result;
}
