/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is the same for every sink that POSTs: one request an alert over one kept-alive connection, credentials from
 * files that are read again when they change, and the judgement of the answer. The sink's own thread, but for
 * interrupt.
 */
#ifndef VEDETTE_ANALYZER_ALERT_SINK_HTTP_H
#define VEDETTE_ANALYZER_ALERT_SINK_HTTP_H

#include "analyzer/alert/sink.h"

struct sink_http;

/* How a kind speaks HTTP. */
struct sink_http_kind {
    const char *path;         /* that a URL gets which does not end in it; NULL: the URL is whole */
    const char *content_type; /* of the body */
    const char *example;      /* of a URL, for words */
};

/*
 * NULL with words that begin with the output's name: no usable URL; a credential's or certificate's file that is
 * missing or cannot be read. The settings outlive it.
 */
struct sink_http *sink_http_new(const struct sink_settings *settings, const struct sink_http_kind *kind,
                                char error[SINK_ERROR_BYTES]);
void sink_http_free(struct sink_http *http);

/*
 * POSTs the body, with further headers of this request ("Name: value", NULL ends them; NULL: none). Answers:
 *   2xx                                  delivered
 *   3xx, 401, 403, 404, 405, 407, 408, 425, 429, 5xx    retry: they speak of the receiver or of its settings;
 * Retry-After (RFC 9110 section 10.2.3, seconds or a date) is obeyed other 4xx                            refused: they
 * speak of this alert no answer, half of one, no name      retry a credential's file that is gone     retry, without a
 * request
 */
enum { SINK_HTTP_HEADERS = 4 };
enum sink_result sink_http_post(struct sink_http *http, const char *body, size_t size, const char *const *headers,
                                uint32_t *retry_after_ms, char error[SINK_ERROR_BYTES]);

/* As sink_kind.interrupt. */
void sink_http_interrupt(struct sink_http *http);

#endif
