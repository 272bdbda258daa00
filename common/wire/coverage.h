/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words for what a hello says of events and hooks, the same in the collector's text and the analyzer's JSON. A value
 * that is newer than we are is "unknown".
 */
#ifndef VEDETTE_COMMON_WIRE_COVERAGE_H
#define VEDETTE_COMMON_WIRE_COVERAGE_H

/* Of enum SelfTest: "passed", "not run", "failed". */
const char *self_test_name(unsigned self_test);
/* Of enum Preemptible: "yes", "no". */
const char *preemptible_name(unsigned preemptible);

#endif
