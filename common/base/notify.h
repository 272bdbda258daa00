/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sd_notify(3) protocol, without libsystemd in a privileged program: one datagram to $NOTIFY_SOCKET. systemd and
 * vedette-run both listen this way.
 */
#ifndef VEDETTE_COMMON_BASE_NOTIFY_H
#define VEDETTE_COMMON_BASE_NOTIFY_H

/* Connects to $NOTIFY_SOCKET and unsets it. The descriptor (close-on-exec), -1 when there is none to tell. */
int notify_open(void);

/* "READY=1", "STOPPING=1", "STATUS=...". Does nothing for -1. */
void notify_send(int fd, const char *state);

#endif
