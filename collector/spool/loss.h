/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_COLLECTOR_SPOOL_LOSS_H
#define VEDETTE_COLLECTOR_SPOOL_LOSS_H

#include <stddef.h>
#include <stdint.h>

#include "collector/spool/disk.h"

enum { SPOOL_LOSS_BYTES = 192 };

/*
 * What the analyzer gets in the place of a batch that is no more: an empty batch that begins behind it, with the loss
 * record that explains the gap. Returns its size. No memory is asked for.
 */
size_t spool_pack_loss(const struct piece *piece, uint8_t out[SPOOL_LOSS_BYTES]);

#endif
