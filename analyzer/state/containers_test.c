// SPDX-License-Identifier: Apache-2.0
#include "analyzer/state/containers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND 1000000000ull
#define ID     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static int setup(void **test)
{
    *test = containers_new(4);
    return *test == NULL ? -1 : 0;
}

static int teardown(void **test)
{
    containers_free(*test);
    return 0;
}

static struct container *learn(struct container_table *table, uint64_t cgroup_id, const char *path,
                               enum container_source source, uint64_t time_ns)
{
    return containers_learn(table, cgroup_id, path, strlen(path), source, time_ns, NULL);
}

static const struct container *end(struct container_table *table, uint64_t cgroup_id, const char *path,
                                   uint64_t time_ns)
{
    return containers_remove(table, cgroup_id, path, strlen(path), time_ns);
}

static void test_containers_share_one(void **test)
{
    struct container *container = learn(*test, 1, "/docker/" ID, CONTAINER_MADE, 100);
    assert_non_null(container);
    assert_int_equal(container->stage, CONTAINER_CREATED);
    assert_int_equal(container->created_ns, 100);
    assert_string_equal(container->runtime, "docker");

    assert_ptr_equal(learn(*test, 2, "/docker/" ID "/init.scope", CONTAINER_MADE, 200), container);
    assert_int_equal(container->created_ns, 100);
    container->stage = CONTAINER_STARTED;
    assert_int_equal(containers_find(*test, 2)->stage, CONTAINER_STARTED);
    assert_ptr_equal(learn(*test, 1, "/docker/" ID, CONTAINER_MET, 300), container);
    assert_int_equal(container->stage, CONTAINER_STARTED);
    assert_int_equal(containers_count(*test), 2);
}

static void test_containers_met_existed(void **test)
{
    struct container *container = learn(*test, 2, "/docker/" ID "/init.scope", CONTAINER_MET, 200);
    assert_int_equal(container->stage, CONTAINER_EXISTED);
    assert_int_equal(container->created_ns, 0);
    learn(*test, 1, "/docker/" ID, CONTAINER_MET, 300);
    assert_int_equal(container->stage, CONTAINER_EXISTED);
    assert_true(containers_tell(container));
    assert_false(containers_tell(container));
}

/* Own cgroups in both hierarchies of a hybrid node: one making, one end, in whichever order. */
static void test_containers_in_two_hierarchies(void **test)
{
    struct container *container = learn(*test, 1 | CONTAINERS_V1, "/docker/" ID, CONTAINER_MADE, 100);
    assert_int_equal(container->created_ns, 100);
    assert_ptr_equal(learn(*test, 1, "/docker/" ID, CONTAINER_MADE, 200), container);
    assert_int_equal(container->created_ns, 100);
    assert_false(containers_tell(container));
    assert_null(end(*test, 1, "/docker/" ID, 300));
    assert_ptr_equal(end(*test, 1 | CONTAINERS_V1, "/docker/" ID, 400), container);
    assert_int_equal(container->removed_ns, 400);

    /* Started again, at once. */
    assert_ptr_equal(learn(*test, 2, "/docker/" ID, CONTAINER_MADE, 500), container);
    assert_int_equal(container->created_ns, 500);
    assert_int_equal(container->removed_ns, 0);
    learn(*test, 2 | CONTAINERS_V1, "/docker/" ID, CONTAINER_MADE, 600);
    assert_int_equal(container->created_ns, 500);

    /* Its ends were lost, and it was started again. */
    learn(*test, 3 | CONTAINERS_V1, "/docker/" ID, CONTAINER_MADE, 60 * SECOND);
    assert_int_equal(container->created_ns, 60 * SECOND);
    learn(*test, 3, "/docker/" ID, CONTAINER_MADE, 61 * SECOND);
    assert_int_equal(container->created_ns, 60 * SECOND);
}

/* What nobody had heard of is told when it ends, once. */
static void test_containers_unknown_end(void **test)
{
    assert_null(end(*test, 9, "/docker/" ID "/init.scope", 100));
    const struct container *container = end(*test, 1, "/docker/" ID, 100);
    assert_non_null(container);
    assert_null(end(*test, 1, "/docker/" ID, 200));
    assert_null(end(*test, 1 | CONTAINERS_V1, "/docker/" ID, 200));
    assert_null(end(*test, 5, "/user.slice", 200));

    /* Met in one hierarchy, and the other ends first. */
    learn(*test, 2, "/docker/" OTHER, CONTAINER_MET, 300);
    assert_null(end(*test, 2 | CONTAINERS_V1, "/docker/" OTHER, 400));
    assert_non_null(end(*test, 2, "/docker/" OTHER, 500));
}

static void test_containers_started_again(void **test)
{
    struct container *container = learn(*test, 1, "/docker/" ID, CONTAINER_MADE, 100);
    container->stage = CONTAINER_STARTED;
    assert_ptr_equal(end(*test, 1, "/docker/" ID, 200), container);
    assert_null(end(*test, 1, "/docker/" ID, 200));
    assert_ptr_equal(containers_find(*test, 1), container); /* for what comes late */
    assert_ptr_equal(learn(*test, 3, "/docker/" ID, CONTAINER_MADE, 300), container);
    assert_int_equal(container->stage, CONTAINER_CREATED);
    assert_int_equal(container->created_ns, 300);
    containers_expire(*test, 200);
    assert_non_null(containers_find(*test, 1));
    containers_expire(*test, 201);
    assert_null(containers_find(*test, 1));
    assert_ptr_equal(containers_find(*test, 3), container);
}

static void test_containers_of_another_path(void **test)
{
    learn(*test, 1, "/docker/" ID, CONTAINER_MET, 100);
    assert_string_equal(learn(*test, 1, "/docker/" OTHER, CONTAINER_MET, 200)->id, OTHER);
    assert_string_equal(containers_find(*test, 1)->id, OTHER);
    assert_null(learn(*test, 1, "/user.slice", CONTAINER_MET, 300));
    assert_null(containers_find(*test, 1));
    assert_int_equal(containers_count(*test), 0);
}

/* What was removed goes first, then what was quiet longest: a flood of cgroups does not push out who is at work. */
static void test_containers_eviction(void **test)
{
    char path[64];
    for (uint64_t id = 1; id <= 4; id++) {
        snprintf(path, sizeof(path), "/default/c%d", (int)id);
        learn(*test, id, path, CONTAINER_MADE, id);
    }
    end(*test, 3, "/default/c3", 50);
    learn(*test, 5, "/default/c5", CONTAINER_MADE, 60);
    assert_null(containers_find(*test, 3));
    assert_non_null(containers_find(*test, 1)); /* heard of */
    learn(*test, 6, "/default/c6", CONTAINER_MADE, 70);
    assert_null(containers_find(*test, 2));
    assert_non_null(containers_find(*test, 1));
    for (uint64_t id = 100; id < 50100; id++) {
        snprintf(path, sizeof(path), "/default/c%d", (int)id);
        learn(*test, id, path, CONTAINER_MADE, id);
        assert_non_null(containers_find(*test, 1));
    }
    assert_int_equal(containers_count(*test), 4);
    assert_int_equal(containers_evicted(*test), 2 + 50000);
}

/* A full table of short lives: each makes room for the next, and nothing that lives is pushed out. */
static void test_containers_short_lives(void **test)
{
    char path[64];
    learn(*test, 1, "/docker/" ID, CONTAINER_MET, 1);
    for (uint64_t id = 2; id < 50002; id++) {
        snprintf(path, sizeof(path), "/default/c%d", (int)id);
        learn(*test, id, path, CONTAINER_MADE, id);
        assert_non_null(end(*test, id, path, id));
    }
    assert_non_null(containers_find(*test, 1));
    assert_int_equal(containers_count(*test), 4);
    assert_int_equal(containers_evicted(*test), 50000 - 3);
    containers_expire(*test, UINT64_MAX);
    assert_int_equal(containers_count(*test), 1);
    assert_int_equal(containers_evicted(*test), 50000 - 3);
}

#define WITH_TABLE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLE(test_containers_share_one),          WITH_TABLE(test_containers_met_existed),
        WITH_TABLE(test_containers_in_two_hierarchies), WITH_TABLE(test_containers_unknown_end),
        WITH_TABLE(test_containers_started_again),      WITH_TABLE(test_containers_of_another_path),
        WITH_TABLE(test_containers_eviction),           WITH_TABLE(test_containers_short_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
