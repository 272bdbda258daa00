/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that HTTP is served on, by how they are written in a configuration. */
#ifndef VEDETTE_ANALYZER_METRICS_LISTEN_H
#define VEDETTE_ANALYZER_METRICS_LISTEN_H

#include "analyzer/metrics/http.h"

enum { LISTEN_ADDRESS_BYTES = 128 /* that of a Unix socket's path is the longest: 108 */ };

/* A listening socket for "HOST:PORT", "[HOST]:PORT", ":PORT" or a path; 0 or -errno. */
int listen_open(const char *text, int *ret_fd);
/* Where it is bound to, with the port that the system chose. */
int listen_bound(int fd, char ret_text[LISTEN_ADDRESS_BYTES]);
/* The same error, and words that name the address and the remedy. */
int listen_explain(const char *address, int error, char words[HTTP_ERROR_BYTES]);

#endif
