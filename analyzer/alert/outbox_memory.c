/* SPDX-License-Identifier: Apache-2.0 */
/* What detections know of earlier events, kept beside the cursor that it belongs to. */
#include "analyzer/alert/outbox_internal.h"

static int set_one(struct outbox *outbox, const struct outbox_memory *memory)
{
    const enum outbox_statement which = memory->key == NULL     ? STATEMENT_FORGET_MEMORY
                                        : memory->bytes == NULL ? STATEMENT_UNSET_MEMORY
                                                                : STATEMENT_SET_MEMORY;
    sqlite3_stmt *statement = outbox->statements[which];
    outbox_bind_text(statement, 1, memory->node);
    outbox_bind_text(statement, 2, memory->detection);
    if (which != STATEMENT_FORGET_MEMORY)
        sqlite3_bind_blob(statement, 3, memory->key, OUTBOX_KEY_BYTES, SQLITE_STATIC);
    if (which == STATEMENT_SET_MEMORY) {
        outbox_bind_text(statement, 4, memory->boot_id);
        sqlite3_bind_int64(statement, 5, (int64_t)memory->definition);
        sqlite3_bind_int64(statement, 6, (int64_t)memory->touched_ns);
        sqlite3_bind_blob64(statement, 7, memory->bytes, memory->size, SQLITE_STATIC);
    }
    return outbox_run(outbox, which);
}

int outbox_set_memory(struct outbox *outbox, const struct outbox_memory *memory, size_t n_memory)
{
    int result = SQLITE_OK;
    for (size_t i = 0; result == SQLITE_OK && i < n_memory; i++)
        result = set_one(outbox, &memory[i]);
    return result;
}

static const char *text_of(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text != NULL ? text : "";
}

int outbox_memory_kept(struct outbox *outbox, const char *node,
                       void (*each)(void *arg, const struct outbox_memory *of, uint64_t n_keys), void *arg)
{
    pthread_mutex_lock(&outbox->read_lock);
    sqlite3_stmt *statement = outbox->statements[STATEMENT_MEMORY_KEPT];
    outbox_bind_text(statement, 1, node);
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        const struct outbox_memory of = {.node = node,
                                         .detection = text_of(statement, 0),
                                         .boot_id = text_of(statement, 1),
                                         .definition = (uint64_t)sqlite3_column_int64(statement, 2)};
        each(arg, &of, (uint64_t)sqlite3_column_int64(statement, 3));
    }
    sqlite3_reset(statement);
    int error = result == SQLITE_DONE ? 0 : outbox_fail(outbox, outbox->reader, result, "read what detections know");
    pthread_mutex_unlock(&outbox->read_lock);
    return error;
}

int outbox_memory_read(struct outbox *outbox, const char *node, const char *detection,
                       void (*each)(void *arg, const struct outbox_memory *memory), void *arg)
{
    pthread_mutex_lock(&outbox->read_lock);
    sqlite3_stmt *statement = outbox->statements[STATEMENT_MEMORY];
    outbox_bind_text(statement, 1, node);
    outbox_bind_text(statement, 2, detection);
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        const struct outbox_memory memory = {.node = node,
                                             .detection = detection,
                                             .boot_id = text_of(statement, 0),
                                             .definition = (uint64_t)sqlite3_column_int64(statement, 1),
                                             .key = sqlite3_column_blob(statement, 2),
                                             .touched_ns = (uint64_t)sqlite3_column_int64(statement, 3),
                                             .bytes = sqlite3_column_blob(statement, 4),
                                             .size = (size_t)sqlite3_column_bytes(statement, 4)};
        if (memory.bytes != NULL && sqlite3_column_bytes(statement, 2) == OUTBOX_KEY_BYTES)
            each(arg, &memory);
    }
    sqlite3_reset(statement);
    int error = result == SQLITE_DONE ? 0 : outbox_fail(outbox, outbox->reader, result, "read what detections know");
    pthread_mutex_unlock(&outbox->read_lock);
    return error;
}

int outbox_memory_forget(struct outbox *outbox, const char *node, const char *detection)
{
    const struct outbox_memory all = {.node = node, .detection = detection};
    pthread_mutex_lock(&outbox->write_lock);
    int result = set_one(outbox, &all), error = 0;
    if (result != SQLITE_OK)
        error = outbox_fail(outbox, outbox->writer, result, "forget what a detection knew");
    pthread_mutex_unlock(&outbox->write_lock);
    return error;
}
