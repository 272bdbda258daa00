// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted must also compile: a refusal at a node would come too late. */
static void compile(struct policy *policy)
{
    static struct schema *schema;
    struct policy *list[] = {policy};
    const struct policies policies = {.policy = list, .count = 1};
    struct policy_error error = {0};
    const char *words;
    if (schema == NULL)
        schema = schema_new_builtin();
    struct selection *selection = selection_new(&policies, NULL, 0, &error);
    struct policy_judge *judge = policy_judge_new(selection, schema, ARCHITECTURE_X86_64, &words);
    if (selection == NULL || judge == NULL)
        abort();
    policy_judge_free(judge);
    selection_free(selection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy_error error = {0};
    struct policy *policy = policy_parse("fuzz", (const char *)data, size, &error);
    /* A policy whose name or rules are missing must never come out; a refusal must have words. */
    if (policy == NULL ? error.message[0] == '\0' : policy->name == NULL || policy->n_rules == 0)
        abort();
    if (policy != NULL)
        compile(policy);
    policy_free(policy);
    return 0;
}
