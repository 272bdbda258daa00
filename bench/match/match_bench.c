/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to compare one string with many, by how many and by how they are compared: nanoseconds a string, none
 * of which matches, as nearly all do not. In the engine each distinct string of a batch is compared once.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/detect/string_set.h"

enum { TEXTS = 4096, LONGEST = 256, MOST = 1024 };

static char texts[TEXTS][LONGEST];
static size_t lengths[TEXTS];
static char strings[MOST][LONGEST];
static const char *list[MOST + 1];

static uint64_t seed = 1;

static unsigned random_below(unsigned limit)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(seed >> 33) % limit;
}

static const char *const parts[] = {"usr",   "lib",    "x86_64-linux-gnu", "share", "var",     "log", "home",
                                    "build", "python", "site-packages",    "cache", "include", "etc", "ssl"};
enum { N_PARTS = sizeof(parts) / sizeof(parts[0]) };

static void make_path(char path[LONGEST], const char *leaf)
{
    size_t used = 0;
    const unsigned depth = 2 + random_below(6);
    for (unsigned i = 0; i < depth; i++)
        used += (size_t)snprintf(path + used, LONGEST - used, "/%s", parts[random_below(N_PARTS)]);
    snprintf(path + used, LONGEST - used, "/%s%u", leaf, random_below(100000));
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double measure(enum string_set_use use)
{
    struct string_set *set = string_set_new(list, use, false);
    if (set == NULL)
        abort();
    double best = 1e18;
    for (int round = 0; round < 5; round++) {
        unsigned matched = 0;
        const double before = now_ns();
        for (int i = 0; i < TEXTS; i++)
            matched += string_set_matches(set, texts[i], lengths[i]);
        const double each = (now_ns() - before) / TEXTS;
        best = each < best ? each : best;
        if (matched != 0)
            abort(); /* another thing would be measured */
    }
    string_set_free(set);
    return best;
}

static void report(size_t n)
{
    for (size_t i = 0; i < n; i++)
        list[i] = strings[i];
    list[n] = NULL;
    printf("%8zu %10.1f %10.1f %10.1f %10.1f\n", n, measure(STRINGS_EQUAL), measure(STRINGS_PREFIX),
           measure(STRINGS_SUFFIX), measure(STRINGS_PART));
}

int main(void)
{
    for (int i = 0; i < TEXTS; i++) {
        make_path(texts[i], "file");
        lengths[i] = strlen(texts[i]);
    }
    for (int i = 0; i < MOST; i++)
        make_path(strings[i], "watched");
    printf(" strings      equal     prefix     suffix       part   (ns a text)\n");
    static const size_t sizes[] = {1, 4, 8, 16, 64, 256, 1024};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        report(sizes[i]);
    return 0;
}
