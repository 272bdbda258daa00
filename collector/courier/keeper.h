/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_COLLECTOR_COURIER_KEEPER_H
#define VEDETTE_COLLECTOR_COURIER_KEEPER_H

#include <stdatomic.h>

#include "collector/courier/canary.h"
#include "collector/courier/courier.h"

/* What the keeper tells the drain. */
struct keeper_page {
    _Atomic int32_t worker;
    _Atomic uint32_t canaries; /* a bit for each enum canary_family that can be caused here */
};

struct keeper {
    const struct courier_settings *settings;
    struct queue *queue;
    pid_t drain;
    int alive_fd;             /* read end: ends when the drain does */
    int hello_fd;             /* read end: a native uint32_t of size, then the hello */
    int status_fd;            /* write end: one int, 0 or -errno, when confined */
    struct keeper_page *page; /* a shared page of drain and keeper alone */

    const char *landlock; /* a word for the log */
    int signal_fd;
    uint8_t *hello;
    size_t hello_size;
    pid_t worker;
    struct canary canary;
    uint32_t backoff_ms;
    uint64_t start_at_ns; /* when the next worker may start */
    uint64_t started_ns;
    uint64_t began_ns; /* when the keeper did: before anything was captured */
};

/* The keeper's whole life, in the child. */
_Noreturn void keeper_run(struct keeper *keeper);

#endif
