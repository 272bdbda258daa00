/* SPDX-License-Identifier: Apache-2.0 */
/* Records copied out of the rings, and questions about them. For the tests of the BPF programs. */
#ifndef VEDETTE_COLLECTOR_PROBE_TEST_RECORDS_H
#define VEDETTE_COLLECTOR_PROBE_TEST_RECORDS_H

#include "collector/drain/rings.h"

enum { TEST_RECORDS = 65536, TEST_PATH_BYTES = 16384 };

struct records {
    size_t count;
    struct record_header *record[TEST_RECORDS];
    uint32_t class[TEST_RECORDS];
    uint64_t until_ns;
    size_t late; /* records that came after a later one, or after they were promised to be out */
};

/* One round, copied. How many came. */
size_t records_take(struct records *records, struct rings *rings);
void records_free(struct records *records);

const struct item_header *record_item(const struct record_header *record, const char *argument);
/* The item as text: a path is turned round and joined, an integer printed, NULs of a list become '|'. "<absent>"
 * without one. */
const char *record_text(const struct record_header *record, const char *argument, char text[TEST_PATH_BYTES]);
int64_t record_integer(const struct record_header *record, const char *argument); /* -1 if absent */
int record_state(const struct record_header *record, const char *argument);       /* -1 if absent */

/* The record of that event whose argument reads so; argument NULL: the first one of tgid (0 any). NULL if there is
 * none. */
const struct record_header *records_find(const struct records *records, const char *event, uint32_t tgid,
                                         const char *argument, const char *text);
size_t records_count(const struct records *records, const char *event, uint32_t tgid);

#endif
