/* SPDX-License-Identifier: Apache-2.0 */
/* What a node's kernel can show of each event, as its hello said; constant once made. */
#ifndef VEDETTE_ANALYZER_INGEST_COVERAGE_H
#define VEDETTE_ANALYZER_INGEST_COVERAGE_H

#include "analyzer/alert/text.h"
#include "common/wire/decode.h"

/* The texts may hold any byte but NUL. */
struct coverage_row {
    uint32_t event_id; /* of the collector's schema */
    bool covered;
    const char *event, *sets, *source, *self_test, *losses, *reason, *better;
};

/* A program with a hook of its own. */
struct coverage_hook {
    bool attached, misses_counted;
    uint64_t misses; /* when the collector said hello */
    const char *name, *reason, *self_test, *preemptible;
};

struct coverage {
    size_t n_hooks;
    const struct coverage_hook *hooks; /* in the same piece of memory */
    size_t count;
    struct coverage_row row[];
};

/* Of a hello that decoder_check_hello accepted, and its schema. One piece of memory, for free(). NULL with errno. */
struct coverage *coverage_new(const Vedette__V1__Hello *hello, const struct schema *schema);

/* The row of that event, NULL if there is none. */
const struct coverage_row *coverage_find(const struct coverage *coverage, uint32_t event_id);

/* How many events are covered. */
size_t coverage_count(const struct coverage *coverage);

/*
 * One array with an object an event: name, sets (an array), covered, source, self_test ("passed", "not run", "failed",
 * "unknown"), losses, reason (why not covered), better. And the same as lines for people, the
 * hooks before them.
 */
void coverage_json(const struct coverage *coverage, struct text *text);
void coverage_table(const struct coverage *coverage, struct text *text);

#endif
