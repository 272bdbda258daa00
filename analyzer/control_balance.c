/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `balance`: the analyzer's sums, for people or as they are. */
#include "analyzer/control.h"

#include <inttypes.h>
#include <jansson.h>

#include "analyzer/control_client.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"

static void put(struct text *text, const char *words)
{
    text_printable(text, words, strlen(words));
}

static const char *string_of(const json_t *object, const char *key)
{
    const char *string = json_string_value(json_object_get(object, key));
    return string != NULL ? string : "";
}

static json_int_t integer_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void cell(struct text *text, const char *words, size_t width)
{
    size_t from = text->size;
    put(text, words);
    do
        text_literal(text, " ");
    while (!text->failed && text->size - from <= width);
}

static void number_cell(struct text *text, json_int_t number, size_t width)
{
    char digits[32];
    snprintf(digits, sizeof(digits), "%*" JSON_INTEGER_FORMAT "  ", (int)width, number);
    text_string(text, digits);
}

static void session(struct text *text, const json_t *of)
{
    const json_t *classes = json_object_get(of, "classes");
    for (size_t i = 0; i < json_array_size(classes); i++) {
        const json_t *class = json_array_get(classes, i);
        text_literal(text, "  ");
        cell(text, i == 0 ? string_of(of, "session") : "", 16);
        cell(text, i == 0 ? string_of(of, "state") : "", 9);
        cell(text, string_of(class, "class"), 8);
        number_cell(text, integer_of(class, "produced"), 12);
        number_cell(text, integer_of(class, "delivered"), 12);
        number_cell(text, integer_of(class, "lost"), 12);
        number_cell(text, integer_of(class, "left"), 12);
        text_literal(text, "\n");
    }
    static const struct {
        const char *key, *words;
    } remarks[] = {{"before_this_start", "went to the analyzer before this one"},
                   {"missing", "missing of known number, in loss records"},
                   {"in_flight", "in flight"},
                   {"in_absence", "in the rings of a collector that was killed, within its absence"}};
    for (size_t i = 0; i < sizeof(remarks) / sizeof(remarks[0]); i++) {
        json_int_t count = integer_of(of, remarks[i].key);
        if (count == 0)
            continue;
        text_literal(text, "    of what is left: ");
        text_signed(text, count);
        text_literal(text, " ");
        text_string(text, remarks[i].words);
        text_literal(text, "\n");
    }
    if (string_of(of, "fault")[0] != '\0') {
        text_literal(text, "    DOES NOT BALANCE: ");
        put(text, string_of(of, "fault"));
        text_literal(text, "\n");
    }
}

static void losses(struct text *text, const json_t *node)
{
    const json_t *sums = json_object_get(node, "losses"), *ranges = json_object_get(node, "ranges");
    for (size_t i = 0; i < json_array_size(sums); i++) {
        const json_t *sum = json_array_get(sums, i);
        text_literal(text, "  lost at ");
        cell(text, string_of(sum, "stage"), 8);
        cell(text, string_of(sum, "class"), 8);
        number_cell(text, integer_of(sum, "count"), 12);
        text_literal(text, "\n");
    }
    for (size_t i = 0; i < json_array_size(ranges); i++) {
        const json_t *range = json_array_get(ranges, i);
        text_literal(text, "    ");
        put(text, string_of(range, "from"));
        text_literal(text, " to ");
        put(text, string_of(range, "to"));
        text_literal(text, "  ");
        cell(text, string_of(range, "stage"), 8);
        cell(text, string_of(range, "class"), 8);
        const json_t *cpu = json_object_get(range, "cpu");
        bool exact = json_is_true(json_object_get(range, "exact"));
        if (json_is_integer(cpu)) {
            text_literal(text, "CPU ");
            text_signed(text, json_integer_value(cpu));
            text_literal(text, "  ");
        }
        text_string(text, exact ? "" : integer_of(range, "count") > 0 ? "up to " : "an unknown number");
        if (exact || integer_of(range, "count") > 0)
            text_signed(text, integer_of(range, "count"));
        text_literal(text, "\n");
    }
    if (integer_of(node, "records_forgotten") > 0) {
        text_literal(text, "    and ");
        text_signed(text, integer_of(node, "records_forgotten"));
        text_literal(text, " older records, in the sums only\n");
    }
}

static void node_of(struct text *text, const json_t *node)
{
    const json_t *sessions = json_object_get(node, "sessions");
    text_literal(text, "node ");
    put(text, string_of(node, "node"));
    text_string(text, json_is_true(json_object_get(node, "connected")) ? ": connected" : ": not connected");
    text_literal(text, ", its queue is ");
    text_signed(text, (integer_of(node, "queue_fill_permille") + 9) / 10);
    text_literal(text, " % full, ");
    text_signed(text, integer_of(node, "duplicates"));
    text_literal(text, " events came again and were skipped\n");
    if (json_array_size(sessions) > 0)
        text_literal(text,
                     "  SESSION          STATE     CLASS        PRODUCED     DELIVERED          LOST          LEFT\n");
    for (size_t i = 0; i < json_array_size(sessions); i++)
        session(text, json_array_get(sessions, i));
    losses(text, node);
}

static void sinks(struct text *text, const json_t *all)
{
    static const char *const keys[] = {"delivered", "refused", "lost", "skipped", "waiting", "dead_letters"};
    if (json_array_size(all) > 0)
        text_literal(
            text,
            "SINK               DELIVERED       REFUSED          LOST       SKIPPED       WAITING  DEAD LETTERS\n");
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *sink = json_array_get(all, i);
        cell(text, string_of(sink, "name"), 14);
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
            number_cell(text, integer_of(sink, keys[k]), 12);
        text_literal(text, "\n");
    }
}

/* A sink's alerts are counted where its cursor moves: what is left of the way it went is what it skipped. */
static bool sinks_balance(const json_t *all)
{
    for (size_t i = 0; i < json_array_size(all); i++)
        if (integer_of(json_array_get(all, i), "skipped") < 0)
            return false;
    return true;
}

int control_balance(const char *socket, const char *node, bool json)
{
    const struct control_request request = {.page = "/balance", .argument = {{"node", node[0] != '\0' ? node : NULL}}};
    struct text answer = {0}, text = {0};
    int code = control_ask(socket, &request, &answer);
    json_t *all = code == EXIT_CODE_OK ? json_loadb(answer.data, answer.size, 0, NULL) : NULL;
    if (code == EXIT_CODE_OK && all == NULL) {
        log_error("%s: the answer cannot be read: are both of one version?", socket);
        code = EXIT_CODE_RUNTIME;
    }
    if (code == EXIT_CODE_OK) {
        const json_t *nodes = json_object_get(all, "nodes"), *of_sinks = json_object_get(all, "sinks");
        bool balanced = json_is_true(json_object_get(all, "balanced")) && sinks_balance(of_sinks);
        for (size_t i = 0; i < json_array_size(nodes); i++)
            node_of(&text, json_array_get(nodes, i));
        sinks(&text, of_sinks);
        text_string(&text, balanced ? "balanced: yes\n" : "balanced: no\n");
        const struct text *shown = json ? &answer : &text;
        bool written = !text.failed && fwrite(shown->data, 1, shown->size, stdout) == shown->size &&
                       (!json || fputc('\n', stdout) == '\n') && fflush(stdout) == 0;
        if (!written)
            log_error("standard output cannot be written");
        code = written && balanced ? EXIT_CODE_OK : EXIT_CODE_RUNTIME;
    }
    json_decref(all);
    text_fini(&answer);
    text_fini(&text);
    return code;
}
