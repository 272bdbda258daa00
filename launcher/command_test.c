/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>

#include "launcher/command.h"
#include "launcher/directory.h"
#include "launcher/processes.h"

/* A literal where the interface, like execv(3), has char * and changes nothing. */
#define T(text) ((char *)(uintptr_t)(text))

static void run_to_end(char **argv, struct command *command)
{
    char *path = NULL;
    sigset_t none;
    sigemptyset(&none);
    assert_int_equal(command_find(argv[0], &path), 0);
    assert_int_equal(command_prepare(path, argv, &none, command), 0);
    free(path);
    command_release(command);
    while (!command->ended)
        command_read_report(command);
}

static int shell(const char *text)
{
    char script[256];
    snprintf(script, sizeof(script), "%s", text);
    struct command command;
    run_to_end((char *[]){T("sh"), T("-c"), script, NULL}, &command);
    command_close(&command);
    return command.exit_code;
}

static void test_command_exit_status(void **state)
{
    (void)state;
    assert_int_equal(shell("exit 0"), 0);
    assert_int_equal(shell("exit 3"), 3);
    assert_int_equal(shell("kill -TERM $$"), 128 + SIGTERM);
    assert_int_equal(shell("kill -KILL $$"), 128 + SIGKILL);
}

static void test_command_find(void **state)
{
    (void)state;
    char *path = NULL;
    setenv("PATH", "/usr/bin:/bin", 1); /* a folder that may not be searched would make it 126 */
    assert_int_equal(command_find("no-such-program-here", &path), 127);
    assert_int_equal(command_find("/no/such/program", &path), 127);
    assert_int_equal(command_find("", &path), 127);
    assert_int_equal(command_find("/", &path), 126);
    assert_int_equal(command_find("/etc/passwd", &path), 126);
    assert_int_equal(command_find("sh", &path), 0);
    assert_int_equal(path[0], '/');
    free(path);
}

static void test_command_waits_for_release(void **state)
{
    (void)state;
    char *argv[] = {T("/bin/sh"), T("-c"), T("exit 9"), NULL};
    sigset_t none;
    sigemptyset(&none);
    struct command command;
    assert_int_equal(command_prepare(argv[0], argv, &none, &command), 0);
    struct process waiting;
    assert_int_equal(processes_below(command.scope, &waiting, 1), 1);
    assert_string_not_equal(waiting.name, "sh"); /* not executed */
    close(command.go);
    command.go = -1;
    while (!command.ended)
        command_read_report(&command);
    assert_int_equal(command.exit_code, 125); /* it gave up */
    command_close(&command);
}

static void test_command_signal(void **state)
{
    (void)state;
    char *argv[] = {T("/bin/sleep"), T("1000"), NULL};
    sigset_t none;
    sigemptyset(&none);
    struct command command;
    assert_int_equal(command_prepare(argv[0], argv, &none, &command), 0);
    command_release(&command);
    command_signal(&command, SIGINT);
    while (!command.ended)
        command_read_report(&command);
    assert_int_equal(command.exit_code, 128 + SIGINT);
    command_close(&command);
}

static void test_command_descendants_stay_below(void **state)
{
    (void)state;
    struct command command;
    /* A double fork in a session of its own: its parent is gone, and still it is in the tree. */
    run_to_end((char *[]){T("sh"), T("-c"), T("(setsid sleep 1000 >/dev/null 2>&1 &)"), NULL}, &command);
    struct process process;
    assert_int_equal(processes_below(command.scope, &process, 1), 1);
    assert_int_equal(kill(process.pid, SIGKILL), 0);
    command_close(&command);
}

static void test_command_script_without_interpreter(void **state)
{
    (void)state;
    char path[] = "/tmp/launcher-script.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(dprintf(fd, "exit $1\n"), 8);
    fchmod(fd, 0700);
    close(fd);
    struct command command;
    run_to_end((char *[]){path, T("7"), NULL}, &command);
    assert_int_equal(command.exit_code, 7);
    command_close(&command);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_exit_status),
        cmocka_unit_test(test_command_find),
        cmocka_unit_test(test_command_waits_for_release),
        cmocka_unit_test(test_command_signal),
        cmocka_unit_test(test_command_descendants_stay_below),
        cmocka_unit_test(test_command_script_without_interpreter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
