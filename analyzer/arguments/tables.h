/* SPDX-License-Identifier: Apache-2.0 */
/* Words for Linux's numbers. Everything here is constant and may be used from any thread. */
#ifndef VEDETTE_ANALYZER_ARGUMENTS_TABLES_H
#define VEDETTE_ANALYZER_ARGUMENTS_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/alert/text.h"

/* What some numbers depend on. A 32-bit task of an x86-64 kernel uses x86-64's; one of an arm64 kernel arm64's, from
 * which 32-bit arm differs in a few ptrace requests only. */
enum architecture { ARCHITECTURE_X86_64, ARCHITECTURE_ARM64 };

/* By what uname -m says; any that is not known is taken for x86-64. */
enum architecture architecture_by_name(const char *machine);

#define NUMBERS(name, ...) TABLE_##name,
#define NAMED(name, ...)   TABLE_##name,
#define FLAGS(name, ...)   TABLE_##name,
#define SYSCALLS(name)     TABLE_##name,
#define TWIN(name, arm64)
enum table {
    TABLE_NONE,
#include "analyzer/arguments/tables.def"
    TABLE_COUNT
};

/* As in tables.def; "" for TABLE_NONE. */
const char *table_name(enum table table);

/* Whether the table names a few values of many: the others are then no words, but numbers as they were. */
bool table_is_partial(enum table table);

/* The name of exactly that value; NULL if it has none. */
const char *table_entry(enum table table, uint64_t value);

/* Appends the words for the value, zero-extended from the width of its type. False, with nothing appended, where the
 * table has none. */
bool table_words(struct text *text, enum table table, enum architecture architecture, uint64_t value);

/*
 * The other way: the value of a name, or of names and numbers joined by '|' in a table of flags. False where one of
 * them is no name of the table.
 */
bool table_value(enum table table, enum architecture architecture, const char *words, uint64_t *ret_value);

#endif
