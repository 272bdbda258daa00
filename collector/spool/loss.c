/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/spool/loss.h"

#include "common/base/clock.h"
#include "common/events/record.h"
#include "proto/vedette.pb-c.h"

enum { ALL_CLASSES = 255, ALL_CPUS = UINT32_MAX };

/* The class, where there is but one. */
static uint32_t class_of(const struct piece *piece)
{
    for (uint32_t class = 0; class < CLASS_COUNT; class ++)
        if (piece->classes == 1u << class)
            return class;
    return ALL_CLASSES;
}

size_t spool_pack_loss(const struct piece *piece, uint8_t out[SPOOL_LOSS_BYTES])
{
    Vedette__V1__Loss loss;
    vedette__v1__loss__init(&loss);
    loss.stage = VEDETTE__V1__LOSS_STAGE__LOSS_SPOOL;
    loss.event_class = class_of(piece);
    loss.cpu = ALL_CPUS;
    loss.from_ns = piece->from_ns != 0 ? piece->from_ns : piece->time_ns;
    loss.to_ns = piece->time_ns;
    loss.count = piece->next_seq - piece->first_seq;
    loss.count_exact = loss.count > 0; /* 0: that something is missing is all that is known */
    loss.session = piece->session;
    Vedette__V1__Loss *losses[] = {&loss};
    Vedette__V1__EventBatch batch;
    vedette__v1__event_batch__init(&batch);
    batch.session = piece->session;
    batch.first_seq = piece->next_seq;
    batch.base_boot_ns = clock_boot_ns();
    batch.wall_minus_boot_ns = clock_wall_minus_boot_ns();
    batch.n_loss = 1;
    batch.loss = losses;
    Vedette__V1__Request request;
    vedette__v1__request__init(&request);
    request.body_case = VEDETTE__V1__REQUEST__BODY_BATCH;
    request.batch = &batch;
    return vedette__v1__request__get_packed_size(&request) <= SPOOL_LOSS_BYTES
               ? vedette__v1__request__pack(&request, out)
               : 0;
}
