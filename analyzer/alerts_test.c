/* SPDX-License-Identifier: Apache-2.0 */
/* `vedette-analyzer alerts` from outside: with a running analyzer and without one, hostile names, colour, bad usage. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "analyzer/alert/alert_testing.h"
#include "common/base/exit_code.h"

enum { OUTPUT_BYTES = 64 * 1024, PATIENCE_MS = 30000, COMMAND_BYTES = 1024 };

#define HOSTILE                                                                                                        \
    "{\"eventName\":\"x\",\"processName\":\"\\u001b[2Jsh\\n\",\"hostProcessId\":42,\"vedette\":{\"id\":\"i\"}}"

struct fixture {
    struct temporary temporary;
    char out[OUTPUT_BYTES], err[OUTPUT_BYTES];
    pid_t analyzer;
    int analyzer_out;
};

static void fill(const char *path)
{
    struct outbox *outbox = outbox_open_or_die(path);
    struct alert alerts[5];
    int64_t row;
    for (unsigned i = 0; i < 5; i++) {
        alerts[i] = alert_of(0x1000 + i);
        snprintf(alerts[i].id, sizeof(alerts[i].id), "%08x%024x", 0xabc00000 + i, i);
        alerts[i].time_ns = UINT64_C(1767323045000000000) + i * UINT64_C(1000000000); /* 2026-01-02T03:04:05Z on */
        alerts[i].severity = (int)i;
        alerts[i].detection = i == 3 ? "ld_preload" : "fileless_execution";
        alerts[i].json = i == 1 ? HOSTILE : "{\"eventName\":\"x\",\"vedette\":{\"id\":\"other\"}}";
    }
    assert_int_equal(outbox_sink_open(outbox, "stdout", false, &row), 0);
    assert_int_equal(outbox_commit(outbox, alerts, 5, NULL, 0), 0);
    assert_int_equal(outbox_sink_advance(outbox, "stdout", 1, NULL), 0);
    assert_int_equal(outbox_sink_advance(outbox, "stdout", 2, "the \033[1mreceiver said no"), 0);
    assert_int_equal(outbox_sink_advance(outbox, "stdout", 3, NULL), 0);
    outbox_close(outbox);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    temporary_make(&f->temporary);
    fill(f->temporary.outbox);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->analyzer > 0) {
        kill(f->analyzer, SIGKILL);
        waitpid(f->analyzer, NULL, 0);
        close(f->analyzer_out);
    }
    temporary_remove(&f->temporary);
    free(f);
    return 0;
}

static void slurp(const char *path, char text[OUTPUT_BYTES])
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, OUTPUT_BYTES - 1, file)] = '\0';
    fclose(file);
}

/* Runs the verb; `before` are words of the shell in front of it. */
static void run(struct fixture *f, int code, const char *before, const char *arguments)
{
    char command[COMMAND_BYTES], path[TESTING_PATH_BYTES];
    const char *folder = f->temporary.folder;
    snprintf(command, sizeof(command),
             "%s %s alerts %s --outbox.path=%s --control.socket=%s/control </dev/null >%s/out 2>%s/err", before,
             VEDETTE_ANALYZER, arguments, f->temporary.outbox, folder, folder, folder);
    int status = system(command);
    snprintf(path, sizeof(path), "%s/out", folder);
    slurp(path, f->out);
    snprintf(path, sizeof(path), "%s/err", folder);
    slurp(path, f->err);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
        fail_msg("%s: status %d, not %d: %s%s", arguments, status, code, f->out, f->err);
}

static size_t lines_of(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void assert_said(const char *text, const char *words)
{
    if (strstr(text, words) == NULL)
        fail_msg("no \"%s\" in: %s", words, text);
}

static void check_reading(struct fixture *f)
{
    run(f, EXIT_CODE_OK, "", "list");
    assert_int_equal(lines_of(f->out), 6);
    assert_said(f->out, "TIME                 SEVERITY DETECTION");
    assert_said(f->out, "2026-01-02 03:04:05Z INFO     fileless_execution           node1            ?(0)");
    assert_said(f->out, "\\x1b[2Jsh\\n(42)");
    assert_null(strchr(f->out, '\033'));
    assert_true(strstr(f->out, "03:04:05Z") < strstr(f->out, "03:04:09Z"));
    run(f, EXIT_CODE_OK, "", "list --json");
    assert_int_equal(lines_of(f->out), 5);
    assert_said(f->out, HOSTILE "\n");
    assert_null(strchr(f->out, '\033'));
    run(f, EXIT_CODE_OK, "", "list --json --severity=high");
    assert_int_equal(lines_of(f->out), 2);
    run(f, EXIT_CODE_OK, "", "list --json --detection ld_preload --detection other");
    assert_int_equal(lines_of(f->out), 1);
    run(f, EXIT_CODE_OK, "", "list --json --since 2026-01-02T03:04:06Z --until '2026-01-02T04:04:07+01:00'");
    assert_int_equal(lines_of(f->out), 2);
    run(f, EXIT_CODE_OK, "", "list --json --since 1h");
    assert_string_equal(f->out, "");
    run(f, EXIT_CODE_OK, "", "list --json --node nobody");
    assert_string_equal(f->out, "");
    run(f, EXIT_CODE_OK, "", "list --json --limit 2");
    assert_int_equal(lines_of(f->out), 2);
    assert_said(f->err, "there are more");
    run(f, EXIT_CODE_OK, "", "list --dead");
    assert_int_equal(lines_of(f->out), 2);
    assert_said(f->out, "; dead letter of stdout: the \\x1b[1mreceiver said no\n");
    run(f, EXIT_CODE_OK, "", "list --dead --json");
    assert_said(f->out, "{\"sink\":\"stdout\",\"reason\":\"the \\u001b[1mreceiver said no\",\"time\":");
    assert_said(f->out, "\"again\":false,\"finding\":" HOSTILE "}\n");
    run(f, EXIT_CODE_OK, "", "show abc00001");
    assert_said(f->out, "severity     LOW");
    assert_said(f->out, "sink         stdout: dead letter: the \\x1b[1mreceiver");
    assert_null(strchr(f->out, '\033'));
    run(f, EXIT_CODE_OK, "", "show abc00000 abc00004 --json");
    assert_int_equal(lines_of(f->out), 2);
    assert_said(f->out, "{\"sinks\":[{\"name\":\"stdout\",\"start\":0,");
    run(f, EXIT_CODE_RUNTIME, "", "show abc");
    assert_said(f->err, "more than one alert's id begins with abc");
    run(f, EXIT_CODE_RUNTIME, "", "show fff");
    assert_said(f->err, "no alert's id begins with fff");
}

static void test_alerts_of_a_stopped_analyzer(void **state)
{
    struct fixture *f = *state;
    check_reading(f);
    assert_said(f->err, "reading ");
    run(f, EXIT_CODE_RUNTIME, "", "tail");
    assert_said(f->err, "no analyzer answers at ");
    run(f, EXIT_CODE_RUNTIME, "", "redrive --dead");
    run(f, EXIT_CODE_OK, "", "list --json"); /* nothing has changed */
    assert_int_equal(lines_of(f->out), 5);
    unlink(f->temporary.outbox);
    run(f, EXIT_CODE_RUNTIME, "", "list");
    assert_said(f->err, "there is no such file");
}

static void test_alerts_usage(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *arguments, *words;
    } cases[] = {
        {"", "alerts: say what: list, show ID, tail"},
        {"lst", "'lst' is none of list, show, tail, redrive, ack"},
        {"list x", "alerts list: unexpected argument 'x'"},
        {"list --since yesterday", "--since: 'yesterday' is no time: write 2026-01-02T03:04:05Z"},
        {"list --until 2026-02-30", "--until: '2026-02-30' is no time"},
        {"list --severity urgent", "--severity: 'urgent' is not one of"},
        {"list --limit 0", "out of range"},
        {"show", "show: give the id"},
        {"redrive", "give ids of alerts, or --dead"},
        {"ack abc00001 --dead", "give ids of alerts, or --dead"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        run(f, EXIT_CODE_USAGE, "", cases[i].arguments);
        assert_said(f->err, cases[i].words);
    }
}

/* On a terminal, and where somebody wants it or does not. */
static void test_alerts_color(void **state)
{
    struct fixture *f = *state;
    static const char red[] = "\033[31mHIGH     \033[0m";
    char command[COMMAND_BYTES], path[TESTING_PATH_BYTES];
    static const struct {
        const char *environment;
        bool color;
    } cases[] = {{"NO_COLOR= TERM=xterm", true}, {"NO_COLOR=1 TERM=xterm", false}, {"NO_COLOR= TERM=dumb", false}};
    run(f, EXIT_CODE_OK, "NO_COLOR=1", "list --color=always");
    assert_said(f->out, red);
    assert_said(f->out, "\\x1b[2Jsh\\n(42)"); /* colours of ours only */
    if (system("command -v script >/dev/null") != 0)
        skip();
    snprintf(path, sizeof(path), "%s/out", f->temporary.folder);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(command, sizeof(command),
                 "%s script -qec '%s alerts list --outbox.path=%s --control.socket=' /dev/null </dev/null >%s 2>&1",
                 cases[i].environment, VEDETTE_ANALYZER, f->temporary.outbox, path);
        assert_int_equal(system(command), 0);
        slurp(path, f->out);
        if ((strstr(f->out, red) != NULL) != cases[i].color)
            fail_msg("%s: %s", cases[i].environment, f->out);
    }
}

static void start_analyzer(struct fixture *f)
{
    char bus[192], outbox[192], control[192];
    int out[2], err[2];
    char program[] = "vedette-analyzer", root[] = "--run.allow_root", http[] = "--http.listen=off",
         json[] = "--output.format=json";
    snprintf(bus, sizeof(bus), "--bus.listen=ipc://%s/bus", f->temporary.folder);
    snprintf(outbox, sizeof(outbox), "--outbox.path=%s", f->temporary.outbox);
    snprintf(control, sizeof(control), "--control.socket=%s/control", f->temporary.folder);
    char *argv[] = {program, root, http, json, bus, outbox, control, NULL};
    char *envp[] = {NULL};
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    assert_int_equal(posix_spawn(&f->analyzer, VEDETTE_ANALYZER, &actions, NULL, argv, envp), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    close(err[1]);
    close(err[0]);
    f->analyzer_out = out[0];
}

/* Reads the analyzer's standard output until it has `lines` lines. */
static void wait_for_lines(struct fixture *f, size_t lines)
{
    size_t size = 0;
    f->out[0] = '\0';
    while (lines_of(f->out) < lines) {
        struct pollfd ready = {.fd = f->analyzer_out, .events = POLLIN};
        if (poll(&ready, 1, PATIENCE_MS) != 1)
            fail_msg("%zu lines, not %zu: %s", lines_of(f->out), lines, f->out);
        ssize_t n = read(f->analyzer_out, f->out + size, OUTPUT_BYTES - 1 - size);
        assert_true(n > 0);
        size += (size_t)n;
        f->out[size] = '\0';
    }
}

/* The listener is there soon after the sinks are. */
static void wait_for_control(struct fixture *f)
{
    char path[TESTING_PATH_BYTES];
    snprintf(path, sizeof(path), "%s/control", f->temporary.folder);
    for (int i = 0; i < PATIENCE_MS / 10 && access(path, F_OK) != 0; i++)
        poll(NULL, 0, 10);
    assert_int_equal(access(path, F_OK), 0);
}

static void test_alerts_of_a_running_analyzer(void **state)
{
    struct fixture *f = *state;
    start_analyzer(f);
    wait_for_lines(f, 2); /* the two that stdout had not had */
    wait_for_control(f);
    check_reading(f);
    assert_null(strstr(f->err, "reading "));
    run(f, EXIT_CODE_RUNTIME, "", "redrive abc00000");
    assert_said(f->err, "no dead letter");
    run(f, EXIT_CODE_RUNTIME, "", "redrive abc00000 --sink_name=nobody");
    assert_said(f->err, "no sink is called nobody");
    run(f, EXIT_CODE_OK, "", "redrive abc00001");
    assert_string_equal(f->out, "dead letters on their way again: 1\n");
    wait_for_lines(f, 1);
    assert_string_equal(f->out, HOSTILE "\n");
    /* Until the cursor has moved behind the delivery. */
    for (int i = 0; i < 1000; i++) {
        run(f, EXIT_CODE_OK, "", "list --dead --json");
        if (f->out[0] == '\0')
            break;
    }
    assert_string_equal(f->out, "");
    run(f, EXIT_CODE_OK, "", "redrive abc00003 --sink_name=stdout --json");
    assert_string_equal(f->out, "{\"count\":1}\n");
    wait_for_lines(f, 1);
    run(f, EXIT_CODE_OK, "", "ack --dead");
    assert_string_equal(f->out, "dead letters acknowledged: 0\n");
    run(f, EXIT_CODE_OK, "", "show abc00001");
    assert_said(f->out, "sink         stdout: done");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_alerts_of_a_stopped_analyzer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alerts_of_a_running_analyzer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alerts_usage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alerts_color, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
