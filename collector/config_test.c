/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "collector/config.h"
#include "common/base/exit_code.h"

enum { MAX_ARGUMENTS = 8 };

struct outcome {
    int result;
    struct config config;
    struct config_request request;
    char error[OPTION_ERROR_BYTES];
};

static struct outcome outcome;

static int load(const char *first, const char *second, const char *third)
{
    char program[] = "vedette-collector", copies[3][512];
    const char *given[3] = {first, second, third};
    char *arguments[MAX_ARGUMENTS] = {program};
    int count = 1;
    for (int i = 0; i < 3 && given[i] != NULL; i++) {
        snprintf(copies[i], sizeof(copies[i]), "%s", given[i]);
        arguments[count++] = copies[i];
    }
    memset(&outcome, 0, sizeof(outcome));
    return config_load(count, arguments, &outcome.config, &outcome.request, outcome.error);
}

static void write_file(const char *path, mode_t mode, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void test_config_defaults(void **state)
{
    (void)state;
    assert_int_equal(load(NULL, NULL, NULL), 0);
    assert_string_equal(outcome.request.verb, "run");
    assert_int_equal(outcome.config.queue_size, 32 << 20);
    assert_int_equal(outcome.config.ring_size[CLASS_CRITICAL], 1 << 20);
    assert_int_equal(outcome.config.ring_size[CLASS_WATCHED], 2 << 20);
    assert_int_equal(outcome.config.ring_size[CLASS_BULK], 4 << 20);
    assert_int_equal(outcome.config.argv_size, 8192);
    assert_true(outcome.config.node[0] != '\0');
}

static void test_config_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second, *third, *words;
    } cases[] = {
        {"--ring.bulk", "5000", NULL, "power of two"},
        {"--argv.size", "65537", NULL, "argv.size"},
        {"--argv.size", "4K", NULL, "argv.size"},
        {"--scope.tree=1", "--scope.children_of=2", NULL, "exclude each other"},
        {"--bus.url", "http://somewhere", NULL, "bus url"},
        {"--bus.url", "tcp://192.0.2.1:3367", NULL, "bus url"},
        {"--plan.allow", "no_such_event", NULL, "no_such_event"},
        {"--no.such.key", "1", NULL, "no.such.key"},
        {"--queue.size", "99999G", NULL, "queue.size"},
        {"--node", "two words", NULL, "two words"},
        {"run", "surplus", NULL, "surplus"},
        {"dump", "--events", "openat,no_such_event", "no_such_event"},
        {"dump", "--seconds", "86401", "seconds"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(load(cases[i].first, cases[i].second, cases[i].third), -EXIT_CODE_USAGE);
        assert_non_null(strstr(outcome.error, cases[i].words));
    }
}

static void test_config_file_must_be_its_owners_alone(void **state)
{
    (void)state;
    char path[] = "/tmp/vedette-config-test-XXXXXX", flag[128];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    snprintf(flag, sizeof(flag), "--config=%s", path);

    write_file(path, 0600, "node: from-file\nqueue:\n  size: 2M\n");
    assert_int_equal(load(flag, NULL, NULL), 0);
    assert_string_equal(outcome.config.node, "from-file");
    assert_int_equal(outcome.config.queue_size, 2 << 20);
    assert_int_equal(load("--queue.size=4M", flag, NULL), 0);
    assert_int_equal(outcome.config.queue_size, 4 << 20); /* flag over file, wherever it stands */

    write_file(path, 0666, "node: x\n");
    assert_int_equal(load(flag, NULL, NULL), -EXIT_CODE_USAGE);
    assert_non_null(strstr(outcome.error, "refused"));
    unlink(path);
    assert_int_equal(load("--config", path, NULL), -EXIT_CODE_USAGE);
    assert_non_null(strstr(outcome.error, path));
}

static void test_config_dump_events(void **state)
{
    (void)state;
    uint8_t selected[EVENT_ID_LIMIT];
    char error[OPTION_ERROR_BYTES];
    assert_int_equal(load("dump", "--events=openat,ptrace", "--events=fs_file_ops"), 0);
    assert_string_equal(outcome.request.verb, "dump");
    assert_int_equal(config_dump_events(&outcome.config, selected, error), 0);
    assert_true(selected[EVENT_openat]);
    assert_true(selected[EVENT_ptrace]);
    assert_true(selected[EVENT_creat]); /* by its set */
    assert_false(selected[EVENT_sched_process_exec]);
}

static void test_config_allowed_events(void **state)
{
    (void)state;
    uint8_t allowed[EVENT_ID_LIMIT];
    char error[OPTION_ERROR_BYTES];
    assert_int_equal(load("--plan.allow", "security_file_open", NULL), 0);
    assert_int_equal(config_allowed_events(&outcome.config, allowed, error), 0);
    assert_true(allowed[EVENT_security_file_open]);
    assert_true(allowed[EVENT_sched_process_exec]); /* critical: always */
    assert_false(allowed[EVENT_openat]);
    assert_int_equal(load(NULL, NULL, NULL), 0);
    assert_int_equal(config_allowed_events(&outcome.config, allowed, error), 0);
    assert_true(allowed[EVENT_openat]);
    assert_false(allowed[EVENT_sched_switch]); /* its hook costs even while it is not selected */
    assert_int_equal(load("--plan.allow", "sched_switch", NULL), 0);
    assert_int_equal(config_allowed_events(&outcome.config, allowed, error), 0);
    assert_true(allowed[EVENT_sched_switch]);
    assert_int_equal(load("--plan.allow", "fs_file_ops", NULL), 0);
    assert_int_equal(config_allowed_events(&outcome.config, allowed, error), 0);
    assert_true(allowed[EVENT_openat]);
    assert_false(allowed[EVENT_symlink]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_defaults),
        cmocka_unit_test(test_config_refuses),
        cmocka_unit_test(test_config_file_must_be_its_owners_alone),
        cmocka_unit_test(test_config_allowed_events),
        cmocka_unit_test(test_config_dump_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
