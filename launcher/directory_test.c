/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "launcher/directory.h"

static char parent[] = "/tmp/launcher-test.XXXXXX";

static int make_parent(void **state)
{
    (void)state;
    return mkdtemp(parent) == NULL;
}

static int remove_parent(void **state)
{
    (void)state;
    return directory_remove(parent);
}

static void write_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < size; i++)
        fputc('x', file);
    assert_int_equal(fclose(file), 0);
}

static void assert_folder(const char *directory, const char *name, uid_t uid, gid_t gid, mode_t mode)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, uid);
    assert_int_equal(status.st_gid, gid);
    assert_int_equal(status.st_mode & 07777, mode);
}

static void test_directory_owners_and_modes(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    char path[DIRECTORY_PATH_BYTES], error[256];
    assert_int_equal(directory_make(parent, path, error, sizeof(error)), 0);
    assert_folder(path, ".", 0, 0, 0711);
    assert_folder(path, "collector", 0, 0, 0700);
    assert_folder(path, "analyzer", 64103, 64103, 0700);
    assert_folder(path, "bus", 64103, 64100, 02750);
    assert_folder(path, "policies", 0, 64103, 0750);
    assert_int_equal(directory_remove(path), 0);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_directory_policy_copied(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    char path[DIRECTORY_PATH_BYTES], error[256], source[192];
    assert_int_equal(directory_make(parent, path, error, sizeof(error)), 0);
    snprintf(source, sizeof(source), "%s/p.yaml", parent);
    write_file(source, 5);
    char *copy = NULL;
    assert_int_equal(directory_add_policy(path, 3, source, &copy, error, sizeof(error)), 0);
    assert_non_null(strstr(copy, "/policies/3-p.yaml"));
    struct stat status;
    assert_int_equal(stat(copy, &status), 0);
    assert_int_equal(status.st_size, 5);
    assert_int_equal(status.st_gid, 64103);
    assert_int_equal(status.st_mode & 07777, 0640);
    free(copy);
    /* Those of a directory, and nothing else of it. */
    char folder[128], inside[192];
    snprintf(folder, sizeof(folder), "%s/policies", parent);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(source, sizeof(source), "%s/q.yml", folder);
    write_file(source, 7);
    snprintf(source, sizeof(source), "%s/notes.txt", folder);
    write_file(source, 7);
    assert_int_equal(directory_add_policy(path, 4, folder, &copy, error, sizeof(error)), 0);
    assert_int_equal(stat(copy, &status), 0);
    assert_int_equal(status.st_gid, 64103);
    assert_int_equal(status.st_mode & 07777, 0750);
    snprintf(inside, sizeof(inside), "%s/q.yml", copy);
    assert_int_equal(stat(inside, &status), 0);
    assert_int_equal(status.st_size, 7);
    snprintf(inside, sizeof(inside), "%s/notes.txt", copy);
    assert_int_equal(access(inside, F_OK), -1);
    free(copy);
    assert_int_equal(directory_remove(path), 0);
}

static void test_directory_policy_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    char path[DIRECTORY_PATH_BYTES], error[256], source[192];
    assert_int_equal(directory_make(parent, path, error, sizeof(error)), 0);
    char *copy = NULL;
    snprintf(source, sizeof(source), "%s/absent.yaml", parent);
    assert_int_equal(directory_add_policy(path, 0, source, &copy, error, sizeof(error)), -ENOENT);
    assert_non_null(strstr(error, "absent.yaml"));
    snprintf(source, sizeof(source), "%s/pipe", parent);
    assert_int_equal(mkfifo(source, 0600), 0);
    assert_int_equal(directory_add_policy(path, 0, source, &copy, error, sizeof(error)), -EINVAL);
    snprintf(source, sizeof(source), "%s/large", parent);
    write_file(source, DIRECTORY_POLICY_BYTES + 1);
    assert_int_equal(directory_add_policy(path, 0, source, &copy, error, sizeof(error)), -EFBIG);
    assert_null(copy);
    assert_int_equal(directory_remove(path), 0);
}

static void test_directory_remove_follows_no_link(void **state)
{
    (void)state;
    char path[128], outside[128], link[256];
    snprintf(outside, sizeof(outside), "%s/outside", parent);
    assert_int_equal(mkdir(outside, 0700), 0);
    snprintf(link, sizeof(link), "%s/kept", outside);
    write_file(link, 1);
    snprintf(path, sizeof(path), "%s/removed", parent);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(link, sizeof(link), "%s/link", path);
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(directory_remove(path), 0);
    snprintf(link, sizeof(link), "%s/kept", outside);
    assert_int_equal(access(link, F_OK), 0);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_directory_no_parent(void **state)
{
    (void)state;
    char path[DIRECTORY_PATH_BYTES] = "untouched", error[256] = "";
    assert_int_equal(directory_make("/nonexistent", path, error, sizeof(error)), -ENOENT);
    assert_non_null(strstr(error, "/nonexistent"));
    assert_string_equal(path, "untouched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directory_owners_and_modes), cmocka_unit_test(test_directory_policy_copied),
        cmocka_unit_test(test_directory_policy_refused),   cmocka_unit_test(test_directory_remove_follows_no_link),
        cmocka_unit_test(test_directory_no_parent),
    };
    return cmocka_run_group_tests(tests, make_parent, remove_parent);
}
