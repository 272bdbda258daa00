/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics, /healthz, /readyz and pages of the program's own on libmicrohttpd. GET and HEAD, and POST where a page
 * changes something; TLS and a bearer token when asked for. Bounded: connections, those of one address, bytes of a
 * request, and the time that a request may take from its first byte to its answer's last, however slowly it drips.
 */
#ifndef VEDETTE_ANALYZER_METRICS_HTTP_H
#define VEDETTE_ANALYZER_METRICS_HTTP_H

#include <stdbool.h>

#include "analyzer/metrics/metrics.h"
#include "analyzer/metrics/report.h"

enum {
    HTTP_ERROR_BYTES = 256,
    HTTP_MAX_CONNECTIONS = 256,
    HTTP_MAX_CONNECTIONS_PER_ADDRESS = 32, /* one client cannot keep the others out */
    HTTP_REQUEST_S = 30,                   /* from a connection's begin, or its last answer, to the next answer's end */
};

struct http_server;

/* What stands behind the question mark; of one request. */
struct http_query;
/* The value of an argument, decoded; "" when it is there without one, NULL when it is not there. Hostile. Lives as long
 * as the request. */
const char *http_argument(const struct http_query *query, const char *name);

/* A page beside those. */
struct http_page {
    const char *path;
    const char *type; /* of a good answer; another is plain text */
    /*
     * The status, and *ret_body: heap, freed by the server; NULL for none. Called from the HTTP thread.
     */
    unsigned (*answer)(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size);
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
    /* Fills the report of /healthz and /readyz: 200 when it is good, else 503; as JSON for who accepts
     * application/json. NULL: 200. Called from the HTTP thread. */
    void (*healthy)(void *arg, struct report *report);
    void (*ready)(void *arg, struct report *report);
    void *arg;
    const char *tls_certificate, *tls_key; /* PEM files; NULL: no TLS */
    const char *token_file; /* /metrics and pages are for who presents it; /healthz and /readyz for all. NULL: none */
};

/* 0; -EADDRINUSE, -EINVAL, ... with words naming address and remedy. The bound address is http_address(). */
int http_start(const struct http_settings *settings, struct http_server **ret_server, char error[HTTP_ERROR_BYTES]);
const char *http_address(const struct http_server *server);
/*
 * To be called every few seconds, by any one thread: closes connections whose time is over, and takes files that have
 * changed into use. What is wrong with one is logged, once a change, and the one before stays in use. `now_ns` is
 * CLOCK_BOOTTIME. NULL is fine.
 */
void http_tend(struct http_server *server, uint64_t now_ns);
void http_stop(struct http_server *server);

#endif
