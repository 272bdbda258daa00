/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/detect/address.h"
#include "analyzer/detect/glob.h"

static void test_glob_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        enum glob_answer answer, in_any_case;
    } cases[] = {
        {"", "", GLOB_YES, GLOB_YES},
        {"", "a", GLOB_NO, GLOB_NO},
        {"*", "", GLOB_YES, GLOB_YES},
        {"*", "a/b", GLOB_YES, GLOB_YES},
        {"/etc/*", "/etc/", GLOB_YES, GLOB_YES},
        {"/etc/*", "/etc", GLOB_NO, GLOB_NO},
        {"*/passwd", "/a/passwd/passwd", GLOB_YES, GLOB_YES},
        {"*a*b*c", "xaxxbxbxc", GLOB_YES, GLOB_YES},
        {"*a*b*c", "xaxxbxbxcd", GLOB_NO, GLOB_NO},
        {"?", "", GLOB_NO, GLOB_NO},
        {"a?c", "abc", GLOB_YES, GLOB_YES},
        {"a?c", "ac", GLOB_NO, GLOB_NO},
        {"ABC", "abc", GLOB_NO, GLOB_YES},
        {"[a-c]x", "Bx", GLOB_NO, GLOB_YES},
        {"[!a-c]x", "dx", GLOB_YES, GLOB_YES},
        {"[!a-c]x", "bx", GLOB_NO, GLOB_NO},
        {"[]x]", "]", GLOB_YES, GLOB_YES},
        {"[a-]", "-", GLOB_YES, GLOB_YES},
        {"\\*", "*", GLOB_YES, GLOB_YES},
        {"\\*", "a", GLOB_NO, GLOB_NO},
        {"a\\[b]", "a[b]", GLOB_YES, GLOB_YES},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (glob_match(cases[i].pattern, cases[i].text, strlen(cases[i].text), false) != cases[i].answer ||
            glob_match(cases[i].pattern, cases[i].text, strlen(cases[i].text), true) != cases[i].in_any_case)
            fail_msg("%s on %s", cases[i].pattern, cases[i].text);
    }
    assert_int_equal(glob_match("a?b", "a\0b", 3, false), GLOB_YES);
}

static void test_glob_gives_up(void **state)
{
    (void)state;
    static char text[65536];
    memset(text, 'a', sizeof(text));
    assert_int_equal(glob_match("*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", text, sizeof(text), false),
                     GLOB_GIVEN_UP);
}

static void test_glob_ends(void **state)
{
    (void)state;
    assert_true(glob_is_open_at_head("*a") && !glob_is_open_at_head("a*"));
    assert_true(glob_is_open_at_tail("a*") && !glob_is_open_at_tail("*a") && !glob_is_open_at_tail("a\\*") &&
                !glob_is_open_at_tail("[*]") && glob_is_open_at_tail("*") && !glob_is_open_at_tail(""));
    assert_true(glob_is_well_formed("") && glob_is_well_formed("[]a]*\\]") && glob_is_well_formed("a\\[b"));
    assert_false(glob_is_well_formed("a[") || glob_is_well_formed("a\\") || glob_is_well_formed("[]") ||
                 glob_is_well_formed("[!]"));
}

static bool within(const char *network_text, const char *address_text)
{
    struct network network;
    struct address address;
    assert_true(network_parse(network_text, &network));
    assert_true(address_parse(address_text, strlen(address_text), &address));
    return network_has(&network, &address);
}

static void test_address_networks(void **state)
{
    (void)state;
    assert_true(within("10.0.0.0/8", "10.255.1.2"));
    assert_false(within("10.0.0.0/8", "11.0.0.0"));
    assert_true(within("10.1.2.3/8", "10.9.9.9")); /* bits behind the prefix say nothing */
    assert_true(within("192.168.0.0/17", "192.168.127.255"));
    assert_false(within("192.168.0.0/17", "192.168.128.0"));
    assert_true(within("0.0.0.0/0", "1.2.3.4"));
    assert_false(within("0.0.0.0/0", "2001:db8::1"));
    assert_true(within("1.2.3.4", "::ffff:1.2.3.4"));
    assert_false(within("1.2.3.4", "1.2.3.5"));
    assert_true(within("fd00::/8", "fdff::1"));
    assert_false(within("fd00::/8", "fe80::1"));
    assert_true(within("2001:db8::/33", "2001:db8:7fff::"));
    assert_false(within("2001:db8::/33", "2001:db8:8000::"));
    static const char *const wrong[] = {"",          "10.0.0.0/33", "fd00::/129",  "10.0.0/8",
                                        "10.0.0.0/", "10.0.0.0/ 8", "10.0.0.0/8x", "host",
                                        "fd00::/-1", "10.0.0.0/+8"};
    struct network network;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (network_parse(wrong[i], &network))
            fail_msg("%s", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob_match),
        cmocka_unit_test(test_glob_gives_up),
        cmocka_unit_test(test_glob_ends),
        cmocka_unit_test(test_address_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
