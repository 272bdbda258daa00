/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which events of a node were applied: one cursor a session. Sessions are independent, because batches of an older one
 * may come after the drain has restarted. Pure: no time, no input, no output.
 */
#ifndef VEDETTE_ANALYZER_INGEST_SEQUENCE_H
#define VEDETTE_ANALYZER_INGEST_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/limits.h"

struct session_cursor {
    uint64_t session;
    uint64_t start;     /* where this life of the analyzer began */
    uint64_t processed; /* next wanted: everything below was applied, or is in a loss record */
    uint64_t durable;   /* everything below is committed */
    bool placed;        /* false: nothing has said yet where it begins */
    uint64_t used;      /* for finding the one that rested longest */
};

/* Zero-initialise. The session that rested longest gives its place when there are WIRE_CURSORS. */
struct sequence {
    struct session_cursor cursor[WIRE_CURSORS];
    size_t count;
    uint64_t clock;
};

/* What to do with a batch. */
struct sequence_step {
    uint64_t gap_from; /* first sequence that is missing before the batch */
    uint64_t gap;      /* how many: they are lost for good, since a collector never skips by itself */
    uint32_t skip;     /* events at the batch's head that were applied before */
};

/* The cursor of a session; made with `start` when it is not known. Valid until the next call. */
struct session_cursor *sequence_session(struct sequence *sequence, uint64_t session, uint64_t start);
/* The cursor of a session; one that is not known begins where sequence_place says. Valid until the next call. */
struct session_cursor *sequence_open(struct sequence *sequence, uint64_t session);
/* Where the session begins for this life: what is before was never its own. Nothing when it has a place. */
void sequence_place(struct session_cursor *cursor, uint64_t start);
struct session_cursor *sequence_find(struct sequence *sequence, uint64_t session);

/* What a batch [first_seq, first_seq + count) means at this cursor; the caller applies it and then calls
 * sequence_advance. */
struct sequence_step sequence_judge(const struct session_cursor *cursor, uint64_t first_seq, uint32_t count);
void sequence_advance(struct session_cursor *cursor, uint64_t first_seq, uint32_t count);

#endif
