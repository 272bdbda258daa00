/* SPDX-License-Identifier: Apache-2.0 */
/* Which exposition a client takes: RFC 9110 section 12.5.1. */
#include <stdbool.h>
#include <strings.h>

#include "analyzer/metrics/metrics.h"

enum { MAX_RANGES = 32 }; /* of one header; what follows is not looked at */

static const struct {
    const char *type, *version, *content;
} formats[] = {
    [METRICS_TEXT] = {"text/plain", "0.0.4", "text/plain; version=0.0.4; charset=utf-8"},
    [METRICS_OPENMETRICS] = {"application/openmetrics-text", "1.0.0",
                             "application/openmetrics-text; version=1.0.0; charset=utf-8"},
};

const char *metrics_content_type(enum metrics_format format)
{
    return formats[format].content;
}

/* How well a format is named: the more, the better; 0 not at all. */
enum match { MATCH_NONE, MATCH_ANY, MATCH_KIND, MATCH_TYPE, MATCH_VERSION };

struct wish {
    enum match match;
    unsigned permille;
};

/* One part of the header, up to a separator. */
struct part {
    const char *begin;
    size_t length;
};

/* The text up to the separator, without blanks around it; moves *at behind it. */
static struct part next_part(const char **at, const char *end, char separator)
{
    const char *begin = *at, *stop = memchr(begin, separator, (size_t)(end - begin));
    stop = stop ? stop : end;
    *at = stop < end ? stop + 1 : end;
    while (begin < stop && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (stop > begin && (stop[-1] == ' ' || stop[-1] == '\t'))
        stop--;
    return (struct part){begin, (size_t)(stop - begin)};
}

static bool is(struct part part, const char *text)
{
    return strlen(text) == part.length && strncasecmp(part.begin, text, part.length) == 0;
}

/* "0.75" as 750; what is no number counts as 0: not wanted. */
static unsigned permille_of(struct part part)
{
    unsigned value = 0, digits = 0;
    if (part.length == 0 || (part.begin[0] != '0' && part.begin[0] != '1') ||
        (part.length > 1 && part.begin[1] != '.') || part.length > 5)
        return 0;
    value = (unsigned)(part.begin[0] - '0');
    for (size_t i = 2; i < part.length; i++, digits++) {
        if (part.begin[i] < '0' || part.begin[i] > '9')
            return 0;
        value = value * 10 + (unsigned)(part.begin[i] - '0');
    }
    for (; digits < 3; digits++)
        value *= 10;
    return value > 1000 ? 1000 : value;
}

static enum match match_of(struct part type, enum metrics_format format)
{
    const char *name = formats[format].type, *slash = strchr(name, '/');
    size_t kind = (size_t)(slash - name) + 1;
    if (is(type, "*/*"))
        return MATCH_ANY;
    if (type.length == kind + 1 && type.begin[kind] == '*' && strncasecmp(type.begin, name, kind) == 0)
        return MATCH_KIND;
    return is(type, name) ? MATCH_TYPE : MATCH_NONE;
}

/* What one media range with its parameters says of a format. */
static struct wish wish_of(struct part range, enum metrics_format format)
{
    const char *at = range.begin, *end = range.begin + range.length;
    struct wish wish = {.match = match_of(next_part(&at, end, ';'), format), .permille = 1000};
    while (at < end && wish.match != MATCH_NONE) {
        struct part parameter = next_part(&at, end, ';');
        const char *inner = parameter.begin, *inner_end = parameter.begin + parameter.length;
        struct part name = next_part(&inner, inner_end, '='), value = next_part(&inner, inner_end, '\0');
        if (is(name, "q"))
            wish.permille = permille_of(value);
        else if (is(name, "version"))
            wish.match = is(value, formats[format].version) ? MATCH_VERSION : MATCH_NONE;
    }
    return wish;
}

static unsigned wanted(const char *accept, enum metrics_format format)
{
    const char *at = accept, *end = accept + strlen(accept);
    struct wish best = {MATCH_NONE, 0};
    for (int i = 0; at < end && i < MAX_RANGES; i++) {
        struct wish wish = wish_of(next_part(&at, end, ','), format);
        if (wish.match > best.match || (wish.match == best.match && wish.permille > best.permille))
            best = wish;
    }
    return best.match == MATCH_NONE ? 0 : best.permille;
}

enum metrics_format metrics_negotiate(const char *accept)
{
    if (!accept)
        return METRICS_TEXT;
    return wanted(accept, METRICS_OPENMETRICS) > wanted(accept, METRICS_TEXT) ? METRICS_OPENMETRICS : METRICS_TEXT;
}
