/* SPDX-License-Identifier: Apache-2.0 */
/* A drain and a courier of the tests' own around a real queue and a real spool. */
#ifndef VEDETTE_COLLECTOR_SPOOL_TEST_STREAM_H
#define VEDETTE_COLLECTOR_SPOOL_TEST_STREAM_H

#include "collector/spool/spool.h"

enum { STREAM_QUEUE_BYTES = 1 << 20, STREAM_EVENTS = 10, STREAM_SESSION = 42 };
#define STREAM_BOOT "0b5d6c1e-0000-4000-8000-00000000000a"

struct stream {
    char folder[48], queue_path[64], inlet_path[64], spool_path[64];
    uint64_t size;
    const char *boot_id;
    struct queue *queue;
    struct spool *spool;
    struct queue_recovery recovery;
    struct spool_recovery spool_recovery;
    uint64_t session, seq;     /* of what is produced next */
    uint64_t session_got, got; /* what is expected next */
    /* What the courier got since stream_open. */
    uint64_t batches, events, losses, lost_events;
    uint64_t first_lost, last_lost; /* sequence numbers, [first, last) */
    uint32_t lost_class;            /* of the last loss; UINT32_MAX if they differed */
    bool lost_exact;
};

/* A folder of its own, queue and spool of `size` in it. */
void stream_new(struct stream *stream, uint64_t size);
/* Opens them again, as another life of the drain would. Returns what spool_open did. */
int stream_open(struct stream *stream);
void stream_start(struct stream *stream);
void stream_close(struct stream *stream);
void stream_free(struct stream *stream);

/* One batch of STREAM_EVENTS events; false when there is no room for it. */
bool stream_try(struct stream *stream, size_t size, uint32_t classes);
/* The same; waits until there is room. */
void stream_produce(struct stream *stream, size_t size, uint32_t classes);
/* Until the inlet has nothing that waits. */
void stream_wait_stored(struct stream *stream);
/* Takes, checks and acknowledges all until the stream's end; every sequence number is there or in a loss record. */
void stream_consume(struct stream *stream);

#endif
