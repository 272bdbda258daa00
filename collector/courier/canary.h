/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canaries: every interval the keeper forks a child that touches each hook family that an unprivileged process can
 * (common/events/canaries.def), so that somebody far away notices when events stop coming. What the child does is seen
 * by the same programs, rings and queue as everybody's. It is known by its parent, the keeper, whose number and start
 * the hello says: real_parent cannot be chosen, so no other process can sing for us.
 */
#ifndef VEDETTE_COLLECTOR_COURIER_CANARY_H
#define VEDETTE_COLLECTOR_COURIER_CANARY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct canary {
    int helper_fd; /* vedette-canary, -1: exec, exit's own and sys_enter have none */
    uint32_t interval_ms;
    pid_t child; /* 0: none is under way */
    uint64_t next_ns;
    uint32_t missing; /* a bit for each enum canary_family that the last one could not cause */
};

/* Opens the helper while files can be opened. interval_ms 0: off. */
void canary_init(struct canary *canary, const char *helper, uint32_t interval_ms);

/*
 * Causes one and waits for its end: what is then missing cannot be had here, as before the hello must be known. After
 * the filter is loaded.
 */
void canary_try(struct canary *canary);

/* The families that the last one could cause, a bit each; 0 when they are off. */
uint32_t canary_possible(const struct canary *canary);

/* Milliseconds to the next, -1 when it is off or one is under way. */
int canary_due_ms(const struct canary *canary, uint64_t now_ns);
/* Forks one when it is due. */
void canary_step(struct canary *canary, uint64_t now_ns);
/* After SIGCHLD: reaps the one under way; true when what is missing has changed. */
bool canary_reap(struct canary *canary);

/* The names of these families, for people. */
const char *canary_names(uint32_t families, char *text, size_t size);

#endif
