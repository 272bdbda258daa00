/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSTs each finding to Falcosidekick, or to what speaks its input: one object a request, as it reads only the first of
 * several. It answers 200 when it has the alert and 400 when it will never take it.
 */
#include <errno.h>

#include "analyzer/alert/falco.h"
#include "analyzer/alert/sink_http.h"

static const struct sink_http_kind http_kind = {.content_type = "application/json",
                                                .example = "http://HOST:2801/ or https://HOST:PORT/"};

static void *falcosidekick_open(const struct sink_settings *settings, char error[SINK_ERROR_BYTES])
{
    return sink_http_new(settings, &http_kind, error);
}

static enum sink_result falcosidekick_deliver(void *sink, const struct alert *alert, uint32_t *retry_after_ms,
                                              char error[SINK_ERROR_BYTES])
{
    size_t size;
    char words[FALCO_ERROR_BYTES];
    *retry_after_ms = 0;
    char *payload = falco_payload(alert, &size, words);
    if (!payload) {
        enum sink_result result = errno == EBADMSG ? SINK_REFUSED : SINK_RETRY;
        snprintf(error, SINK_ERROR_BYTES, "%s", words);
        return result;
    }
    enum sink_result result = sink_http_post(sink, payload, size, NULL, retry_after_ms, error);
    free(payload);
    return result;
}

static void falcosidekick_close(void *sink)
{
    sink_http_free(sink);
}

static void falcosidekick_interrupt(void *sink)
{
    sink_http_interrupt(sink);
}

extern const struct sink_kind sink_falcosidekick;
const struct sink_kind sink_falcosidekick = {
    .name = "falcosidekick",
    .summary = "Falcosidekick, or what speaks its input: one finding a request, with Falco's names.",
    .groups = SINK_NETWORK | SINK_HTTP,
    .open = falcosidekick_open,
    .deliver = falcosidekick_deliver,
    .close = falcosidekick_close,
    .interrupt = falcosidekick_interrupt,
};
