/* SPDX-License-Identifier: Apache-2.0 */
/* An engine of many detections finds what one engine for each of them finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyzer/detect/world.h"

static struct record record;

#define ON_OPEN(own, condition)                                                                                        \
    {                                                                                                                  \
        .name = own, .triggers = { {.event = "security_file_open", .when = condition} }                                \
    }

static const struct detection detections[] = {
    ON_OPEN("always", NULL),
    ON_OPEN("equal", STRING("data.pathname", "/a/b", "/c")),
    ON_OPEN("flag", NUMBER("data.flags", 1)),
    ON_OPEN("flag_first", ALL_OF(NUMBER("data.flags", 1), SUFFIX("data.pathname", "/b"))),
    ON_OPEN("either", ANY_OF(PREFIX("data.pathname", "/c"), BASENAME("data.pathname", "b"))),
    ON_OPEN("either_or_flag", ANY_OF(PREFIX("data.pathname", "/c"), NUMBER("data.flags", 1))),
    ON_OPEN("not", NOT(REGEX("data.pathname", "^/a"))),
    ON_OPEN("of_another", ALL_OF(STRING("task.comm", "cat"), CONTAINS("lower(data.pathname)", "b"))),
    ON_OPEN("syscall_pathname", STRING("data.syscall_pathname", "b")),
    ON_OPEN("nested", ALL_OF(ALL_OF(NUMBER("data.flags", 1), ALL_OF(GLOB("data.pathname", "/?/*"))))),
    ON_OPEN("exists", ALL_OF(EXISTS("data.pathname"), PREFIX("data.pathname", "/a", ""))),
};
enum { N = sizeof(detections) / sizeof(detections[0]), COPIES = 8 };

static void make_record(const char *path, unsigned state, int64_t flags)
{
    record_begin(&record, "security_file_open");
    if (state != ITEM_UNREADABLE)
        record_path(&record, "pathname", path, state);
    record_string(&record, "syscall_pathname", "b", ITEM_USER);
    record_integer(&record, "flags", flags);
}

struct fired {
    unsigned count[N * COPIES];
    const struct detection *const *table;
    size_t n;
};

static void note(void *arg, const struct finding *finding)
{
    struct fired *fired = arg;
    for (size_t i = 0; i < fired->n; i++)
        fired->count[i] += fired->table[i] == finding->detection;
}

static void all_agree(struct engine *engine, struct fired *together, struct engine *const alone[N])
{
    const struct event_context *context = world_send(&world, &record);
    memset(together->count, 0, sizeof(together->count));
    engine_begin_batch(engine, decoder_string_count(context->decoder));
    engine_judge(engine, context, note, together);
    engine_judge(engine, context, note, together); /* now the string is known */
    for (size_t i = 0; i < together->n; i++) {
        const struct detection *const own = &detections[i % N];
        struct fired single = {.table = &own, .n = 1};
        engine_begin_batch(alone[i % N], decoder_string_count(context->decoder));
        engine_judge(alone[i % N], context, note, &single);
        if (together->count[i] != 2 * single.count[0])
            fail_msg("%s: %u, and alone %u", own->name, together->count[i], single.count[0]);
    }
}

/* `n` of them at once: with up to 64 they share a guard, with more they do not. */
static void compare(size_t n)
{
    static struct detection copies[N * COPIES];
    const struct detection *table[N * COPIES];
    struct fired together = {.table = table, .n = n};
    struct engine *alone[N];
    const char *error = NULL;
    for (size_t i = 0; i < n; i++) {
        copies[i] = detections[i % N];
        table[i] = &copies[i];
    }
    for (size_t i = 0; i < N; i++) {
        const struct detection *const own = &detections[i];
        alone[i] = engine_new_from(world.schema, &own, 1, &error);
        assert_non_null(alone[i]);
    }
    struct engine *engine = engine_new_from(world.schema, table, n, &error);
    assert_non_null(engine);
    static const char *const paths[] = {"/a/b", "/c", "/c/b", "/a/d", "/", "/B", "/a"};
    static const unsigned states[] = {ITEM_COMPLETE, ITEM_TRUNCATED, ITEM_UNREADABLE};
    for (size_t p = 0; p < sizeof(paths) / sizeof(paths[0]); p++)
        for (size_t s = 0; s < 3; s++)
            for (int64_t flags = 0; flags < 2; flags++) {
                make_record(paths[p], states[s], flags);
                all_agree(engine, &together, alone);
            }
    engine_free(engine);
    for (size_t i = 0; i < N; i++)
        engine_free(alone[i]);
}

static void test_guard_changes_nothing(void **state)
{
    (void)state;
    compare(N);
    compare(2);
    compare(64);
    compare(65);
    compare((size_t)N * COPIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard_changes_nothing),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
