/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are nearly right. */
#include "analyzer/detect/field_internal.h"

#include <string.h>

enum {
    NEAR_NAME_BYTES = 64, /* longer names are compared by this many bytes */
    NEAR_EDITS = 4,       /* more edits than this are a different word, not a slip */
};

unsigned name_distance(const char *a, const char *b)
{
    size_t n = strnlen(a, NEAR_NAME_BYTES), m = strnlen(b, NEAR_NAME_BYTES);
    unsigned row[NEAR_NAME_BYTES + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned replace = diagonal + (a[i - 1] != b[j - 1]);
            unsigned insert = row[j - 1] + 1, delete = row[j] + 1;
            diagonal = row[j];
            row[j] = replace < insert ? replace : insert;
            if (delete < row[j])
                row[j] = delete;
        }
    }
    return row[m];
}

struct nearest {
    const char *name;
    char *ret_name;
    size_t size;
    unsigned best;
};

static void offer(struct nearest *nearest, unsigned distance, const char *name)
{
    if (distance >= nearest->best)
        return;
    nearest->best = distance;
    snprintf(nearest->ret_name, nearest->size, "%s", name);
}

static void offer_table(struct nearest *nearest, const char *prefix, const struct fixed_field *table)
{
    for (; table->name != NULL; table++) {
        char full[NEAR_NAME_BYTES + 1];
        snprintf(full, sizeof(full), "%s%s", prefix, table->name);
        offer(nearest, name_distance(nearest->name, full), full);
    }
}

void field_nearest(const struct schema_event *event, const char *name, char *ret_name, size_t size)
{
    struct nearest nearest = {.name = name, .ret_name = ret_name, .size = size, .best = NEAR_EDITS + 1};
    ret_name[0] = '\0';
    offer_table(&nearest, "", fixed_fields);
    offer_table(&nearest, "process.", process_fields);
    offer_table(&nearest, "process.parent.", process_fields);
    for (uint8_t i = 0; i < event->n_args; i++) {
        char full[NEAR_NAME_BYTES + sizeof("data.")];
        snprintf(full, sizeof(full), "data.%.*s", NEAR_NAME_BYTES, event->args[i].name);
        /* "pathname" for "data.pathname" is the commonest slip of all. */
        unsigned distance = strcmp(name, event->args[i].name) == 0 ? 0 : name_distance(name, full);
        offer(&nearest, distance, full);
        for (const struct sockaddr_field *part = sockaddr_fields;
             event->args[i].type == ARG_SOCKADDR && part->name != NULL; part++) {
            snprintf(full, sizeof(full), "data.%.40s.%s", event->args[i].name, part->name);
            offer(&nearest, name_distance(name, full), full);
        }
    }
}

const char *field_kind_words(enum field_kind kind)
{
    switch (kind) {
    case FIELD_SIGNED:
        return "a signed integer";
    case FIELD_UNSIGNED:
        return "an unsigned integer";
    case FIELD_STRING:
        return "a string";
    case FIELD_STRINGS:
        return "a list of strings";
    }
    return "of no known type";
}
