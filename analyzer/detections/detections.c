/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detections/detections.h"

#include <string.h>

#define DETECTION(name_) &detection_##name_,
static const struct detection *const table[] = {
#include "analyzer/detections/detections.def"
};

enum { N_DETECTIONS = sizeof(table) / sizeof(table[0]) };

const struct detection *const *detections_all(size_t *ret_count)
{
    *ret_count = N_DETECTIONS;
    return table;
}

const struct detection *detection_by_name(const char *name_or_id)
{
    for (size_t i = 0; i < N_DETECTIONS; i++)
        if (strcmp(table[i]->name, name_or_id) == 0 || strcmp(table[i]->id, name_or_id) == 0)
            return table[i];
    return NULL;
}
