/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/metrics/metrics.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>

enum {
    MAX_COLLECTORS = 256,
    MAX_FAMILIES = 4096,
    MAX_PAGE_BYTES = 64 << 20, /* a scrape larger than this is a mistake in labels */
};

struct buffer {
    char *data;
    size_t size, capacity;
};

struct family {
    char *name, *help;
    enum metric_type type;
    struct buffer samples;
};

const struct metric_row metric_table[METRICS] = {
#define METRIC(symbol, name, type, labels, help) [METRIC_##symbol] = {name, METRIC_##type, labels, help},
#include "analyzer/metrics/metrics.def"
#undef METRIC
};

struct metrics_writer {
    struct family *families; /* in order of first appearance: the page is stable from scrape to scrape */
    size_t n_families, capacity;
    uint16_t place[METRICS]; /* of a metric of the table among the families, from 1; 0: not there yet */
    size_t bytes;
    bool failed;
};

struct collector {
    void (*collect)(void *arg, struct metrics_writer *writer);
    void *arg;
};

struct metrics {
    pthread_mutex_t lock;
    struct collector collectors[MAX_COLLECTORS];
    size_t n_collectors;
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics)
        pthread_mutex_init(&metrics->lock, NULL);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

void metrics_register(struct metrics *metrics, void (*collect)(void *arg, struct metrics_writer *writer), void *arg)
{
    pthread_mutex_lock(&metrics->lock);
    if (metrics->n_collectors == MAX_COLLECTORS)
        abort(); /* the program registers a fixed number of modules */
    metrics->collectors[metrics->n_collectors++] = (struct collector){collect, arg};
    pthread_mutex_unlock(&metrics->lock);
}

static bool append(struct metrics_writer *writer, struct buffer *buffer, const char *data, size_t size)
{
    if (writer->failed || writer->bytes + size > MAX_PAGE_BYTES) {
        writer->failed = true;
        return false;
    }
    if (buffer->size + size > buffer->capacity) {
        size_t capacity = buffer->capacity ? buffer->capacity : 256;
        while (capacity < buffer->size + size)
            capacity *= 2;
        char *grown = realloc(buffer->data, capacity);
        if (!grown) {
            writer->failed = true;
            return false;
        }
        buffer->data = grown;
        buffer->capacity = capacity;
    }
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    writer->bytes += size;
    return true;
}

static void append_text(struct metrics_writer *writer, struct buffer *buffer, const char *text)
{
    append(writer, buffer, text, strlen(text));
}

/* Length of the well-formed UTF-8 sequence at `s`, 0 when it is none (also for a surrogate, an overlong form, beyond
 * U+10FFFF). */
static size_t utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t length = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
                    : s[0] >= 0xe0 && s[0] <= 0xef ? 3
                    : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                   : 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return length;
}

/* The format's escapes; a quote is escaped in label values, left alone in HELP. What is not UTF-8 becomes U+FFFD. */
static void append_escaped(struct metrics_writer *writer, struct buffer *buffer, const char *text, bool quote)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s) {
        size_t length = utf8_length(s);
        if (*s == '\\')
            append(writer, buffer, "\\\\", 2);
        else if (*s == '\n')
            append(writer, buffer, "\\n", 2);
        else if (*s == '"' && quote)
            append(writer, buffer, "\\\"", 2);
        else if (length == 0)
            append(writer, buffer, "\xef\xbf\xbd", 3);
        else
            append(writer, buffer, (const char *)s, length);
        s += length ? length : 1;
    }
}

static struct family *find_family(struct metrics_writer *writer, const char *name, enum metric_type type,
                                  const char *help)
{
    for (size_t i = 0; i < writer->n_families; i++)
        if (strcmp(writer->families[i].name, name) == 0)
            return &writer->families[i];
    if (writer->n_families == writer->capacity) {
        size_t capacity = writer->capacity ? writer->capacity * 2 : 64;
        struct family *grown = capacity <= MAX_FAMILIES ? realloc(writer->families, capacity * sizeof(*grown)) : NULL;
        if (!grown)
            return NULL;
        writer->families = grown;
        writer->capacity = capacity;
    }
    struct family family = {.name = strdup(name), .help = strdup(help ? help : ""), .type = type};
    if (!family.name || !family.help) {
        free(family.name);
        free(family.help);
        return NULL;
    }
    writer->families[writer->n_families] = family;
    return &writer->families[writer->n_families++];
}

/* At once: a scrape of many nodes asks for the same few families over and over. */
static struct family *family_of(struct metrics_writer *writer, enum metric metric)
{
    const struct metric_row *row = &metric_table[metric];
    if (writer->place[metric] != 0)
        return &writer->families[writer->place[metric] - 1];
    struct family *family = find_family(writer, row->name, row->type, row->help);
    if (family)
        writer->place[metric] = (uint16_t)(family - writer->families + 1);
    return family;
}

static void append_value(struct metrics_writer *writer, struct buffer *buffer, double value)
{
    char text[64];
    if (isnan(value))
        snprintf(text, sizeof(text), " NaN\n");
    else if (isinf(value))
        snprintf(text, sizeof(text), value > 0 ? " +Inf\n" : " -Inf\n");
    else if (fabs(value) < 9007199254740992.0 &&
             trunc(value) == value) /* whole and exact: no exponent for people to read */
        snprintf(text, sizeof(text), " %.0f\n", value);
    else
        snprintf(text, sizeof(text), " %.17g\n", value);
    append_text(writer, buffer, text);
}

static void append_sample(struct metrics_writer *writer, struct buffer *out, const char *name, const char *suffix,
                          const struct metric_label *labels, double value)
{
    append_text(writer, out, name);
    append_text(writer, out, suffix);
    const char *separator = "{";
    for (const struct metric_label *label = labels; label && label->name; label++) {
        append_text(writer, out, separator);
        append_text(writer, out, label->name);
        append_text(writer, out, "=\"");
        append_escaped(writer, out, label->value ? label->value : "", true);
        append_text(writer, out, "\"");
        separator = ",";
    }
    if (*separator == ',')
        append_text(writer, out, "}");
    append_value(writer, out, value);
}

static void write_sample(struct metrics_writer *writer, struct family *family, const struct metric_label *labels,
                         double value)
{
    if (family)
        append_sample(writer, &family->samples, family->name, "", labels, value);
    else
        writer->failed = true;
}

void metrics_write(struct metrics_writer *writer, const char *family_name, enum metric_type type, const char *help,
                   const struct metric_label *labels, double value)
{
    write_sample(writer, find_family(writer, family_name, type, help), labels, value);
}

void metrics_put(struct metrics_writer *writer, enum metric metric, const struct metric_label *labels, double value)
{
    write_sample(writer, family_of(writer, metric), labels, value);
}

static void write_histogram(struct metrics_writer *writer, struct family *family, const struct metric_label *labels,
                            const struct metric_histogram *histogram)
{
    struct metric_label with_bound[METRIC_MAX_LABELS + 2] = {0};
    size_t n = 0;
    if (!family) {
        writer->failed = true;
        return;
    }
    for (; labels && labels[n].name && n < METRIC_MAX_LABELS; n++)
        with_bound[n] = labels[n];
    uint64_t count = 0;
    for (size_t i = 0; i <= histogram->n; i++) {
        char bound[32] = "+Inf";
        if (i < histogram->n)
            snprintf(bound, sizeof(bound), "%g", histogram->bounds[i]);
        with_bound[n] = (struct metric_label){"le", bound};
        count += histogram->counts[i];
        append_sample(writer, &family->samples, family->name, "_bucket", with_bound, (double)count);
    }
    append_sample(writer, &family->samples, family->name, "_sum", labels, histogram->sum);
    append_sample(writer, &family->samples, family->name, "_count", labels, (double)count);
}

void metrics_write_histogram(struct metrics_writer *writer, const char *family_name, const char *help,
                             const struct metric_label *labels, const struct metric_histogram *histogram)
{
    write_histogram(writer, find_family(writer, family_name, METRIC_HISTOGRAM, help), labels, histogram);
}

void metrics_put_histogram(struct metrics_writer *writer, enum metric metric, const struct metric_label *labels,
                           const struct metric_histogram *histogram)
{
    write_histogram(writer, family_of(writer, metric), labels, histogram);
}

static void append_family(struct metrics_writer *writer, struct buffer *page, const struct family *family,
                          enum metrics_format format)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = " counter\n", [METRIC_GAUGE] = " gauge\n", [METRIC_HISTOGRAM] = " histogram\n"};
    static const char total[] = "_total";
    const char *type = types[family->type];
    size_t length = strlen(family->name), suffix = sizeof(total) - 1;
    if (format == METRICS_OPENMETRICS && family->type == METRIC_COUNTER) {
        if (length > suffix && strcmp(family->name + length - suffix, total) == 0)
            length -= suffix;
        else
            type = " unknown\n";
    }
    append_text(writer, page, "# HELP ");
    append(writer, page, family->name, length);
    append_text(writer, page, " ");
    append_escaped(writer, page, family->help, format == METRICS_OPENMETRICS);
    append_text(writer, page, "\n# TYPE ");
    append(writer, page, family->name, length);
    append_text(writer, page, type);
    append(writer, page, family->samples.data, family->samples.size);
}

char *metrics_render_as(struct metrics *metrics, enum metrics_format format, size_t *ret_size)
{
    struct metrics_writer writer = {0};
    struct buffer page = {0};
    pthread_mutex_lock(&metrics->lock);
    for (size_t i = 0; i < metrics->n_collectors; i++)
        metrics->collectors[i].collect(metrics->collectors[i].arg, &writer);
    pthread_mutex_unlock(&metrics->lock);
    for (size_t i = 0; i < writer.n_families; i++) {
        append_family(&writer, &page, &writer.families[i], format);
        free(writer.families[i].name);
        free(writer.families[i].help);
        free(writer.families[i].samples.data);
    }
    free(writer.families);
    if (format == METRICS_OPENMETRICS)
        append_text(&writer, &page, "# EOF\n");
    if (!append(&writer, &page, "", 1)) {
        free(page.data);
        errno = ENOMEM;
        return NULL;
    }
    *ret_size = page.size - 1;
    return page.data;
}

char *metrics_render(struct metrics *metrics, size_t *ret_size)
{
    return metrics_render_as(metrics, METRICS_TEXT, ret_size);
}
