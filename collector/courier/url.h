/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_COLLECTOR_COURIER_URL_H
#define VEDETTE_COLLECTOR_COURIER_URL_H

#include <stdbool.h>

enum { URL_BYTES = 320, URL_HOST_BYTES = 256 };

enum url_kind { URL_IPC, URL_TCP, URL_TLS };

/* All of a url that courier_check_bus accepted. */
enum url_kind url_kind(const char *url);
/* The url for nng: over tcp:// "localhost" is an address, so that no resolver is asked for it. */
void url_for_dialer(const char *url, char out[URL_BYTES]);
/* The host of tcp:// and tls+tcp://, without brackets. */
void url_host(const char *url, char out[URL_HOST_BYTES]);
/* Its host is a name that a resolver must be asked for. */
bool url_is_named(const char *url);

#endif
