/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/text.h"

#include <string.h>

enum { FIRST_CAPACITY = 4096 };

void text_fini(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

bool text_reserve(struct text *text, size_t extra)
{
    if (text->capacity - text->size >= extra && text->data != NULL)
        return !text->failed;
    size_t capacity = text->capacity != 0 ? text->capacity : FIRST_CAPACITY;
    while (capacity - text->size < extra)
        capacity *= 2;
    char *data = text->failed ? NULL : realloc(text->data, capacity);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_append(struct text *text, const char *data, size_t size)
{
    if (!text_reserve(text, size))
        return;
    memcpy(text->data + text->size, data, size);
    text->size += size;
}

void text_string(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

void text_unsigned(struct text *text, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    text_append(text, digits + at, sizeof(digits) - at);
}

void text_signed(struct text *text, int64_t value)
{
    if (value >= 0) {
        text_unsigned(text, (uint64_t)value);
        return;
    }
    text_literal(text, "-");
    text_unsigned(text, -(uint64_t)value);
}

static const char hex_digits[] = "0123456789abcdef";

static void hex(struct text *text, uint64_t value, unsigned digits)
{
    char buffer[16];
    for (unsigned i = 0; i < digits; i++)
        buffer[i] = hex_digits[value >> (digits - 1 - i) * 4 & 15];
    text_append(text, buffer, digits);
}

void text_hex64(struct text *text, uint64_t value)
{
    hex(text, value, 16);
}

size_t text_decode(const char *data, size_t size, uint32_t *ret_point)
{
    static const struct {
        uint8_t mask, lead, low, high; /* the second byte's range rules out overlong forms and surrogates */
        uint8_t length;
    } forms[] = {
        {0x80, 0x00, 0x00, 0x00, 1}, {0xff, 0xe0, 0xa0, 0xbf, 3}, {0xff, 0xed, 0x80, 0x9f, 3},
        {0xff, 0xf0, 0x90, 0xbf, 4}, {0xff, 0xf4, 0x80, 0x8f, 4}, {0xe0, 0xc0, 0x80, 0xbf, 2},
        {0xf0, 0xe0, 0x80, 0xbf, 3}, {0xfc, 0xf0, 0x80, 0xbf, 4},
    };
    const uint8_t *bytes = (const uint8_t *)data;
    *ret_point = TEXT_INVALID;
    for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
        if ((bytes[0] & forms[f].mask) != forms[f].lead)
            continue;
        if (bytes[0] == 0xc0 || bytes[0] == 0xc1)
            return 1; /* could only be overlong */
        uint32_t point = forms[f].length == 1 ? bytes[0] : bytes[0] & (0x7fu >> forms[f].length);
        for (size_t i = 1; i < forms[f].length; i++) {
            uint8_t low = i == 1 ? forms[f].low : 0x80, high = i == 1 ? forms[f].high : 0xbf;
            if (i >= size || bytes[i] < low || bytes[i] > high)
                return i; /* one replacement for the longest beginning that was right */
            point = point << 6 | (bytes[i] & 0x3f);
        }
        *ret_point = point;
        return forms[f].length;
    }
    return 1;
}

/*
 * Characters that change what a reader sees instead of being seen: controls of both sets, line separators, and the
 * marks that reverse the direction of writing.
 */
static bool is_invisible(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x200e || point == 0x200f ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

/* How many bytes from the start need no second look. */
static size_t plain_run(const char *data, size_t size)
{
    size_t i = 0;
    while (i < size && data[i] >= 0x20 && data[i] < 0x7f && data[i] != '"' && data[i] != '\\')
        i++;
    return i;
}

/* The letter after the backslash in both notations, 0 when there is none. */
static char short_escape(uint32_t point)
{
    switch (point) {
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\\':
        return '\\';
    default:
        return 0;
    }
}

static void escaped_letter(struct text *text, char letter)
{
    const char pair[2] = {'\\', letter};
    text_append(text, pair, sizeof(pair));
}

void text_json(struct text *text, const char *data, size_t size)
{
    text_literal(text, "\"");
    while (size > 0) {
        size_t run = plain_run(data, size);
        text_append(text, data, run);
        data += run;
        size -= run;
        if (size == 0)
            break;
        uint32_t point;
        size_t length = text_decode(data, size, &point);
        if (point == TEXT_INVALID) {
            text_literal(text, "\xef\xbf\xbd");
        } else if (short_escape(point) != 0 || point == '"') {
            escaped_letter(text, point == '"' ? '"' : short_escape(point));
        } else if (is_invisible(point)) {
            text_literal(text, "\\u");
            hex(text, point, 4);
        } else {
            text_append(text, data, length);
        }
        data += length;
        size -= length;
    }
    text_literal(text, "\"");
}

void text_json_words(struct text *text, const char *words, char separator)
{
    const char end[] = {separator, '\0'};
    size_t length;
    text_literal(text, "[");
    for (const char *word = words; *word != '\0'; word += length + (word[length] == separator)) {
        length = strcspn(word, end);
        if (word != words)
            text_literal(text, ",");
        text_json(text, word, length);
    }
    text_literal(text, "]");
}

void text_printable(struct text *text, const char *data, size_t size)
{
    while (size > 0) {
        size_t run = plain_run(data, size);
        text_append(text, data, run);
        data += run;
        size -= run;
        if (size == 0)
            break;
        uint32_t point;
        size_t length = text_decode(data, size, &point);
        if (point == TEXT_INVALID) {
            for (size_t i = 0; i < length; i++) {
                text_literal(text, "\\x");
                hex(text, (uint8_t)data[i], 2);
            }
        } else if (short_escape(point) != 0) {
            escaped_letter(text, short_escape(point));
        } else if (is_invisible(point)) {
            text_append(text, point < 0x80 ? "\\x" : "\\u", 2);
            hex(text, point, point < 0x80 ? 2 : 4);
        } else {
            text_append(text, data, length);
        }
        data += length;
        size -= length;
    }
}
