/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that lead nowhere but to this machine itself. */
#ifndef VEDETTE_TESTER_LOOPBACK_H
#define VEDETTE_TESTER_LOOPBACK_H

#include <netinet/in.h>
#include <sys/socket.h>

/* An address of `family` with a port at which somebody of this process listens, *ret_listener. 0, or -errno after
 * words; skipped where the machine has not that family. */
int loopback_listen(int family, struct sockaddr_storage *ret_address, int *ret_listener);

/* The size that the kernel wants for it. */
socklen_t loopback_size(const struct sockaddr_storage *address);

/* A new socket connected to it. The descriptor, or -errno after words. */
int loopback_connect(const struct sockaddr_storage *address);

#endif
