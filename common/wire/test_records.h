/* SPDX-License-Identifier: Apache-2.0 */
/* Ring records as the BPF programs would write them, for tests, the golden blobs and the bench. */
#ifndef VEDETTE_COMMON_WIRE_TEST_RECORDS_H
#define VEDETTE_COMMON_WIRE_TEST_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "common/events/record.h"

enum { TEST_RECORD_BYTES = 160 * 1024 };

/* A record in memory of its own; header.size grows with the items. */
union test_record {
    struct record_header header;
    uint8_t bytes[TEST_RECORD_BYTES];
};

/* A small generator with a seed, so that a failure can be repeated. */
uint64_t test_random(uint64_t *state);

/* Begins a record of that event: a task of its own for each `task`, everything else fixed. */
void test_record_begin(union test_record *record, uint16_t event_id, uint32_t task, uint64_t time_ns);
void test_record_integer(union test_record *record, uint8_t arg, int64_t value);
void test_record_item(union test_record *record, uint8_t arg, enum item_form form, uint8_t state, const void *payload,
                      size_t length);

#endif
