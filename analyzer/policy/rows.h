/* SPDX-License-Identifier: Apache-2.0 */
/* What a trigger names, as a row: an event of the schema, or a detection's findings. */
#ifndef VEDETTE_ANALYZER_POLICY_ROWS_H
#define VEDETTE_ANALYZER_POLICY_ROWS_H

#include "analyzer/detect/engine.h"
#include "analyzer/detect/matcher.h"

struct rows {
    const struct schema *schema;
    struct matcher *matcher;
    struct schema_event **of_finding; /* by place in detections_all; made when they are asked for */
    unsigned depth;
};

/* 0 or -ENOMEM. Both must outlive it. */
int rows_init(struct rows *rows, const struct schema *schema, struct matcher *matcher);
void rows_fini(struct rows *rows);

/* NULL when neither the schema has such an event nor is there such a detection. The row lives as long as the rows. */
const struct schema_event *rows_find(struct rows *rows, const char *name);

#endif
