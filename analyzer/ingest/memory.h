/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node's detections know of earlier events, between the engine, which changes it, and the outbox, which keeps a
 * copy beside the cursor. The node's thread.
 */
#ifndef VEDETTE_ANALYZER_INGEST_MEMORY_H
#define VEDETTE_ANALYZER_INGEST_MEMORY_H

#include "analyzer/alert/outbox.h"
#include "analyzer/detect/engine.h"

/* Rows for a commit. Begins as zeros. */
struct memory_rows {
    struct outbox_memory *row;
    size_t count, capacity;
    bool failed; /* without memory: not all rows are there */
};
void memory_rows_fini(struct memory_rows *rows);

/* The engine's changes since its last commit; they point into the engine. 0 or -ENOMEM. */
int memory_collect(struct memory_rows *rows, const struct engine *engine, const char *node, const char *boot_id);

/*
 * Reads the copy into a new engine. What was kept before the node booted, or of a definition that is not the engine's,
 * is dropped, from the copy too, and said. 0 or -EIO, -ENOMEM.
 */
int memory_restore(struct outbox *outbox, struct engine *engine, const char *node, const char *boot_id);

/* Moves what the old engine keeps to the new one; the rest is dropped, and said. */
void memory_move(struct outbox *outbox, struct engine *to, struct engine *from, const char *node);

#endif
