/* SPDX-License-Identifier: Apache-2.0 */
/* The same records as plain row-wise protobuf, done as well as protobuf-c allows: no allocation while encoding, an
 * arena while decoding. */
#ifndef VEDETTE_BENCH_WIRE_ROWWISE_H
#define VEDETTE_BENCH_WIRE_ROWWISE_H

#include <stddef.h>
#include <stdint.h>

#include "common/events/record.h"

struct rowwise;

struct rowwise *rowwise_new(size_t max_events, size_t max_bytes);
void rowwise_free(struct rowwise *rowwise);

/* Size of the packed batch, 0 when it does not fit. */
size_t rowwise_encode(struct rowwise *rowwise, const struct record_header *const *records, size_t count, uint8_t *bytes,
                      size_t capacity);

/* Unpacks and reads every value of every row; their sum, 0 when it does not unpack. */
uint64_t rowwise_decode(struct rowwise *rowwise, const uint8_t *bytes, size_t size);

#endif
