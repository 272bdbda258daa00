/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/sink_http.h"

#include <errno.h>
#include <stdarg.h>

#include "analyzer/alert/link.h"
#include "analyzer/alert/request_secret.h"

enum {
    REPLY_BYTES = 128,         /* of the receiver's words, for people */
    MAX_REPLY_BYTES = 1 << 20, /* more than this is no receiver of alerts */
};

struct sink_http {
    const struct sink_settings *settings;
    const struct sink_http_kind *kind;
    struct link link;
    struct request_secret url, password, bearer;
    struct curl_slist *headers; /* without the one of a single request */
    bool is_open;
    char reply[REPLY_BYTES];
    size_t reply_size, reply_total;
};

static size_t take_reply(char *data, size_t one, size_t size, void *arg)
{
    (void)one;
    struct sink_http *http = arg;
    size_t room = sizeof(http->reply) - 1 - http->reply_size;
    size_t take = size < room ? size : room;
    memcpy(http->reply + http->reply_size, data, take);
    http->reply_size += take;
    http->reply_total += size;
    return http->reply_total > MAX_REPLY_BYTES ? 0 : size;
}

/* -- what a request is made of -- */

static bool add_header(struct curl_slist **list, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool add_header(struct curl_slist **list, const char *format, ...)
{
    char *line = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&line, format, arguments);
    va_end(arguments);
    struct curl_slist *grown = size >= 0 ? curl_slist_append(*list, line) : NULL;
    if (size >= 0) {
        explicit_bzero(line, (size_t)size);
        free(line);
    }
    if (!grown)
        return false;
    *list = grown;
    return true;
}

static bool make_headers(struct sink_http *http)
{
    const struct option_list *own = &http->settings->headers;
    struct curl_slist *list = NULL;
    /* Without "Expect: 100-continue" a body of more than a kilobyte does not wait a second for an answer that Go's
     * servers give late. */
    bool good = add_header(&list, "Expect:") && add_header(&list, "Content-Type: %s", http->kind->content_type);
    for (size_t i = 0; good && i < own->count; i++)
        good = add_header(&list, "%s", own->item[i]);
    if (good && http->link.connect_to)
        good = add_header(&list, "Host: %s", http->link.host);
    if (good && http->bearer.value)
        good = add_header(&list, "Authorization: Bearer %s", http->bearer.value);
    curl_slist_free_all(http->headers);
    http->headers = list;
    return good;
}

static bool set_options(struct sink_http *http)
{
    CURL *easy = http->link.easy;
    bool is_basic = http->password.value != NULL;
    return make_headers(http) && !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers) &&
           (!is_basic || (!curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) &&
                          !curl_easy_setopt(easy, CURLOPT_USERNAME, http->settings->auth_user) &&
                          !curl_easy_setopt(easy, CURLOPT_PASSWORD, http->password.value))) &&
           !curl_easy_setopt(easy, CURLOPT_USERAGENT, "vedette/" VEDETTE_VERSION) &&
           !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_reply) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEDATA, http) && !curl_easy_setopt(easy, CURLOPT_POST, 1L);
}

/* "http://h:1/x/" and "/api/v2/alerts" make "http://h:1/x/api/v2/alerts"; heap. */
static char *whole_url(const char *url, const char *path)
{
    char *whole = NULL;
    size_t size = strlen(url), path_size = path ? strlen(path) : 0;
    if (!path || (size >= path_size && strcmp(url + size - path_size, path) == 0))
        return strdup(url);
    while (size > 0 && url[size - 1] == '/')
        size--;
    return asprintf(&whole, "%.*s%s", (int)size, url, path) < 0 ? NULL : whole;
}

static int open_link(struct sink_http *http, char error[SINK_ERROR_BYTES])
{
    const char *given = http->url.value ? http->url.value : http->settings->url;
    char *url = whole_url(given, http->kind->path);
    int result = url ? link_open(&http->link, http->settings, url) : -ENOMEM;
    if (result == 0 && !set_options(http))
        result = -ENOMEM;
    if (url)
        explicit_bzero(url, strlen(url));
    free(url);
    http->is_open = result == 0;
    if (result == -EINVAL)
        snprintf(error, SINK_ERROR_BYTES, "no usable URL: write one as in %s, without a password", http->kind->example);
    else if (result < 0)
        snprintf(error, SINK_ERROR_BYTES, "out of memory");
    return result;
}

/* Reads what has changed of the files. 1 when something did, 0, or -errno with words. */
static int renew_credentials(struct sink_http *http, char error[SINK_ERROR_BYTES])
{
    const struct sink_settings *settings = http->settings;
    const struct {
        const char *key, *path;
        struct request_secret *secret;
    } files[] = {{"url_file", settings->url_file, &http->url},
                 {"auth.password_file", settings->auth_password_file, &http->password},
                 {"auth.bearer_file", settings->auth_bearer_file, &http->bearer}};
    int changed = link_is_stale(&http->link, settings, error);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && changed >= 0; i++) {
        int result =
            files[i].path[0] != '\0' ? request_secret_renew(files[i].secret, files[i].key, files[i].path, error) : 0;
        changed = result < 0 ? result : changed | result;
    }
    return changed;
}

void sink_http_free(struct sink_http *http)
{
    if (!http)
        return;
    link_fini(&http->link);
    curl_slist_free_all(http->headers);
    request_secret_fini(&http->url);
    request_secret_fini(&http->password);
    request_secret_fini(&http->bearer);
    free(http);
}

struct sink_http *sink_http_new(const struct sink_settings *settings, const struct sink_http_kind *kind,
                                char error[SINK_ERROR_BYTES])
{
    char words[SINK_ERROR_BYTES] = "out of memory";
    struct sink_http *http = calloc(1, sizeof(*http));
    if (http) {
        http->settings = settings;
        http->kind = kind;
    }
    if (http && link_init(&http->link, settings, words) == 0 && renew_credentials(http, words) >= 0 &&
        open_link(http, words) == 0)
        return http;
    sink_fail(settings, error, "%s", words);
    sink_http_free(http);
    return NULL;
}

/* -- one request -- */

/* The receiver's own words, for a line of the log. */
static const char *reply_words(struct sink_http *http)
{
    http->reply[http->reply_size] = '\0';
    for (char *c = http->reply; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = ' ';
    size_t size = strlen(http->reply);
    while (size > 0 && http->reply[size - 1] == ' ')
        http->reply[--size] = '\0';
    return size ? http->reply : "no words";
}

/* A status that a later attempt may change, though it is a 4xx: its cause is the settings, or the time. */
static bool is_patient(long status)
{
    static const long statuses[] = {401, 403, 404, 405, 407, 408, 425, 429};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (status == statuses[i])
            return true;
    return status < 400 || status >= 500;
}

static enum sink_result judge(struct sink_http *http, long status, uint32_t *retry_after_ms,
                              char error[SINK_ERROR_BYTES])
{
    curl_off_t seconds = 0;
    const char *receiver = http->link.receiver;
    if (status >= 200 && status < 300)
        return SINK_DELIVERED;
    snprintf(error, SINK_ERROR_BYTES, "%.90s answers %ld (%.100s)", receiver, status, reply_words(http));
    if (!is_patient(status))
        return SINK_REFUSED;
    if (status >= 300 && status < 400)
        snprintf(error, SINK_ERROR_BYTES, "%.90s redirects (%ld): give the receiver's own URL", receiver, status);
    else if (status == 401 || status == 403)
        snprintf(error, SINK_ERROR_BYTES, "%.90s answers %ld: check the output's auth.*", receiver, status);
    else if (status == 404 || status == 405)
        snprintf(error, SINK_ERROR_BYTES, "%.90s answers %ld: check that the URL is that of a receiver of kind %s",
                 receiver, status, http->settings->kind->name);
    if (curl_easy_getinfo(http->link.easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
        *retry_after_ms = seconds > SINK_RETRY_AFTER_MAX_MS / 1000 ? SINK_RETRY_AFTER_MAX_MS : (uint32_t)seconds * 1000;
    return SINK_RETRY;
}

/* With the headers of this request in front of those that all share. */
static CURLcode perform(struct sink_http *http, const char *const *headers)
{
    struct curl_slist own[SINK_HTTP_HEADERS], *all = http->headers;
    for (size_t i = 0; headers && headers[i] && i < SINK_HTTP_HEADERS; i++) {
        union {
            const char *in;
            char *out; /* libcurl does not write it */
        } borrowed = {.in = headers[i]};
        own[i] = (struct curl_slist){.data = borrowed.out, .next = all};
        all = &own[i];
    }
    curl_easy_setopt(http->link.easy, CURLOPT_HTTPHEADER, all);
    CURLcode code = link_perform(&http->link, false);
    curl_easy_setopt(http->link.easy, CURLOPT_HTTPHEADER, http->headers);
    return code;
}

enum sink_result sink_http_post(struct sink_http *http, const char *body, size_t size, const char *const *headers,
                                uint32_t *retry_after_ms, char error[SINK_ERROR_BYTES])
{
    *retry_after_ms = 0;
    int changed = renew_credentials(http, error);
    if (changed < 0) {
        http->is_open = false; /* with what is read then */
        return SINK_RETRY;
    }
    if ((changed > 0 || !http->is_open) && open_link(http, error) < 0)
        return SINK_RETRY;
    http->reply_size = http->reply_total = 0;
    CURL *easy = http->link.easy;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    CURLcode code = perform(http, headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    if (code != CURLE_OK) {
        snprintf(error, SINK_ERROR_BYTES, "%.90s: %.140s", http->link.receiver, link_reason(&http->link, code));
        return SINK_RETRY;
    }
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return judge(http, status, retry_after_ms, error);
}

void sink_http_interrupt(struct sink_http *http)
{
    link_interrupt(&http->link);
}
