/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics, /healthz, /readyz and pages of the program's own on libmicrohttpd. GET and HEAD, and POST where a page
 * changes something; bounded connections and time-outs.
 */
#ifndef VEDETTE_ANALYZER_METRICS_HTTP_H
#define VEDETTE_ANALYZER_METRICS_HTTP_H

#include <stdbool.h>

#include "analyzer/metrics/metrics.h"

enum { HTTP_ERROR_BYTES = 256 };

struct http_server;

/* A page beside those. */
struct http_page {
    const char *path;
    const char *type; /* of a good answer; another is plain text */
    /*
     * The status, and *ret_body: heap, freed by the server; NULL for none. `node` is the argument of that name in the
     * query, NULL if there is none; hostile. Called from the HTTP thread.
     */
    unsigned (*answer)(void *arg, const char *node, char **ret_body, size_t *ret_size);
    bool changes; /* it does something: asked by POST, without a body, and not by GET */
};

struct http_settings {
    /* "127.0.0.1:3366", "[::1]:3366", ":3366" for all; port 0 takes any. Or the path of a socket (0660), which begins
     * with '/': only root and our own user are answered there, one that nobody listens on is replaced, and http_stop
     * removes it. */
    const char *address;
    struct metrics *metrics; /* NULL: no /metrics */
    const struct http_page *pages;
    size_t n_pages;
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
