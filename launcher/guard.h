/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that outlives a killed launcher just long enough to clean up after it: it ends the programs that it was
 * told of and removes the private directory. Parent-death signals cannot do this: the kernel forgets them when a
 * program changes its user.
 */
#ifndef VEDETTE_LAUNCHER_GUARD_H
#define VEDETTE_LAUNCHER_GUARD_H

#include <sys/types.h>

struct guard {
    pid_t pid;
    int fd; /* write end; the guard acts when it closes without a goodbye */
};

/* Forks the guard of `directory`; before any other process, so that none holds its pipe. 0 or -errno. */
int guard_start(const char *directory, struct guard *ret_guard);

/* The process group of a program that was started. */
void guard_watch(struct guard *guard, pid_t group);

/* The launcher cleaned up by itself: the guard ends without acting. */
void guard_stop(struct guard *guard);

#endif
