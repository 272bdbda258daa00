/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests and benches: events as the BPF programs write them, and the way of a batch from such records through the
 * encoder and the decoder. A mistake in the use of these ends the program with words: it is a mistake in the test.
 */
#ifndef VEDETTE_COMMON_TESTING_RECORDS_H
#define VEDETTE_COMMON_TESTING_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "common/events/events.h"
#include "common/wire/decode.h"

enum { TEST_RECORD_BYTES = 128 * 1024 };

/* One record under construction. `header` may be changed at will between record_begin and its use, but for `size` and
 * `event_id`. */
struct record {
    union {
        struct record_header header;
        uint64_t words[TEST_RECORD_BYTES / sizeof(uint64_t)];
    };
};

/*
 * A record of that event without arguments, by a plausible thread: pid 4242 in the host, 42 in its namespace, child of
 * 4200, uid 1000, comm "cat", host "node1", started 1 s and its thread 1.5 s after boot, event 10 s after boot, cpu 2,
 * result 0, no syscall.
 */
void record_begin(struct record *record, const char *event);

/* Each adds the argument of that name. `state` is of enum item_state. */
void record_integer(struct record *record, const char *arg, int64_t value);
void record_string(struct record *record, const char *arg, const char *value, unsigned state);
void record_bytes(struct record *record, const char *arg, const void *bytes, size_t size, unsigned state);
/* An absolute path as the kernel's walk leaves it: components, leaf first. */
void record_path(struct record *record, const char *arg, const char *path, unsigned state);
/* `items` ends with NULL. */
void record_list(struct record *record, const char *arg, const char *const *items, unsigned state);
void record_comm(struct record *record, const char *comm);

/* One batch and what reads it. */
struct test_batch;

struct test_batch *test_batch_new(void);
void test_batch_free(struct test_batch *batch);
/* Empties it; the next event has this session and sequence. */
void test_batch_begin(struct test_batch *batch, uint64_t session, uint64_t first_seq);
void test_batch_add(struct test_batch *batch, const struct record *record);
/* Packs, unpacks and opens it against `schema`; the events come from decoder_next on the result. */
struct decoder *test_batch_open(struct test_batch *batch, const struct schema *schema);

#endif
