/* SPDX-License-Identifier: Apache-2.0 */
/* What a running analyzer is asked over its control socket: the pages, and the verbs that ask for them. */
#ifndef VEDETTE_ANALYZER_CONTROL_H
#define VEDETTE_ANALYZER_CONTROL_H

#include "analyzer/alert/reader.h"
#include "analyzer/ingest/ingest.h"
#include "analyzer/metrics/http.h"
#include "analyzer/reload.h"

/* What the pages speak of: the argument of http_settings. */
struct control {
    struct ingest *ingest;
    struct reloader *reloader;
    struct outbox *outbox;
    const char *outbox_path;
    struct alert_reader *reader; /* opened by the first question about alerts; see control_fini */
};

void control_fini(struct control *control);

/* For http_settings. */
const struct http_page *control_pages(size_t *ret_count);

/* `vedette-analyzer balance`; `node`: "" for all. An exit code: 1 when it does not add up. */
int control_balance(const char *socket, const char *node, bool json);

/* control_alerts.c: the pages that speak of alerts, of http_page.answer. */
unsigned control_answer_alerts(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size);
unsigned control_answer_balance(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size);
unsigned control_answer_sinks(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size);
unsigned control_answer_redrive(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size);
unsigned control_answer_ack(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size);

/*
 * `vedette-analyzer coverage`: asks at `socket` and prints the answer on standard output. `node`: "" for the only one.
 * Returns an exit code; what went wrong has been logged.
 */
int control_coverage(const char *socket, const char *node, bool json);

/* `vedette-analyzer reload`: asks at `socket` and prints what came of it. An exit code: 2 when the new set is refused.
 */
int control_reload(const char *socket);

#endif
