/* SPDX-License-Identifier: Apache-2.0 */
#include "common/transport/expiry.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const char *const expiry_names[EXPIRIES] = {"ca", "certificate", "crl"};

static const int64_t DAY_S = 86400;

static void say(char words[EXPIRY_WORDS_BYTES], const char *name, const char *path, int64_t end_s, int64_t now_s)
{
    const size_t used = strlen(words);
    const time_t at = (time_t)end_s;
    char date[32] = "?";
    struct tm parts;
    if (gmtime_r(&at, &parts) != NULL)
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (end_s <= now_s)
        snprintf(words + used, EXPIRY_WORDS_BYTES - used, "%sbus.tls.%s %.120s has expired at %s: replace the file",
                 used > 0 ? "; " : "", name, path, date);
    else
        snprintf(words + used, EXPIRY_WORDS_BYTES - used,
                 "%sbus.tls.%s %.120s expires in %lld days, at %s: replace the file, no restart is needed",
                 used > 0 ? "; " : "", name, path, (long long)((end_s - now_s) / DAY_S), date);
}

enum expiry_state expiry_judge(const int64_t ends[EXPIRIES], const char *const paths[EXPIRIES], int64_t now_s,
                               char words[EXPIRY_WORDS_BYTES])
{
    enum expiry_state worst = EXPIRY_FAR;
    words[0] = '\0';
    for (int i = 0; i < EXPIRIES; i++) {
        if (ends[i] == 0 || ends[i] - now_s >= EXPIRY_WARNING_DAYS * DAY_S)
            continue;
        enum expiry_state state = ends[i] <= now_s ? EXPIRY_OVER : EXPIRY_SOON;
        worst = state > worst ? state : worst;
        say(words, expiry_names[i], paths[i], ends[i], now_s);
    }
    return worst;
}
