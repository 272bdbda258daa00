/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One libcurl connection to a receiver, as the HTTP sinks and syslog's streams share it: certificates that are read
 * again when their files change, a call from another thread that ends a transfer, and words for people without secrets.
 */
#ifndef VEDETTE_ANALYZER_ALERT_LINK_H
#define VEDETTE_ANALYZER_ALERT_LINK_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "analyzer/alert/sink_settings.h"

enum { LINK_CONNECT_MS = 5000, LINK_RECEIVER_BYTES = 160 };

struct link {
    CURL *easy;
    CURLM *multi;         /* drives the one handle, as only a multi handle can be woken from another thread */
    pthread_mutex_t lock; /* of `multi` itself, which an interrupt finds while it is made anew */
    struct curl_slist *connect_to;
    char receiver[LINK_RECEIVER_BYTES]; /* scheme, host and port: what may be shown; a URL may hold a secret */
    char host[256];                     /* and port: what an HTTP Host header says */
    char words[CURL_ERROR_SIZE];
    uint64_t stamp; /* of the files of tls.* */
    atomic_bool interrupted;
};

/* A link that was zeroed. libcurl is started, the files of tls.* are looked at. 0 or -errno with words. */
int link_init(struct link *link, const struct sink_settings *settings, char error[SINK_ERROR_BYTES]);
/* After link_init, whatever it returned. */
void link_fini(struct link *link);

/*
 * Makes the handles, or makes them anew and so drops the connection, and sets what all have in common: time-outs, TLS,
 * `url`, whose scheme must be http or https. 0, -EINVAL (no such URL) or -ENOMEM.
 */
int link_open(struct link *link, const struct sink_settings *settings, const char *url);
/* Drops the connection and the handles. */
void link_close(struct link *link);
/* Whether a file of tls.* has changed since it was last looked at: 1 or 0; -errno with words when one cannot be read.
 */
int link_is_stale(struct link *link, const struct sink_settings *settings, char error[SINK_ERROR_BYTES]);

/* One transfer; afterwards the handle is out of the multi handle unless `keep`. CURLE_ABORTED_BY_CALLBACK when
 * interrupted. */
CURLcode link_perform(struct link *link, bool keep);
/* Why the last one failed. */
const char *link_reason(const struct link *link, CURLcode code);

/* Ends what runs, and all that would. Any thread. */
void link_interrupt(struct link *link);

#endif
