// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/enrolment.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "analyzer/ingest/quota.h"

/* echo -n one | sha256sum, and so on */
#define ONE   "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
#define TWO   "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
#define THREE "8b5b9db0c13db24256c829aa364aa90c6d2eba318b9232a4ab9313b954d3555f"

static char path[64];

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/vedette-enrolment-test.XXXXXX");
    int fd = mkstemp(path);
    close(fd);
    return fd < 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool holds(const struct enrolment *enrolment, const char *node, const char *token)
{
    uint8_t digest[ENROLMENT_DIGEST_BYTES];
    enrolment_digest(token, strlen(token), digest);
    return enrolment_holds(enrolment, node, digest);
}

static void test_enrolment_holds(void **state)
{
    (void)state;
    struct enrolment *enrolment;
    char error[ENROLMENT_ERROR_BYTES] = "";
    write_file("# who may speak\n\nnode-b " TWO "\r\nnode-a\t" ONE " # since May\nnode-b " THREE);
    if (enrolment_load(path, &enrolment, error) != 0)
        fail_msg("%s", error);
    assert_int_equal(enrolment_count(enrolment), 3);
    assert_true(holds(enrolment, "node-a", "one"));
    assert_true(holds(enrolment, "node-b", "two"));
    assert_true(holds(enrolment, "node-b", "three"));
    assert_false(holds(enrolment, "node-a", "two"));
    assert_false(holds(enrolment, "node-a", ""));
    assert_false(holds(enrolment, "node-c", "one"));
    assert_false(holds(enrolment, "node", "one"));
    assert_false(holds(enrolment, "", "one"));
    enrolment_free(enrolment);
    write_file("");
    assert_int_equal(enrolment_load(path, &enrolment, error), 0);
    assert_false(holds(enrolment, "node-a", "one"));
    enrolment_free(enrolment);
}

static void test_enrolment_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"node-a " ONE "\nnode-b", ":2: needs a node"},
        {"node-a " ONE " more", ":1: needs a node"},
        {"node-a 7692", ":1: needs the SHA-256"},
        {"node-a " ONE "0", ":1: needs the SHA-256"},
        {"\nnode-a x692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed", ":2: needs the SHA-256"},
    };
    struct enrolment *enrolment;
    char error[ENROLMENT_ERROR_BYTES];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(cases[i].text);
        assert_int_equal(enrolment_load(path, &enrolment, error), -EINVAL);
        if (strstr(error, cases[i].words) == NULL || strstr(error, path) == NULL)
            fail_msg("%zu: %s", i, error);
    }
    write_file("node-a " ONE);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(enrolment_load(path, &enrolment, error), -EPERM);
    assert_int_equal(chmod(path, 0600), 0);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    for (int i = 0; i <= ENROLMENT_MAX; i++)
        fprintf(file, "n " ONE "\n");
    assert_int_equal(fclose(file), 0);
    assert_true(enrolment_load(path, &enrolment, error) < 0);
    assert_int_equal(enrolment_load("/nonexistent/enrolment", &enrolment, error), -ENOENT);
}

static void test_quota_bounds(void **state)
{
    (void)state;
    const uint64_t second = 1000000000;
    const struct quota_limits limits = {.bytes = 1000, .events = 100}, none = {0};
    struct quota quota = {0}, free_of_limits = {0};
    uint64_t now = 50 * second, taken = 0;
    /* A burst of four seconds, and an overdraft of one request. */
    while (quota_take(&quota, &limits, 500, now) == 0)
        taken += 500;
    assert_int_equal(taken, 4000);
    assert_in_range(quota_take(&quota, &limits, 500, now), 1, QUOTA_WAIT_MIN_MS);
    /* Over a minute no more than its rate, however often it asks. */
    taken = 0;
    for (uint64_t ms = 1; ms <= 60000; ms++)
        taken += quota_take(&quota, &limits, 500, now + ms * 1000000) == 0 ? 500 : 0;
    assert_in_range(taken, 59000, 60500);
    /* Events are charged behind, so one batch may be too large; then it is waited for. */
    quota = (struct quota){0};
    assert_int_equal(quota_take(&quota, &limits, 10, now), 0);
    quota_charge_events(&quota, &limits, 1400);
    assert_in_range(quota_take(&quota, &limits, 10, now), 9900, 10100);
    assert_in_range(quota_take(&quota, &limits, 10, now + 9 * second), 900, 1100);
    assert_int_equal(quota_take(&quota, &limits, 10, now + 11 * second), 0);
    /* No wait is longer than the courier waits, and the clock may stand still or go back. */
    quota_charge_events(&quota, &limits, 100000000);
    assert_int_equal(quota_take(&quota, &limits, 10, now + 11 * second), QUOTA_WAIT_MAX_MS);
    assert_int_equal(quota_take(&quota, &limits, 10, now), QUOTA_WAIT_MAX_MS);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(quota_take(&free_of_limits, &none, UINT32_MAX, now), 0);
        quota_charge_events(&free_of_limits, &none, UINT32_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_enrolment_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enrolment_refuses, setup, teardown),
        cmocka_unit_test(test_quota_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
