/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/wire/test_fixture.h"

int fixture_set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    f->encoder = batch_encoder_new(WIRE_REQUEST_BYTES);
    f->decoder = decoder_new(WIRE_REQUEST_BYTES);
    f->schema = schema_new_builtin();
    f->record = malloc(sizeof(*f->record));
    f->bytes = malloc(WIRE_REQUEST_BYTES);
    return f->encoder != NULL && f->decoder != NULL && f->schema != NULL && f->record != NULL && f->bytes != NULL ? 0
                                                                                                                  : -1;
}

int fixture_tear_down(void **state)
{
    struct fixture *f = *state;
    batch_encoder_free(f->encoder);
    decoder_free(f->decoder);
    schema_free(f->schema);
    free(f->record);
    free(f->bytes);
    free(f);
    return 0;
}

int fixture_add(struct fixture *f)
{
    return batch_encoder_add(f->encoder, &f->record->header, f->record->header.size);
}

void fixture_pack(struct fixture *f)
{
    assert_int_equal(batch_encoder_pack(f->encoder, -5, f->bytes, WIRE_REQUEST_BYTES, &f->size), 0);
    assert_true(f->size <= WIRE_REQUEST_BYTES - WIRE_APPENDED_BYTES);
}

void fixture_open(struct fixture *f)
{
    const Vedette__V1__Request *request = NULL;
    if (decoder_unpack(f->decoder, f->bytes, f->size, &request) != 0)
        fail_msg("%s", decoder_error(f->decoder));
    f->batch = request->batch;
    if (decoder_open_batch(f->decoder, f->batch, f->schema) != 0)
        fail_msg("%s", decoder_error(f->decoder));
}

void assert_string(struct string_view view, const char *text, uint8_t state)
{
    assert_int_equal(view.length, strlen(text));
    assert_memory_equal(view.data, text, view.length);
    assert_int_equal(view.state, state);
}
