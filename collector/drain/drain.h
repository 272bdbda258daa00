/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drain's loop: rings to batches to queue. It runs after privilege_drop: every descriptor and mapping it uses is
 * open already, and nothing that it reads was written by a process it trusts less, but for the plan and the cursors in
 * the queue, which are checked there.
 */
#ifndef VEDETTE_COLLECTOR_DRAIN_DRAIN_H
#define VEDETTE_COLLECTOR_DRAIN_DRAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/drain/rings.h"
#include "collector/probe/probe.h"
#include "collector/queue/queue.h"
#include "collector/spool/spool.h"
#include "common/wire/encode.h"

struct courier;

struct drain_settings {
    struct probe *probe;
    struct rings *rings;
    struct queue *queue;
    struct spool *spool; /* NULL for none */
    pid_t keeper;
    /* The worker's pid just now, 0 if none; asked rather than included, because drain and courier know only the queue
     * of each other. */
    pid_t (*worker)(const struct courier *courier);
    const struct courier *courier;
    struct batch_encoder *encoder;
    uint64_t session;
    uint64_t heartbeat_ms, shutdown_ms;
    int signal_fd; /* SIGTERM, SIGINT, SIGCHLD, blocked otherwise */
    int notify_fd; /* sd_notify socket; told READY=1 and closed. -1 for none */
    bool wait_for_plan;
    uint64_t capture_began_ns;
    struct queue_recovery recovery; /* of the life before: its absence is the first loss record */
};

/* What is always on (events.h): no analyzer may blind a node to what its processes do. */
void drain_require_critical(struct plan_request *plan);

/*
 * Until SIGTERM or SIGINT: then selects nothing, drains what the rings hold, queues a final batch and waits for its
 * delivery. Returns an exit code: 0 all delivered; EXIT_CODE_RUNTIME something is left in the queue or the courier
 * died.
 */
int drain_run(const struct drain_settings *settings);

#endif
