/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring records to the bytes of one Request. Used by the drain: all memory is allocated by batch_encoder_new, nothing
 * after it, and no input from another process reaches it. One thread at a time.
 */
#ifndef VEDETTE_COMMON_WIRE_ENCODE_H
#define VEDETTE_COMMON_WIRE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/events/record.h"
#include "proto/vedette.pb-c.h"

struct batch_encoder;

/*
 * NULL with errno on failure. max_bytes bounds the packed request (at most WIRE_REQUEST_BYTES); WIRE_APPENDED_BYTES of
 * it stay free for what the courier appends.
 */
struct batch_encoder *batch_encoder_new(size_t max_bytes);
void batch_encoder_free(struct batch_encoder *encoder);

/* Begins an empty batch. `snapshot` makes the request's body a snapshot. */
void batch_encoder_begin(struct batch_encoder *encoder, uint64_t session, uint64_t first_seq, bool snapshot);

/*
 * Adds one record; its sequence is first_seq plus the number added before it. Records come in time order; one that is
 * older than the one before it is given that one's time (dt 0).
 * 0; -ENOBUFS when the batch is full (pack it, begin the next, add again); -EBADMSG when the record contradicts itself
 * or the event table, or would not fit even into an empty batch (not added: count it as LOSS_ENCODE). `available` is
 * what may be read at `record`, which is aligned to 8 bytes. An argument without an item is 0, or an empty string or
 * list that is unreadable; a list's items beyond half of WIRE_LIST_ITEMS are left off and the list is marked truncated.
 */
int batch_encoder_add(struct batch_encoder *encoder, const struct record_header *record, size_t available);

/* Adds a loss record, copied. -ENOBUFS when there are WIRE_BATCH_LOSSES or no bytes are left. */
int batch_encoder_add_loss(struct batch_encoder *encoder, const Vedette__V1__Loss *loss);

/* Totals that travel with this batch; copied, the lists up to CLASS_COUNT. */
void batch_encoder_set_statistics(struct batch_encoder *encoder, const Vedette__V1__Statistics *statistics);
void batch_encoder_set_final(struct batch_encoder *encoder);
/* When a batch without events was made, which then is its base_boot_ns: a gap before it ends there. Else nothing. */
void batch_encoder_set_made(struct batch_encoder *encoder, uint64_t boot_ns);

size_t batch_encoder_count(const struct batch_encoder *encoder);  /* events */
bool batch_encoder_is_empty(const struct batch_encoder *encoder); /* neither events nor losses */
uint64_t batch_encoder_first_seq(const struct batch_encoder *encoder);

/* Writes the Request. *ret_size bytes at most max_bytes of _new; 0 or -ENOSPC when `capacity` is too small. */
int batch_encoder_pack(struct batch_encoder *encoder, int64_t wall_minus_boot_ns, uint8_t *buffer, size_t capacity,
                       size_t *ret_size);

#endif
