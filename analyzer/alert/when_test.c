/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "analyzer/alert/when.h"

#define NOW UINT64_C(1800000000000000000)

static void test_when_parse(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns; /* 0: refused */
    } cases[] = {
        {"2026-01-02T03:04:05Z", 1767323045000000000},
        {"2026-01-02t03:04:05z", 1767323045000000000},
        {"2026-01-02 03:04:05", 1767323045000000000},
        {"2026-01-02T05:04:05.25+02:00", 1767323045250000000},
        {"2026-01-01T22:34:05.000000001-04:30", 1767323045000000001},
        {"2026-01-02", 1767312000000000000},
        {"2024-02-29", 1709164800000000000},
        {"90s", NOW - 90000000000},
        {"1h", NOW - 3600000000000},
        {"1h30m", NOW - 5400000000000},
        {"2d", NOW - 172800000000000},
        {"0s", NOW},
        {"", 0},
        {"1", 0},
        {"h", 0},
        {"1w", 0},
        {"-1h", 0},
        {"1h ", 0},
        {"99999999999999999999s", 0},
        {"999999999999999999d", 0},
        {"2025-02-29", 0},
        {"2026-13-01", 0},
        {"2026-01-32", 0},
        {"2026-04-31T00:00:00Z", 0},
        {"2026-01-02T24:00:00Z", 0},
        {"2026-01-02T03:04Z", 0},
        {"2026-01-02T03:04:05.Z", 0},
        {"2026-01-02T03:04:05+2:00", 0},
        {"2026-01-02T03:04:05Zx", 0},
        {"1969-12-31", 0},
        {"1970-01-01T00:00:00+01:00", 0},
        {"yesterday", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t ns = 7;
        int result = when_parse(cases[i].text, NOW, &ns);
        if (result != (cases[i].ns ? 0 : -EINVAL) || ns != (cases[i].ns ? cases[i].ns : 7))
            fail_msg("%s: %d, %llu", cases[i].text, result, (unsigned long long)ns);
    }
    /* Further back than time goes. */
    uint64_t ns = 7;
    assert_int_equal(when_parse("2d", 5, &ns), 0);
    assert_int_equal(ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_when_parse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
