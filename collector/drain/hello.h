/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first message on every connection, packed once by the drain, which alone knows schema, coverage and session.
 */
#ifndef VEDETTE_COLLECTOR_DRAIN_HELLO_H
#define VEDETTE_COLLECTOR_DRAIN_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "collector/probe/probe.h"

/* Of canaries: interval_ms 0 when there are none. */
struct hello_canary {
    uint64_t start_ns;
    uint32_t tgid, interval_ms, families;
};

struct hello_facts {
    const char *node;
    const char *boot_id;
    uint64_t session;
    uint32_t heartbeat_ms;
    const char *scope; /* in words, "" for the whole host */
    const struct probe *probe;
    struct hello_canary canary;
};

/* A packed Request, heap; NULL with errno. */
uint8_t *hello_pack(const struct hello_facts *facts, size_t *ret_size);

#endif
