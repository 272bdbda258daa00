// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/memory.h"

#include <errno.h>

#include "common/base/log.h"

void memory_rows_fini(struct memory_rows *rows)
{
    free(rows->row);
    *rows = (struct memory_rows){0};
}

/* Room for one more row; NULL without memory. */
static struct outbox_memory *next_row(struct memory_rows *rows)
{
    if (rows->count == rows->capacity) {
        const size_t capacity = rows->capacity == 0 ? 64 : rows->capacity * 2;
        struct outbox_memory *grown = reallocarray(rows->row, capacity, sizeof(*grown));
        if (grown == NULL) {
            rows->failed = true;
            return NULL;
        }
        rows->row = grown;
        rows->capacity = capacity;
    }
    return &rows->row[rows->count++];
}

struct collecting {
    struct memory_rows *rows;
    const char *node, *boot_id;
};

static void collect(void *arg, const struct engine_memory *memory)
{
    const struct collecting *collecting = arg;
    struct outbox_memory *row = next_row(collecting->rows);
    if (row != NULL)
        *row = (struct outbox_memory){.node = collecting->node,
                                      .boot_id = collecting->boot_id,
                                      .detection = memory->detection,
                                      .definition = memory->definition,
                                      .key = memory->key,
                                      .touched_ns = memory->touched_ns,
                                      .bytes = memory->bytes,
                                      .size = memory->size};
}

int memory_collect(struct memory_rows *rows, const struct engine *engine, const char *node, const char *boot_id)
{
    struct collecting collecting = {.rows = rows, .node = node, .boot_id = boot_id};
    rows->count = 0;
    rows->failed = false;
    if (engine != NULL)
        engine_memory_changes(engine, collect, &collecting);
    return rows->failed ? -ENOMEM : 0;
}

static void say_dropped(const char *node, const char *detection, uint64_t n_keys, const char *reason)
{
    log_info("node %s: what detection %s knew of earlier events (%llu keys) is dropped: %s", node, detection,
             (unsigned long long)n_keys, reason);
}

/* What the copy holds of one definition of a detection. */
struct kept {
    char *detection;
    uint64_t n_keys;
    const char *reason; /* why it is not read, NULL when it is */
};

struct restoring {
    struct engine *engine;
    const char *boot_id;
    struct kept *kept;
    size_t count;
    uint64_t senseless;
    bool failed;
};

static const char *why_not(const struct restoring *restoring, const struct outbox_memory *of)
{
    const uint64_t definition = engine_definition(restoring->engine, of->detection);
    if (strcmp(of->boot_id, restoring->boot_id) != 0)
        return "the node has booted since";
    if (definition == 0)
        return "it is not loaded";
    return definition != of->definition ? "it is not defined as it was" : NULL;
}

static void note_kept(void *arg, const struct outbox_memory *of, uint64_t n_keys)
{
    struct restoring *restoring = arg;
    struct kept *grown = reallocarray(restoring->kept, restoring->count + 1, sizeof(*grown));
    if (grown != NULL)
        restoring->kept = grown;
    char *detection = grown != NULL ? strdup(of->detection) : NULL;
    if (detection == NULL) {
        restoring->failed = true;
        return;
    }
    restoring->kept[restoring->count++] =
        (struct kept){.detection = detection, .n_keys = n_keys, .reason = why_not(restoring, of)};
}

static void restore_key(void *arg, const struct outbox_memory *memory)
{
    struct restoring *restoring = arg;
    const struct engine_memory key = {.detection = memory->detection,
                                      .definition = memory->definition,
                                      .key = memory->key,
                                      .touched_ns = memory->touched_ns,
                                      .bytes = memory->bytes,
                                      .size = memory->size};
    if (!engine_restore(restoring->engine, &key))
        restoring->senseless++;
}

static int restore_kept(struct outbox *outbox, struct restoring *restoring, const char *node, const struct kept *kept)
{
    if (kept->reason != NULL) {
        say_dropped(node, kept->detection, kept->n_keys, kept->reason);
        return outbox_memory_forget(outbox, node, kept->detection);
    }
    return outbox_memory_read(outbox, node, kept->detection, restore_key, restoring);
}

int memory_restore(struct outbox *outbox, struct engine *engine, const char *node, const char *boot_id)
{
    struct restoring restoring = {.engine = engine, .boot_id = boot_id};
    int result = outbox_memory_kept(outbox, node, note_kept, &restoring);
    if (restoring.failed)
        result = -ENOMEM;
    for (size_t i = 0; result == 0 && i < restoring.count; i++)
        result = restore_kept(outbox, &restoring, node, &restoring.kept[i]);
    for (size_t i = 0; i < restoring.count; i++)
        free(restoring.kept[i].detection);
    free(restoring.kept);
    if (restoring.senseless > 0)
        log_warning("node %s: %llu keys of what detections knew of earlier events make no sense and are left out", node,
                    (unsigned long long)restoring.senseless);
    if (result == 0)
        engine_memory_saved(engine);
    return result;
}

struct moving {
    struct outbox *outbox;
    const char *node;
};

static void drop(void *arg, const char *detection, size_t n_keys)
{
    const struct moving *moving = arg;
    if (n_keys > 0)
        say_dropped(moving->node, detection, n_keys, "it is not loaded any more, or not defined as it was");
    /* When this fails, its definition or absence tells at the next start. */
    (void)outbox_memory_forget(moving->outbox, moving->node, detection);
}

void memory_move(struct outbox *outbox, struct engine *to, struct engine *from, const char *node)
{
    struct moving moving = {.outbox = outbox, .node = node};
    engine_take_memory(to, from, drop, &moving);
}
