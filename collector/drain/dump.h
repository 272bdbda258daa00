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

/* Where to, and when to end: zero but for the first three. */
struct dump_out {
    int fd;
    int signal_fd; /* SIGTERM, SIGINT, blocked otherwise */
    uint64_t
        patience_ms; /* how long after a signal a reader that stands still is waited for; a second signal ends that */
    uint64_t deadline_ns; /* CLOCK_BOOTTIME: a signal has come and this is the end of that wait. 0: none yet */
};

struct dump_settings {
    struct probe *probe;
    struct rings *rings;
    struct batch_encoder *encoder;
    uint64_t session;
    uint64_t seconds; /* 0: until a signal or until the reader goes */
    struct dump_out *out;
    uint64_t capture_began_ns;
};

/* Begins the stream with the hello. 0 or -errno; -ECANCELED when a signal came and the reader stood still. */
int dump_hello(struct dump_out *out, const uint8_t *hello, size_t size);

/* The processes that are there, then batches until the time is over; the last is final. Returns an exit code. */
int dump_run(const struct dump_settings *settings);

#endif
