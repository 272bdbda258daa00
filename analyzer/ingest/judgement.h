/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that judges a node's events, made of one loaded set for the node's schema: replaced whole, between two batches,
 * so that no event is judged by half of one set and half of another. Belongs to the node's shard thread.
 */
#ifndef VEDETTE_ANALYZER_INGEST_JUDGEMENT_H
#define VEDETTE_ANALYZER_INGEST_JUDGEMENT_H

#include "analyzer/ingest/node.h"
#include "analyzer/policy/loaded.h"

struct judgement {
    struct loaded_set *set; /* a reference */
    uint64_t number;        /* loaded_current_number when it was taken */
    struct engine *engine;
    struct policy_judge *policies;
    struct tuner *tuner;
};

/* Of the set in force. NULL with errno; *ret_words says why. */
struct judgement *judgement_new(const struct node_environment *environment, const struct schema *schema,
                                enum architecture architecture, const char **ret_words);
void judgement_free(struct judgement *judgement);

/* Takes over what the former one remembers: of processes only with the state that it was about, NULL otherwise. */
void judgement_inherit(struct judgement *judgement, struct judgement *from, const struct state *state);

void judgement_begin_batch(struct judgement *judgement, uint32_t n_strings);

#endif
