/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSTs each finding to Falcosidekick, or to what speaks its input: one object a request (it reads only the first of
 * several), over one kept-alive connection. It answers 200 when it has the alert and 400 when it will never take it;
 * all else is tried again.
 */
#include "analyzer/alert/sink_falcosidekick.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "analyzer/alert/falco.h"

static const struct falcosidekick_times usual_times = {.connect_ms = 5000, .total_ms = 10000};

enum {
    POLL_MS = 1000,            /* curl wakes for its own timers; this bounds a missed wakeup */
    REPLY_BYTES = 128,         /* of the receiver's words, for people */
    MAX_REPLY_BYTES = 1 << 20, /* more than this is no Falcosidekick */
};

struct falcosidekick {
    CURL *easy;
    CURLM *multi; /* drives the one handle, as only a multi handle can be woken from another thread */
    struct curl_slist *headers;
    char receiver[160]; /* scheme, host and port: what may be shown; a URL may hold a password */
    char curl_words[CURL_ERROR_SIZE];
    char reply[REPLY_BYTES];
    size_t reply_size, reply_total;
    atomic_bool interrupted;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_result;

static void init_curl(void)
{
    curl_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t take_reply(char *data, size_t one, size_t size, void *arg)
{
    (void)one;
    struct falcosidekick *sink = arg;
    size_t room = sizeof(sink->reply) - 1 - sink->reply_size;
    size_t take = size < room ? size : room;
    memcpy(sink->reply + sink->reply_size, data, take);
    sink->reply_size += take;
    sink->reply_total += size;
    return sink->reply_total > MAX_REPLY_BYTES ? 0 : size;
}

/* Accepts http and https with a host; keeps what of it may be shown. */
static bool check_url(const char *url, char receiver[160])
{
    bool good = false;
    char *scheme = NULL, *host = NULL, *port = NULL;
    CURLU *parts = curl_url();
    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        good = (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) && *host;
        snprintf(receiver, 160, "%s://%.120s:%s", scheme, host, port);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return good;
}

static bool set_options(struct falcosidekick *sink, const char *url, const struct falcosidekick_times *times)
{
    CURL *easy = sink->easy;
    /* Without "Expect: 100-continue" a body of more than a kilobyte does not wait a second for an answer that Go's
     * servers give late. */
    static const char *const headers[] = {"Content-Type: application/json", "Expect:"};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct curl_slist *list = curl_slist_append(sink->headers, headers[i]);
        if (!list)
            return false;
        sink->headers = list;
    }
    return !curl_easy_setopt(easy, CURLOPT_URL, url) && !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, sink->headers) &&
           !curl_easy_setopt(easy, CURLOPT_USERAGENT, "vedette/" VEDETTE_VERSION) &&
           !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
           !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)times->connect_ms) &&
           !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)times->total_ms) &&
           !curl_easy_setopt(easy, CURLOPT_PROXY, "") && /* nothing from the environment */
           !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_reply) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEDATA, sink) &&
           !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, sink->curl_words) && !curl_easy_setopt(easy, CURLOPT_POST, 1L);
}

static void falcosidekick_close(void *arg)
{
    struct falcosidekick *sink = arg;
    if (!sink)
        return;
    curl_multi_cleanup(sink->multi);
    curl_easy_cleanup(sink->easy);
    curl_slist_free_all(sink->headers);
    free(sink);
}

void *falcosidekick_open(const char *target, const struct falcosidekick_times *times, char error[SINK_ERROR_BYTES])
{
    pthread_once(&curl_once, init_curl);
    struct falcosidekick *sink = calloc(1, sizeof(*sink));
    if (!sink || curl_result != CURLE_OK) {
        snprintf(error, SINK_ERROR_BYTES, "sink falcosidekick: libcurl does not start");
        free(sink);
        return NULL;
    }
    if (!target || !check_url(target, sink->receiver)) {
        snprintf(error, SINK_ERROR_BYTES,
                 "sink falcosidekick: no usable URL: write http://HOST:2801/ or https://HOST:PORT/");
        free(sink);
        return NULL;
    }
    sink->easy = curl_easy_init();
    sink->multi = curl_multi_init();
    if (!sink->easy || !sink->multi || !set_options(sink, target, times)) {
        snprintf(error, SINK_ERROR_BYTES, "sink falcosidekick: out of memory");
        falcosidekick_close(sink);
        return NULL;
    }
    return sink;
}

static void *open_usual(const char *target, char error[SINK_ERROR_BYTES])
{
    return falcosidekick_open(target, &usual_times, error);
}

/* One request. CURLE_ABORTED_BY_CALLBACK when interrupted. */
static CURLcode perform(struct falcosidekick *sink)
{
    CURLcode result = CURLE_ABORTED_BY_CALLBACK;
    if (curl_multi_add_handle(sink->multi, sink->easy) != CURLM_OK)
        return CURLE_OUT_OF_MEMORY;
    int running = 1, queued;
    while (running && !atomic_load(&sink->interrupted)) {
        if (curl_multi_perform(sink->multi, &running) != CURLM_OK ||
            (running && curl_multi_poll(sink->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)) {
            result = CURLE_OUT_OF_MEMORY;
            break;
        }
    }
    for (CURLMsg *message; (message = curl_multi_info_read(sink->multi, &queued));)
        if (message->msg == CURLMSG_DONE)
            result = message->data.result;
    curl_multi_remove_handle(sink->multi, sink->easy);
    return result;
}

/* The receiver's own words, for a line of the log. */
static const char *reply_words(struct falcosidekick *sink)
{
    sink->reply[sink->reply_size] = '\0';
    for (char *c = sink->reply; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = ' ';
    size_t size = strlen(sink->reply);
    while (size > 0 && sink->reply[size - 1] == ' ')
        sink->reply[--size] = '\0';
    return size ? sink->reply : "no words";
}

static enum sink_result judge(struct falcosidekick *sink, long status, uint32_t *retry_after_ms,
                              char error[SINK_ERROR_BYTES])
{
    curl_off_t seconds = 0;
    if (status >= 200 && status < 300)
        return SINK_DELIVERED;
    snprintf(error, SINK_ERROR_BYTES, "%.90s answers %ld (%.100s)", sink->receiver, status, reply_words(sink));
    /* Of this alert, not of the receiver's state: no later attempt will differ. */
    if (status == 400 || status == 413 || status == 422)
        return SINK_REFUSED;
    if (status >= 300 && status < 400)
        snprintf(error, SINK_ERROR_BYTES, "%.90s redirects (%ld): give the receiver's own URL", sink->receiver, status);
    if (status == 401 || status == 403 || status == 404 || status == 405)
        snprintf(error, SINK_ERROR_BYTES, "%.90s answers %ld: check that the URL is a Falcosidekick's", sink->receiver,
                 status);
    if (curl_easy_getinfo(sink->easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
        *retry_after_ms = seconds > SINK_RETRY_AFTER_MAX_MS / 1000 ? SINK_RETRY_AFTER_MAX_MS : (uint32_t)seconds * 1000;
    return SINK_RETRY;
}

static enum sink_result falcosidekick_deliver(void *arg, const struct alert *alert, uint32_t *retry_after_ms,
                                              char error[SINK_ERROR_BYTES])
{
    struct falcosidekick *sink = arg;
    size_t size;
    char words[FALCO_ERROR_BYTES];
    *retry_after_ms = 0;
    char *payload = falco_payload(alert, &size, words);
    if (!payload) {
        enum sink_result result = errno == EBADMSG ? SINK_REFUSED : SINK_RETRY;
        snprintf(error, SINK_ERROR_BYTES, "%s", words);
        return result;
    }
    sink->reply_size = sink->reply_total = 0;
    sink->curl_words[0] = '\0';
    curl_easy_setopt(sink->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    curl_easy_setopt(sink->easy, CURLOPT_POSTFIELDS, payload);
    CURLcode code = perform(sink);
    curl_easy_setopt(sink->easy, CURLOPT_POSTFIELDS, NULL);
    free(payload);
    if (code != CURLE_OK) {
        const char *reason = *sink->curl_words ? sink->curl_words : curl_easy_strerror(code);
        snprintf(error, SINK_ERROR_BYTES, "%.90s: %.140s", sink->receiver, reason);
        return SINK_RETRY;
    }
    long status = 0;
    curl_easy_getinfo(sink->easy, CURLINFO_RESPONSE_CODE, &status);
    return judge(sink, status, retry_after_ms, error);
}

static void falcosidekick_interrupt(void *arg)
{
    struct falcosidekick *sink = arg;
    atomic_store(&sink->interrupted, true);
    curl_multi_wakeup(sink->multi);
}

extern const struct sink_kind sink_falcosidekick;
const struct sink_kind sink_falcosidekick = {
    .name = "falcosidekick",
    .open = open_usual,
    .deliver = falcosidekick_deliver,
    .close = falcosidekick_close,
    .interrupt = falcosidekick_interrupt,
};
