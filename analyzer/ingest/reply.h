/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a Reply. Nothing here comes from the peer, and everything is bounded, so that packing cannot fail. */
#ifndef VEDETTE_ANALYZER_INGEST_REPLY_H
#define VEDETTE_ANALYZER_INGEST_REPLY_H

#include "analyzer/ingest/plan.h"
#include "analyzer/ingest/sequence.h"
#include "proto/vedette.pb-c.h"

struct reply {
    size_t size;
    uint8_t bytes[WIRE_REPLY_BYTES];
};

void reply_welcome(struct reply *reply, uint32_t wire, const struct sequence *sequence, const struct plan *plan,
                   bool need_snapshot);
/* `plan` NULL: nothing newer than what was sent. */
void reply_ack(struct reply *reply, const struct session_cursor *cursor, const struct plan *plan, bool need_snapshot);
/* `cursor` NULL: none is known. `reason` at most a few hundred bytes. */
void reply_refusal(struct reply *reply, Vedette__V1__RefusalCode code, const char *reason,
                   const struct session_cursor *cursor, uint32_t retry_ms);

#endif
