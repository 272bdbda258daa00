/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "analyzer/alert/text.h"

static void assert_text(struct text *text, const char *expected)
{
    assert_false(text->failed);
    assert_int_equal(text->size, strlen(expected));
    assert_memory_equal(text->data, expected, text->size);
    text_fini(text);
}

static void test_text_numbers(void **state)
{
    (void)state;
    struct text text = {0};
    text_unsigned(&text, 0);
    text_literal(&text, " ");
    text_unsigned(&text, UINT64_MAX);
    text_literal(&text, " ");
    text_signed(&text, INT64_MIN);
    text_literal(&text, " ");
    text_signed(&text, -1);
    text_literal(&text, " ");
    text_signed(&text, INT64_MAX);
    text_literal(&text, " ");
    text_hex64(&text, 0x00ff00000000000au);
    assert_text(&text, "0 18446744073709551615 -9223372036854775808 -1 9223372036854775807 00ff00000000000a");
}

static void test_text_grows(void **state)
{
    (void)state;
    struct text text = {0};
    for (int i = 0; i < 100000; i++)
        text_literal(&text, "0123456789");
    assert_int_equal(text.size, 1000000);
    for (size_t i = 0; i < text.size; i++)
        assert_int_equal(text.data[i], '0' + i % 10);
    text_fini(&text);
    assert_null(text.data);
}

static void test_text_decode(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        uint32_t point;
    } cases[] = {
        {"a", 1, 'a'},
        {"\x7f", 1, 0x7f},
        {"\xc2\x80", 2, 0x80},
        {"\xdf\xbf", 2, 0x7ff},
        {"\xe0\xa0\x80", 3, 0x800},
        {"\xed\x9f\xbf", 3, 0xd7ff},
        {"\xee\x80\x80", 3, 0xe000},
        {"\xf0\x90\x80\x80", 4, 0x10000},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
        {"\x80", 1, TEXT_INVALID},
        {"\xc0\x80", 1, TEXT_INVALID},         /* overlong */
        {"\xc1\xbf", 1, TEXT_INVALID},         /* overlong */
        {"\xe0\x9f\xbf", 1, TEXT_INVALID},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 1, TEXT_INVALID}, /* overlong */
        {"\xed\xa0\x80", 1, TEXT_INVALID},     /* surrogate */
        {"\xf4\x90\x80\x80", 1, TEXT_INVALID}, /* beyond the last */
        {"\xf5\x80\x80\x80", 1, TEXT_INVALID},
        {"\xff", 1, TEXT_INVALID},
        {"\xe2\x82", 2, TEXT_INVALID}, /* cut */
        {"\xe2\x82z", 2, TEXT_INVALID},
        {"\xf0\x9f\x98", 3, TEXT_INVALID},
        {"\xc3", 1, TEXT_INVALID},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t point = 0;
        assert_int_equal(text_decode(cases[i].bytes, strlen(cases[i].bytes), &point), cases[i].length);
        assert_int_equal(point, cases[i].point);
    }
}

static void test_text_json_escapes(void **state)
{
    (void)state;
    struct text text = {0};
    static const char hostile[] = "a\"\\/\b\f\n\r\t\0\x1b\x7f\xc2\x9b\xe2\x80\xae\xff\xe2\x82z\xc3\xa4";
    text_json(&text, hostile, sizeof(hostile) - 1);
    assert_text(
        &text,
        "\"a\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0000\\u001b\\u007f\\u009b\\u202e\xef\xbf\xbd\xef\xbf\xbdz\xc3\xa4\"");
    text_json(&text, "", 0);
    assert_text(&text, "\"\"");
}

static void test_text_printable_cannot_drive_a_terminal(void **state)
{
    (void)state;
    struct text text = {0};
    static const char hostile[] = "\x1b[2J\a\r\n\\\xc2\x9b\xe2\x80\xae\xff\xe2\x82z \xc3\xa4\"\x7f";
    text_printable(&text, hostile, sizeof(hostile) - 1);
    assert_text(&text, "\\x1b[2J\\x07\\r\\n\\\\\\u009b\\u202e\\xff\\xe2\\x82z \xc3\xa4\"\\x7f");
}

/* The string that another reader makes of bytes that we wrote: the same, but for U+FFFD in place of what is not UTF-8.
 */
static void assert_round_trip(const char *bytes, size_t size)
{
    struct text json = {0}, expected = {0};
    text_json(&json, bytes, size);
    for (size_t at = 0; at < size;) {
        uint32_t point;
        size_t length = text_decode(bytes + at, size - at, &point);
        if (point == TEXT_INVALID)
            text_literal(&expected, "\xef\xbf\xbd");
        else
            text_append(&expected, bytes + at, length);
        at += length;
    }
    json_error_t error;
    json_t *read = json_loadb(json.data, json.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (read == NULL)
        fail_msg("%s: %.*s", error.text, (int)json.size, json.data);
    assert_true(json_is_string(read));
    assert_int_equal(json_string_length(read), expected.size);
    if (expected.size > 0)
        assert_memory_equal(json_string_value(read), expected.data, expected.size);
    json_decref(read);
    text_fini(&json);
    text_fini(&expected);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void test_text_json_agrees_with_another_reader(void **state)
{
    (void)state;
    /* Bytes at which encodings change, so that nearly valid sequences are common. */
    static const uint8_t edges[] = {0x00, 0x1f, 0x22, 0x5c, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                    0xc0, 0xc2, 0xdf, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        char bytes[48];
        size_t size = next_random(&random) % sizeof(bytes);
        for (size_t i = 0; i < size; i++) {
            uint64_t r = next_random(&random);
            bytes[i] = (char)(round % 2 == 0 ? r >> 32 : edges[(r >> 32) % sizeof(edges)]);
        }
        assert_round_trip(bytes, size);
    }
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second++) {
            const char pair[2] = {(char)first, (char)second};
            assert_round_trip(pair, 2);
        }
}

static void test_text_json_words(void **state)
{
    (void)state;
    static const struct {
        const char *words, *json;
    } rows[] = {{"", "[]"}, {"one", "[\"one\"]"}, {"one,t\"wo", "[\"one\",\"t\\\"wo\"]"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text text = {0};
        text_json_words(&text, rows[i].words, ',');
        assert_int_equal(text.size, strlen(rows[i].json));
        assert_memory_equal(text.data, rows[i].json, text.size);
        text_fini(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_numbers),
        cmocka_unit_test(test_text_grows),
        cmocka_unit_test(test_text_decode),
        cmocka_unit_test(test_text_json_escapes),
        cmocka_unit_test(test_text_printable_cannot_drive_a_terminal),
        cmocka_unit_test(test_text_json_agrees_with_another_reader),
        cmocka_unit_test(test_text_json_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
