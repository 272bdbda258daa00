/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads several BPF ring buffers as one stream in time order, without copying a record. The ring's layout (consumer
 * page, producer page, data mapped twice; an 8-byte header with BUSY and DISCARD bits) is the kernel's ABI:
 * kernel/bpf/ringbuf.c and libbpf's ringbuf.c. One thread.
 */
#ifndef VEDETTE_COLLECTOR_DRAIN_RINGS_H
#define VEDETTE_COLLECTOR_DRAIN_RINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/probe/probe.h"
#include "common/events/record.h"

struct rings;

struct ring_record {
    const struct record_header *header; /* in the ring, until rings_release */
    uint32_t available;                 /* bytes reserved: header->size must not exceed it */
    uint32_t class;                     /* of the ring it came from */
};

/* Maps every ring; max_records bounds a round. 0 or -errno. */
int rings_open(const struct ring_map *maps, size_t count, size_t max_records, struct rings **ret_rings);
void rings_close(struct rings *rings);

/* Becomes readable when a ring wants attention. */
int rings_fd(const struct rings *rings);

/*
 * One round: reads the clock, then every producer position, and gives the finished records up to them in time order, at
 * most max_records. *ret_until_ns: everything stamped before it that was reserved has been given out by this and
 * earlier rounds (so what is missing was lost): the clock, or less when a record was still being written or the bound
 * was reached. *ret_records points into the object until rings_release.
 */
size_t rings_round(struct rings *rings, const struct ring_record **ret_records, uint64_t *ret_until_ns);
/* Hands the last round's records back to the kernel. `wake`: rings_fd is readable at once when more is there. */
void rings_release(struct rings *rings, bool wake);

#endif
