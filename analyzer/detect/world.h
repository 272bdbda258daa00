/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: one node, its state, and events that reach it by the real encoder and decoder.
 */
#ifndef VEDETTE_ANALYZER_DETECT_WORLD_H
#define VEDETTE_ANALYZER_DETECT_WORLD_H

#include "analyzer/detect/engine.h"
#include "analyzer/detect/matcher.h"
#include "common/testing/records.h"

struct world {
    struct schema *schema;
    struct test_batch *batch;
    struct state *state;
    struct event_view event;
    struct event_context
        context;  /* node "node1", boot "boot-1", session 0x1122334455667788, wall clock 1,700,000,000 s ahead */
    uint64_t seq; /* of the next event */
};

void world_open(struct world *world);
void world_close(struct world *world);

/* The one of a test program, and what cmocka opens and closes it by. */
extern struct world world;
int world_setup(void **state);
int world_teardown(void **state);

/* Sends the record as a batch of its own and applies it: `event` and `context` are it until the next call. */
const struct event_context *world_send(struct world *world, const struct record *record);

/*
 * What the predicate says about the record. It is asked three times, without a cache, into it and from it: the program
 * ends when the answers differ.
 */
enum verdict world_ask(struct world *world, const struct record *record, const struct predicate *tree);

/* Why the predicate is refused on events of that name, as detection "x"; "" when it is not. */
void world_refusal(struct world *world, const char *event, const struct predicate *tree, char *ret_words, size_t size);

/* The findings of the last world_judge, at most this many. */
enum { WORLD_FINDINGS = 16 };
struct world_findings {
    size_t n;
    struct finding list[WORLD_FINDINGS];
};

/* Sends the record and judges it. */
struct world_findings world_judge(struct world *world, struct engine *engine, const struct record *record);

#endif
