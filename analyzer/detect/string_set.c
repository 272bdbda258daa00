/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/string_set.h"

#include <string.h>

struct entry {
    const char *data;
    size_t length;
};

struct string_set {
    size_t n;
    size_t shortest, longest;
    uint32_t mask;   /* of `slots`; 0: so few that looking at each is quicker */
    uint32_t *slots; /* index of the entry plus one, 0 free; at most half full */
    char *bytes;
    struct entry entries[];
};

enum { FEW = 8 };

static uint32_t hash(const char *data, size_t length)
{
    uint32_t h = 2166136261u; /* FNV-1a: the strings come from the operator, not from the attacker */
    for (size_t i = 0; i < length; i++)
        h = (h ^ (uint8_t)data[i]) * 16777619u;
    return h ^ h >> 15;
}

static int fill_slots(struct string_set *set)
{
    uint32_t size = 16;
    while (size < set->n * 2)
        size *= 2;
    set->slots = calloc(size, sizeof(*set->slots));
    if (set->slots == NULL)
        return -1;
    set->mask = size - 1;
    for (size_t i = 0; i < set->n; i++) {
        uint32_t at = hash(set->entries[i].data, set->entries[i].length) & set->mask;
        while (set->slots[at] != 0)
            at = (at + 1) & set->mask;
        set->slots[at] = (uint32_t)i + 1;
    }
    return 0;
}

static void copy(char *to, const char *from, size_t length, bool lower)
{
    for (size_t i = 0; i < length; i++)
        to[i] = lower && from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] + ('a' - 'A')) : from[i];
}

struct string_set *string_set_new(const char *const *strings, bool lower)
{
    size_t n = 0, bytes = 0;
    for (; strings[n] != NULL; n++)
        bytes += strlen(strings[n]);
    struct string_set *set = calloc(1, sizeof(*set) + n * sizeof(set->entries[0]));
    if (set == NULL)
        return NULL;
    set->n = n;
    set->shortest = SIZE_MAX;
    set->bytes = malloc(bytes + 1);
    if (set->bytes == NULL)
        goto fail;
    char *to = set->bytes;
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(strings[i]);
        copy(to, strings[i], length, lower);
        set->entries[i] = (struct entry){to, length};
        to += length;
        set->shortest = length < set->shortest ? length : set->shortest;
        set->longest = length > set->longest ? length : set->longest;
    }
    if (n > FEW && fill_slots(set) != 0)
        goto fail;
    return set;
fail:
    string_set_free(set);
    return NULL;
}

void string_set_free(struct string_set *set)
{
    if (set == NULL)
        return;
    free(set->slots);
    free(set->bytes);
    free(set);
}

static bool equal(const struct entry *entry, const char *data, size_t length)
{
    return entry->length == length && memcmp(entry->data, data, length) == 0;
}

bool string_set_has(const struct string_set *set, const char *data, size_t length)
{
    if (length < set->shortest || length > set->longest)
        return false;
    if (set->mask == 0) {
        for (size_t i = 0; i < set->n; i++)
            if (equal(&set->entries[i], data, length))
                return true;
        return false;
    }
    for (uint32_t at = hash(data, length) & set->mask; set->slots[at] != 0; at = (at + 1) & set->mask)
        if (equal(&set->entries[set->slots[at] - 1], data, length))
            return true;
    return false;
}

bool string_set_has_prefix_of(const struct string_set *set, const char *data, size_t length)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->entries[i].length <= length && memcmp(set->entries[i].data, data, set->entries[i].length) == 0)
            return true;
    return false;
}

bool string_set_has_suffix_of(const struct string_set *set, const char *data, size_t length)
{
    for (size_t i = 0; i < set->n; i++) {
        size_t tail = set->entries[i].length;
        if (tail <= length && memcmp(set->entries[i].data, data + length - tail, tail) == 0)
            return true;
    }
    return false;
}

bool string_set_has_part_of(const struct string_set *set, const char *data, size_t length)
{
    for (size_t i = 0; i < set->n; i++)
        if (memmem(data, length, set->entries[i].data, set->entries[i].length) != NULL)
            return true;
    return false;
}

bool string_set_begins_with(const struct string_set *set, const char *data, size_t length)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->entries[i].length > length && memcmp(set->entries[i].data, data, length) == 0)
            return true;
    return false;
}

bool string_set_ends_with(const struct string_set *set, const char *data, size_t length)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct entry *entry = &set->entries[i];
        if (entry->length > length && memcmp(entry->data + entry->length - length, data, length) == 0)
            return true;
    }
    return false;
}

bool string_set_holds(const struct string_set *set, const char *data, size_t length)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct entry *entry = &set->entries[i];
        if (entry->length > length && memmem(entry->data, entry->length, data, length) != NULL)
            return true;
    }
    return false;
}
