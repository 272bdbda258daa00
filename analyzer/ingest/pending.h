/* SPDX-License-Identifier: Apache-2.0 */
/* Findings that wait for the next transaction. Belongs to one shard thread. */
#ifndef VEDETTE_ANALYZER_INGEST_PENDING_H
#define VEDETTE_ANALYZER_INGEST_PENDING_H

#include <stdbool.h>
#include <stddef.h>

#include "analyzer/alert/json.h"
#include "analyzer/alert/outbox.h"

enum {
    PENDING_MAX_BYTES = 64 << 20,  /* of JSON: beyond it findings are lost, and counted */
    PENDING_BUSY_BYTES = 16 << 20, /* beyond it batches are refused, so that the node's own queue holds them */
    PENDING_FLUSH_BYTES = 4 << 20, /* beyond it a transaction is made in the middle of a batch */
};

/* Zero-initialise. */
struct pending {
    struct alert *alert; /* json is heap, node and detection are not */
    size_t count, capacity;
    size_t bytes;
    struct text text; /* reused */
};

void pending_fini(struct pending *pending);
/* Everything was committed. */
void pending_clear(struct pending *pending);
/* `node` outlives the pending. 0; -ENOMEM or -ENOBUFS: the finding is not kept. */
int pending_add(struct pending *pending, const char *node, const struct finding *finding, const char *const *policies,
                size_t n_policies, enum json_arguments arguments);

#endif
