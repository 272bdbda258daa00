/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/definition.h"

#include <nettle/sha2.h>
#include <string.h>

const char *const severity_names[SEVERITIES + 1] = {"info", "low", "medium", "high", "critical", NULL};

enum { LAYOUT = 1 }; /* of what correlation.c keeps: to be raised when that changes */

/* Every value is told by its length, so that no two definitions give the same bytes. */
static void hash_bytes(struct sha256_ctx *hash, const void *bytes, uint64_t size)
{
    sha256_update(hash, sizeof(size), (const uint8_t *)&size);
    sha256_update(hash, size, bytes);
}

static void hash_number(struct sha256_ctx *hash, uint64_t number)
{
    sha256_update(hash, sizeof(number), (const uint8_t *)&number);
}

static void hash_string(struct sha256_ctx *hash, const char *string)
{
    hash_number(hash, string != NULL);
    if (string != NULL)
        hash_bytes(hash, string, strlen(string));
}

static void hash_strings(struct sha256_ctx *hash, const char *const *strings, size_t limit)
{
    for (size_t i = 0; strings != NULL && i < limit && strings[i] != NULL; i++)
        hash_string(hash, strings[i]);
    hash_string(hash, NULL);
}

static void hash_predicate(struct sha256_ctx *hash, const struct predicate *predicate, unsigned depth)
{
    hash_number(hash, predicate != NULL);
    if (predicate == NULL || depth > PREDICATE_MAX_DEPTH)
        return;
    hash_number(hash, predicate->op);
    hash_string(hash, predicate->field);
    hash_string(hash, predicate->other);
    hash_strings(hash, predicate->strings, SIZE_MAX);
    hash_bytes(hash, predicate->numbers, predicate->n_numbers * sizeof(predicate->numbers[0]));
    hash_number(hash, (uint64_t)predicate->number);
    hash_number(hash, (uint64_t)predicate->upper);
    hash_number(hash, predicate->mask);
    for (size_t i = 0; predicate->children != NULL && predicate->children[i] != NULL; i++)
        hash_predicate(hash, predicate->children[i], depth + 1);
    hash_number(hash, 0);
}

static void hash_trigger(struct sha256_ctx *hash, const struct trigger *trigger)
{
    hash_string(hash, trigger->event);
    hash_predicate(hash, trigger->when, 0);
    hash_number(hash, trigger->attempt);
    hash_strings(hash, trigger->keys, CORRELATION_MAX_KEYS);
    hash_string(hash, trigger->remember);
    hash_number(hash, trigger->step);
    hash_number(hash, trigger->silent);
}

uint64_t definition_of(const struct detection *detection)
{
    const struct correlation *correlation = &detection->correlation;
    struct sha256_ctx hash;
    uint64_t definition;
    sha256_init(&hash);
    hash_number(&hash, LAYOUT);
    hash_string(&hash, detection->name);
    hash_number(&hash, correlation->kind);
    hash_strings(&hash, correlation->keys, CORRELATION_MAX_KEYS);
    hash_number(&hash, correlation->window_ms);
    hash_number(&hash, correlation->threshold);
    hash_number(&hash, correlation->limit);
    hash_string(&hash, correlation->value);
    for (size_t t = 0; t < DETECTION_MAX_TRIGGERS && detection->triggers[t].event != NULL; t++)
        hash_trigger(&hash, &detection->triggers[t]);
    sha256_digest(&hash, sizeof(definition), (uint8_t *)&definition);
    return definition != 0 ? definition : 1;
}
