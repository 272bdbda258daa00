/* SPDX-License-Identifier: Apache-2.0 */
/* What a running analyzer is asked over its control socket: the pages, and the verbs that ask for them. */
#ifndef VEDETTE_ANALYZER_CONTROL_H
#define VEDETTE_ANALYZER_CONTROL_H

#include "analyzer/ingest/ingest.h"
#include "analyzer/metrics/http.h"
#include "analyzer/reload.h"

enum { CONTROL_ERROR_BYTES = 512 };

/* What the pages speak of: the argument of http_settings. */
struct control {
    struct ingest *ingest;
    struct reloader *reloader;
};

/* For http_settings. */
const struct http_page *control_pages(size_t *ret_count);

/*
 * `vedette-analyzer coverage`: asks at `socket` and prints the answer on standard output. `node`: "" for the only one.
 * Returns an exit code; what went wrong has been logged.
 */
int control_coverage(const char *socket, const char *node, bool json);

/* `vedette-analyzer reload`: asks at `socket` and prints what came of it. An exit code: 2 when the new set is refused.
 */
int control_reload(const char *socket);

#endif
