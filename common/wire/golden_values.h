/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values behind proto/golden/: each is packed by one function here. golden_test compares the stored bytes with
 * them; its --write mode stored them once. The hello's schema is written out, not taken from events.def, so that the
 * batches stay readable as an older peer's would be.
 */
#ifndef VEDETTE_COMMON_WIRE_GOLDEN_VALUES_H
#define VEDETTE_COMMON_WIRE_GOLDEN_VALUES_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire/limits.h"

enum {
    GOLDEN_BOOT_NS = 1000000,
    GOLDEN_FUTURE_ID = 900, /* "future_event", which no build of today knows */
};

#define GOLDEN_SESSION 0x1122334455667788ull

struct golden {
    const char *name; /* proto/golden/NAME.bin */
    size_t (*pack)(uint8_t bytes[WIRE_REQUEST_BYTES]);
};

/* All of them; *ret_count. */
const struct golden *golden_all(size_t *ret_count);

/* Reads a stored one: its size, 0 if it cannot be read. */
size_t golden_read(const char *name, uint8_t bytes[WIRE_REQUEST_BYTES]);

#endif
