// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/sequence.h"

struct session_cursor *sequence_find(struct sequence *sequence, uint64_t session)
{
    for (size_t i = 0; i < sequence->count; i++)
        if (sequence->cursor[i].session == session) {
            sequence->cursor[i].used = ++sequence->clock;
            return &sequence->cursor[i];
        }
    return NULL;
}

struct session_cursor *sequence_open(struct sequence *sequence, uint64_t session)
{
    struct session_cursor *found = sequence_find(sequence, session);
    if (found != NULL)
        return found;
    struct session_cursor *cursor = &sequence->cursor[0];
    if (sequence->count < WIRE_CURSORS)
        cursor = &sequence->cursor[sequence->count++];
    else
        for (size_t i = 1; i < sequence->count; i++)
            if (sequence->cursor[i].used < cursor->used)
                cursor = &sequence->cursor[i];
    *cursor = (struct session_cursor){.session = session, .used = ++sequence->clock};
    return cursor;
}

void sequence_place(struct session_cursor *cursor, uint64_t start)
{
    if (cursor->placed)
        return;
    cursor->placed = true;
    cursor->start = cursor->processed = cursor->durable = start;
}

struct session_cursor *sequence_session(struct sequence *sequence, uint64_t session, uint64_t start)
{
    struct session_cursor *cursor = sequence_open(sequence, session);
    sequence_place(cursor, start);
    return cursor;
}

struct sequence_step sequence_judge(const struct session_cursor *cursor, uint64_t first_seq, uint32_t count)
{
    struct sequence_step step = {0};
    if (first_seq > cursor->processed) {
        step.gap_from = cursor->processed;
        step.gap = first_seq - cursor->processed;
    } else {
        uint64_t before = cursor->processed - first_seq;
        step.skip = before < count ? (uint32_t)before : count;
    }
    return step;
}

void sequence_advance(struct session_cursor *cursor, uint64_t first_seq, uint32_t count)
{
    if (first_seq + count > cursor->processed)
        cursor->processed = first_seq + count;
}
