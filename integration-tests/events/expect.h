/* SPDX-License-Identifier: Apache-2.0 */
/* What main and expect.c share. */
#ifndef VEDETTE_EVENTS_EXPECT_H
#define VEDETTE_EVENTS_EXPECT_H

#include "integration-tests/events/trigger.h"

#define INITIAL_CGROUP_NS 0xEFFFFFFBu /* PROC_CGROUP_INIT_INO, include/linux/proc_ns.h */

extern int expectations; /* the descriptor that lines go to */

/* A short file as a string; `cannot` when it is not there. */
void read_text(const char *path, char *ret_text, size_t size);

/* As an event shows the credentials that this thread has now, in the initial user namespace: JSON, in one of a few
 * static buffers. */
const char *own_credentials(void);

/* The address of a socket, and that of its peer. */
void line_own(struct line *line, const char *argument, int fd);
void line_peer(struct line *line, const char *argument, int fd);

#endif
