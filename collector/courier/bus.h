/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One REQ socket with one dialer for the process's life, and one request at a time. Around defects of libnng 1.5.2
 * (Debian 12):
 * - a receive starts only when its send is done, and is never cancelled: closing the pipe ends it;
 * - nng's own resend timer is off, since the queue resends;
 * - the socket is never closed while nng may be dialing: a client that goes away during the greeting stops a listener
 * of 1.5.2 for good (issue 1518, fixed in 1.6.0). So nng redials by itself, at random up to redial_min_ms growing to
 * redial_max_ms, and we wait;
 * - no nng function may be called before the last fork of the process that calls it.
 */
#ifndef VEDETTE_COLLECTOR_COURIER_BUS_H
#define VEDETTE_COLLECTOR_COURIER_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bus;
struct nng_tls_config;

/* NULL with errno. url: courier_check_bus accepted it. Starts nng's threads. */
struct bus *bus_new(const char *url, uint32_t timeout_ms, uint32_t redial_min_ms, uint32_t redial_max_ms);

/* For tls+tcp://, before the first bus_connect and at any time after: later connections use it, the present one goes
 * on. Takes the configuration. 0 or -EIO. */
int bus_use_tls(struct bus *bus, struct nng_tls_config *config);

/* Takes the connection that there is, the first time dialing for it. NULL, or why there is none, in words. Every
 * connection begins here. */
const char *bus_connect(struct bus *bus);

/*
 * Sends the parts as one message and waits for the reply, at most timeout_ms; *ret_reply is valid until the next call.
 * NULL, or why not; then the connection is of no more use: bus_connect again.
 */
const char *bus_exchange(struct bus *bus, const uint8_t *bytes, size_t size, const uint8_t *extra, size_t extra_size,
                         const uint8_t **ret_reply, size_t *ret_size);

/* There is one, be it the one that bus_connect took or a newer one. */
bool bus_has_connection(const struct bus *bus);
/* The connection that bus_connect took is gone. */
bool bus_is_lost(const struct bus *bus);
/* Breaks it: the other end speaks nonsense. */
void bus_hang_up(struct bus *bus);
/* Readable when a connection came or went since the last bus_connect or bus_is_still_there. */
int bus_change_fd(const struct bus *bus);
/*
 * After bus_change_fd was readable: false when the connection that bus_connect took is gone. True, and the descriptor
 * is cleared, when it is not: the end of the connection before it may be told late.
 */
bool bus_is_still_there(struct bus *bus);

#endif
