// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/judgement.h"

#include <errno.h>

static int fill(struct judgement *judgement, const struct node_environment *environment, const struct schema *schema,
                enum architecture architecture, const char **ret_words)
{
    size_t n = environment->n_detections;
    const struct detection *const *detections = environment->detections;
    if (detections == NULL)
        detections = loaded_set_detections(judgement->set, &n);
    judgement->engine = engine_new_from(schema, detections, n, ret_words);
    if (judgement->engine == NULL)
        return -errno;
    judgement->policies = policy_judge_new(loaded_set_selection(judgement->set), schema, architecture, ret_words);
    if (judgement->policies == NULL)
        return -errno;
    judgement->tuner = tuner_new(loaded_set_tuning(judgement->set), schema, architecture, ret_words);
    return judgement->tuner == NULL ? -errno : 0;
}

struct judgement *judgement_new(const struct node_environment *environment, const struct schema *schema,
                                enum architecture architecture, const char **ret_words)
{
    struct judgement *judgement = calloc(1, sizeof(*judgement));
    *ret_words = "no memory for the node";
    if (judgement == NULL)
        return NULL;
    judgement->set = loaded_current_get(environment->loaded, &judgement->number);
    int result = fill(judgement, environment, schema, architecture, ret_words);
    if (result == 0)
        return judgement;
    judgement_free(judgement);
    errno = -result;
    return NULL;
}

void judgement_free(struct judgement *judgement)
{
    if (judgement == NULL)
        return;
    tuner_free(judgement->tuner);
    policy_judge_free(judgement->policies);
    engine_free(judgement->engine);
    loaded_set_unref(judgement->set); /* the three point into it */
    free(judgement);
}

void judgement_inherit(struct judgement *judgement, struct judgement *from, const struct state *state)
{
    if (from == NULL)
        return;
    tuner_inherit(judgement->tuner, from->tuner);
    if (state != NULL)
        policy_judge_inherit(judgement->policies, from->policies, state);
}

void judgement_begin_batch(struct judgement *judgement, uint32_t n_strings)
{
    engine_begin_batch(judgement->engine, n_strings);
    policy_judge_begin_batch(judgement->policies, n_strings);
}
