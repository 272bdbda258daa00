/* SPDX-License-Identifier: Apache-2.0 */
/* vedette-run from outside, with stand-ins for the two programs (testing/stub.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A literal where the interface, like execv(3), has char * and changes nothing. */
#define T(text) ((char *)(uintptr_t)(text))

static char folder[64];
static char out[16384], err[16384], log_text[16384];

static void copy_stub(const char *name)
{
    char command[512];
    snprintf(command, sizeof(command), "cp %s %s/%s && chmod 755 %s/%s", LAUNCHER_STUB, folder, name, folder, name);
    assert_int_equal(system(command), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/launcher-run.XXXXXX");
    assert_non_null(mkdtemp(folder));
    chmod(folder, 0777); /* the stand-in writes its log there as the analyzer's user */
    copy_stub("vedette-analyzer");
    copy_stub("vedette-collector");
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

static void configure(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s.conf", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void read_text(const char *name, char *text, size_t size)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    text[0] = '\0';
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return;
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static pid_t start(char **arguments)
{
    char *argv[32] = {T("vedette-run"), T("--programs"), folder};
    for (size_t i = 0; arguments[i] != NULL; i++)
        argv[i + 3] = arguments[i];
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char path[128];
        snprintf(path, sizeof(path), "%s/out", folder);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        snprintf(path, sizeof(path), "%s/err", folder);
        int errors = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
        dup2(fd, 1);
        dup2(errors, 2);
        execv(VEDETTE_RUN, argv);
        _exit(99);
    }
    return pid;
}

/* Also that the run left no private directory of its own behind (the collector's stand-in logged its name). */
static void assert_cleaned(void)
{
    const char *path = strstr(log_text, "/run/vedette-dev.");
    if (path == NULL)
        return;
    char directory[64];
    snprintf(directory, sizeof(directory), "%.23s", path);
    assert_int_equal(access(directory, F_OK), -1);
}

static int finish(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    read_text("out", out, sizeof(out));
    read_text("err", err, sizeof(err));
    read_text("log", log_text, sizeof(log_text));
    assert_cleaned();
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUN(...) finish(start((char *[]){__VA_ARGS__, NULL}))
#define ROOT_ONLY()                                                                                                    \
    do {                                                                                                               \
        if (geteuid() != 0)                                                                                            \
            skip();                                                                                                    \
    } while (0)

static void assert_order(const char *first, const char *second)
{
    const char *a = strstr(log_text, first), *b = strstr(log_text, second);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(a < b);
}

static void test_run_command(void **state)
{
    (void)state;
    ROOT_ONLY();
    assert_int_equal(
        RUN(T("--json"), T("--parse-arguments"), T("--"), T("sh"), T("-c"), T("echo output; echo errors >&2; exit 3")),
        3);
    assert_string_equal(out, "vedette-analyzer\n"); /* the analyzer's stdout and nothing else */
    assert_non_null(strstr(err, "output\n"));
    assert_non_null(strstr(err, "errors\n"));
    assert_non_null(strstr(err, "vedette-collector\n"));
    assert_non_null(strstr(log_text, "vedette-analyzer: uid=64103 gid=64103 groups=1:64100 no_new_privs=1 home=none"));
    assert_non_null(strstr(log_text, "vedette-collector: uid=0 "));
    assert_non_null(strstr(log_text, "--output.format=json"));
    assert_non_null(strstr(log_text, "--output.parse_arguments"));
    assert_non_null(strstr(log_text, "--http.listen=off"));
    assert_non_null(strstr(log_text, "--scope.children_of="));
    assert_non_null(strstr(log_text, "--run.wait_for_plan"));
    assert_order("vedette-analyzer: uid", "vedette-collector: uid");
    assert_order("vedette-collector: stopped", "vedette-analyzer: stopped");
}

static void test_run_options_passed_on(void **state)
{
    (void)state;
    ROOT_ONLY();
    configure("policy", "x");
    char policy[128];
    snprintf(policy, sizeof(policy), "%s/policy.conf", folder);
    assert_int_equal(RUN(T("--policy"), policy, T("--events=openat"), T("--http=127.0.0.1:0"), T("--node=n1"),
                         T("--collector"), T("rings.bulk=8K"), T("--analyzer=x.y=z"), T("--"), T("true")),
                     0);
    assert_non_null(strstr(log_text, "/policies/0-policy.conf"));
    assert_non_null(strstr(log_text, "--events=openat"));
    assert_non_null(strstr(log_text, "--http.listen=127.0.0.1:0"));
    assert_non_null(strstr(log_text, "--node=n1"));
    assert_non_null(strstr(log_text, "vedette-collector: --rings.bulk=8K"));
    assert_non_null(strstr(log_text, "vedette-analyzer: --x.y=z"));
}

static void test_run_command_absent(void **state)
{
    (void)state;
    ROOT_ONLY();
    assert_int_equal(RUN(T("--"), T("/no/such/command")), 127);
    assert_int_equal(RUN(T("--"), T("/etc/passwd")), 126);
    assert_string_equal(log_text, ""); /* nothing was started for it */
}

static void test_run_refused_start(void **state)
{
    (void)state;
    ROOT_ONLY();
    configure("vedette-collector", "exit=3\n");
    assert_int_equal(RUN(T("--"), T("sh"), T("-c"), T("echo ran")), 125);
    assert_non_null(strstr(err, "vedette-collector ended with exit code 3 (the kernel cannot)"));
    assert_null(strstr(err, "ran\n"));
    assert_int_equal(RUN(T("--json")), 3); /* without COMMAND the program's own code */
    configure("vedette-analyzer", "exit=5\n");
    assert_int_equal(RUN(T("--json")), 5);
    assert_non_null(strstr(err, "(in use)"));
}

static void test_run_undelivered(void **state)
{
    (void)state;
    ROOT_ONLY();
    configure("vedette-collector", "stop=1\n");
    assert_int_equal(RUN(T("--"), T("true")), 125);
    assert_non_null(strstr(err, "not everything was delivered"));
}

/* COMMANDs that end after a death was noticed; their standard error is the launcher's. */
#define SEEN(name_)       "until grep -q '" name_ " was killed' /proc/self/fd/2; do sleep 0.1; done; "
#define EXIT_4_AFTER(it_) T("--"), T("sh"), T("-c"), T(it_ "exit 4")

static void test_run_restarts(void **state)
{
    (void)state;
    ROOT_ONLY();
    configure("vedette-collector", "die_once\n");
    configure("vedette-analyzer", "die_once\n");
    assert_int_equal(RUN(EXIT_4_AFTER(SEEN("vedette-collector") SEEN("vedette-analyzer"))), 4);
    assert_non_null(strstr(err, "vedette-collector was killed by signal 9"));
    assert_non_null(strstr(err, "vedette-analyzer was killed by signal 9"));
    assert_order("vedette-collector: stopped", "vedette-analyzer: stopped");
}

static void test_run_never_back(void **state)
{
    (void)state;
    ROOT_ONLY();
    configure("vedette-collector", "stay_dead\n");
    assert_int_equal(RUN(EXIT_4_AFTER(SEEN("vedette-collector"))), 125);
    assert_non_null(strstr(err, "vedette-collector did not come back within 10 s"));
}

static void wait_for(const char *text)
{
    do {
        read_text("err", err, sizeof(err));
        poll(NULL, 0, 10);
    } while (strstr(err, text) == NULL);
}

static void test_run_bare_until_interrupt(void **state)
{
    (void)state;
    ROOT_ONLY();
    char none[] = "--json";
    pid_t pid = start((char *[]){none, NULL});
    wait_for("In a second terminal");
    kill(pid, SIGINT);
    assert_int_equal(finish(pid), 0);
    assert_non_null(strstr(log_text, "--http.listen=127.0.0.1:3366"));
    assert_null(strstr(log_text, "--scope."));
    assert_order("vedette-collector: stopped", "vedette-analyzer: stopped");
}

static void test_run_signal_goes_to_command(void **state)
{
    (void)state;
    ROOT_ONLY();
    pid_t pid = start((char *[]){T("--"), T("sh"), T("-c"),
                                 T("trap 'exit 42' TERM; echo started; while :; do sleep 0.1; done"), NULL});
    wait_for("started");
    kill(pid, SIGTERM);
    assert_int_equal(finish(pid), 42);
}

static void test_run_survivors_named(void **state)
{
    (void)state;
    ROOT_ONLY();
    assert_int_equal(RUN(T("--"), T("sh"), T("-c"),
                         T("setsid sleep 1000 >/dev/null 2>&1 & until grep -q sleep /proc/$!/comm; do :; done")),
                     0);
    char *word = strstr(err, " sleep\n");
    assert_non_null(word);
    while (word[-1] >= '0' && word[-1] <= '9')
        word--;
    pid_t survivor = (pid_t)strtol(word, NULL, 10);
    assert_int_equal(kill(survivor, SIGKILL), 0); /* it was not killed */
}

static void test_run_killed_launcher_leaves_nothing(void **state)
{
    (void)state;
    ROOT_ONLY();
    pid_t pid = start((char *[]){T("--json"), NULL});
    wait_for("In a second terminal");
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    do {
        read_text("log", log_text, sizeof(log_text));
        poll(NULL, 0, 10);
    } while (strstr(log_text, "vedette-collector: stopped") == NULL ||
             strstr(log_text, "vedette-analyzer: stopped") == NULL);
    char directory[64];
    snprintf(directory, sizeof(directory), "%.23s", strstr(log_text, "/run/vedette-dev."));
    while (access(directory, F_OK) == 0)
        poll(NULL, 0, 10);
}

static void test_run_without_root(void **state)
{
    (void)state;
    ROOT_ONLY();
    char command[512];
    snprintf(command, sizeof(command), "setpriv --reuid 65534 --clear-groups %s/vedette-run --json 2>%s/err", folder,
             folder);
    char copy[256];
    snprintf(copy, sizeof(copy), "cp %s %s/vedette-run", VEDETTE_RUN, folder);
    assert_int_equal(system(copy), 0);
    int status = system(command);
    assert_int_equal(WEXITSTATUS(status), 4);
    read_text("err", err, sizeof(err));
    assert_non_null(strstr(err, "sudo ./dev run"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_run_command),
        TEST(test_run_options_passed_on),
        TEST(test_run_command_absent),
        TEST(test_run_refused_start),
        TEST(test_run_undelivered),
        TEST(test_run_restarts),
        TEST(test_run_never_back),
        TEST(test_run_bare_until_interrupt),
        TEST(test_run_signal_goes_to_command),
        TEST(test_run_survivors_named),
        TEST(test_run_killed_launcher_leaves_nothing),
        TEST(test_run_without_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
