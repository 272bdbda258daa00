/* SPDX-License-Identifier: Apache-2.0 */
/* What main and expect.c share. */
#ifndef VEDETTE_EVENTS_EXPECT_H
#define VEDETTE_EVENTS_EXPECT_H

#include "integration-tests/events/trigger.h"

#define INITIAL_CGROUP_NS 0xEFFFFFFBu /* PROC_CGROUP_INIT_INO, include/linux/proc_ns.h */

extern int expectations; /* the descriptor that lines go to */

/* A short file as a string; `cannot` when it is not there. */
void read_text(const char *path, char *ret_text, size_t size);

#endif
