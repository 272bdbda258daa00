/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The courier's system call filters. A filter is inherited by fork, and a second one only narrows the first: so the
 * keeper's must allow all that its worker needs, and what it has beyond that is fork, wait, kill and seccomp itself.
 */
#ifndef VEDETTE_COLLECTOR_COURIER_FILTER_H
#define VEDETTE_COLLECTOR_COURIER_FILTER_H

#include <stdbool.h>

enum filter_role { FILTER_KEEPER, FILTER_WORKER };
enum filter_reach {
    FILTER_IPC,   /* unix sockets only */
    FILTER_TCP,   /* also the internet's families */
    FILTER_NAMES, /* also what libc's resolver does besides */
};

/*
 * For this thread and all that it will make. exec_fd: the one program that may be executed, by this descriptor; -1 for
 * none, and so for a worker. 0 or -errno. With VEDETTE_NO_SECCOMP it does nothing.
 */
int filter_load(enum filter_role role, enum filter_reach reach, int exec_fd);

#endif
