/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/alert/sink.h"
#include "analyzer/alert/stdout.h"

/* Standard output is a pipe while a test runs; cmocka's own comes back before any of its words. */
struct fixture {
    int saved, reader;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    int fds[2];
    assert_non_null(fixture);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    fflush(stdout);
    fixture->saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    fixture->reader = fds[0];
    dup2(fds[1], STDOUT_FILENO);
    close(fds[1]);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    dup2(fixture->saved, STDOUT_FILENO);
    close(fixture->saved);
    close(fixture->reader);
    free(fixture);
    return 0;
}

static size_t read_until_newline(int fd, char *buffer, size_t size)
{
    size_t have = 0;
    while (have < size - 1 && (have == 0 || buffer[have - 1] != '\n')) {
        ssize_t got = read(fd, buffer + have, size - 1 - have);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    buffer[have] = '\0';
    return have;
}

enum { LONG_LINE = 300000, THREADS = 3, LINES = 20 };

static void *write_lines(void *arg)
{
    char *line = malloc(LONG_LINE + 1);
    for (int i = 0; line && i < LINES; i++) {
        size_t size = i % 2 ? LONG_LINE : 100;
        memset(line, *(const char *)arg, size);
        line[size] = '\n';
        if (stdout_write(line, size + 1))
            break;
    }
    free(line);
    return NULL;
}

/* Lines far longer than the pipe, from several threads, arrive whole. */
static void test_stdout_lines_do_not_mix(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    static const char letters[THREADS] = "abc";
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, (void *)(uintptr_t)&letters[i]), 0);
    char *buffer = malloc(65536);
    size_t in_line = 0, lines = 0;
    char letter = 0;
    bool mixed = false;
    while (lines < THREADS * LINES) {
        ssize_t got = read(fixture->reader, buffer, 65536);
        for (ssize_t i = 0; i < got; i++) {
            if (buffer[i] == '\n') {
                mixed |= in_line != 100 && in_line != LONG_LINE;
                lines++;
                in_line = 0;
            } else {
                mixed |= in_line > 0 && buffer[i] != letter;
                letter = buffer[i];
                in_line++;
            }
        }
    }
    free(buffer);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_false(mixed);
}

static void test_stdout_reader_gone(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->reader);
    fixture->reader = -1;
    assert_int_equal(stdout_write("x\n", 2), -EPIPE);
    char error[SINK_ERROR_BYTES] = "";
    uint32_t retry_after;
    const struct sink_kind *kind = sink_kind_by_name("stdout");
    struct sink_settings *settings = sink_settings_new(kind, "stdout");
    assert_non_null(settings);
    void *sink = kind->open(settings, error);
    struct alert alert = alert_of(1);
    assert_int_equal(kind->deliver(sink, &alert, &retry_after, error), SINK_RETRY);
    kind->close(sink);
    sink_settings_free(settings);
    assert_non_null(strstr(error, "closed at the other end"));
}

static void *write_until(void *arg)
{
    static const char line[1 << 20];
    return (void *)(intptr_t)stdout_write_until(line, sizeof(line), *(const int *)arg);
}

/* Both the writer that waits for the reader and the one that waits for the writer are let go. */
static void test_stdout_cancel(void **state)
{
    (void)state;
    int cancel = eventfd(0, EFD_CLOEXEC);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_until, &cancel), 0);
    assert_int_equal(eventfd_write(cancel, 1), 0);
    for (int i = 0; i < 2; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_int_equal((intptr_t)result, -ECANCELED);
    }
    close(cancel);
}

static void deliver_to_stdout(const char *format, const struct alert *alert)
{
    char error[SINK_ERROR_BYTES] = "";
    uint32_t retry_after;
    const struct sink_kind *kind = sink_kind_by_name("stdout");
    struct sink_settings *settings = sink_settings_new(kind, "stdout");
    assert_non_null(settings);
    if (format)
        assert_int_equal(sink_settings_set(settings, "format", format, error), 0);
    void *sink = kind->open(settings, error);
    assert_non_null(sink);
    assert_int_equal(kind->deliver(sink, alert, &retry_after, error), SINK_DELIVERED);
    kind->close(sink);
    sink_settings_free(settings);
}

static void test_stdout_sink_formats(void **state)
{
    struct fixture *fixture = *state;
    char line[4096];
    struct alert alert = alert_of(1);
    deliver_to_stdout(NULL, &alert);
    read_until_newline(fixture->reader, line, sizeof(line));
    assert_int_equal(strncmp(line, alert.json, strlen(alert.json)), 0);
    assert_string_equal(line + strlen(alert.json), "\n");
    deliver_to_stdout("table", &alert);
    read_until_newline(fixture->reader, line, sizeof(line));
    assert_string_equal(
        line, "22:13:20.000000  -      sh               42      -       -                fileless_execution        "
              "HIGH: fileless_execution; node: node1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stdout_lines_do_not_mix, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stdout_reader_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stdout_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stdout_sink_formats, setup, teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
