/* SPDX-License-Identifier: Apache-2.0 */
/* An encoder and a decoder joined by a buffer, for the tests of either. Include after cmocka. */
#ifndef VEDETTE_COMMON_WIRE_TEST_FIXTURE_H
#define VEDETTE_COMMON_WIRE_TEST_FIXTURE_H

#include "common/wire/decode.h"
#include "common/wire/encode.h"
#include "common/wire/limits.h"
#include "common/wire/test_records.h"

struct fixture {
    struct batch_encoder *encoder;
    struct decoder *decoder;
    struct schema *schema;
    union test_record *record;
    uint8_t *bytes;
    size_t size;
    const Vedette__V1__EventBatch *batch;
};

/* For cmocka's groups. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* Adds the fixture's record; packs what was added; decodes the packed bytes and opens the batch. */
int fixture_add(struct fixture *f);
void fixture_pack(struct fixture *f);
void fixture_open(struct fixture *f);

void assert_string(struct string_view view, const char *text, uint8_t state);

#endif
