/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions as a rule's author, who may be anybody, writes them, on values as an attacker chooses them. An input is
 * lines: event's letter and atom's, a field, another field, three strings; then the values. Whatever they are, the
 * answer is the same from the cache, in a "not", and of a truncated value never the opposite of the whole one's, unless
 * it is unknown.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/detect/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { LINES = 6, LONGEST = 300 };

static struct record record;

/* Takes the next line off the input. */
static void take_line(const uint8_t **bytes, size_t *size, char line[LONGEST + 1])
{
    const uint8_t *end = memchr(*bytes, '\n', *size);
    const size_t length = end != NULL ? (size_t)(end - *bytes) : *size;
    const size_t kept = length < LONGEST ? length : LONGEST;
    memcpy(line, *bytes, kept);
    line[kept] = '\0';
    *bytes += length + (end != NULL);
    *size -= length + (end != NULL);
}

static void make_record(char which, const uint8_t *bytes, size_t size, unsigned state)
{
    char text[LONGEST + 1];
    const size_t kept = size < LONGEST ? size : LONGEST;
    memcpy(text, bytes, kept);
    text[kept] = '\0';
    if (which % 2 == 0) {
        record_begin(&record, "sched_process_exec");
        record_bytes(&record, "pathname", bytes, kept, state);
        record_list(&record, "argv", (const char *const[]){text, "-c", text, NULL}, state);
    } else {
        record_begin(&record, "security_socket_connect");
        record_bytes(&record, "remote_addr", bytes, kept, state);
    }
}

static bool is_opposite(enum verdict a, enum verdict b)
{
    return (a == VERDICT_YES && b == VERDICT_NO) || (a == VERDICT_NO && b == VERDICT_YES);
}

static void check(const struct predicate *tree)
{
    const enum verdict verdict = world_ask(&world, &record, tree), negated = world_ask(&world, &record, NOT(tree));
    if (verdict == VERDICT_UNKNOWN ? negated != VERDICT_UNKNOWN : !is_opposite(verdict, negated))
        abort();
    if (world_ask(&world, &record, ALL_OF(tree, NOT(tree))) == VERDICT_YES ||
        world_ask(&world, &record, ANY_OF(tree, NOT(tree))) == VERDICT_NO)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char line[LINES][LONGEST + 1];
    if (world.schema == NULL)
        world_open(&world);
    for (int i = 0; i < LINES; i++)
        take_line(&bytes, &size, line[i]);
    const char which = line[0][0];
    const char *const strings[] = {line[3], line[4], line[5], NULL};
    const struct predicate atom = {.op = which != '\0' ? (enum predicate_op)((unsigned char)line[0][1] % 32) : 0,
                                   .field = line[1],
                                   .other = line[2],
                                   .strings = strings,
                                   .number = (int64_t)strlen(line[3]),
                                   .upper = (int64_t)strlen(line[4]),
                                   .mask = strlen(line[5])};
    const struct predicate *trees[] = {&atom, IGNORE_CASE(&atom), EVERY(&atom)};
    for (size_t i = 0; i < 3; i++) {
        char words[512];
        const char *event = which % 2 == 0 ? "sched_process_exec" : "security_socket_connect";
        world_refusal(&world, event, trees[i], words, sizeof(words));
        if (words[0] != '\0')
            continue;
        make_record(which, bytes, size, ITEM_COMPLETE);
        check(trees[i]);
        make_record(which, bytes, size, ITEM_TRUNCATED);
        check(trees[i]);
    }
    return 0;
}
