/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_EVENTS_PROCESSES_H
#define VEDETTE_EVENTS_PROCESSES_H

#include <stdbool.h>
#include <sys/types.h>

/* The sched_process_fork of a process that this one made, and has not waited for. */
void process_line(const char *what, const char *syscall, bool is_compat, pid_t child, pid_t parent_of_child);

#endif
