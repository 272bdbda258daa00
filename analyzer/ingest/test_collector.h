/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of this folder: a collector's side of the conversation, made with the encoder that a drain uses. */
#ifndef VEDETTE_ANALYZER_INGEST_TEST_COLLECTOR_H
#define VEDETTE_ANALYZER_INGEST_TEST_COLLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/encode.h"

struct test_collector;

struct test_collector *test_collector_new(const char *node, const char *boot_id, uint64_t session);
void test_collector_free(struct test_collector *collector);

/* Bytes of a request, the collector's own until its next one. */
struct test_request {
    const uint8_t *bytes;
    size_t size;
};

/* `uncovered` is an event that this kernel cannot give, 0 none. */
struct test_request test_collector_hello(struct test_collector *collector, uint32_t uncovered);

/* What its hellos carry from now on; NULL: nothing. Borrowed. */
void test_collector_token(struct test_collector *collector, const char *token);

/* A batch: begin, add, end. Times are given in seconds after boot. */
void test_collector_begin(struct test_collector *collector, uint64_t first_seq);
void test_collector_exec(struct test_collector *collector, uint32_t pid, const char *path, uint64_t seconds);
void test_collector_open(struct test_collector *collector, uint32_t pid, const char *path, uint64_t seconds);
void test_collector_loss(struct test_collector *collector, Vedette__V1__LossStage stage, uint32_t event_class,
                         uint64_t from_ns, uint64_t count);
void test_collector_throttled(struct test_collector *collector, uint64_t cgroup_id, uint64_t from_ns, uint64_t count);
/* Totals: all of them, or those of the critical class. */
void test_collector_totals(struct test_collector *collector, const Vedette__V1__Statistics *statistics);
void test_collector_statistics(struct test_collector *collector, uint64_t attempts, uint64_t lost_ring);
void test_collector_final(struct test_collector *collector);
struct test_request test_collector_end(struct test_collector *collector);

/* A reply taken apart; fails the test when it is none. Freed with test_reply_free. */
Vedette__V1__Reply *test_reply(const void *bytes, size_t size);
void test_reply_free(Vedette__V1__Reply *reply);

#endif
