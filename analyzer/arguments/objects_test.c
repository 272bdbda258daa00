/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/arguments/objects.h"
#include "common/events/record.h"

static struct object object;

/* Of memory that ends with the last byte: a sanitizer sees what reads on. */
static void read_sockaddr(const void *bytes, size_t length)
{
    void *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    object_sockaddr(copy, length, &object);
    /* The object may point into the bytes: looked at before they go. */
    static char kept[OBJECT_FIELDS][512];
    for (size_t i = 0; i < object.n; i++) {
        assert_true(object.field[i].length < sizeof(kept[i]));
        memcpy(kept[i], object.field[i].data, object.field[i].length);
        kept[i][object.field[i].length] = '\0';
        object.field[i].data = kept[i];
    }
    free(copy);
}

static void assert_field(size_t i, const char *key, const char *value)
{
    assert_true(i < object.n);
    assert_string_equal(object.field[i].key, key);
    assert_false(object.field[i].is_number);
    assert_int_equal(object.field[i].length, strlen(value));
    assert_string_equal(object.field[i].data, value);
}

#define READ(literal) read_sockaddr(literal, sizeof(literal) - 1)

static void test_object_sockaddr_inet(void **state)
{
    (void)state;
    READ("\x02\x00\x00\x50\x7f\x00\x00\x01\0\0\0\0\0\0\0\0");
    assert_int_equal(object.n, 3);
    assert_field(0, "sa_family", "AF_INET");
    assert_field(1, "sin_addr", "127.0.0.1");
    assert_field(2, "sin_port", "80");
    READ("\x02\x00\xff\xff\xff\xff\xff\xff"); /* all that is needed */
    assert_field(1, "sin_addr", "255.255.255.255");
    assert_field(2, "sin_port", "65535");
    READ("\x02\x00\x00\x50\x7f\x00\x00");
    assert_int_equal(object.n, 1);
    assert_field(0, "sa_family", "AF_INET");
}

static void test_object_sockaddr_inet6(void **state)
{
    (void)state;
    READ("\x0a\x00\x01\xbb\x00\x00\x00\x05\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x00\x00\x00");
    assert_int_equal(object.n, 5);
    assert_field(0, "sa_family", "AF_INET6");
    assert_field(1, "sin6_addr", "2001:db8::1");
    assert_field(2, "sin6_flowinfo", "5");
    assert_field(3, "sin6_port", "443");
    assert_field(4, "sin6_scopeid", "2");
    READ("\x0a\x00\x01\xbb\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x00\x00\x01\0\0\0\0");
    assert_field(1, "sin6_addr", "10.0.0.1");
    READ(
        "\x0a\x00\x01\xbb\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    assert_int_equal(object.n, 1); /* 27 bytes */
}

static void test_object_sockaddr_unix(void **state)
{
    (void)state;
    READ("\x01\x00/run/x.sock\0garbage");
    assert_int_equal(object.n, 2);
    assert_field(0, "sa_family", "AF_UNIX");
    assert_field(1, "sun_path", "/run/x.sock");
    READ("\x01\x00/no-end"); /* the length is its end */
    assert_field(1, "sun_path", "/no-end");
    READ("\x01\x00"); /* no name */
    assert_field(1, "sun_path", "");
    READ("\x01\x00\0");
    assert_field(1, "sun_path", "");
    READ("\x01\x00\0name");
    assert_field(1, "sun_path", "@name");
    READ("\x01\x00\0a\0b"); /* a name of the abstract space may hold any byte */
    assert_int_equal(object.field[1].length, 4);
    assert_memory_equal(object.field[1].data, "@a\0b", 4);
    static char longest[400] = "\x01\x00";
    memset(longest + 2, 'x', sizeof(longest) - 2);
    read_sockaddr(longest, sizeof(longest));
    assert_int_equal(object.field[1].length, 108);
    longest[2] = '\0';
    read_sockaddr(longest, sizeof(longest));
    assert_int_equal(object.field[1].length, 108);
}

static void test_object_sockaddr_of_others(void **state)
{
    (void)state;
    READ("");
    assert_int_equal(object.n, 0);
    READ("\x02");
    assert_int_equal(object.n, 0);
    READ("\x10\x00\0\0\0\0\0\0\0\0\0\0");
    assert_int_equal(object.n, 1);
    assert_field(0, "sa_family", "AF_NETLINK");
    READ("\x34\x12zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz");
    assert_int_equal(object.n, 1);
    assert_field(0, "sa_family", "4660");
    for (size_t length = 0; length < 200; length++) {
        char bytes[200];
        memset(bytes, 0xff, sizeof(bytes));
        for (int family = 0; family < 50; family++) {
            bytes[0] = (char)family;
            bytes[1] = 0;
            read_sockaddr(bytes, length);
        }
    }
}

static void test_object_credentials(void **state)
{
    (void)state;
    struct record_credentials all_ones, c = {.uid = 1, .fsgid = 2, .cap_ambient = UINT64_MAX};
    object_credentials(&c, sizeof(c) - 1, &object);
    assert_int_equal(object.n, 0);
    object_credentials(&c, sizeof(c), &object);
    assert_int_equal(object.n, OBJECT_FIELDS);
    assert_string_equal(object.field[0].key, "Uid");
    assert_true(object.field[0].is_number);
    assert_memory_equal(object.field[0].data, "1", object.field[0].length);
    assert_string_equal(object.field[14].key, "CapAmbient");
    assert_int_equal(object.field[14].length, 20);
    assert_memory_equal(object.field[14].data, "18446744073709551615", 20);
    memset(&all_ones, 0xff, sizeof(all_ones));
    object_credentials(&all_ones, sizeof(all_ones), &object);
    assert_int_equal(object.n, OBJECT_FIELDS); /* there is room for the longest numbers */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_object_sockaddr_inet), cmocka_unit_test(test_object_sockaddr_inet6),
        cmocka_unit_test(test_object_sockaddr_unix), cmocka_unit_test(test_object_sockaddr_of_others),
        cmocka_unit_test(test_object_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
