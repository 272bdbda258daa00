/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/control_client.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/base/exit_code.h"
#include "common/base/log.h"

enum { ANSWER_BYTES = 64 << 20, PATIENCE_S = 10 };

bool control_is_there(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof(address.sun_path))
        return false;
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool there = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        close(fd);
    return there;
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
    return status == 403 ? EXIT_CODE_PRIVILEGE : status == CONTROL_REFUSED ? EXIT_CODE_USAGE : EXIT_CODE_RUNTIME;
}

static void add_arguments(CURL *curl, const struct control_request *request, struct text *url)
{
    const char *separator = "?";
    for (size_t i = 0; i < CONTROL_ARGUMENTS; i++) {
        if (request->argument[i].value == NULL)
            continue;
        char *escaped = curl_easy_escape(curl, request->argument[i].value, 0);
        text_string(url, separator);
        text_string(url, request->argument[i].name);
        text_literal(url, "=");
        text_string(url, escaped == NULL ? "" : escaped);
        url->failed = url->failed || escaped == NULL;
        curl_free(escaped);
        separator = "&";
    }
    text_append(url, "", 1);
}

int control_ask(const char *socket, const struct control_request *request, struct text *answer)
{
    struct text url = {0}, page = {0};
    long status = 0;
    CURL *curl = curl_easy_init();
    int code = EXIT_CODE_RUNTIME;
    text_literal(&url, "http://control");
    text_string(&url, request->page);
    if (curl != NULL)
        add_arguments(curl, request, &url);
    if (curl == NULL || url.failed) {
        log_error("no memory");
    } else {
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
        curl_easy_setopt(curl, CURLOPT_URL, url.data);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)PATIENCE_S);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &page);
        if (request->changes)
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
        CURLcode result = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        code = result == CURLE_OK && status == 200 ? EXIT_CODE_OK : explain(socket, result, status, &page);
        if (code == EXIT_CODE_OK)
            text_append(answer, page.size == 0 ? "" : page.data, page.size);
    }
    text_fini(&url);
    text_fini(&page);
    curl_easy_cleanup(curl);
    return code;
}
