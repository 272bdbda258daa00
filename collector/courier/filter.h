/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The courier's system call filters. A filter is inherited by fork, and a second one only narrows the first: so the
 * keeper's must allow all that its worker needs, and what it has beyond that is fork, wait, kill and seccomp itself.
 */
#ifndef VEDETTE_COLLECTOR_COURIER_FILTER_H
#define VEDETTE_COLLECTOR_COURIER_FILTER_H

#include <stdbool.h>

enum filter_role { FILTER_KEEPER, FILTER_WORKER };

/*
 * For this thread and all that it will make. is_tcp: the bus is, so that sockets of the internet's families may be
 * made; else only unix sockets. 0 or -errno. With VEDETTE_NO_SECCOMP it does nothing.
 */
int filter_load(enum filter_role role, bool is_tcp);

#endif
