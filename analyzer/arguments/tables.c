/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/arguments/tables.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/events/events.h"

struct entry {
    const char *name; /* NULL: not written */
    uint64_t mask, value;
};

enum kind { KIND_NUMBERS, KIND_NAMED, KIND_FLAGS, KIND_SYSCALLS };

struct table_row {
    const char *name;
    enum kind kind;
    const char *zero;
    const struct entry *entries;
    size_t n_entries;
};

#define V(name_, value_)        {#name_, (value_), (value_)},
#define F(name_, mask_, value_) {#name_, (mask_), (value_)},
#define S(words_, value_)       {(words_), (value_), (value_)},
#define HIDDEN(mask_)           {NULL, (mask_), 0},

#define NUMBERS(name_, ...)      static const struct entry name_##_entries[] = {__VA_ARGS__};
#define NAMED(name_, ...)        static const struct entry name_##_entries[] = {__VA_ARGS__};
#define FLAGS(name_, zero_, ...) static const struct entry name_##_entries[] = {__VA_ARGS__};
#define SYSCALLS(name_)
#define TWIN(name_, arm64_)
#include "analyzer/arguments/tables.def"

#define ROW(name_, kind_, zero_)                                                                                       \
    [TABLE_##name_] = {#name_, kind_, zero_, name_##_entries, sizeof(name_##_entries) / sizeof(name_##_entries[0])},
#define NUMBERS(name_, ...)      ROW(name_, KIND_NUMBERS, NULL)
#define NAMED(name_, ...)        ROW(name_, KIND_NAMED, NULL)
#define FLAGS(name_, zero_, ...) ROW(name_, KIND_FLAGS, zero_)
#define SYSCALLS(name_)          [TABLE_##name_] = {.name = #name_, .kind = KIND_SYSCALLS},
#define TWIN(name_, arm64_)
static const struct table_row rows[TABLE_COUNT] = {
    [TABLE_NONE] = {.name = "", .kind = KIND_NAMED},
#include "analyzer/arguments/tables.def"
};

#define NUMBERS(name_, ...)
#define NAMED(name_, ...)
#define FLAGS(name_, ...)
#define SYSCALLS(name_)
#define TWIN(name_, arm64_) [TABLE_##name_] = TABLE_##arm64_,
static const enum table arm64_twins[TABLE_COUNT] = {
#include "analyzer/arguments/tables.def"
};

enum architecture architecture_by_name(const char *machine)
{
    return strcmp(machine, "aarch64") == 0 || strcmp(machine, "arm64") == 0 ? ARCHITECTURE_ARM64 : ARCHITECTURE_X86_64;
}

const char *table_name(enum table table)
{
    return rows[table].name;
}

bool table_is_partial(enum table table)
{
    return rows[table].kind == KIND_NAMED;
}

const char *table_entry(enum table table, uint64_t value)
{
    const struct table_row *row = &rows[table];
    for (size_t i = 0; i < row->n_entries; i++)
        if (row->entries[i].value == value)
            return row->entries[i].name;
    return NULL;
}

static void join(struct text *text, size_t begin, const char *word)
{
    if (text->size > begin)
        text_literal(text, "|");
    text_string(text, word);
}

static void flag_words(struct text *text, const struct table_row *row, uint64_t value)
{
    const size_t begin = text->size;
    uint64_t taken = 0;
    for (size_t i = 0; i < row->n_entries; i++) {
        const struct entry *entry = &row->entries[i];
        if (entry->name != NULL && (value & entry->mask) != entry->value)
            continue;
        if ((entry->mask & ~taken) != 0 && entry->name != NULL)
            join(text, begin, entry->name);
        taken |= entry->mask;
    }
    if ((value & ~taken) != 0) {
        char unknown[24];
        snprintf(unknown, sizeof(unknown), "0x%llx", (unsigned long long)(value & ~taken));
        join(text, begin, unknown);
    }
    if (text->size == begin)
        text_unsigned(text, value); /* nothing but bits that are not written */
}

static bool value_of_word(const struct table_row *row, const char *word, size_t length, uint64_t *ret_value)
{
    if (row->kind == KIND_SYSCALLS) {
        const struct syscall_numbers *numbers = syscall_by_name(word, length);
        *ret_value = numbers != NULL && numbers->x86_64 >= 0 ? (uint64_t)numbers->x86_64 : 0;
        return numbers != NULL && numbers->x86_64 >= 0;
    }
    for (size_t i = 0; i < row->n_entries; i++)
        if (row->entries[i].name != NULL && strlen(row->entries[i].name) == length &&
            memcmp(row->entries[i].name, word, length) == 0) {
            *ret_value = row->entries[i].value;
            return true;
        }
    *ret_value = 0;
    return row->kind == KIND_FLAGS && strlen(row->zero) == length && memcmp(row->zero, word, length) == 0;
}

static bool value_of_digits(const char *word, size_t length, uint64_t *ret_value)
{
    char digits[24], *end;
    snprintf(digits, sizeof(digits), "%.*s", (int)(length < sizeof(digits) ? length : 0), word);
    *ret_value = strtoull(digits, &end, 0);
    return digits[0] >= '0' && digits[0] <= '9' && *end == '\0';
}

bool table_value(enum table table, enum architecture architecture, const char *words, uint64_t *ret_value)
{
    if (architecture == ARCHITECTURE_ARM64 && arm64_twins[table] != TABLE_NONE)
        table = arm64_twins[table];
    const struct table_row *row = &rows[table];
    uint64_t value = 0;
    for (;;) {
        size_t length = row->kind == KIND_FLAGS ? strcspn(words, "|") : strlen(words);
        uint64_t part;
        if (!value_of_word(row, words, length, &part) &&
            (row->kind != KIND_FLAGS || !value_of_digits(words, length, &part)))
            return false;
        value |= part;
        if (words[length] == '\0')
            break;
        words += length + 1;
    }
    *ret_value = value;
    return true;
}

bool table_words(struct text *text, enum table table, enum architecture architecture, uint64_t value)
{
    if (architecture == ARCHITECTURE_ARM64 && arm64_twins[table] != TABLE_NONE)
        table = arm64_twins[table];
    const struct table_row *row = &rows[table];
    const char *name = NULL;
    switch (row->kind) {
    case KIND_FLAGS:
        if (value == 0)
            text_string(text, row->zero);
        else
            flag_words(text, row, value);
        return true;
    case KIND_SYSCALLS:
        name = value <= INT32_MAX ? syscall_name((int)value) : NULL;
        break;
    case KIND_NUMBERS:
    case KIND_NAMED:
        name = table_entry(table, value);
        break;
    }
    if (name != NULL)
        text_string(text, name);
    return name != NULL;
}
