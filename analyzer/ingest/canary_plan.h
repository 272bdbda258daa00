/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_ANALYZER_INGEST_CANARY_PLAN_H
#define VEDETTE_ANALYZER_INGEST_CANARY_PLAN_H

#include "analyzer/ingest/coverage.h"
#include "analyzer/ingest/plan.h"

/*
 * Adds to a plan what brings the canaries of `families` (bits) and nobody else's events: a scope by the task's name, a
 * watch by the file's. Returns those that will come, without what the kernel cannot give, what there is no room for,
 * and opens and connects of which the plan wants none: for these alone every such call would be looked at.
 */
uint32_t canary_plan(struct plan *plan, const struct schema *schema, const struct coverage *coverage,
                     uint32_t families);

#endif
