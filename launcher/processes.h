/* SPDX-License-Identifier: Apache-2.0 */
/* Who is still alive below a process, from /proc. */
#ifndef VEDETTE_LAUNCHER_PROCESSES_H
#define VEDETTE_LAUNCHER_PROCESSES_H

#include <stddef.h>
#include <sys/types.h>

struct process {
    pid_t pid;
    char name[17]; /* comm */
};

/*
 * Descendants of `root`, itself not included, zombies neither: at most `max` into `processes`; returns how many there
 * are. Reads names and parents only. -errno when /proc cannot be read.
 */
ssize_t processes_below(pid_t root, struct process *processes, size_t max);

#endif
