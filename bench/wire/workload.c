/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/wire/workload.h"

#include <errno.h>

#include "common/events/events.h"
#include "common/wire/test_records.h"

enum { PATHS = 300, UNIFORM_PATHS = 6000, TASKS = 200, COMMANDS = 40, AVERAGE_BYTES = 1024, PATH_BYTES = 160 };

struct generator {
    uint64_t seed;
    int uniform;
    uint64_t now_ns;
    union test_record *record;
};

/* Below `limit`; skewed: the product of two draws leans to the low numbers. */
static uint32_t pick(struct generator *g, uint32_t limit)
{
    uint32_t a = (uint32_t)(test_random(&g->seed) % limit);
    if (g->uniform)
        return a;
    uint32_t b = (uint32_t)(test_random(&g->seed) % limit), c = (uint32_t)(test_random(&g->seed) % limit);
    return (uint32_t)((uint64_t)a * b / limit * c / limit);
}

/* Leaf first, as the probes write a path: about 45 bytes in 5 components. */
static size_t put_path(uint32_t number, char *out)
{
    static const char *const roots[] = {"usr", "var", "etc", "home", "proc", "opt"};
    static const char *const middles[] = {"lib", "share", "x86_64-linux-gnu", "python3.11",
                                          "log", "cache", "site-packages"};
    int length = snprintf(out, PATH_BYTES, "module-%u.so.%u%c%s%cpackage-%u%c%s%c%s%c", number, number % 7, 0,
                          middles[number % 7], 0, number / 9, 0, middles[number / 7 % 7], 0, roots[number % 6], 0);
    return (size_t)length;
}

static void begin(struct generator *g, uint16_t event_id)
{
    test_record_begin(g->record, event_id, pick(g, TASKS), g->now_ns);
    g->record->header.cpu = (uint32_t)(test_random(&g->seed) % 2);
    g->record->header.ret = (int64_t)(test_random(&g->seed) % 12);
    g->now_ns += 1000 + test_random(&g->seed) % 14000;
}

static void make_open(struct generator *g)
{
    char path[PATH_BYTES];
    uint32_t number = pick(g, g->uniform ? UNIFORM_PATHS : PATHS);
    begin(g, EVENT_security_file_open);
    test_record_item(g->record, 0, ITEM_COMPONENTS, ITEM_COMPLETE, path, put_path(number, path));
    test_record_integer(g->record, 1, 0100000);
    test_record_integer(g->record, 2, 8388609);
    test_record_integer(g->record, 3, 1000000 + number);
    test_record_integer(g->record, 4, 1690000000000000000 + number * 1000);
}

static void make_exec(struct generator *g)
{
    char path[PATH_BYTES], argv[128];
    uint32_t number = pick(g, COMMANDS);
    size_t size = put_path(number, path);
    int argv_size =
        snprintf(argv, sizeof(argv), "tool-%u%c--output%c/tmp/build/file-%u.o%c-O2%c", number, 0, 0, number, 0, 0);
    begin(g, EVENT_sched_process_exec);
    test_record_item(g->record, 0, ITEM_BYTES, ITEM_USER, "/usr/bin/tool", 13);
    test_record_item(g->record, 1, ITEM_COMPONENTS, ITEM_COMPLETE, path, size);
    for (uint8_t a = 2; a <= 5; a++)
        test_record_integer(g->record, a, 8388609 + a * number);
    test_record_item(g->record, 10, ITEM_LIST, ITEM_COMPLETE, argv, (size_t)argv_size);
    test_record_integer(g->record, 12, 0020000);
    test_record_item(g->record, 15, ITEM_BYTES, ITEM_COMPLETE, "bash", 4);
    test_record_item(g->record, 17, ITEM_COMPONENTS, ITEM_COMPLETE, "build\0tmp\0", 10);
    test_record_integer(g->record, 18, 1);
    test_record_integer(g->record, 19, 0xef53);
    test_record_item(g->record, 20, ITEM_BYTES, ITEM_COMPLETE, "/system.slice/build.service", 27);
}

static void make_fork(struct generator *g)
{
    begin(g, EVENT_sched_process_fork);
    for (uint8_t a = 0; a < 20; a++)
        test_record_integer(g->record, a,
                            a % 5 == 4 ? (int64_t)g->now_ns : (int64_t)(20000 + test_random(&g->seed) % 1000));
}

static void make_exit(struct generator *g)
{
    begin(g, EVENT_sched_process_exit);
    for (uint8_t a = 0; a < 3; a++)
        test_record_integer(g->record, a, a == 2);
}

static void make_small(struct generator *g)
{
    if (test_random(&g->seed) % 2 == 0) {
        begin(g, EVENT_ptrace);
        for (uint8_t a = 0; a < 4; a++)
            test_record_integer(g->record, a,
                                a < 2 ? (int64_t)(test_random(&g->seed) % 30000)
                                      : (int64_t)(0x7f0000000000 + test_random(&g->seed) % 65536));
        return;
    }
    char name[32];
    int length = snprintf(name, sizeof(name), "memory-%u", pick(g, 50));
    begin(g, EVENT_memfd_create);
    test_record_item(g->record, 0, ITEM_BYTES, ITEM_USER, name, (size_t)length);
    test_record_integer(g->record, 1, 1);
}

static void make_record(struct generator *g)
{
    uint64_t draw = test_random(&g->seed) % 100;
    if (draw < 60)
        make_open(g);
    else if (draw < 65)
        make_exec(g);
    else if (draw < 70)
        make_fork(g);
    else if (draw < 75)
        make_exit(g);
    else
        make_small(g);
}

struct workload *workload_new(size_t count, uint64_t seed, int uniform)
{
    struct generator g = {.seed = seed, .uniform = uniform, .now_ns = 5000000000};
    struct workload *workload = calloc(1, sizeof(*workload));
    g.record = malloc(sizeof(*g.record));
    if (workload == NULL || g.record == NULL || (workload->bytes = malloc(count * AVERAGE_BYTES)) == NULL ||
        (workload->records = calloc(count, sizeof(*workload->records))) == NULL) {
        free(g.record);
        workload_free(workload);
        errno = ENOMEM;
        return NULL;
    }
    size_t used = 0;
    for (; workload->count < count; workload->count++) {
        make_record(&g);
        if (used + g.record->header.size > count * AVERAGE_BYTES)
            break;
        memcpy(workload->bytes + used, g.record, g.record->header.size);
        workload->records[workload->count] = (const struct record_header *)(workload->bytes + used);
        used += (g.record->header.size + 7) & ~7u;
    }
    free(g.record);
    return workload;
}

void workload_free(struct workload *workload)
{
    if (workload == NULL)
        return;
    free(workload->records);
    free(workload->bytes);
    free(workload);
}
