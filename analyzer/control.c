/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/control.h"

#include <curl/curl.h>
#include <errno.h>

#include "common/base/exit_code.h"
#include "common/base/log.h"

enum { ANSWER_BYTES = 16 << 20, PATIENCE_S = 10, URL_BYTES = 2048, STATUS_REFUSED = 422 /* unprocessable content */ };

static unsigned answer_coverage(void *arg, const char *node, bool json, char **ret_body, size_t *ret_size)
{
    const struct control *control = arg;
    struct text text = {0};
    int result = ingest_coverage(control->ingest, node, json, &text);
    if (text.failed) {
        text_fini(&text);
        return 500;
    }
    *ret_body = text.data; /* the server's from here on */
    *ret_size = text.size;
    return result == 0 ? 200 : result == -ENOENT ? 404 : 409;
}

static unsigned answer_json(void *arg, const char *node, char **ret_body, size_t *ret_size)
{
    return answer_coverage(arg, node, true, ret_body, ret_size);
}

static unsigned answer_table(void *arg, const char *node, char **ret_body, size_t *ret_size)
{
    return answer_coverage(arg, node, false, ret_body, ret_size);
}

static unsigned answer_reload(void *arg, const char *node, char **ret_body, size_t *ret_size)
{
    const struct control *control = arg;
    char words[RELOAD_WORDS_BYTES];
    (void)node;
    int result = reload(control->reloader, "asked on the control socket", words);
    *ret_body = strdup(words);
    *ret_size = *ret_body == NULL ? 0 : strlen(words);
    return result >= 0 ? 200 : STATUS_REFUSED;
}

const struct http_page *control_pages(size_t *ret_count)
{
    static const struct http_page pages[] = {
        {"/coverage", "text/plain; charset=utf-8", answer_table, false},
        {"/coverage.json", "application/json", answer_json, false},
        {"/reload", "text/plain; charset=utf-8", answer_reload, true},
    };
    *ret_count = sizeof(pages) / sizeof(pages[0]);
    return pages;
}

/* Refuses what is beyond any honest answer. */
static size_t take(char *data, size_t size, size_t count, void *arg)
{
    struct text *text = arg;
    if (text->size + size * count > ANSWER_BYTES)
        return 0;
    text_append(text, data, size * count);
    return text->failed ? 0 : size * count;
}

static int explain(const char *socket, CURLcode result, long status, const struct text *answer)
{
    if (result == CURLE_COULDNT_CONNECT) {
        log_error(
            "%s: no analyzer answers, or this user may not ask: start one, give --control.socket the path that it "
            "has, or ask as root",
            socket);
        return EXIT_CODE_RUNTIME;
    }
    if (result != CURLE_OK) {
        log_error("%s: %s", socket, curl_easy_strerror(result));
        return EXIT_CODE_RUNTIME;
    }
    log_error("%.*s", (int)answer->size, answer->data == NULL ? "" : answer->data);
    return status == 403 ? EXIT_CODE_PRIVILEGE : status == STATUS_REFUSED ? EXIT_CODE_USAGE : EXIT_CODE_RUNTIME;
}

/* 0 with the answer, or a libcurl error. */
static CURLcode perform(CURL *curl, const char *socket, const char *url, struct text *answer, long *ret_status)
{
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)PATIENCE_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    CURLcode result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    return result;
}

/* Asks and prints the answer, and `after` it. An exit code. */
static int ask(CURL *curl, const char *socket, const char *url, const char *after)
{
    struct text answer = {0};
    long status = 0;
    int code = EXIT_CODE_RUNTIME;
    CURLcode result = perform(curl, socket, url, &answer, &status);
    if (result != CURLE_OK || status != 200)
        code = explain(socket, result, status, &answer);
    else if (fwrite(answer.data, 1, answer.size, stdout) == answer.size && fputs(after, stdout) >= 0 &&
             fflush(stdout) == 0)
        code = EXIT_CODE_OK;
    else
        log_error("standard output cannot be written");
    text_fini(&answer);
    return code;
}

int control_coverage(const char *socket, const char *node, bool json)
{
    char url[URL_BYTES];
    CURL *curl = curl_easy_init();
    char *escaped = curl != NULL ? curl_easy_escape(curl, node, 0) : NULL;
    int code = EXIT_CODE_RUNTIME;
    if (escaped == NULL) {
        log_error("no memory");
    } else {
        snprintf(url, sizeof(url), "http://control/coverage%s%s%s", json ? ".json" : "",
                 node[0] != '\0' ? "?node=" : "", escaped);
        code = ask(curl, socket, url, "");
    }
    curl_free(escaped);
    curl_easy_cleanup(curl);
    return code;
}

int control_reload(const char *socket)
{
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        log_error("no memory");
        return EXIT_CODE_RUNTIME;
    }
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    int code = ask(curl, socket, "http://control/reload", "\n");
    curl_easy_cleanup(curl);
    return code;
}
