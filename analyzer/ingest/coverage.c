/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/ingest/coverage.h"

#include <errno.h>

#include "analyzer/derive/derive.h"
#include "common/wire/coverage.h"

enum {
    WIDTH_ATTACHED = 8,
    WIDTH_PREEMPTIBLE = 11,
    WIDTH_EVENT = 32,
    WIDTH_COVERED = 7,
    WIDTH_SELF_TEST = 9,
    WIDTH_SOURCE = 36
};

/* Bytes of a row's own texts, with their NULs. */
static size_t words_size(const Vedette__V1__Coverage *said, const struct schema_event *event)
{
    const char *const words[] = {event->name, event->sets, said->source, said->losses, said->reason, said->better};
    size_t size = 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        size += strlen(words[i]) + 1;
    return size;
}

static const char *keep(char **at, const char *word)
{
    size_t size = strlen(word) + 1;
    char *kept = memcpy(*at, word, size);
    *at += size;
    return kept;
}

/* A collector says of a derived event only that it sends what the event is made of. */
static bool is_missing_here(const struct event *event)
{
    return event != NULL && event->sources[0].kind == SOURCE_DERIVED && !derive_makes(event);
}

static char *keep_hooks(struct coverage *coverage, const Vedette__V1__Hello *hello, struct coverage_hook *hooks,
                        char *at)
{
    for (size_t i = 0; i < hello->n_hook; i++) {
        const Vedette__V1__Hook *said = hello->hook[i];
        hooks[i] = (struct coverage_hook){
            .attached = said->attached,
            .misses_counted = said->misses_counted,
            .misses = said->misses,
            .name = keep(&at, said->name),
            .reason = keep(&at, said->reason),
            .self_test = self_test_name(said->self_test),
            .preemptible = preemptible_name(said->preemptible),
        };
    }
    coverage->hooks = hooks;
    coverage->n_hooks = hello->n_hook;
    return at;
}

struct coverage *coverage_new(const Vedette__V1__Hello *hello, const struct schema *schema)
{
    size_t size = sizeof(struct coverage) + hello->n_coverage * sizeof(struct coverage_row);
    for (size_t i = 0; i < hello->n_coverage; i++) {
        const struct schema_event *event = schema_event_by_id(schema, hello->coverage[i]->event_id);
        size += event != NULL ? words_size(hello->coverage[i], event) : 0;
    }
    size += hello->n_hook * sizeof(struct coverage_hook);
    for (size_t i = 0; i < hello->n_hook; i++)
        size += strlen(hello->hook[i]->name) + strlen(hello->hook[i]->reason) + 2;
    struct coverage *coverage = malloc(size);
    if (coverage == NULL)
        return NULL;
    struct coverage_hook *hooks = (struct coverage_hook *)&coverage->row[hello->n_coverage];
    char *at = keep_hooks(coverage, hello, hooks, (char *)&hooks[hello->n_hook]);
    coverage->count = 0;
    for (size_t i = 0; i < hello->n_coverage; i++) {
        const Vedette__V1__Coverage *said = hello->coverage[i];
        const struct schema_event *event = schema_event_by_id(schema, said->event_id);
        if (event == NULL)
            continue;
        bool missing = said->covered && is_missing_here(event->known);
        coverage->row[coverage->count++] = (struct coverage_row){
            .event_id = said->event_id,
            .covered = said->covered && !missing,
            .event = keep(&at, event->name),
            .sets = keep(&at, event->sets),
            .source = keep(&at, said->source),
            .self_test = self_test_name(said->self_test),
            .losses = keep(&at, said->losses),
            .reason = missing ? "this analyzer does not make it yet" : keep(&at, said->reason),
            .better = keep(&at, said->better),
        };
    }
    return coverage;
}

const struct coverage_row *coverage_find(const struct coverage *coverage, uint32_t event_id)
{
    for (size_t i = 0; i < coverage->count; i++)
        if (coverage->row[i].event_id == event_id)
            return &coverage->row[i];
    return NULL;
}

size_t coverage_count(const struct coverage *coverage)
{
    size_t covered = 0;
    for (size_t i = 0; i < coverage->count; i++)
        covered += coverage->row[i].covered;
    return covered;
}

static void member(struct text *text, const char *name, const char *value)
{
    text_literal(text, ",\"");
    text_string(text, name);
    text_literal(text, "\":");
    text_json(text, value, strlen(value));
}

static void json_row(struct text *text, const struct coverage_row *row)
{
    text_literal(text, "{\"name\":");
    text_json(text, row->event, strlen(row->event));
    text_literal(text, ",\"sets\":");
    text_json_words(text, row->sets, ',');
    text_literal(text, ",\"covered\":");
    text_string(text, row->covered ? "true" : "false");
    member(text, "source", row->source);
    member(text, "self_test", row->self_test);
    member(text, "losses", row->losses);
    member(text, "reason", row->reason);
    member(text, "better", row->better);
    text_literal(text, "}");
}

void coverage_json(const struct coverage *coverage, struct text *text)
{
    text_literal(text, "[");
    for (size_t i = 0; i < coverage->count; i++) {
        if (i > 0)
            text_literal(text, ",\n");
        json_row(text, &coverage->row[i]);
    }
    text_literal(text, "]\n");
}

static void column(struct text *text, const char *word, size_t width)
{
    size_t begin = text->size;
    text_printable(text, word, strlen(word));
    while (!text->failed && text->size - begin < width)
        text_literal(text, " ");
    text_literal(text, " ");
}

static void table_row(struct text *text, const struct coverage_row *row)
{
    const struct {
        const char *name, *words;
    } remarks[] = {{"why not", row->reason}, {"losses", row->losses}, {"better", row->better}};
    column(text, row->event, WIDTH_EVENT);
    column(text, row->covered ? "yes" : "no", WIDTH_COVERED);
    column(text, row->self_test, WIDTH_SELF_TEST);
    column(text, row->source[0] == '\0' ? "-" : row->source, WIDTH_SOURCE);
    const char *separator = "";
    for (size_t i = 0; i < sizeof(remarks) / sizeof(remarks[0]); i++) {
        if (remarks[i].words[0] == '\0')
            continue;
        text_string(text, separator);
        text_string(text, remarks[i].name);
        text_literal(text, ": ");
        text_printable(text, remarks[i].words, strlen(remarks[i].words));
        separator = "; ";
    }
    text_literal(text, "\n");
}

static void table_hooks(const struct coverage *coverage, struct text *text)
{
    column(text, "HOOK", WIDTH_SOURCE);
    column(text, "ATTACHED", WIDTH_ATTACHED);
    column(text, "SELF-TEST", WIDTH_SELF_TEST);
    column(text, "PREEMPTIBLE", WIDTH_PREEMPTIBLE);
    text_literal(text, "MISSES WHEN IT SAID HELLO\n");
    for (size_t i = 0; i < coverage->n_hooks; i++) {
        const struct coverage_hook *hook = &coverage->hooks[i];
        column(text, hook->name, WIDTH_SOURCE);
        column(text, hook->attached ? "yes" : "no", WIDTH_ATTACHED);
        column(text, hook->self_test, WIDTH_SELF_TEST);
        column(text, hook->preemptible, WIDTH_PREEMPTIBLE);
        if (!hook->attached)
            text_printable(text, hook->reason, strlen(hook->reason));
        else if (hook->misses_counted)
            text_unsigned(text, hook->misses);
        else
            text_literal(text, "not counted by its kernel");
        text_literal(text, "\n");
    }
    text_literal(text, "\n");
}

void coverage_table(const struct coverage *coverage, struct text *text)
{
    text_unsigned(text, coverage_count(coverage));
    text_literal(text, " of ");
    text_unsigned(text, coverage->count);
    text_literal(text, " events are covered\n\n");
    if (coverage->n_hooks > 0)
        table_hooks(coverage, text);
    column(text, "EVENT", WIDTH_EVENT);
    column(text, "COVERED", WIDTH_COVERED);
    column(text, "SELF-TEST", WIDTH_SELF_TEST);
    column(text, "SOURCE", WIDTH_SOURCE);
    text_literal(text, "REMARKS\n");
    for (size_t i = 0; i < coverage->count; i++)
        table_row(text, &coverage->row[i]);
}
