// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[POLICY_ERROR_BYTES] = "";
    struct policy *policy = policy_parse("fuzz", (const char *)data, size, error);
    /* A policy whose name or rules are missing must never come out; a refusal must have words. */
    if (policy == NULL ? error[0] == '\0' : policy->name == NULL)
        abort();
    policy_free(policy);
    return 0;
}
