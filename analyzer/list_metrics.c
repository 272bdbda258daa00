// SPDX-License-Identifier: Apache-2.0
/* `list metrics`: the table of metrics, and its page docs/metrics.md. */
#include "analyzer/list.h"
#include "analyzer/metrics/metrics.h"

static const char *type_name(enum metric_type type)
{
    static const char *const names[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    return names[type];
}

void table_metrics(struct text *text)
{
    char line[128];
    for (size_t i = 0; i < METRICS; i++) {
        const struct metric_row *row = &metric_table[i];
        snprintf(line, sizeof(line), "%-48s %-10s %-24s ", row->name, type_name(row->type), row->labels);
        text_string(text, line);
        text_string(text, row->help);
        text_literal(text, "\n");
    }
}

void json_metrics(struct text *text)
{
    for (size_t i = 0; i < METRICS; i++) {
        const struct metric_row *row = &metric_table[i];
        text_string(text, i == 0 ? "[{" : ",\n{");
        list_member(text, "name", row->name);
        text_literal(text, ",");
        list_member(text, "type", type_name(row->type));
        text_literal(text, ",\"labels\":");
        text_json_words(text, row->labels, ' ');
        text_literal(text, ",");
        list_member(text, "help", row->help);
        text_literal(text, "}");
    }
    text_literal(text, "]\n");
}

/* In a table a bar would end the cell. */
static void cell(struct text *text, const char *words)
{
    for (; *words != '\0'; words++) {
        if (*words == '|')
            text_literal(text, "\\");
        text_append(text, words, 1);
    }
}

void markdown_metrics(struct text *text)
{
    text_literal(
        text,
        "# Metrics\n\n"
        "<!-- Generated from analyzer/metrics/metrics.def: edit that and run ./dev docs. -->\n\n"
        "`GET /metrics` of the analyzer (`http.listen`, 127.0.0.1:3366) gives them in the Prometheus text format, and "
        "in OpenMetrics 1.0.0 to who asks for it by `Accept`. The collector listens on nothing: its figures arrive "
        "with its batches and carry the label `node`. Every label has a bounded set of values. The `tracee_*` are "
        "there with `--metrics.tracee_names`. Dashboards that use them are in `deploy/dashboards/`, alert rules in "
        "`deploy/prometheus/`.\n\n"
        "| metric | type | labels | |\n|---|---|---|---|\n");
    for (size_t i = 0; i < METRICS; i++) {
        const struct metric_row *row = &metric_table[i];
        text_literal(text, "| `");
        text_string(text, row->name);
        text_literal(text, "` | ");
        text_string(text, type_name(row->type));
        text_literal(text, " | ");
        cell(text, row->labels);
        text_literal(text, " | ");
        cell(text, row->help);
        text_literal(text, " |\n");
    }
}
