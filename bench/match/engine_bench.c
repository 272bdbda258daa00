/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What judging one event costs with every detection loaded: of an event that no detection names, of one whose strings
 * were met in the batch before, and of one whose strings are new. Nanoseconds an event, without decoding and state.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "analyzer/detect/world.h"

enum { TIMES = 200000, ROUNDS = 5 };

static struct record record;

static void count(void *arg, const struct finding *finding)
{
    (void)finding;
    ++*(uint64_t *)arg;
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double measure(struct engine *engine, const struct event_context *context, bool is_new, uint64_t *ret_findings)
{
    const uint32_t n_strings = decoder_string_count(context->decoder);
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        *ret_findings = 0;
        engine_begin_batch(engine, n_strings);
        const double before = now_ns();
        for (int i = 0; i < TIMES; i++) {
            if (is_new)
                engine_begin_batch(engine, n_strings);
            engine_judge(engine, context, count, ret_findings);
        }
        const double each = (now_ns() - before) / TIMES;
        best = each < best ? each : best;
    }
    return best;
}

static void report(struct engine *engine, const char *name)
{
    uint64_t findings;
    const struct event_context *context = world_send(&world, &record);
    const double known = measure(engine, context, false, &findings);
    const double fresh = measure(engine, context, true, &findings);
    printf("%-24s %12.1f %12.1f %10.2f\n", name, known, fresh, (double)findings / TIMES);
}

int main(void)
{
    static const char *const argv[] = {"gcc", "-O2", "-c", "file.c", "-o", "file.o", NULL};
    static const char *const env[] = {"HOME=/root", "PATH=/usr/bin:/bin", "LANG=C", "TERM=dumb", NULL};
    const char *error = NULL;
    world_open(&world);
    struct engine *engine = engine_new(world.schema, NULL, 0, &error);
    if (engine == NULL)
        abort();
    printf("%-24s %12s %12s %10s\n", "event", "known", "new strings", "findings");
    record_begin(&record, "getpid");
    report(engine, "getpid");
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", "/usr/lib/x86_64-linux-gnu/libc.so.6", ITEM_COMPLETE);
    report(engine, "security_file_open");
    record_begin(&record, "sched_process_exec");
    record_string(&record, "pathname", "/usr/bin/x86_64-linux-gnu-gcc-12", ITEM_COMPLETE);
    record_string(&record, "cmdpath", "/usr/bin/gcc", ITEM_COMPLETE);
    record_integer(&record, "link_count", 1);
    record_list(&record, "argv", argv, ITEM_COMPLETE);
    record_list(&record, "env", env, ITEM_COMPLETE);
    report(engine, "sched_process_exec");
    engine_free(engine);
    world_close(&world);
    return 0;
}
