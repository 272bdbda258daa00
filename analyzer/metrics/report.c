/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/metrics/report.h"

#include <stdio.h>

void report_add(struct report *report, const char *name, bool decides, const char *words)
{
    if (report->n == REPORT_CHECKS)
        return;
    struct report_check *check = &report->check[report->n++];
    snprintf(check->name, sizeof(check->name), "%s", name);
    snprintf(check->words, sizeof(check->words), "%s", words ? words : "");
    check->decides = decides;
}

bool report_is_good(const struct report *report)
{
    for (size_t i = 0; i < report->n; i++)
        if (report->check[i].decides && report->check[i].words[0] != '\0')
            return false;
    return true;
}

/* NULL without memory. */
static char *written(const struct report *report, void (*write)(const struct report *report, FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    write(report, out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static void write_text(const struct report *report, FILE *out)
{
    if (report_is_good(report))
        fputs("ok\n", out);
    for (size_t i = 0; i < report->n; i++)
        if (report->check[i].words[0] != '\0')
            fprintf(out, "%s: %s\n", report->check[i].name, report->check[i].words);
}

/* The names and words are this program's own; a path in them may still hold anything. */
static void write_string(FILE *out, const char *string)
{
    fputc('"', out);
    for (const unsigned char *s = (const unsigned char *)string; *s; s++) {
        if (*s == '"' || *s == '\\')
            fprintf(out, "\\%c", *s);
        else if (*s < 0x20 || *s >= 0x7f)
            fputs("\\ufffd", out);
        else
            fputc(*s, out);
    }
    fputc('"', out);
}

static void write_json(const struct report *report, FILE *out)
{
    fprintf(out, "{\"ok\":%s,\"checks\":[", report_is_good(report) ? "true" : "false");
    for (size_t i = 0; i < report->n; i++) {
        const struct report_check *check = &report->check[i];
        fputs(i > 0 ? ",{\"name\":" : "{\"name\":", out);
        write_string(out, check->name);
        fprintf(out, ",\"ok\":%s,\"decides\":%s,\"words\":", check->words[0] ? "false" : "true",
                check->decides ? "true" : "false");
        write_string(out, check->words);
        fputc('}', out);
    }
    fputs("]}\n", out);
}

char *report_text(const struct report *report)
{
    return written(report, write_text);
}

char *report_json(const struct report *report)
{
    return written(report, write_json);
}
