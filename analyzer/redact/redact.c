// SPDX-License-Identifier: Apache-2.0
#include "analyzer/redact/redact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { ARGUMENTS = REDACT_ARGUMENTS, ENVIRONMENT = REDACT_ENVIRONMENT, BOTH = REDACT_ARGUMENTS | REDACT_ENVIRONMENT };

static const struct {
    const char *regex;
    uint8_t kinds;
} builtin_patterns[] = {
#define PATTERN(what, kinds, regex) {regex, kinds},
#include "analyzer/redact/patterns.def"
};

enum { N_BUILTIN = sizeof(builtin_patterns) / sizeof(builtin_patterns[0]) };

/* Constant once there are threads. */
static struct {
    pcre2_code *code;
    uint8_t kinds; /* of lists, a bit each */
} pattern[REDACT_MAX_PATTERNS];
static size_t n_patterns;
static pcre2_match_context *limits;

void redact_reset(void)
{
    for (size_t i = 0; i < n_patterns; i++)
        pcre2_code_free(pattern[i].code);
    n_patterns = 0;
    pcre2_match_context_free(limits);
    limits = NULL;
}

static int add_pattern(const char *regex, unsigned kinds, char error[REDACT_ERROR_BYTES])
{
    int code;
    PCRE2_SIZE offset;
    if (n_patterns == REDACT_MAX_PATTERNS) {
        snprintf(error, REDACT_ERROR_BYTES, "redact.patterns: more than %d patterns", REDACT_MAX_PATTERNS - N_BUILTIN);
        return -EINVAL;
    }
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, 0, &code, &offset, NULL);
    if (compiled == NULL) {
        unsigned char words[128];
        pcre2_get_error_message(code, words, sizeof(words));
        snprintf(error, REDACT_ERROR_BYTES, "redact.patterns: \"%.200s\" is no regular expression: %s at character %zu",
                 regex, words, offset + 1);
        return -EINVAL;
    }
    pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* where there is none it is interpreted */
    pattern[n_patterns].kinds = (uint8_t)kinds;
    pattern[n_patterns++].code = compiled;
    return 0;
}

int redact_configure(bool builtin, const char *const *patterns, size_t count, char error[REDACT_ERROR_BYTES])
{
    int result = 0;
    redact_reset();
    limits = pcre2_match_context_create(NULL);
    if (limits == NULL) {
        snprintf(error, REDACT_ERROR_BYTES, "no memory");
        return -ENOMEM;
    }
    pcre2_set_match_limit(limits, REDACT_MATCH_LIMIT);
    for (size_t i = 0; i < N_BUILTIN && builtin && result == 0; i++)
        result = add_pattern(builtin_patterns[i].regex, builtin_patterns[i].kinds, error);
    for (size_t i = 0; i < count && result == 0; i++)
        result = add_pattern(patterns[i], BOTH, error);
    if (result != 0)
        redact_reset();
    return result;
}

struct joined {
    char *bytes;
    char *hidden; /* 1 where the byte of the same place is to go */
    size_t size;
};

/* Hides a match as far as its item reaches; returns where the search goes on. */
static size_t hide(struct joined *joined, size_t from, size_t to)
{
    const char *end = memchr(joined->bytes + from, '\0', to - from);
    if (end != NULL)
        to = (size_t)(end - joined->bytes);
    memset(joined->hidden + from, 1, to - from);
    return end != NULL ? to + 1 : to;
}

static void hide_all(struct joined *joined)
{
    memset(joined->hidden, 1, joined->size);
}

/* Compiled code has a small stack; what needs more is interpreted. */
static int match_at(const struct joined *joined, const pcre2_code *code, size_t at, pcre2_match_data *match)
{
    const PCRE2_SPTR subject = (PCRE2_SPTR)joined->bytes;
    int result = pcre2_match(code, subject, joined->size, at, PCRE2_NOTEMPTY, match, limits);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT)
        result = pcre2_match(code, subject, joined->size, at, PCRE2_NOTEMPTY | PCRE2_NO_JIT, match, limits);
    return result;
}

/* Marks every match; a pattern that gives up hides everything, since what it would have found is not known. */
static bool find(struct joined *joined, const pcre2_code *code, pcre2_match_data *match)
{
    bool found = false;
    const PCRE2_SIZE *place = pcre2_get_ovector_pointer(match);
    for (size_t at = 0; at < joined->size;) {
        int result = match_at(joined, code, at, match);
        if (result == PCRE2_ERROR_NOMATCH)
            return found;
        if (result < 0) {
            hide_all(joined);
            return true;
        }
        if (place[1] <= place[0]) { /* \K behind the match's end, in a look-ahead */
            at = place[0] + 1;
            continue;
        }
        at = hide(joined, place[0], place[1]);
        found = true;
    }
    return found;
}

static bool find_secrets(struct joined *joined, enum redact_kind kind)
{
    bool found = false;
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    if (match == NULL) {
        hide_all(joined);
        return true;
    }
    for (size_t i = 0; i < n_patterns; i++)
        if ((pattern[i].kinds & kind) != 0)
            found = find(joined, pattern[i].code, match) || found;
    pcre2_match_data_free(match);
    return found;
}

static bool join(struct joined *joined, const struct string_view *items, uint32_t count)
{
    size_t size = 0, at = 0;
    for (uint32_t i = 0; i < count; i++)
        size += items[i].length + 1;
    joined->bytes = malloc(size + 1);
    joined->hidden = calloc(1, size + 1);
    joined->size = size > 0 ? size - 1 : 0;
    if (joined->bytes == NULL || joined->hidden == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(joined->bytes + at, items[i].data, items[i].length);
        at += items[i].length;
        joined->bytes[at++] = '\0';
    }
    return true;
}

/* The bytes of one item without what is hidden, one mark for each stretch. Returns where it ends. */
static char *copy_shown(char *out, const char *bytes, const char *hidden, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (hidden[i] == 0)
            *out++ = bytes[i];
        else if (i == 0 || hidden[i - 1] == 0)
            out = mempcpy(out, REDACT_MARK, sizeof(REDACT_MARK) - 1);
    }
    return out;
}

/* Views of the copies take the place of those of the items. */
static bool rewrite(struct redacted *ret, struct string_view *items, uint32_t count, const struct joined *joined)
{
    /* Between two marks stands a byte that is shown or the end of an item. */
    ret->bytes = malloc((joined->size / 2 + count + 1) * sizeof(REDACT_MARK));
    if (ret->bytes == NULL)
        return false;
    char *out = ret->bytes;
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        const size_t length = items[i].length;
        char *end = copy_shown(out, joined->bytes + at, joined->hidden + at, length);
        items[i].data = out;
        items[i].length = (uint32_t)(end - out);
        out = end;
        at += length + 1;
    }
    return true;
}

static void mark_all(struct string_view *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        items[i].data = REDACT_MARK;
        items[i].length = sizeof(REDACT_MARK) - 1;
    }
}

/* True when the items were changed. */
static bool redact(struct redacted *ret, struct string_view *items, uint32_t count, enum redact_kind kind)
{
    struct joined joined = {0};
    bool has_memory = join(&joined, items, count);
    bool found = !has_memory || find_secrets(&joined, kind);
    if (!has_memory || (found && !rewrite(ret, items, count, &joined)))
        mark_all(items, count);
    free(joined.bytes);
    free(joined.hidden);
    return found;
}

enum redact_kind redact_kind_of(const char *argument)
{
    return strcmp(argument, "env") == 0 || strcmp(argument, "envp") == 0 ? REDACT_ENVIRONMENT : REDACT_ARGUMENTS;
}

void redact_list(struct redacted *ret, const struct decoder *decoder, const struct value *list, enum redact_kind kind)
{
    *ret = (struct redacted){.decoder = decoder, .list = list};
    if (n_patterns == 0 || list->list.count == 0)
        return;
    ret->items = calloc(list->list.count, sizeof(*ret->items));
    if (ret->items == NULL) {
        ret->decoder = NULL;
        return;
    }
    for (uint32_t i = 0; i < list->list.count; i++)
        ret->items[i] = decoder_list_item(decoder, list, i);
    if (redact(ret, ret->items, list->list.count, kind))
        return;
    free(ret->items);
    ret->items = NULL;
}

struct string_view redacted_item(const struct redacted *redacted, uint32_t i)
{
    if (redacted->items != NULL)
        return redacted->items[i];
    if (redacted->decoder != NULL)
        return decoder_list_item(redacted->decoder, redacted->list, i);
    struct string_view mark = {0};
    mark_all(&mark, 1);
    return mark;
}

struct string_view redact_string(struct redacted *ret, const struct string_view *string)
{
    struct string_view shown = *string;
    *ret = (struct redacted){0};
    if (n_patterns > 0 && string->length > 0)
        redact(ret, &shown, 1, REDACT_ENVIRONMENT);
    return shown;
}

void redacted_fini(struct redacted *redacted)
{
    free(redacted->items);
    free(redacted->bytes);
}
