/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of field names, for the files that make up field.h. */
#ifndef VEDETTE_ANALYZER_DETECT_FIELD_INTERNAL_H
#define VEDETTE_ANALYZER_DETECT_FIELD_INTERNAL_H

#include "analyzer/detect/field.h"

/* Each table ends with a NULL name. */
struct fixed_field {
    const char *name;
    uint8_t kind, place;
};
extern const struct fixed_field fixed_fields[], process_fields[];

struct sockaddr_field {
    const char *name;
    uint8_t kind, part;
};
extern const struct sockaddr_field sockaddr_fields[];

const struct fixed_field *fixed_field_find(const struct fixed_field *table, const char *name);

#endif
