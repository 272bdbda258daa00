/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the bus is listened on, and whether it still is. Debian 12's libnng 1.5.2 never accepts again on an ipc://
 * listener once a client has closed its connection before the greeting was over (nanomsg/nng issue 1518): one connect
 * and close by anybody who may open the socket is enough. So the analyzer asks its own listener every few seconds, and
 * replaces it when it does not answer.
 */
#ifndef VEDETTE_ANALYZER_INGEST_LISTENER_H
#define VEDETTE_ANALYZER_INGEST_LISTENER_H

#include <nng/nng.h>
#include <stdbool.h>

#include "analyzer/ingest/ingest.h"

/* No request begins so: it would be a field 14 of a wire type that there is not. */
#define LISTENER_PROBE "vedette?"

/* ipc:///PATH; tls+tcp:// with an address, a port, certificates and an enrolment; tcp:// with a loopback address, a
 * port and an enrolment, or `insecure` for any. 0, -EINVAL or -EADDRINUSE with words. */
int listener_check(const struct ingest_settings *settings, char error[INGEST_ERROR_BYTES]);

/* Listens; `tls` for tls+tcp://, else NULL. 0; -EADDRINUSE, -EACCES, -ENOENT, -EINVAL, -EIO with words naming the
 * address and the remedy. */
int listener_start(nng_socket socket, const char *url, struct nng_tls_config *tls, nng_listener *ret_listener,
                   char error[INGEST_ERROR_BYTES]);

/* What it is bound to, with the port that the system chose; heap, NULL without memory. */
char *listener_url(nng_listener listener);

/*
 * Connects to an ipc:// listener as a collector would, greets, and asks LISTENER_PROBE, which the analyzer answers for
 * its own process with a reply without a body (dispatch in ingest.c). A listener that has stopped still greets, but
 * makes no pipe that could carry a request. Up to 4 s.
 */
bool listener_answers(const char *path);

#endif
