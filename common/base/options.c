/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>

#include "common/base/options_internal.h"

struct unit {
    const char *name;
    unsigned long long factor;
};

static const struct unit byte_units[] = {{"", 1}, {"K", 1ull << 10}, {"M", 1ull << 20}, {"G", 1ull << 30}, {NULL, 0}};
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(enum option_type type)
{
    return type == OPTION_BYTES ? byte_units : type == OPTION_DURATION ? duration_units : no_units;
}

void option_error(char error[OPTION_ERROR_BYTES], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(error, OPTION_ERROR_BYTES, format, arguments) < 0)
        error[0] = '\0';
    va_end(arguments);
    for (char *c = error; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
}

const struct option *option_find(const struct option_table *table, const char *key, size_t length)
{
    for (size_t i = 0; i < table->count; i++)
        if (strncmp(table->options[i].key, key, length) == 0 && table->options[i].key[length] == '\0')
            return &table->options[i];
    return NULL;
}

/* Levenshtein's distance, of names short enough to be ours; longer ones are far from everything. */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    size_t row[LONGEST + 1], a_length = strlen(a), b_length = strlen(b);
    if (a_length > LONGEST || b_length > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_length];
}

const char *option_nearest(const char *word, const char *(*next)(const void *context, size_t index),
                           const void *context)
{
    const char *nearest = NULL, *name;
    size_t limit = strlen(word) / 3 > 2 ? strlen(word) / 3 : 2;
    size_t least = limit + 1;
    for (size_t i = 0; (name = next(context, i)) != NULL; i++) {
        /* "size" for "queue.size": people forget the section sooner than the name. */
        const char *tail = strrchr(name, '.');
        size_t far = tail != NULL && strcmp(tail + 1, word) == 0 ? 1 : distance(word, name);
        if (far < least && far < strlen(name)) {
            least = far;
            nearest = name;
        }
    }
    return nearest;
}

static const char *key_at(const void *context, size_t index)
{
    const struct option_table *table = context;
    return index < table->count ? table->options[index].key : NULL;
}

const char *option_nearest_key(const struct option_table *table, const char *key)
{
    return option_nearest(key, key_at, table);
}

static const char *choice_at(const void *context, size_t index)
{
    const struct option *option = context;
    return option->choices[index];
}

void option_format_number(enum option_type type, unsigned long long value, char *out, size_t size)
{
    const struct unit *best = units_of(type);
    for (const struct unit *unit = best; unit->name != NULL; unit++)
        if (value >= unit->factor && value % unit->factor == 0)
            best = unit;
    snprintf(out, size, "%llu%s", value / best->factor, best->name);
}

static const char *number_example(enum option_type type)
{
    return type == OPTION_BYTES      ? "a size such as 4096, 64K, 32M or 1G"
           : type == OPTION_DURATION ? "a duration such as 500ms, 5s, 2m, 1h or 7d"
                                     : "a whole number of 0 or more";
}

/* Digits and a unit, nothing else: no sign, no blank, no hexadecimal. */
static int parse_number(enum option_type type, const char *text, uint64_t *ret_value)
{
    char *end = NULL;
    if (!isdigit((unsigned char)text[0]))
        return -EINVAL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0)
        return -ERANGE;
    if (type == OPTION_DURATION && number == 0 && *end == '\0') {
        *ret_value = 0;
        return 0;
    }
    for (const struct unit *unit = units_of(type); unit->name != NULL; unit++) {
        if (strcmp(unit->name, end) != 0)
            continue;
        if (number > UINT64_MAX / unit->factor)
            return -ERANGE;
        *ret_value = number * unit->factor;
        return 0;
    }
    return -EINVAL;
}

static int set_number(const struct option *option, void *place, const char *text, char *why)
{
    uint64_t value = 0;
    int result = parse_number(option->type, text, &value);
    if (result == -EINVAL) {
        snprintf(why, OPTION_WHY_BYTES, "'%.64s' is not %s", text, number_example(option->type));
        return -EINVAL;
    }
    bool limited = option->min != 0 || option->max != 0;
    if (result == -ERANGE || (limited && (value < option->min || value > option->max))) {
        char low[32], high[32];
        option_format_number(option->type, option->min, low, sizeof(low));
        option_format_number(option->type, limited ? option->max : UINT64_MAX, high, sizeof(high));
        snprintf(why, OPTION_WHY_BYTES, "%.64s is out of range: from %s to %s", text, low, high);
        return -EINVAL;
    }
    memcpy(place, &value, sizeof(value));
    return 0;
}

static int set_text(char *place, size_t size, const char *text, char *why)
{
    size_t length = strlen(text);
    if (length >= size) {
        snprintf(why, OPTION_WHY_BYTES, "%zu bytes are too long: at most %zu", length, size - 1);
        return -EINVAL;
    }
    memcpy(place, text, length + 1);
    return 0;
}

static int set_list(struct option_list *list, const char *text, char *why)
{
    if (list->count == OPTION_LIST_ITEMS) {
        snprintf(why, OPTION_WHY_BYTES, "more than %d items", OPTION_LIST_ITEMS);
        return -EINVAL;
    }
    int result = set_text(list->item[list->count], OPTION_LIST_BYTES, text, why);
    if (result == 0)
        list->count++;
    return result;
}

static int set_bool(bool *place, const char *text, char *why)
{
    bool on = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
    if (!on && strcmp(text, "false") != 0 && strcmp(text, "no") != 0) {
        snprintf(why, OPTION_WHY_BYTES, "'%.64s' is neither true nor false", text);
        return -EINVAL;
    }
    *place = on;
    return 0;
}

static int set_choice(const struct option *option, uint32_t *place, const char *text, char *why)
{
    for (uint32_t i = 0; option->choices[i] != NULL; i++)
        if (strcmp(option->choices[i], text) == 0) {
            *place = i;
            return 0;
        }
    int at = snprintf(why, OPTION_WHY_BYTES, "'%.64s' is not one of", text);
    for (uint32_t i = 0; option->choices[i] != NULL && at < OPTION_WHY_BYTES; i++)
        at += snprintf(why + at, OPTION_WHY_BYTES - (size_t)at, " %s", option->choices[i]);
    const char *nearest = option_nearest(text, choice_at, option);
    if (nearest != NULL && at < OPTION_WHY_BYTES)
        snprintf(why + at, OPTION_WHY_BYTES - (size_t)at, "; did you mean '%s'?", nearest);
    return -EINVAL;
}

int option_set(const struct option *option, void *target, const char *text, char why[OPTION_WHY_BYTES])
{
    void *place = (char *)target + option->offset;
    why[0] = '\0';
    switch (option->type) {
    case OPTION_STRING:
        return set_text(place, option->size, text, why);
    case OPTION_UINT:
    case OPTION_BYTES:
    case OPTION_DURATION:
        return set_number(option, place, text, why);
    case OPTION_BOOL:
        return set_bool(place, text, why);
    case OPTION_LIST:
        return set_list(place, text, why);
    case OPTION_CHOICE:
        return set_choice(option, place, text, why);
    }
    return -EINVAL;
}

void option_clear(const struct option *option, void *target)
{
    if (option->type == OPTION_LIST)
        memset((char *)target + option->offset, 0, sizeof(struct option_list));
}

static size_t place_size(const struct option *option)
{
    switch (option->type) {
    case OPTION_STRING:
        return option->size;
    case OPTION_UINT:
    case OPTION_BYTES:
    case OPTION_DURATION:
        return sizeof(uint64_t);
    case OPTION_BOOL:
        return sizeof(bool);
    case OPTION_LIST:
        return sizeof(struct option_list);
    case OPTION_CHOICE:
        return sizeof(uint32_t);
    }
    return SIZE_MAX;
}

static const char *table_fault(const struct option_table *table, const struct option *option, size_t target_size)
{
    size_t size = place_size(option);
    if (size == 0 || size > target_size || option->offset > target_size - size)
        return "lies outside the target";
    if (option->type == OPTION_CHOICE && (option->choices == NULL || option->choices[0] == NULL))
        return "has no choices";
    if (option_find(table, option->key, strlen(option->key)) != option)
        return "is there twice";
    return NULL;
}

void options_init(const struct option_table *table, void *target, size_t size)
{
    memset(target, 0, size);
    for (size_t i = 0; i < table->count; i++) {
        const struct option *option = &table->options[i];
        char why[OPTION_WHY_BYTES];
        const char *fault = table_fault(table, option, size);
        if (fault == NULL && option->initial != NULL && option_set(option, target, option->initial, why) != 0)
            fault = why;
        if (fault != NULL) {
            fprintf(stderr, "%s: option table: %s: %s\n", table->program, option->key, fault);
            abort();
        }
    }
}
