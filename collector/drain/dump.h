/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vedette-collector dump`: the requests that the courier would send, to a descriptor instead (common/wire/frame.h),
 * for people who debug. No queue stands between: a reader that is too slow fills the rings, and the loss records say
 * so. Runs after privilege_drop.
 */
#ifndef VEDETTE_COLLECTOR_DRAIN_DUMP_H
#define VEDETTE_COLLECTOR_DRAIN_DUMP_H

#include "collector/drain/rings.h"
#include "common/wire/encode.h"

struct dump_settings {
    struct probe *probe;
    struct rings *rings;
    struct batch_encoder *encoder;
    uint64_t session;
    uint64_t seconds; /* 0: until a signal or until the reader goes */
    int signal_fd;    /* SIGTERM, SIGINT, blocked otherwise */
    int out_fd;
    uint64_t capture_began_ns;
};

/* Begins the stream with the hello. 0 or -errno; -ECANCELED when a signal came while the reader stood still. */
int dump_hello(int out_fd, int signal_fd, const uint8_t *hello, size_t size);

/* The processes that are there, then batches until the time is over; the last is final. Returns an exit code. */
int dump_run(const struct dump_settings *settings);

#endif
