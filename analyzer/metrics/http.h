/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics, /healthz, /readyz on libmicrohttpd. GET and HEAD only, bounded connections and time-outs.
 */
#ifndef VEDETTE_ANALYZER_METRICS_HTTP_H
#define VEDETTE_ANALYZER_METRICS_HTTP_H

#include "analyzer/metrics/metrics.h"

enum { HTTP_ERROR_BYTES = 256 };

struct http_server;

struct http_settings {
    const char *address; /* "127.0.0.1:3366", "[::1]:3366", ":3366" for all; port 0 takes any */
    struct metrics *metrics;
    /* 200 with `ok` when it returns NULL, else 503 with its words. Called from the HTTP thread. */
    const char *(*healthy)(void *arg);
    const char *(*ready)(void *arg);
    void *arg;
};

/* 0; -EADDRINUSE, -EINVAL, ... with words naming address and remedy. The bound address is http_address(). */
int http_start(const struct http_settings *settings, struct http_server **ret_server, char error[HTTP_ERROR_BYTES]);
const char *http_address(const struct http_server *server);
void http_stop(struct http_server *server);

#endif
