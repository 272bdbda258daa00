// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/tuner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted must also compile: a refusal at a node would come too late. */
static void compile(struct tuning *tuning)
{
    static struct schema *schema;
    size_t n, n_all;
    const struct detection *const *all = detections_all(&n_all);
    const struct detection **table;
    struct policy_error error = {0};
    const char *words;
    if (schema == NULL)
        schema = schema_new_builtin();
    if (tuning_apply(tuning, all, n_all, &table, &n, &error) < 0)
        return;
    struct tuner *tuner = tuner_new(tuning, schema, ARCHITECTURE_X86_64, &words);
    /* A pattern is judged by the engine's library, when the set is tried out. */
    if (tuner == NULL && strstr(words, "pattern") == NULL)
        abort();
    tuner_free(tuner);
    free(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy_error error = {0};
    struct tuning tuning;
    char *text = malloc(size + 1);
    if (text == NULL || tuning_init(&tuning) < 0)
        abort();
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (tuning_parse(&tuning, "fuzz", text, size, true, &error) == 0)
        compile(&tuning);
    else if (error.message[0] == '\0')
        abort(); /* a refusal must have words */
    tuning_fini(&tuning);
    free(text);
    return 0;
}
