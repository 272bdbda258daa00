/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where syslog messages go: udp:// (RFC 5426), tcp:// (RFC 6587), tls:// (RFC 5425), unix:// (a datagram socket such as
 * /dev/log, or a stream). The sink's own thread, but for interrupt.
 *
 * Syslog has no acknowledgement. On a stream a message counts as delivered when the receiver's kernel has acknowledged
 * every byte of it; a receiver that dies with unread bytes resets the connection, and then the last message is sent
 * again, so that at most one comes twice, and what stood in its buffer before that is lost. A datagram counts when it
 * was sent and no error came back at once.
 */
#ifndef VEDETTE_ANALYZER_ALERT_SYSLOG_TRANSPORT_H
#define VEDETTE_ANALYZER_ALERT_SYSLOG_TRANSPORT_H

#include "analyzer/alert/sink.h"

struct syslog_transport;

/* NULL with words: no usable URL, a file of tls.* that cannot be read. `by_line`: a stream's messages end with a
 * newline (RFC 6587 section 3.4.2) instead of beginning with their length (3.4.1). The settings outlive it. */
struct syslog_transport *syslog_transport_new(const struct sink_settings *settings, bool by_line,
                                              char error[SINK_ERROR_BYTES]);
void syslog_transport_free(struct syslog_transport *transport);

/* Sends one message; connects when there is no connection. 0; -EMSGSIZE when it is too long for the transport; another
 * -errno when it is to be tried again; with words. */
int syslog_transport_send(struct syslog_transport *transport, const char *message, size_t size,
                          char error[SINK_ERROR_BYTES]);

/* As sink_kind.interrupt. */
void syslog_transport_interrupt(struct syslog_transport *transport);

#endif
