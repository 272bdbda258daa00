/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alerts.h"

#include <poll.h>

#include "analyzer/alert/when.h"
#include "analyzer/alerts_internal.h"
#include "analyzer/control_client.h"
#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"

enum { TAIL_MS = 500, DETECTIONS_BYTES = 8192 };

struct request {
    const struct config *config;
    struct alert_query query;
    struct show show;
    char detections[DETECTIONS_BYTES];
    char **id;
    int n_ids;
};

static uint64_t wall_ns(void)
{
    return clock_boot_ns() + (uint64_t)clock_wall_minus_boot_ns();
}

/* On a terminal that can, for a person who has not said otherwise: https://no-color.org */
static bool wants_color(uint32_t color)
{
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
    if (color != COLOR_AUTO)
        return color == COLOR_ALWAYS;
    return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

static int read_time(const char *option, const char *text, uint64_t *ret_ns)
{
    if (text[0] == '\0' || when_parse(text, wall_ns(), ret_ns) == 0)
        return EXIT_CODE_OK;
    log_error("--%s: '%s' is no time: write 2026-01-02T03:04:05Z, a date, or how long ago as in 90s, 1h, 2d", option,
              text);
    return EXIT_CODE_USAGE;
}

static int join_detections(struct request *request)
{
    size_t size = 0;
    for (size_t i = 0; i < request->config->detection.count; i++) {
        int n = snprintf(request->detections + size, sizeof(request->detections) - size, "%s%s", i > 0 ? "," : "",
                         request->config->detection.item[i]);
        size += (size_t)n;
        if (size >= sizeof(request->detections)) {
            log_error("--detection: too many names");
            return EXIT_CODE_USAGE;
        }
    }
    request->query.detections = size > 0 ? request->detections : NULL;
    return EXIT_CODE_OK;
}

static int make_request(const struct config *config, char **ids, int n_ids, struct request *request)
{
    *request = (struct request){.config = config, .id = ids, .n_ids = n_ids};
    struct alert_query *query = &request->query;
    query->severity = (int)config->severity;
    query->node = config->node[0] != '\0' ? config->node : NULL;
    query->sink = config->sink_name[0] != '\0' ? config->sink_name : NULL;
    query->dead = config->dead || query->sink != NULL;
    request->show = (struct show){.shape = !config->json ? SHAPE_ROWS
                                           : query->dead ? SHAPE_LETTER
                                                         : SHAPE_FINDING,
                                  .color = wants_color(config->color),
                                  .dead = query->dead};
    int code = read_time("since", config->since, &query->since_ns);
    if (code == EXIT_CODE_OK)
        code = read_time("until", config->until, &query->until_ns);
    return code == EXIT_CODE_OK ? join_detections(request) : code;
}

static int print(struct text *text)
{
    bool good = !text->failed && (text->size == 0 || fwrite(text->data, 1, text->size, stdout) == text->size) &&
                fflush(stdout) == 0;
    if (!good)
        log_error(text->failed ? "no memory" : "standard output cannot be written");
    text->size = 0;
    return good ? EXIT_CODE_OK : EXIT_CODE_RUNTIME;
}

/* Lines in the order of the text or in the reverse; *ret_rows of them, *ret_last the row of the last in the text. */
struct lines {
    size_t count;
    int64_t first, last; /* rows, as they stand in the text */
};

static struct lines look(const struct text *text)
{
    struct lines lines = {0};
    for (size_t at = 0; at < text->size;) {
        const char *line = text->data + at, *end = memchr(line, '\n', text->size - at);
        size_t size = end != NULL ? (size_t)(end - line) : text->size - at;
        lines.last = show_row(line, size);
        lines.first = lines.count++ == 0 ? lines.last : lines.first;
        at += size + 1;
    }
    return lines;
}

static void show_forward(const struct request *request, const struct text *lines, struct text *out)
{
    for (size_t at = 0; at < lines->size;) {
        const char *line = lines->data + at, *end = memchr(line, '\n', lines->size - at);
        size_t size = end != NULL ? (size_t)(end - line) : lines->size - at;
        show_line(&request->show, line, size, request->query.sink, out);
        at += size + 1;
    }
}

static void show_backward(const struct request *request, const struct text *lines, struct text *out)
{
    for (size_t end = lines->size; end > 0;) {
        /* Each ends with a newline. */
        const char *before = memrchr(lines->data, '\n', end - 1);
        size_t begin = before != NULL ? (size_t)(before + 1 - lines->data) : 0;
        show_line(&request->show, lines->data + begin, end - 1 - begin, request->query.sink, out);
        end = begin;
    }
}

/* The newest that are stored, in the order of time; *ret_last is the newest's row. */
static int show_stored(struct request *request, struct source *source, int64_t *ret_last)
{
    struct text lines = {0}, out = {0};
    struct alert_query query = request->query;
    uint64_t left = request->config->limit;
    int code = EXIT_CODE_OK;
    for (bool more = true; more && left > 0 && code == EXIT_CODE_OK;) {
        struct text page = {0};
        query.limit = left < READER_MAX_ALERTS ? (unsigned)left : READER_MAX_ALERTS;
        code = source_list(source, &query, &page);
        struct lines found = look(&page);
        *ret_last = *ret_last == 0 ? found.first : *ret_last;
        query.before = found.last;
        left -= found.count < left ? found.count : left;
        more = found.count == query.limit;
        text_append(&lines, page.size > 0 ? page.data : "", page.size);
        text_fini(&page);
    }
    if (code == EXIT_CODE_OK && left == 0 && query.before > 1) {
        struct text page = {0};
        query.limit = 1;
        if (source_list(source, &query, &page) == EXIT_CODE_OK && page.size > 0)
            log_info("there are more: these are the newest %llu, --limit shows others",
                     (unsigned long long)request->config->limit);
        text_fini(&page);
    }
    if (code == EXIT_CODE_OK) {
        show_heading(&request->show, &out);
        show_backward(request, &lines, &out);
        out.failed = out.failed || lines.failed;
        code = print(&out);
    }
    text_fini(&lines);
    text_fini(&out);
    return code;
}

static int list_alerts(struct request *request, struct source *source)
{
    int64_t last = 0;
    return show_stored(request, source, &last);
}

/* Where new alerts begin when none is stored that fits. */
static int newest_row(struct source *source, int64_t *ret_row)
{
    struct text page = {0};
    const struct alert_query query = {.limit = 1};
    int code = source_list(source, &query, &page);
    *ret_row = look(&page).first;
    text_fini(&page);
    return code;
}

static int tail(struct request *request, struct source *source)
{
    int64_t last = 0, fitting = 0;
    struct text page = {0}, out = {0};
    if (source->socket == NULL) {
        log_error("tail: no analyzer answers at %s: start one, or give --control.socket the path that it has",
                  request->config->control_socket);
        return EXIT_CODE_RUNTIME;
    }
    int code = newest_row(source, &last);
    if (code == EXIT_CODE_OK)
        code = show_stored(request, source, &fitting);
    last = fitting > last ? fitting : last;
    bool away = false;
    while (code == EXIT_CODE_OK) {
        struct alert_query query = request->query;
        query.after = last;
        query.oldest_first = true;
        if (!control_is_there(source->socket)) {
            /* One that starts again goes on with the same rows. */
            if (!away)
                log_warning("%s: nobody answers any more; waiting for an analyzer", source->socket);
            away = true;
            poll(NULL, 0, TAIL_MS);
            continue;
        }
        away = false;
        code = source_list(source, &query, &page);
        if (code != EXIT_CODE_OK && !control_is_there(source->socket)) {
            code = EXIT_CODE_OK; /* it ended in the middle */
            page.size = 0;
            continue;
        }
        struct lines found = look(&page);
        last = found.last > last ? found.last : last;
        show_forward(request, &page, &out);
        out.failed = out.failed || page.failed;
        if (code == EXIT_CODE_OK && found.count > 0)
            code = print(&out);
        page.size = 0;
        if (found.count < READER_MAX_ALERTS)
            poll(NULL, 0, TAIL_MS);
    }
    text_fini(&page);
    text_fini(&out);
    return code;
}

static int show_one(struct request *request, struct source *source, const char *id)
{
    struct text page = {0}, sinks = {0}, out = {0};
    const struct alert_query query = {.id = id, .limit = 2};
    int code = source_list(source, &query, &page);
    if (code == EXIT_CODE_OK)
        code = source_sinks(source, &sinks);
    text_append(&sinks, "", 1);
    size_t n = look(&page).count;
    if (code == EXIT_CODE_OK && (id[0] == '\0' || n != 1)) {
        log_error(n == 0 ? "no alert's id begins with %s; it may have been pruned"
                         : "more than one alert's id begins with %s: give more of it",
                  id);
        code = EXIT_CODE_RUNTIME;
    }
    if (code == EXIT_CODE_OK && request->config->json) {
        text_literal(&out, "{\"sinks\":");
        text_append(&out, sinks.data, sinks.size - 1);
        text_literal(&out, ",");
        text_append(&out, page.data + 1, page.size - 1);
    } else if (code == EXIT_CODE_OK && !sinks.failed) {
        show_whole(&request->show, page.data, page.size - 1, sinks.data, &out);
    }
    if (code == EXIT_CODE_OK)
        code = print(&out);
    text_fini(&page);
    text_fini(&sinks);
    text_fini(&out);
    return code;
}

static int show_alerts(struct request *request, struct source *source)
{
    int code = EXIT_CODE_OK;
    if (request->n_ids == 0) {
        log_error("show: give the id of an alert, or the beginning of one; `alerts list` shows them");
        return EXIT_CODE_USAGE;
    }
    for (int i = 0; i < request->n_ids && code == EXIT_CODE_OK; i++) {
        if (i > 0 && !request->config->json)
            puts("");
        code = show_one(request, source, request->id[i]);
    }
    return code;
}

/* One id, or NULL for all; *ret_count grows. */
static int change_one(const struct request *request, const char *page, const char *id, uint64_t *ret_count)
{
    struct text answer = {0};
    const struct control_request asked = {
        .page = page, .changes = true, .argument = {{"id", id}, {"sink", request->query.sink}}};
    int code = control_ask(request->config->control_socket, &asked, &answer);
    text_append(&answer, "", 1);
    const char *count = code == EXIT_CODE_OK && !answer.failed ? strchr(answer.data, ':') : NULL;
    uint64_t changed = count != NULL ? strtoull(count + 1, NULL, 10) : 0;
    if (code == EXIT_CODE_OK && changed == 0 && id != NULL) {
        log_error("alert %s: no dead letter%s%s; to send it again all the same, name a --sink_name that has passed it",
                  id, request->query.sink != NULL ? " of " : "",
                  request->query.sink != NULL ? request->query.sink : "");
        code = EXIT_CODE_RUNTIME;
    }
    *ret_count += changed;
    text_fini(&answer);
    return code;
}

static int change(const struct request *request, const char *page, const char *what)
{
    uint64_t count = 0;
    int code = EXIT_CODE_OK;
    if ((request->n_ids == 0) == !request->config->dead) {
        log_error("give ids of alerts, or --dead for all dead letters (of one sink: with --sink_name)");
        return EXIT_CODE_USAGE;
    }
    if (request->n_ids == 0)
        code = change_one(request, page, NULL, &count);
    for (int i = 0; i < request->n_ids; i++) {
        int one = change_one(request, page, request->id[i], &count);
        code = one != EXIT_CODE_OK ? one : code;
    }
    if (request->config->json)
        printf("{\"count\":%llu}\n", (unsigned long long)count);
    else if (code == EXIT_CODE_OK || count > 0)
        printf("dead letters %s: %llu\n", what, (unsigned long long)count);
    return fflush(stdout) == 0 ? code : EXIT_CODE_RUNTIME;
}

int alerts(const struct config *config, char **arguments, int n_arguments)
{
    static struct request request; /* too much for a stack */
    struct source source;
    static const struct {
        const char *name;
        int (*run)(struct request *request, struct source *source);
    } kinds[] = {{"list", list_alerts}, {"show", show_alerts}, {"tail", tail}};
    int code = make_request(config, arguments + 1, n_arguments - 1, &request);
    if (code != EXIT_CODE_OK)
        return code;
    if (strcmp(arguments[0], "redrive") == 0)
        return change(&request, "/alerts/redrive", "on their way again");
    if (strcmp(arguments[0], "ack") == 0)
        return change(&request, "/alerts/ack", "acknowledged");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(arguments[0], kinds[i].name) == 0) {
            if (n_arguments > 1 && kinds[i].run != show_alerts) {
                log_error("alerts %s: unexpected argument '%s'", arguments[0], arguments[1]);
                return EXIT_CODE_USAGE;
            }
            code = source_open(&source, config);
            if (code == EXIT_CODE_OK)
                code = kinds[i].run(&request, &source);
            source_close(&source);
            return code;
        }
    log_error("alerts: '%s' is none of list, show, tail, redrive, ack", arguments[0]);
    return EXIT_CODE_USAGE;
}
