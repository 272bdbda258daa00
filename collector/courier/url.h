/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_COLLECTOR_COURIER_URL_H
#define VEDETTE_COLLECTOR_COURIER_URL_H

#include <stdbool.h>

enum { URL_BYTES = 160 };

/* The url for nng, of one that courier_check_url accepted: without a name that would have to be resolved. */
void url_for_dialer(const char *url, char out[URL_BYTES]);
bool url_is_tcp(const char *url);

#endif
