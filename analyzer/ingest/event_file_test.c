// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/event_file.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/ingest/output.h"

struct fixture {
    struct temporary temporary;
    char path[128], old[132];
    struct event_file *file;
};

static int setup(void **test)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char error[EVENT_FILE_ERROR_BYTES];
    assert_non_null(f);
    temporary_make(&f->temporary);
    snprintf(f->path, sizeof(f->path), "%s/events.json", f->temporary.folder);
    snprintf(f->old, sizeof(f->old), "%s.1", f->path);
    assert_int_equal(event_file_open(f->path, 20, &f->file, error), 0);
    *test = f;
    return 0;
}

static int teardown(void **test)
{
    struct fixture *f = *test;
    event_file_close(f->file);
    event_file_close(NULL);
    temporary_remove(&f->temporary);
    free(f);
    return 0;
}

static void expect(const char *path, const char *wanted)
{
    char text[256] = "";
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, wanted);
}

static void put(struct fixture *f, const char *lines)
{
    assert_int_equal(event_file_write(f->file, lines, strlen(lines)), 0);
}

static void test_event_file_rotates(void **test)
{
    struct fixture *f = *test;
    struct stat status;
    put(f, "first line\n");
    put(f, "second\n");
    expect(f->path, "first line\nsecond\n");
    assert_int_equal(stat(f->path, &status), 0);
    assert_int_equal(status.st_mode & 07777 & ~0077, 0600);
    put(f, "third\n"); /* 18 and 6 are more than 20 */
    expect(f->path, "third\n");
    expect(f->old, "first line\nsecond\n");
    put(f, "one that is longer than all of the limit\n");
    put(f, "last\n");
    expect(f->old, "one that is longer than all of the limit\n");
    expect(f->path, "last\n");
}

static void test_event_file_is_opened_anew(void **test)
{
    struct fixture *f = *test;
    put(f, "a\n");
    assert_int_equal(rename(f->path, f->old), 0);
    put(f, "b\n");
    event_file_reopen(f->file);
    event_file_reopen(NULL);
    put(f, "c\n");
    expect(f->old, "a\nb\n");
    expect(f->path, "c\n");
}

/* A line that does not fit is taken back whole, and counted. */
static void test_event_file_full(void **test)
{
    struct fixture *f = *test;
    struct rlimit before, few;
    struct output output = {.file = f->file};
    struct text text = {0};
    put(f, "whole\n");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    few = before;
    few.rlim_cur = 8;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    text_literal(&text, "two\nlines\n");
    output_flush(&output, &text);
    assert_int_equal(text.size, 0);
    assert_int_equal(output.unwritten, 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    expect(f->path, "whole\n");
    text_literal(&text, "after\n");
    output_flush(&output, &text);
    assert_int_equal(output.unwritten, 2);
    expect(f->path, "whole\nafter\n");
    text_fini(&text);
}

static void test_event_file_refuses(void **test)
{
    struct fixture *f = *test;
    struct event_file *file = NULL;
    char error[EVENT_FILE_ERROR_BYTES] = "", link[140];
    assert_int_equal(event_file_open("/nonexistent-folder/events", 1, &file, error), -ENOENT);
    assert_non_null(strstr(error, "/nonexistent-folder/events"));
    assert_int_equal(event_file_open("/dev/null", 1, &file, error), -EINVAL);
    snprintf(link, sizeof(link), "%s/link", f->temporary.folder);
    assert_int_equal(symlink(f->path, link), 0);
    assert_int_equal(event_file_open(link, 1, &file, error), -ELOOP);
    assert_null(file);
}

static void test_output_samples(void **test)
{
    (void)test;
    struct output each = {.sample = 1}, third = {.sample = 3};
    int shown = 0;
    for (int i = 0; i < 9; i++) {
        assert_true(output_samples(&each));
        shown += output_samples(&third) ? 1 : 0;
    }
    assert_int_equal(shown, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_event_file_rotates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_event_file_is_opened_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_event_file_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_event_file_refuses, setup, teardown),
        cmocka_unit_test(test_output_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
