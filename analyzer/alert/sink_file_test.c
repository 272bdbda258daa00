/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/alert/sink.h"

struct fixture {
    struct temporary temporary;
    char path[TESTING_PATH_BYTES];
    struct sink_settings *settings;
    void *sink;
    char text[65536];
};

static void set(struct fixture *f, const char *key, const char *text)
{
    char why[SINK_WHY_BYTES];
    assert_int_equal(sink_settings_set(f->settings, key, text, why), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    temporary_make(&f->temporary);
    snprintf(f->path, sizeof(f->path), "%s/findings", f->temporary.folder);
    f->settings = sink_settings_new(sink_kind_by_name("file"), "file");
    assert_non_null(f->settings);
    set(f, "path", f->path);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->settings->kind->close(f->sink);
    sink_settings_free(f->settings);
    temporary_remove(&f->temporary);
    free(f);
    return 0;
}

static void open_sink(struct fixture *f)
{
    char error[SINK_ERROR_BYTES] = "";
    f->settings->kind->close(f->sink);
    f->sink = f->settings->kind->open(f->settings, error);
    if (!f->sink)
        fail_msg("%s", error);
}

static enum sink_result deliver(struct fixture *f, const char *json, char error[SINK_ERROR_BYTES])
{
    uint32_t retry_after_ms;
    struct alert alert = alert_of(1);
    alert.json = json;
    return f->settings->kind->deliver(f->sink, &alert, &retry_after_ms, error);
}

static void must_deliver(struct fixture *f, const char *json)
{
    char error[SINK_ERROR_BYTES] = "";
    if (deliver(f, json, error) != SINK_DELIVERED)
        fail_msg("%s", error);
}

static const char *text_of(struct fixture *f, const char *suffix)
{
    char path[TESTING_PATH_BYTES + 8];
    snprintf(path, sizeof(path), "%s%s", f->path, suffix);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    ssize_t size = read(fd, f->text, sizeof(f->text) - 1);
    close(fd);
    assert_true(size >= 0);
    f->text[size] = '\0';
    return f->text;
}

static void test_file_appends(void **state)
{
    struct fixture *f = *state;
    struct stat facts;
    set(f, "mode", "0640");
    open_sink(f);
    assert_null(text_of(f, "")); /* made with the first alert, not by a look at the settings */
    must_deliver(f, "{\"a\":1}");
    must_deliver(f, "{\"a\":2}");
    assert_int_equal(stat(f->path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0640);
    open_sink(f);
    must_deliver(f, "{\"a\":3}");
    assert_string_equal(text_of(f, ""), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
}

/* A crash left half a line: it is ended, and the next stands on its own. */
static void test_file_mends_a_torn_line(void **state)
{
    struct fixture *f = *state;
    int fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "{\"a\":1}\n{\"a\"", 12), 12);
    close(fd);
    open_sink(f);
    must_deliver(f, "{\"a\":2}");
    must_deliver(f, "{\"a\":3}");
    assert_string_equal(text_of(f, ""), "{\"a\":1}\n{\"a\"\n{\"a\":2}\n{\"a\":3}\n");
}

static void test_file_rotates(void **state)
{
    struct fixture *f = *state;
    set(f, "rotate.size", "20"); /* two lines */
    set(f, "rotate.keep", "2");
    open_sink(f);
    char json[16];
    for (int i = 1; i <= 9; i++) {
        snprintf(json, sizeof(json), "{\"a\":%d}", i);
        must_deliver(f, json);
    }
    assert_string_equal(text_of(f, ""), "{\"a\":9}\n");
    assert_string_equal(text_of(f, ".1"), "{\"a\":7}\n{\"a\":8}\n");
    assert_string_equal(text_of(f, ".2"), "{\"a\":5}\n{\"a\":6}\n");
    assert_null(text_of(f, ".3"));
    /* Longer than the limit: in a file of its own, not lost, no endless rotation. */
    must_deliver(f, "{\"a\":\"longer than the limit\"}");
    assert_string_equal(text_of(f, ""), "{\"a\":\"longer than the limit\"}\n");
}

/* Who rotates by moving: the new file is begun after the mark, not before. */
static void test_file_reopens(void **state)
{
    struct fixture *f = *state;
    char moved[TESTING_PATH_BYTES + 8];
    snprintf(moved, sizeof(moved), "%s.moved", f->path);
    open_sink(f);
    must_deliver(f, "{\"a\":1}");
    assert_int_equal(rename(f->path, moved), 0);
    must_deliver(f, "{\"a\":2}");
    assert_null(text_of(f, ""));
    f->settings->kind->reopen(f->sink);
    must_deliver(f, "{\"a\":3}");
    assert_string_equal(text_of(f, ""), "{\"a\":3}\n");
    assert_string_equal(text_of(f, ".moved"), "{\"a\":1}\n{\"a\":2}\n");
}

/* No room in the middle of a line: nothing of it stays, and it comes whole when there is room. */
static void test_file_takes_half_a_line_back(void **state)
{
    struct fixture *f = *state;
    char error[SINK_ERROR_BYTES] = "";
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    open_sink(f);
    must_deliver(f, "{\"a\":1}");
    small = (struct rlimit){.rlim_cur = 12, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum sink_result result = deliver(f, "{\"a\":2}", error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(result, SINK_RETRY);
    assert_non_null(strstr(error, f->path));
    assert_string_equal(text_of(f, ""), "{\"a\":1}\n");
    must_deliver(f, "{\"a\":2}");
    assert_string_equal(text_of(f, ""), "{\"a\":1}\n{\"a\":2}\n");
}

static void test_file_places(void **state)
{
    struct fixture *f = *state;
    char error[SINK_ERROR_BYTES];
    const char *const wrong[][3] = {{"path", "relative", "absolute path"},
                                    {"path", "/nonexistent/folder/file", "No such file"},
                                    {"path", f->temporary.folder, "cannot be written"},
                                    {"mode", "999", "in octal"},
                                    {"mode", "0444", "in octal"}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        set(f, "path", f->path);
        set(f, wrong[i][0], wrong[i][1]);
        error[0] = '\0';
        assert_null(f->settings->kind->open(f->settings, error));
        assert_non_null(strstr(error, wrong[i][2]));
        assert_int_equal(strncmp(error, "sink file: ", 11), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file_appends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_mends_a_torn_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_rotates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_reopens, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_takes_half_a_line_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_places, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
