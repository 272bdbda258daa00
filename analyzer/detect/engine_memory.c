/* SPDX-License-Identifier: Apache-2.0 */
/* What correlations keep, for a copy that outlives the engine. */
#include "analyzer/detect/engine_internal.h"

_Static_assert((int)ENGINE_KEY_BYTES == (int)KEY_BYTES, "the same keys");

/* The correlator of a detection in the set, NULL when it keeps nothing. */
static struct correlator *find(const struct engine *engine, const char *detection)
{
    for (size_t i = 0; i < engine->n_table; i++)
        if (strcmp(engine->table[i]->name, detection) == 0)
            return engine->correlators[i];
    return NULL;
}

struct telling {
    struct engine_memory memory;
    void (*each)(void *arg, const struct engine_memory *memory);
    void *arg;
};

static void tell(void *arg, const struct keyed_entry *entry)
{
    struct telling *telling = arg;
    telling->memory.key = entry->key;
    telling->memory.touched_ns = entry->touched_ns;
    telling->memory.bytes = entry->bytes;
    telling->memory.size = entry->size;
    telling->each(telling->arg, &telling->memory);
}

static void tell_changes(const struct keyed *keyed, struct telling *telling)
{
    if (!keyed_must_save_all(keyed)) {
        keyed_changes(keyed, tell, telling);
        return;
    }
    telling->each(telling->arg, &telling->memory);
    for (const struct keyed_entry *entry = keyed_next(keyed, NULL); entry != NULL; entry = keyed_next(keyed, entry))
        tell(telling, entry);
}

void engine_memory_changes(const struct engine *engine, void (*each)(void *arg, const struct engine_memory *memory),
                           void *arg)
{
    for (size_t i = 0; i < engine->n_table; i++) {
        if (engine->correlators[i] == NULL)
            continue;
        struct telling telling = {.memory = {.detection = engine->table[i]->name,
                                             .definition = correlator_definition(engine->correlators[i])},
                                  .each = each,
                                  .arg = arg};
        tell_changes(correlator_keyed(engine->correlators[i]), &telling);
    }
}

void engine_memory_saved(struct engine *engine)
{
    for (size_t i = 0; i < engine->n_table; i++)
        if (engine->correlators[i] != NULL)
            keyed_saved(correlator_keyed(engine->correlators[i]));
}

uint64_t engine_definition(const struct engine *engine, const char *detection)
{
    const struct correlator *correlator = find(engine, detection);
    return correlator != NULL ? correlator_definition(correlator) : 0;
}

bool engine_restore(struct engine *engine, const struct engine_memory *memory)
{
    struct correlator *correlator = find(engine, memory->detection);
    return correlator != NULL && correlator_definition(correlator) == memory->definition &&
           correlator_restore(correlator, memory->key, memory->touched_ns, memory->bytes, memory->size);
}

void engine_take_memory(struct engine *engine, struct engine *from,
                        void (*dropped)(void *arg, const char *detection, size_t n_keys), void *arg)
{
    for (size_t i = 0; i < from->n_table; i++) {
        if (from->correlators[i] == NULL)
            continue;
        struct correlator *correlator = find(engine, from->table[i]->name);
        if (correlator != NULL && correlator_definition(correlator) == correlator_definition(from->correlators[i]))
            correlator_take(correlator, from->correlators[i]);
        else
            dropped(arg, from->table[i]->name, keyed_count(correlator_keyed(from->correlators[i])));
    }
}
