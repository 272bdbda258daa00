/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/alert/request_secret.h"

static void write_file(const char *path, const char *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
}

static void test_secret_changes(void **state)
{
    (void)state;
    struct temporary temporary;
    struct request_secret secret = {0};
    char path[TESTING_PATH_BYTES], other[TESTING_PATH_BYTES], error[REQUEST_SECRET_ERROR_BYTES];
    temporary_make(&temporary);
    snprintf(path, sizeof(path), "%s/token", temporary.folder);
    snprintf(other, sizeof(other), "%s/other", temporary.folder);
    assert_int_equal(request_secret_renew(&secret, "auth.bearer_file", path, error), -ENOENT);
    assert_non_null(strstr(error, path));
    assert_null(secret.value);
    write_file(path, "one\r\n", 5);
    assert_int_equal(request_secret_renew(&secret, "auth.bearer_file", path, error), 1);
    assert_string_equal(secret.value, "one");
    assert_int_equal(request_secret_renew(&secret, "auth.bearer_file", path, error), 0);
    /* Of the same size, by another file in its place, as Kubernetes changes a Secret. */
    write_file(other, "two\r\n", 5);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(request_secret_renew(&secret, "auth.bearer_file", path, error), 1);
    assert_string_equal(secret.value, "two");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(request_secret_renew(&secret, "auth.bearer_file", path, error), -ENOENT);
    assert_null(secret.value);
    write_file(path, "three", 5);
    assert_int_equal(request_secret_renew(&secret, "auth.bearer_file", path, error), 1);
    assert_string_equal(secret.value, "three");
    request_secret_fini(&secret);
    temporary_remove(&temporary);
}

static void test_secret_refused(void **state)
{
    (void)state;
    struct temporary temporary;
    struct request_secret secret = {0};
    char path[TESTING_PATH_BYTES], error[REQUEST_SECRET_ERROR_BYTES];
    temporary_make(&temporary);
    snprintf(path, sizeof(path), "%s/token", temporary.folder);
    const struct {
        const char *data;
        size_t size;
        const char *words;
    } cases[] = {{"", 0, "is not one line"},
                 {"\n\n", 2, "is not one line"},
                 {"a\r\nX-Evil: b", 12, "is not one line"},
                 {"a\0b", 3, "is not one line"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(path, cases[i].data, cases[i].size);
        assert_true(request_secret_renew(&secret, "auth.bearer_file", path, error) < 0);
        assert_non_null(strstr(error, cases[i].words));
        assert_null(secret.value);
    }
    write_file(path, "open to all", 11);
    assert_int_equal(chmod(path, 0644), 0);
    assert_true(request_secret_renew(&secret, "auth.bearer_file", path, error) < 0);
    assert_non_null(strstr(error, "auth.bearer_file: "));
    assert_non_null(strstr(error, "everybody may read"));
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(request_secret_renew(&secret, "auth.bearer_file", path, error), 1);
    request_secret_fini(&secret);
    assert_true(request_secret_renew(&secret, "auth.bearer_file", temporary.folder, error) < 0); /* a directory */
    temporary_remove(&temporary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_secret_changes), cmocka_unit_test(test_secret_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
