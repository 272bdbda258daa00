/* SPDX-License-Identifier: Apache-2.0 */
/* Every way of comparing, quick or not, against one that looks at each string. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/detect/string_set.h"

enum { MOST = 40, LONGEST = 7, ROUNDS = 4000 };

static unsigned long long seed = 42;

static unsigned random_below(unsigned limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % limit;
}

/* Of two letters, so that strings begin, end and hold one another all the time. */
static size_t random_string(char *string, unsigned longest)
{
    const size_t length = random_below(longest + 1);
    for (size_t i = 0; i < length; i++)
        string[i] = "ab"[random_below(2)];
    string[length] = '\0';
    return length;
}

static bool expected(const char *const *strings, enum string_set_use use, const char *text, size_t length)
{
    for (; *strings != NULL; strings++) {
        const size_t own = strlen(*strings);
        if ((use == STRINGS_EQUAL && strcmp(*strings, text) == 0) ||
            (use == STRINGS_PREFIX && strncmp(*strings, text, own) == 0) ||
            (use == STRINGS_SUFFIX && own <= length && strcmp(text + length - own, *strings) == 0) ||
            (use == STRINGS_PART && strstr(text, *strings) != NULL))
            return true;
    }
    return false;
}

static void test_string_set_agrees(void **state)
{
    (void)state;
    static char buffers[MOST][LONGEST + 1];
    const char *strings[MOST + 1];
    unsigned answers[2] = {0};
    for (unsigned round = 0; round < ROUNDS; round++) {
        const unsigned n = 1 + random_below(MOST);
        for (unsigned i = 0; i < n; i++) {
            if (random_string(buffers[i], LONGEST) == 0 && random_below(50) != 0)
                memcpy(buffers[i], "abab", 5);
            strings[i] = buffers[i];
        }
        strings[n] = NULL;
        const enum string_set_use use = (enum string_set_use)(round % 4);
        struct string_set *set = string_set_new(strings, use, false);
        assert_non_null(set);
        for (unsigned i = 0; i < 20; i++) {
            char text[LONGEST * 2 + 1];
            const size_t length = random_string(text, LONGEST * 2);
            const bool wanted = expected(strings, use, text, length);
            answers[wanted]++;
            if (string_set_matches(set, text, length) != wanted)
                fail_msg("round %u: \"%s\" %d", round, text, wanted);
        }
        string_set_free(set);
    }
    assert_true(answers[0] > ROUNDS && answers[1] > ROUNDS); /* both were asked */
}

static void test_string_set_any_byte(void **state)
{
    (void)state;
    static const char *const strings[] = {"\xff\x01", "\x80", "\x7f\xff", "e", "f", "g", "h", "i", "j", "k", NULL};
    static const enum string_set_use uses[] = {STRINGS_EQUAL, STRINGS_PREFIX, STRINGS_SUFFIX, STRINGS_PART};
    for (size_t i = 0; i < 4; i++) {
        struct string_set *set = string_set_new(strings, uses[i], false);
        assert_true(string_set_matches(set, "\xff\x01", 2));
        assert_true(string_set_matches(set, "\x80", 1));
        assert_false(string_set_matches(set, "\xff", 1));
        assert_false(string_set_matches(set, "\0", 1));
        assert_int_equal(string_set_matches(set, "x\0\x80", 3), uses[i] == STRINGS_SUFFIX || uses[i] == STRINGS_PART);
        string_set_free(set);
    }
}

static void test_string_set_lower(void **state)
{
    (void)state;
    struct string_set *set = string_set_new((const char *const[]){"/ETC/\xc4", NULL}, STRINGS_PREFIX, true);
    assert_true(string_set_matches(set, "/etc/\xc4x", 7));
    assert_false(string_set_matches(set, "/ETC/\xc4", 6)); /* the text is folded by who asks */
    string_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_string_set_agrees),
        cmocka_unit_test(test_string_set_any_byte),
        cmocka_unit_test(test_string_set_lower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
