// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/rows.h"

#include <errno.h>

#include "analyzer/detect/finding_event.h"

enum { MAX_DEPTH = 8 /* findings of findings; the engine takes fewer */ };

int rows_init(struct rows *rows, const struct schema *schema, struct matcher *matcher)
{
    size_t n;
    detections_all(&n);
    *rows = (struct rows){.schema = schema, .matcher = matcher};
    rows->of_finding = calloc(n + 1, sizeof(struct schema_event *));
    return rows->of_finding == NULL ? -ENOMEM : 0;
}

void rows_fini(struct rows *rows)
{
    size_t n;
    detections_all(&n);
    for (size_t i = 0; rows->of_finding != NULL && i < n; i++)
        finding_event_free(rows->of_finding[i]);
    free(rows->of_finding);
    *rows = (struct rows){0};
}

static const struct schema_event *find(void *arg, const char *name)
{
    return rows_find(arg, name);
}

const struct schema_event *rows_find(struct rows *rows, const char *name)
{
    size_t n, at = 0;
    const struct detection *const *all = detections_all(&n);
    for (size_t i = 0; i < schema_count(rows->schema); i++)
        if (strcmp(schema_event_at(rows->schema, i)->name, name) == 0)
            return schema_event_at(rows->schema, i);
    while (at < n && strcmp(all[at]->name, name) != 0)
        at++;
    if (at == n || rows->of_finding[at] != NULL || rows->depth >= MAX_DEPTH)
        return at == n ? NULL : rows->of_finding[at];
    struct schema_event *row = NULL;
    rows->depth++;
    if (finding_event_row(rows->matcher, all[at], find, rows, &row) == 0)
        rows->of_finding[at] = row;
    rows->depth--;
    return rows->of_finding[at];
}
