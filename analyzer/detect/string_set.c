/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/string_set.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/detect/literals.h"

struct string_set {
    enum string_set_use use;
    size_t n;
    size_t shortest, longest;
    uint32_t mask;   /* of `slots` */
    uint32_t *slots; /* index of the entry plus one, 0 free; at most half full */
    /* Of beginnings and ends: the entries in their order, without those that another one begins (ends). */
    const struct literal **sorted;
    size_t n_sorted;
    struct literals *literals;
    char *bytes;
    struct literal entries[];
};

/* Below so many, looking at each is quicker: bench/match. */
enum { FEW_EQUAL = 8, FEW_ENDS = 8, FEW_PARTS = 4 };

static uint32_t hash(const char *data, size_t length)
{
    /* The strings come from the operator: an attacker has no say in how they fall together. */
    uint64_t h = length * UINT64_C(0x9e3779b97f4a7c15);
    for (; length >= 8; data += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
    }
    uint64_t rest = 0;
    memcpy(&rest, data, length);
    h = (h ^ rest) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(h ^ h >> 32);
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

static int order(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* By bytes from the beginning; one that begins another stands before it. */
static int compare_forward(const struct literal *a, const struct literal *b)
{
    const size_t common = a->length < b->length ? a->length : b->length;
    const int difference = memcmp(a->data, b->data, common);
    return difference != 0 ? difference : order(a->length, b->length);
}

/* The same from the end. */
static int compare_backward(const struct literal *a, const struct literal *b)
{
    const size_t common = a->length < b->length ? a->length : b->length;
    for (size_t i = 1; i <= common; i++) {
        const unsigned char of_a = (unsigned char)a->data[a->length - i], of_b = (unsigned char)b->data[b->length - i];
        if (of_a != of_b)
            return of_a < of_b ? -1 : 1;
    }
    return order(a->length, b->length);
}

static int sort_forward(const void *a, const void *b)
{
    return compare_forward(*(const struct literal *const *)a, *(const struct literal *const *)b);
}

static int sort_backward(const void *a, const void *b)
{
    return compare_backward(*(const struct literal *const *)a, *(const struct literal *const *)b);
}

static bool begins(const struct literal *head, const char *data, size_t length)
{
    return head->length <= length && memcmp(head->data, data, head->length) == 0;
}

static bool ends(const struct literal *tail, const char *data, size_t length)
{
    return tail->length <= length && memcmp(tail->data, data + length - tail->length, tail->length) == 0;
}

static int sort_entries(struct string_set *set)
{
    const bool forward = set->use == STRINGS_PREFIX;
    set->sorted = calloc(set->n + 1, sizeof(const struct literal *));
    if (set->sorted == NULL)
        return -1;
    for (size_t i = 0; i < set->n; i++)
        set->sorted[i] = &set->entries[i];
    qsort(set->sorted, set->n, sizeof(const struct literal *), forward ? sort_forward : sort_backward);
    for (size_t i = 0; i < set->n; i++) {
        const struct literal *one = set->sorted[i], *last = set->n_sorted > 0 ? set->sorted[set->n_sorted - 1] : NULL;
        if (last == NULL || !(forward ? begins(last, one->data, one->length) : ends(last, one->data, one->length)))
            set->sorted[set->n_sorted++] = one;
    }
    return 0;
}

static int prepare(struct string_set *set)
{
    switch (set->use) {
    case STRINGS_EQUAL:
        return set->n > FEW_EQUAL ? fill_slots(set) : 0;
    case STRINGS_PREFIX:
    case STRINGS_SUFFIX:
        return set->n > FEW_ENDS ? sort_entries(set) : 0;
    case STRINGS_PART:
        break;
    }
    if (set->n < FEW_PARTS)
        return 0;
    set->literals = literals_new(set->entries, set->n);
    return set->literals != NULL ? 0 : -1;
}

static void copy(char *to, const char *from, size_t length, bool lower)
{
    for (size_t i = 0; i < length; i++)
        to[i] = lower && from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] + ('a' - 'A')) : from[i];
}

struct string_set *string_set_new(const char *const *strings, enum string_set_use use, bool lower)
{
    size_t n = 0, bytes = 0;
    for (; strings[n] != NULL; n++)
        bytes += strlen(strings[n]);
    struct string_set *set = calloc(1, sizeof(*set) + n * sizeof(set->entries[0]));
    if (set == NULL)
        return NULL;
    set->use = use;
    set->n = n;
    set->shortest = SIZE_MAX;
    set->bytes = malloc(bytes + 1);
    if (set->bytes == NULL)
        goto fail;
    char *to = set->bytes;
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(strings[i]);
        copy(to, strings[i], length, lower);
        set->entries[i] = (struct literal){to, length};
        to += length;
        set->shortest = length < set->shortest ? length : set->shortest;
        set->longest = length > set->longest ? length : set->longest;
    }
    if (prepare(set) != 0)
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
    literals_free(set->literals);
    free(set->sorted);
    free(set->slots);
    free(set->bytes);
    free(set);
}

static bool equal(const struct literal *entry, const char *data, size_t length)
{
    return entry->length == length && memcmp(entry->data, data, length) == 0;
}

static bool has_equal(const struct string_set *set, const char *data, size_t length)
{
    if (length < set->shortest || length > set->longest)
        return false;
    if (set->slots == NULL) {
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

/*
 * As no entry begins (ends) another, the only one that can begin (end) the text is the last that does not stand behind
 * it: what stands between the two begins as both do.
 */
static bool has_end(const struct string_set *set, const char *data, size_t length)
{
    const bool forward = set->use == STRINGS_PREFIX;
    const struct literal text = {data, length};
    if (length < set->shortest)
        return false;
    if (set->sorted == NULL) {
        for (size_t i = 0; i < set->n; i++)
            if (forward ? begins(&set->entries[i], data, length) : ends(&set->entries[i], data, length))
                return true;
        return false;
    }
    size_t low = 0, high = set->n_sorted;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if ((forward ? compare_forward(set->sorted[middle], &text) : compare_backward(set->sorted[middle], &text)) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && (forward ? begins(set->sorted[low - 1], data, length) : ends(set->sorted[low - 1], data, length));
}

static bool has_part(const struct string_set *set, const char *data, size_t length)
{
    if (length < set->shortest)
        return false;
    if (set->literals != NULL)
        return literals_any(set->literals, data, length);
    for (size_t i = 0; i < set->n; i++)
        if (memmem(data, length, set->entries[i].data, set->entries[i].length) != NULL)
            return true;
    return false;
}

bool string_set_matches(const struct string_set *set, const char *data, size_t length)
{
    switch (set->use) {
    case STRINGS_EQUAL:
        return has_equal(set, data, length);
    case STRINGS_PREFIX:
    case STRINGS_SUFFIX:
        return has_end(set, data, length);
    case STRINGS_PART:
        break;
    }
    return has_part(set, data, length);
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
        const struct literal *entry = &set->entries[i];
        if (entry->length > length && memcmp(entry->data + entry->length - length, data, length) == 0)
            return true;
    }
    return false;
}

bool string_set_holds(const struct string_set *set, const char *data, size_t length)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct literal *entry = &set->entries[i];
        if (entry->length > length && memmem(entry->data, entry->length, data, length) != NULL)
            return true;
    }
    return false;
}
