// SPDX-License-Identifier: Apache-2.0
/* The program from outside: exit codes, readiness, an alert on standard output, an orderly end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/ingest/test_collector.h"
#include "common/base/exit_code.h"

enum { MAX_ARGUMENTS = 16, OUTPUT_BYTES = 64 * 1024, PATIENCE_MS = 30000 };

struct fixture {
    struct temporary temporary;
    char bus[192], listen[256], outbox[192], out[160], err[160], notify[160];
    char text[OUTPUT_BYTES];
    pid_t pid;
};

static int setup(void **test)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    temporary_make(&f->temporary);
    snprintf(f->bus, sizeof(f->bus), "ipc://%s/bus", f->temporary.folder);
    snprintf(f->listen, sizeof(f->listen), "--bus.listen=%s", f->bus);
    snprintf(f->outbox, sizeof(f->outbox), "--outbox.path=%s", f->temporary.outbox);
    snprintf(f->out, sizeof(f->out), "%s/out", f->temporary.folder);
    snprintf(f->err, sizeof(f->err), "%s/err", f->temporary.folder);
    snprintf(f->notify, sizeof(f->notify), "%s/notify", f->temporary.folder);
    *test = f;
    return 0;
}

static int teardown(void **test)
{
    struct fixture *f = *test;
    if (f->pid > 0) {
        kill(f->pid, SIGKILL);
        waitpid(f->pid, NULL, 0);
    }
    temporary_remove(&f->temporary);
    free(f);
    return 0;
}

static char *borrow(const char *text)
{
    union {
        const char *in;
        char *out;
    } pointer = {.in = text};
    return pointer.out;
}

/* `arguments` ends with NULL. */
static void start(struct fixture *f, const char *const *arguments)
{
    char environment[200];
    snprintf(environment, sizeof(environment), "NOTIFY_SOCKET=%s", f->notify);
    char *argv[MAX_ARGUMENTS + 2] = {borrow("vedette-analyzer")};
    char *envp[] = {environment, NULL};
    for (size_t i = 0; arguments[i] != NULL && i < MAX_ARGUMENTS; i++)
        argv[i + 1] = borrow(arguments[i]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, f->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, f->err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(posix_spawn(&f->pid, VEDETTE_ANALYZER, &actions, NULL, argv, envp), 0);
    posix_spawn_file_actions_destroy(&actions);
}

static int wait_for_end(struct fixture *f)
{
    int status;
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    f->pid = 0;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const char *text_of(struct fixture *f, const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(f->text, 1, sizeof(f->text) - 1, file);
    f->text[size] = '\0';
    fclose(file);
    return f->text;
}

static void assert_said(struct fixture *f, const char *path, const char *words)
{
    if (strstr(text_of(f, path), words) == NULL)
        fail_msg("no \"%s\" in: %s", words, f->text);
}

static void expect(struct fixture *f, const char *const *arguments, int code, const char *words)
{
    start(f, arguments);
    int ended = wait_for_end(f);
    if (ended != code)
        fail_msg("%s %s: exit %d, not %d: %s", arguments[0], arguments[0] == NULL ? "" : arguments[1], ended, code,
                 text_of(f, f->err));
    assert_said(f, code == EXIT_CODE_OK ? f->out : f->err, words);
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_program_verbs(void **test)
{
    struct fixture *f = *test;
    expect(f, ARGUMENTS("--version"), EXIT_CODE_OK, "vedette-analyzer ");
    expect(f, ARGUMENTS("--help"), EXIT_CODE_OK, "EXIT STATUS");
    expect(f, ARGUMENTS("list", "events"), EXIT_CODE_OK, "sched_process_exec");
    expect(f, ARGUMENTS("list", "events", "--json"), EXIT_CODE_OK,
           "{\"id\":59,\"name\":\"execve\",\"class\":\"critical\",\"alwaysOn\":false,\"sets\":[\"default\",");
    expect(f, ARGUMENTS("list", "events", "--json"), EXIT_CODE_OK,
           "\"sources\":[{\"kind\":\"tracepoint\",\"name\":\"sched_process_exec\"}],\"losses\":\"");
    expect(f, ARGUMENTS("list", "events", "--markdown"), EXIT_CODE_OK, "# Events");
    expect(f, ARGUMENTS("list", "detections"), EXIT_CODE_OK, "fileless_execution");
    expect(f, ARGUMENTS("list", "detections", "--json"), EXIT_CODE_OK, "\"name\":\"fileless_execution\"");
    expect(f, ARGUMENTS("plan"), EXIT_CODE_OK, "magic_write                 some   content \\x7fELF");
    expect(f, ARGUMENTS("plan", "--json"), EXIT_CODE_OK,
           "{\"name\":\"magic_write\",\"sent\":\"some\",\"reason\":\"\",\"watches\":[{\"part\":\"content\",");
    expect(f, ARGUMENTS("plan", "--events=magic_write"), EXIT_CODE_OK, "all    apart from the rest: content");
    expect(f, ARGUMENTS("list", "nonsense"), EXIT_CODE_USAGE, "say events, detections, metrics, outputs or policies");
    expect(f, ARGUMENTS("list"), EXIT_CODE_USAGE, "events, detections, metrics, outputs or policies");
    expect(f, ARGUMENTS("run", "away"), EXIT_CODE_USAGE, "unexpected argument 'away'");
    expect(f, ARGUMENTS("--nonsense"), EXIT_CODE_USAGE, "--nonsense");
    expect(f, ARGUMENTS("--check", "--events=ptrace"), EXIT_CODE_OK, "");
    expect(f, ARGUMENTS("--check", "--events=ptrase"), EXIT_CODE_USAGE, "did you mean 'ptrace'");
    expect(f, ARGUMENTS("--check", "--policy=/nonexistent.yaml"), EXIT_CODE_USAGE, "/nonexistent.yaml");
    expect(f, ARGUMENTS("--check", "--bus.allow_uids=nobody-of-that-name"), EXIT_CODE_USAGE, "bus.allow_uids");
    expect(f, ARGUMENTS("validate"), EXIT_CODE_USAGE, "name at least one");
}

static void test_program_validate(void **test)
{
    struct fixture *f = *test;
    char path[192];
    snprintf(path, sizeof(path), "%s/p.yaml", f->temporary.folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("type: policy\nname: mine\nscope: [global]\nrules: [{event: ptrace, filters: [x]}]\n", file);
    fclose(file);
    expect(f, ARGUMENTS("validate", path), EXIT_CODE_USAGE, "p.yaml:4:35: filters: there is no field 'x'");
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("type: policy\nname: mine\nscope: [global]\nrules: [{event: ptrace}]\n", file);
    fclose(file);
    expect(f, ARGUMENTS("validate", path), EXIT_CODE_OK, "policy mine is right");
    char tuning[200];
    snprintf(tuning, sizeof(tuning), "%s/t.yaml", f->temporary.folder);
    file = fopen(tuning, "w");
    assert_non_null(file);
    fputs("detections:\n  ld_prelod: {}\n", file);
    fclose(file);
    expect(f, ARGUMENTS("validate", tuning), EXIT_CODE_USAGE, "t.yaml:2:14: ld_prelod: no detection has that name");
    start(f, ARGUMENTS("validate", "--json", path, "/nonexistent.yaml"));
    assert_int_equal(wait_for_end(f), EXIT_CODE_USAGE);
    assert_said(f, f->out,
                "{\"loaded\":1,\"skipped\":0,\"failed\":1,\"errors\":[{\"file\":\"/nonexistent.yaml\",\"line\":0,"
                "\"column\":0,\"key\":\"\",\"message\":\"cannot be read: No such file or directory\"}]}");
    expect(f, ARGUMENTS("list", "policies", "--json", "--policy", path), EXIT_CODE_OK, "\"name\":\"mine\"");
}

/* What the kernel decides of a policy, and what stays. */
static void test_program_plan_of_policies(void **test)
{
    struct fixture *f = *test;
    char path[160];
    snprintf(path, sizeof(path), "%s/narrow.yaml", f->temporary.folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(
        "type: policy\nname: mine\nscope: [uid!=0, 'comm=ss*,bash', container]\nrules:\n"
        "- {event: vfs_write, filters: [data.pathname=/etc/ssh/*]}\n- {event: openat}\n- {event: security_sb_mount}\n",
        file);
    assert_int_equal(fclose(file), 0);
    expect(f, ARGUMENTS("plan", "--policy", path), EXIT_CODE_OK, "vfs_write                   some   directory ssh\n");
    expect(f, ARGUMENTS("plan", "--policy", path), EXIT_CODE_OK, "of: not uid 0 and comm bash or comm ss*\n");
    expect(f, ARGUMENTS("plan", "--policy", path), EXIT_CODE_OK,
           "left to the analyzer by policy mine: container.id, data.pathname\n");
    expect(f, ARGUMENTS("plan", "--policy", path), EXIT_CODE_OK,
           "of everybody: events of the critical class are sent of every task\n");
    expect(f, ARGUMENTS("plan", "--policy", path, "--json"), EXIT_CODE_OK,
           "{\"name\":\"openat\",\"sent\":\"some\",\"reason\":\"no part of this event is looked at in the kernel\","
           "\"watches\":[],\"scopes\":[[{\"values\":[{\"from\":0,\"to\":0,\"key\":\"uid\"}],\"none_of\":true},"
           "{\"values\":[{\"equal\":\"bash\",\"key\":\"comm\"},{\"prefix\":\"ss\",\"key\":\"comm\"}],"
           "\"none_of\":false}]],\"left\":[{\"policy\":\"mine\",\"what\":\"container.id\"}]}");
}

static void test_program_will_not_start(void **test)
{
    struct fixture *f = *test;
    if (geteuid() == 0)
        expect(f, ARGUMENTS(f->listen, f->outbox, "--http.listen=off"), EXIT_CODE_PRIVILEGE, "root");
    expect(f, ARGUMENTS("--run.allow_root", f->listen, "--outbox.path=/nonexistent/outbox.db", "--http.listen=off"),
           EXIT_CODE_STATE, "/nonexistent");
    expect(f, ARGUMENTS("--run.allow_root", "--bus.listen=ipc:///nonexistent/bus", f->outbox, "--http.listen=off"),
           EXIT_CODE_USAGE, "directory");
    expect(f, ARGUMENTS("--run.allow_root", "--bus.listen=tcp://10.0.0.1:1", f->outbox, "--http.listen=off"),
           EXIT_CODE_USAGE, "loopback");
}

static int open_notify(const struct fixture *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, f->notify, strlen(f->notify) + 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void wait_until_ready(struct fixture *f, int fd)
{
    char word[64] = "";
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (poll(&ready, 1, PATIENCE_MS) != 1)
        fail_msg("not ready: %s", text_of(f, f->err));
    assert_true(recv(fd, word, sizeof(word) - 1, 0) > 0);
    assert_string_equal(word, "READY=1");
}

static Vedette__V1__Reply *exchange(nng_socket socket, struct test_request request)
{
    nng_msg *message;
    assert_int_equal(nng_msg_alloc(&message, 0), 0);
    assert_int_equal(nng_msg_append(message, request.bytes, request.size), 0);
    assert_int_equal(nng_sendmsg(socket, message, 0), 0);
    assert_int_equal(nng_recvmsg(socket, &message, 0), 0);
    Vedette__V1__Reply *reply = test_reply(nng_msg_body(message), nng_msg_len(message));
    nng_msg_free(message);
    return reply;
}

static void speak(struct fixture *f)
{
    nng_socket socket;
    struct test_collector *collector = test_collector_new("node1", "boot-1", 9);
    assert_int_equal(nng_req0_open(&socket), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, PATIENCE_MS), 0);
    assert_int_equal(nng_dial(socket, f->bus, NULL, 0), 0);
    Vedette__V1__Reply *reply = exchange(socket, test_collector_hello(collector, 0));
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_WELCOME);
    test_reply_free(reply);
    test_collector_begin(collector, 0);
    test_collector_exec(collector, 5000, "/dev/shm/x", 10);
    test_collector_open(collector, 5000, "/etc/passwd", 11);
    test_collector_statistics(collector, 1, 0);
    reply = exchange(socket, test_collector_end(collector));
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_ACK);
    assert_int_equal(reply->ack->cursor->durable_seq, 2);
    test_reply_free(reply);
    nng_close(socket);
    test_collector_free(collector);
}

static void test_program_delivers(void **test)
{
    struct fixture *f = *test;
    int notify = open_notify(f);
    start(f, ARGUMENTS("--run.allow_root", f->listen, f->outbox, "--http.listen=127.0.0.1:0", "--output.format=json",
                       "--events=openat"));
    wait_until_ready(f, notify);
    speak(f);
    kill(f->pid, SIGTERM);
    assert_int_equal(wait_for_end(f), EXIT_CODE_OK);
    close(notify);
    assert_said(f, f->out, "\"eventName\":\"fileless_execution\"");
    assert_said(f, f->out, "\"eventName\":\"openat\"");
    assert_said(f, f->err, "HTTP on 127.0.0.1:");
    assert_said(
        f, f->err,
        "balance node=node1 session=0000000000000009 class=critical: reserved=1 delivered=1 lost=0 in_flight=0");
    assert_true(access(f->bus + strlen("ipc://"), F_OK) != 0); /* nothing is left behind */
}

static void test_program_coverage(void **test)
{
    struct fixture *f = *test;
    char path[192], control[224], wrong[256];
    int notify = open_notify(f);
    snprintf(path, sizeof(path), "%s/control", f->temporary.folder);
    snprintf(control, sizeof(control), "--control.socket=%s", path);
    expect(f, ARGUMENTS("coverage", control), EXIT_CODE_RUNTIME, "no analyzer answers");
    start(f, ARGUMENTS("--run.allow_root", f->listen, f->outbox, "--http.listen=off", control));
    wait_until_ready(f, notify);
    pid_t analyzer = f->pid;
    expect(f, ARGUMENTS("coverage", control), EXIT_CODE_RUNTIME, "no collector has said hello yet");
    expect(f, ARGUMENTS("balance", control), EXIT_CODE_OK, "balanced: yes");
    speak(f);
    /* It delivered two events and says that it produced one. */
    start(f, ARGUMENTS("balance", control));
    assert_int_equal(wait_for_end(f), EXIT_CODE_RUNTIME);
    assert_said(f, f->out, "DOES NOT BALANCE: more events of a class were delivered and lost than were produced");
    assert_said(f, f->out, "balanced: no");
    start(f, ARGUMENTS("balance", control, "--json", "--node=node1"));
    assert_int_equal(wait_for_end(f), EXIT_CODE_RUNTIME);
    assert_said(f, f->out, "{\"balanced\":false,\"nodes\":[{\"node\":\"node1\",\"connected\":");
    assert_said(f, f->out, "\"sinks\":[{\"name\":\"stdout\",");
    expect(f, ARGUMENTS("balance", control, "--node=node2"), EXIT_CODE_RUNTIME, "no node of that name");
    expect(f, ARGUMENTS("coverage", control), EXIT_CODE_OK, "EVENT");
    expect(f, ARGUMENTS("coverage", control, "--json", "--node=node1"), EXIT_CODE_OK, "[{\"name\":");
    expect(f, ARGUMENTS("coverage", control, "--node=node&2"), EXIT_CODE_RUNTIME, "no node of that name");
    snprintf(wrong, sizeof(wrong), "%s2", f->outbox);
    expect(f,
           ARGUMENTS("--run.allow_root", "--bus.listen=tcp://127.0.0.1:0", "--bus.insecure", wrong, "--http.listen=off",
                     control),
           EXIT_CODE_IN_USE, "another analyzer listens there");
    /* Killed, it leaves the socket; the next one takes its place. */
    kill(analyzer, SIGKILL);
    waitpid(analyzer, NULL, 0);
    assert_int_equal(access(path, F_OK), 0);
    start(f, ARGUMENTS("--run.allow_root", f->listen, f->outbox, "--http.listen=off", control));
    wait_until_ready(f, notify);
    kill(f->pid, SIGTERM);
    assert_int_equal(wait_for_end(f), EXIT_CODE_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    close(notify);
}

static void test_program_in_use(void **test)
{
    struct fixture *f = *test;
    char other[256];
    int notify = open_notify(f);
    snprintf(other, sizeof(other), "%s2", f->outbox);
    start(f, ARGUMENTS("--run.allow_root", f->listen, f->outbox, "--http.listen=off"));
    wait_until_ready(f, notify);
    pid_t first = f->pid;
    expect(f, ARGUMENTS("--run.allow_root", f->listen, f->outbox, "--http.listen=off"), EXIT_CODE_IN_USE, "outbox");
    expect(f, ARGUMENTS("--run.allow_root", f->listen, other, "--http.listen=off"), EXIT_CODE_IN_USE, "bus");
    f->pid = first;
    kill(f->pid, SIGINT);
    assert_int_equal(wait_for_end(f), EXIT_CODE_OK);
    close(notify);
}

/* Until the program's log has those words behind `*at`, which moves on. */
static void wait_until_said(struct fixture *f, size_t *at, const char *words)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    assert_true(fd >= 0);
    assert_true(inotify_add_watch(fd, f->err, IN_MODIFY) >= 0);
    for (;;) {
        const char *found = strstr(text_of(f, f->err) + *at, words);
        char events[4096];
        struct pollfd written = {.fd = fd, .events = POLLIN};
        if (found != NULL) {
            *at = (size_t)(found - f->text) + strlen(words);
            close(fd);
            return;
        }
        if (poll(&written, 1, PATIENCE_MS) != 1)
            fail_msg("no \"%s\" in: %s", words, f->text + *at);
        (void)!read(fd, events, sizeof(events));
    }
}

static void write_policy(const char *directory, const char *event)
{
    char path[256];
    assert_true(mkdir(directory, 0700) == 0 || errno == EEXIST);
    snprintf(path, sizeof(path), "%s/p.yaml", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "type: policy\nname: mine\nscope: [global]\nrules: [{event: '%s'}]\n", event);
    fclose(file);
}

/* As the kubelet does it: the link ..data is replaced by one to another directory, in one step. */
static void show(const struct fixture *f, const char *name)
{
    char made[192], link[192];
    snprintf(made, sizeof(made), "%s/policies/..data_tmp", f->temporary.folder);
    snprintf(link, sizeof(link), "%s/policies/..data", f->temporary.folder);
    assert_int_equal(symlink(name, made), 0);
    assert_int_equal(rename(made, link), 0);
}

static void test_program_reloads(void **test)
{
    struct fixture *f = *test;
    char folder[128], policy[160], path[192], first[192], second[192], control[224], away[160], tuning[224], file[192];
    int notify = open_notify(f);
    size_t at = 0;
    snprintf(folder, sizeof(folder), "%s/policies", f->temporary.folder);
    snprintf(away, sizeof(away), "%s/away", f->temporary.folder);
    snprintf(first, sizeof(first), "%s/..1", folder);
    snprintf(second, sizeof(second), "%s/..2", folder);
    snprintf(path, sizeof(path), "%s/p.yaml", folder);
    snprintf(policy, sizeof(policy), "--policy=%s", folder);
    snprintf(control, sizeof(control), "--control.socket=%s/control", f->temporary.folder);
    snprintf(file, sizeof(file), "%s/t.yaml", f->temporary.folder);
    snprintf(tuning, sizeof(tuning), "--tuning=%s", file);
    assert_int_equal(mkdir(folder, 0700), 0);
    write_policy(first, "ptrace");
    write_policy(second, "openat");
    show(f, "..1");
    assert_int_equal(symlink("..data/p.yaml", path), 0);
    FILE *text = fopen(file, "w");
    assert_non_null(text);
    fputs("detections: {}\n", text);
    fclose(text);
    start(f, ARGUMENTS("--run.allow_root", f->listen, f->outbox, "--http.listen=off", control, policy, tuning));
    wait_until_ready(f, notify);
    pid_t analyzer = f->pid;

    show(f, "..2");
    wait_until_said(f, &at, "reload (a file has changed): set ");
    wait_until_said(f, &at, " in force: 1 policies");
    /* Wrong in its new version, and gone: what is in force stays. */
    write_policy(second, "opnat");
    kill(analyzer, SIGHUP);
    wait_until_said(f, &at, "p.yaml:4:17: event: no event, set or detection is called 'opnat': did you mean 'openat'");
    wait_until_said(f, &at, " stays in force)");
    assert_int_equal(rename(folder, away), 0);
    wait_until_said(f, &at, "policies: cannot be read: No such file or directory (the set ");
    assert_int_equal(rename(away, folder), 0);
    wait_until_said(f, &at, "called 'opnat'");
    write_policy(second, "openat,ptrace");
    kill(analyzer, SIGHUP);
    wait_until_said(f, &at, "reload (SIGHUP): set ");
    /* A single file, replaced by a rename. */
    snprintf(path, sizeof(path), "%s/new", f->temporary.folder);
    text = fopen(path, "w");
    assert_non_null(text);
    fputs("detections: {ld_preload: {enabled: false}}\n", text);
    fclose(text);
    assert_int_equal(rename(path, file), 0);
    wait_until_said(f, &at, "reload (a file has changed): set ");
    /* Asked, by a process of its own that logs elsewhere. */
    char err[sizeof(f->err)];
    memcpy(err, f->err, sizeof(err));
    snprintf(f->err, sizeof(f->err), "%s/err2", f->temporary.folder);
    expect(f, ARGUMENTS("reload", control), EXIT_CODE_OK, "nothing has changed: set ");
    write_policy(second, "openat");
    text = fopen(file, "w");
    assert_non_null(text);
    fputs("detections: {ld_prelod: {enabled: false}}\n", text);
    fclose(text);
    expect(f, ARGUMENTS("reload", control), EXIT_CODE_USAGE,
           "ld_prelod: no detection has that name: did you mean 'ld_preload'");
    memcpy(f->err, err, sizeof(err));
    f->pid = analyzer;
    kill(f->pid, SIGTERM);
    assert_int_equal(wait_for_end(f), EXIT_CODE_OK);
    close(notify);
}

#define WITH_PROGRAM(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* The list `outputs` of the file, flags over it, the short flags beside it: what is wrong is told with its place. */
static void test_program_outputs(void **test)
{
    struct fixture *f = *test;
    static const struct {
        const char *text, *flag;
        int code;
        const char *words;
    } cases[] = {
        {"outputs:\n  - kind: webhook\n    url: http://h/\n", NULL, EXIT_CODE_OK, ""},
        {"outputs:\n  - {kind: webhook, url: http://h/}\n  - {kind: webhook, name: other, url: http://h/}\n", NULL,
         EXIT_CODE_OK, ""},
        {"outputs:\n  - {kind: webhook, url: http://h/}\n  - {kind: webhook, url: http://h/}\n", NULL, EXIT_CODE_USAGE,
         "analyzer.yaml:3:5: outputs: name: two outputs are called 'webhook'"},
        {"outputs:\n  - kind: webhok\n", NULL, EXIT_CODE_USAGE, "did you mean 'webhook'?"},
        {"outputs:\n  - url: http://h/\n", NULL, EXIT_CODE_USAGE,
         "analyzer.yaml:2:5: outputs: this output lacks its kind"},
        {"outputs:\n  - kind: loki\n    url: http://h/\n    tls:\n      cas: /x\n", NULL, EXIT_CODE_USAGE,
         "analyzer.yaml:5:12: tls.cas: an output of kind loki has no such key; did you mean 'tls.ca'?"},
        {"outputs:\n  - kind: loki\n    url: http://h/\n    match: {node: [[a]]}\n", NULL, EXIT_CODE_USAGE,
         "must be one value"},
        {"outputs:\n  - kind: loki\n    url: http://h/\n    url: http://g/\n", NULL, EXIT_CODE_USAGE, "given twice"},
        {"outputs: {kind: loki}\n", NULL, EXIT_CODE_USAGE, "outputs: must be a list"},
        {"outputs:\n  - {kind: loki, name: 'a b', url: http://h/}\n", NULL, EXIT_CODE_USAGE, "'a b' is none"},
        {"outputs:\n  - {kind: loki, name: l, url: http://h/}\n", "--outputs=l.labels=severity", EXIT_CODE_OK, ""},
        {"outputs:\n  - {kind: loki, name: l, url: http://h/}\n", "--outputs=l.labels=pid", EXIT_CODE_USAGE,
         "'pid' has too many values"},
        {"outputs:\n  - {kind: loki, name: l, url: http://h/}\n", "--outputs=m.url=http://h/", EXIT_CODE_USAGE,
         "no output is called 'm': begin with --outputs m.kind=KIND"},
        {"sink: {stdout: false}\n", "--outputs=m.kind=syslog", EXIT_CODE_USAGE, "outputs: m: url: missing"},
        {"sink: {stdout: false}\n", "--outputs=nonsense", EXIT_CODE_USAGE, "is not NAME.KEY=VALUE"},
        {"outputs:\n  - {kind: falcosidekick, url: http://h/}\n", "--sink.falcosidekick.url=http://g/", EXIT_CODE_USAGE,
         "one of them"},
        {"outputs:\n  - {kind: stdout, format: json}\n", NULL, EXIT_CODE_OK, ""},
        {"outputs:\n  - {kind: webhook, url: http://h/, template: /nonexistent}\n", NULL, EXIT_CODE_USAGE,
         "sink webhook: template: /nonexistent: cannot be read"},
    };
    char path[200], option[220];
    snprintf(path, sizeof(path), "%s/analyzer.yaml", f->temporary.folder);
    snprintf(option, sizeof(option), "--config=%s", path);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(cases[i].text, file) >= 0);
        fclose(file);
        expect(f, ARGUMENTS("--check", option, cases[i].flag), cases[i].code, cases[i].words);
    }
    expect(f, ARGUMENTS("list", "outputs"), EXIT_CODE_OK, "alertmanager: ");
    expect(f, ARGUMENTS("list", "outputs", "--json"), EXIT_CODE_OK, "[{\"kind\":\"alertmanager\",");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PROGRAM(test_program_verbs),
        WITH_PROGRAM(test_program_outputs),
        WITH_PROGRAM(test_program_validate),
        WITH_PROGRAM(test_program_will_not_start),
        WITH_PROGRAM(test_program_delivers),
        WITH_PROGRAM(test_program_in_use),
        WITH_PROGRAM(test_program_coverage),
        WITH_PROGRAM(test_program_reloads),
        WITH_PROGRAM(test_program_plan_of_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
