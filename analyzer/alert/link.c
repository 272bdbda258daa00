/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/link.h"

#include <errno.h>

#include "common/transport/credential.h"

enum { POLL_MS = 1000 }; /* curl wakes for its own timers; this bounds a missed wakeup */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_result;

static void init_curl(void)
{
    curl_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int link_is_stale(struct link *link, const struct sink_settings *settings, char error[SINK_ERROR_BYTES])
{
    static const char *const keys[] = {"tls.ca", "tls.certificate", "tls.key"};
    const char *const paths[] = {settings->tls_ca, settings->tls_certificate, settings->tls_key};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (paths[i][0] != '\0' && access(paths[i], R_OK) < 0) {
            int result = -errno;
            snprintf(error, SINK_ERROR_BYTES, "%s: %.140s cannot be read: %s", keys[i], paths[i], strerror(-result));
            return result;
        }
    const uint64_t before = link->stamp;
    link->stamp = credential_stamp(paths, sizeof(paths) / sizeof(paths[0]));
    return link->stamp != before;
}

int link_init(struct link *link, const struct sink_settings *settings, char error[SINK_ERROR_BYTES])
{
    pthread_mutex_init(&link->lock, NULL);
    pthread_once(&curl_once, init_curl);
    if (curl_result != CURLE_OK) {
        snprintf(error, SINK_ERROR_BYTES, "libcurl does not start: %s", curl_easy_strerror(curl_result));
        return -EIO;
    }
    int stale = link_is_stale(link, settings, error);
    return stale < 0 ? stale : 0;
}

static void set_multi(struct link *link, CURLM *multi)
{
    pthread_mutex_lock(&link->lock);
    link->multi = multi;
    pthread_mutex_unlock(&link->lock);
}

void link_close(struct link *link)
{
    CURLM *multi = link->multi;
    set_multi(link, NULL);
    if (multi && link->easy)
        curl_multi_remove_handle(multi, link->easy);
    curl_multi_cleanup(multi);
    curl_easy_cleanup(link->easy);
    curl_slist_free_all(link->connect_to);
    link->easy = NULL;
    link->connect_to = NULL;
}

void link_fini(struct link *link)
{
    link_close(link);
    pthread_mutex_destroy(&link->lock);
}

/* -- the URL -- */

struct parts {
    char *scheme, *host, *port;
};

/* Accepts http and https with a host and without a password; keeps what of it may be shown. */
static bool take_apart(struct link *link, CURLU *url, const char *text, struct parts *parts)
{
    char *password = NULL;
    bool good = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &parts->scheme, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &parts->host, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PASSWORD, &password, 0) != CURLUE_OK;
    curl_free(password);
    if (!good || !*parts->host || (strcmp(parts->scheme, "http") != 0 && strcmp(parts->scheme, "https") != 0))
        return false;
    snprintf(link->receiver, sizeof(link->receiver), "%s://%.120s:%s", parts->scheme, parts->host, parts->port);
    snprintf(link->host, sizeof(link->host), "%.240s:%s", parts->host, parts->port);
    return true;
}

/* The certificate's name stands in the URL, and the connection goes where the user's URL says. */
static bool rename_server(struct link *link, CURLU *url, const struct sink_settings *settings)
{
    char *port = NULL, target[1024];
    if (settings->tls_server_name[0] == '\0')
        return true;
    if (curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return false;
    snprintf(target, sizeof(target), "%s:%s:%s", settings->tls_server_name, port, link->host);
    curl_free(port);
    link->connect_to = curl_slist_append(NULL, target);
    return link->connect_to && curl_url_set(url, CURLUPART_HOST, settings->tls_server_name, 0) == CURLUE_OK &&
           !curl_easy_setopt(link->easy, CURLOPT_CONNECT_TO, link->connect_to);
}

static bool set_url(struct link *link, const struct sink_settings *settings, const char *text, bool *ret_is_url)
{
    CURLU *url = curl_url();
    struct parts parts = {0};
    char *whole = NULL;
    *ret_is_url = url && take_apart(link, url, text, &parts);
    bool good = *ret_is_url && rename_server(link, url, settings) &&
                curl_url_get(url, CURLUPART_URL, &whole, 0) == CURLUE_OK &&
                !curl_easy_setopt(link->easy, CURLOPT_URL, whole);
    curl_free(whole);
    curl_free(parts.scheme);
    curl_free(parts.host);
    curl_free(parts.port);
    curl_url_cleanup(url);
    return good;
}

/* -- the handles -- */

static bool set_tls(struct link *link, const struct sink_settings *settings)
{
    CURL *easy = link->easy;
    return !curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           (settings->tls_ca[0] == '\0' || !curl_easy_setopt(easy, CURLOPT_CAINFO, settings->tls_ca)) &&
           (settings->tls_certificate[0] == '\0' ||
            (!curl_easy_setopt(easy, CURLOPT_SSLCERT, settings->tls_certificate) &&
             !curl_easy_setopt(easy, CURLOPT_SSLKEY, settings->tls_key)));
}

static bool set_common(struct link *link, const struct sink_settings *settings)
{
    CURL *easy = link->easy;
    long timeout_ms = (long)settings->timeout_ms;
    return !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(easy, CURLOPT_PROXY, settings->proxy) && /* "": nothing from the environment */
           !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                             timeout_ms < LINK_CONNECT_MS ? timeout_ms : (long)LINK_CONNECT_MS) &&
           !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms) &&
           !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, link->words) && set_tls(link, settings);
}

int link_open(struct link *link, const struct sink_settings *settings, const char *url)
{
    bool is_url = true;
    link_close(link);
    link->easy = curl_easy_init();
    set_multi(link, curl_multi_init());
    if (!link->easy || !link->multi || !set_common(link, settings) || !set_url(link, settings, url, &is_url)) {
        link_close(link);
        return is_url ? -ENOMEM : -EINVAL;
    }
    return 0;
}

CURLcode link_perform(struct link *link, bool keep)
{
    CURLcode result = CURLE_ABORTED_BY_CALLBACK;
    int running = 1, queued;
    link->words[0] = '\0';
    if (curl_multi_add_handle(link->multi, link->easy) != CURLM_OK)
        return CURLE_OUT_OF_MEMORY;
    while (running && !atomic_load(&link->interrupted)) {
        if (curl_multi_perform(link->multi, &running) != CURLM_OK ||
            (running && curl_multi_poll(link->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)) {
            result = CURLE_OUT_OF_MEMORY;
            break;
        }
    }
    for (CURLMsg *message; (message = curl_multi_info_read(link->multi, &queued));)
        if (message->msg == CURLMSG_DONE)
            result = message->data.result;
    /* A name server that does not answer is not waited for. */
    if (result == CURLE_ABORTED_BY_CALLBACK)
        curl_easy_setopt(link->easy, CURLOPT_QUICK_EXIT, 1L);
    if (!keep || result != CURLE_OK)
        curl_multi_remove_handle(link->multi, link->easy);
    return result;
}

const char *link_reason(const struct link *link, CURLcode code)
{
    return *link->words ? link->words : curl_easy_strerror(code);
}

void link_interrupt(struct link *link)
{
    atomic_store(&link->interrupted, true);
    pthread_mutex_lock(&link->lock);
    if (link->multi)
        curl_multi_wakeup(link->multi);
    pthread_mutex_unlock(&link->lock);
}
