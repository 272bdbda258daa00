/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/when.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <time.h>

static const uint64_t SECOND_NS = 1000000000;

static int ago(const char *text, uint64_t now_ns, uint64_t *ret_ns)
{
    static const struct {
        char name;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    const uint64_t limit = UINT64_MAX / SECOND_NS;
    uint64_t seconds = 0;
    while (*text) {
        uint64_t value = 0, factor = 0;
        if (!isdigit((unsigned char)*text))
            return -EINVAL;
        for (; isdigit((unsigned char)*text); text++)
            if ((value = value * 10 + (uint64_t)(*text - '0')) > limit)
                return -EINVAL;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
            if (units[i].name == *text)
                factor = units[i].seconds;
        if (factor == 0 || value > (limit - seconds) / factor)
            return -EINVAL;
        seconds += value * factor;
        text++;
    }
    *ret_ns = seconds * SECOND_NS < now_ns ? now_ns - seconds * SECOND_NS : 0;
    return 0;
}

/* `digits` digits and then `after` (0: nothing of its own), as a number between the two. */
static bool take(const char **text, int digits, char after, int low, int high, int *ret_value)
{
    int value = 0;
    for (int i = 0; i < digits; i++, (*text)++) {
        if (!isdigit((unsigned char)**text))
            return false;
        value = value * 10 + (**text - '0');
    }
    if (after && *(*text)++ != after)
        return false;
    *ret_value = value;
    return value >= low && value <= high;
}

static bool take_fraction(const char **text, uint64_t *ret_ns)
{
    uint64_t digit_ns = SECOND_NS / 10;
    *ret_ns = 0;
    if (**text != '.')
        return true;
    (*text)++;
    if (!isdigit((unsigned char)**text))
        return false;
    for (; isdigit((unsigned char)**text); (*text)++, digit_ns /= 10)
        *ret_ns += digit_ns * (uint64_t)(**text - '0');
    return true;
}

static bool take_offset(const char **text, int *ret_seconds)
{
    int hours, minutes, sign = **text == '-' ? -1 : 1;
    *ret_seconds = 0;
    if (**text == 'Z' || **text == 'z') {
        (*text)++;
        return true;
    }
    if (**text != '+' && **text != '-')
        return true;
    (*text)++;
    if (!take(text, 2, ':', 0, 23, &hours) || !take(text, 2, 0, 0, 59, &minutes))
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static int calendar(const char *text, uint64_t *ret_ns)
{
    struct tm tm = {0};
    uint64_t fraction_ns = 0;
    int offset = 0, year, month;
    if (!take(&text, 4, '-', 1970, 2553, &year) || !take(&text, 2, '-', 1, 12, &month) ||
        !take(&text, 2, 0, 1, 31, &tm.tm_mday))
        return -EINVAL;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    if (*text == 'T' || *text == 't' || *text == ' ') {
        text++;
        if (!take(&text, 2, ':', 0, 23, &tm.tm_hour) || !take(&text, 2, ':', 0, 59, &tm.tm_min) ||
            !take(&text, 2, 0, 0, 60, &tm.tm_sec) || !take_fraction(&text, &fraction_ns) ||
            !take_offset(&text, &offset))
            return -EINVAL;
    }
    if (*text || tm.tm_mday > days_of(year, month))
        return -EINVAL;
    time_t seconds = timegm(&tm);
    if (seconds < offset)
        return -EINVAL;
    *ret_ns = (uint64_t)(seconds - offset) * SECOND_NS + fraction_ns;
    return 0;
}

int when_parse(const char *text, uint64_t now_ns, uint64_t *ret_ns)
{
    uint64_t ns = 0;
    int result = *text ? ago(text, now_ns, &ns) : -EINVAL;
    if (result != 0)
        result = calendar(text, &ns);
    if (result == 0)
        *ret_ns = ns;
    return result;
}
