/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/alert/credential.h"

static void write_file(const char *path, const char *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
}

static void test_credential_changes(void **state)
{
    (void)state;
    struct temporary temporary;
    struct credential credential = {0};
    char path[TESTING_PATH_BYTES], other[TESTING_PATH_BYTES], error[SECRET_ERROR_BYTES];
    temporary_make(&temporary);
    snprintf(path, sizeof(path), "%s/token", temporary.folder);
    snprintf(other, sizeof(other), "%s/other", temporary.folder);
    assert_int_equal(credential_renew(&credential, "auth.bearer_file", path, error), -ENOENT);
    assert_non_null(strstr(error, path));
    assert_null(credential.value);
    write_file(path, "one\r\n", 5);
    assert_int_equal(credential_renew(&credential, "auth.bearer_file", path, error), 1);
    assert_string_equal(credential.value, "one");
    assert_int_equal(credential_renew(&credential, "auth.bearer_file", path, error), 0);
    /* Of the same size, by another file in its place, as Kubernetes changes a Secret. */
    write_file(other, "two\r\n", 5);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(credential_renew(&credential, "auth.bearer_file", path, error), 1);
    assert_string_equal(credential.value, "two");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(credential_renew(&credential, "auth.bearer_file", path, error), -ENOENT);
    assert_null(credential.value);
    write_file(path, "three", 5);
    assert_int_equal(credential_renew(&credential, "auth.bearer_file", path, error), 1);
    assert_string_equal(credential.value, "three");
    credential_fini(&credential);
    temporary_remove(&temporary);
}

static void test_credential_refused(void **state)
{
    (void)state;
    static char large[SECRET_MAX_BYTES + 1];
    struct temporary temporary;
    struct credential credential = {0};
    char path[TESTING_PATH_BYTES], error[SECRET_ERROR_BYTES];
    temporary_make(&temporary);
    snprintf(path, sizeof(path), "%s/token", temporary.folder);
    memset(large, 'x', sizeof(large));
    const struct {
        const char *data;
        size_t size;
        const char *words;
    } cases[] = {{"", 0, "is empty"},
                 {"\n\n", 2, "is not one line"},
                 {"a\r\nX-Evil: b", 12, "is not one line"},
                 {"a\0b", 3, "is not one line"},
                 {large, sizeof(large), "is larger"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(path, cases[i].data, cases[i].size);
        assert_true(credential_renew(&credential, "auth.bearer_file", path, error) < 0);
        assert_non_null(strstr(error, cases[i].words));
        assert_null(credential.value);
    }
    write_file(path, large, SECRET_MAX_BYTES - 1);
    assert_int_equal(credential_renew(&credential, "auth.bearer_file", path, error), 1);
    credential_fini(&credential);
    assert_true(credential_renew(&credential, "auth.bearer_file", temporary.folder, error) < 0); /* a directory */
    temporary_remove(&temporary);
}

static void test_stamp(void **state)
{
    (void)state;
    struct temporary temporary;
    struct file_stamp stamp = {0};
    char path[TESTING_PATH_BYTES];
    temporary_make(&temporary);
    snprintf(path, sizeof(path), "%s/ca", temporary.folder);
    assert_int_equal(file_stamp_renew(&stamp, ""), 0);
    assert_int_equal(file_stamp_renew(&stamp, path), -ENOENT);
    write_file(path, "a", 1);
    assert_int_equal(file_stamp_renew(&stamp, path), 1);
    assert_int_equal(file_stamp_renew(&stamp, path), 0);
    write_file(path, "ab", 2);
    assert_int_equal(file_stamp_renew(&stamp, path), 1);
    temporary_remove(&temporary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_credential_changes),
                                       cmocka_unit_test(test_credential_refused), cmocka_unit_test(test_stamp)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
