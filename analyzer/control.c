/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/control.h"

#include <errno.h>

#include "analyzer/control_client.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"

static unsigned answer_coverage(void *arg, const struct http_query *query, bool json, char **ret_body, size_t *ret_size)
{
    const struct control *control = arg;
    struct text text = {0};
    int result = ingest_coverage(control->ingest, http_argument(query, "node"), json, &text);
    if (text.failed) {
        text_fini(&text);
        return 500;
    }
    *ret_body = text.data; /* the server's from here on */
    *ret_size = text.size;
    return result == 0 ? 200 : result == -ENOENT ? 404 : 409;
}

static unsigned answer_json(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size)
{
    return answer_coverage(arg, query, true, ret_body, ret_size);
}

static unsigned answer_table(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size)
{
    return answer_coverage(arg, query, false, ret_body, ret_size);
}

static unsigned answer_reload(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size)
{
    const struct control *control = arg;
    char words[RELOAD_WORDS_BYTES];
    (void)query;
    int result = reload(control->reloader, "asked on the control socket", words);
    *ret_body = strdup(words);
    *ret_size = *ret_body == NULL ? 0 : strlen(words);
    return result >= 0 ? 200 : CONTROL_REFUSED;
}

const struct http_page *control_pages(size_t *ret_count)
{
    static const struct http_page pages[] = {
        {"/alerts", "application/x-ndjson", control_answer_alerts, false},
        {"/alerts/ack", "application/json", control_answer_ack, true},
        {"/alerts/redrive", "application/json", control_answer_redrive, true},
        {"/alerts/sinks", "application/json", control_answer_sinks, false},
        {"/balance", "application/json", control_answer_balance, false},
        {"/coverage", "text/plain; charset=utf-8", answer_table, false},
        {"/coverage.json", "application/json", answer_json, false},
        {"/reload", "text/plain; charset=utf-8", answer_reload, true},
    };
    *ret_count = sizeof(pages) / sizeof(pages[0]);
    return pages;
}

void control_fini(struct control *control)
{
    alert_reader_close(control->reader);
    control->reader = NULL;
}

/* Asks and prints the answer, and `after` it. An exit code. */
static int ask(const char *socket, const struct control_request *request, const char *after)
{
    struct text answer = {0};
    int code = control_ask(socket, request, &answer);
    if (code == EXIT_CODE_OK && (fwrite(answer.data, 1, answer.size, stdout) != answer.size ||
                                 fputs(after, stdout) < 0 || fflush(stdout) != 0)) {
        log_error("standard output cannot be written");
        code = EXIT_CODE_RUNTIME;
    }
    text_fini(&answer);
    return code;
}

int control_coverage(const char *socket, const char *node, bool json)
{
    const struct control_request request = {.page = json ? "/coverage.json" : "/coverage",
                                            .argument = {{"node", node[0] != '\0' ? node : NULL}}};
    return ask(socket, &request, "");
}

int control_reload(const char *socket)
{
    const struct control_request request = {.page = "/reload", .changes = true};
    return ask(socket, &request, "\n");
}
