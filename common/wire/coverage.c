/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/coverage.h"

#include "proto/vedette.pb-c.h"

const char *self_test_name(unsigned self_test)
{
    switch (self_test) {
    case VEDETTE__V1__SELF_TEST__SELF_TEST_PASSED:
        return "passed";
    case VEDETTE__V1__SELF_TEST__SELF_TEST_NOT_RUN:
        return "not run";
    case VEDETTE__V1__SELF_TEST__SELF_TEST_FAILED:
        return "failed";
    default:
        return "unknown";
    }
}

const char *preemptible_name(unsigned preemptible)
{
    switch (preemptible) {
    case VEDETTE__V1__PREEMPTIBLE__PREEMPTIBLE_NO:
        return "no";
    case VEDETTE__V1__PREEMPTIBLE__PREEMPTIBLE_YES:
        return "yes";
    default:
        return "unknown";
    }
}
