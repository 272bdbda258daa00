/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vedette-trigger [--flood] EXPECTATIONS WAITING [EVENT]...: causes every event of the table (or those), under a flood
 * perhaps, and appends to the file EXPECTATIONS what must arrive. WAITING is the file of the program that waited under
 * this pid for the start of the capture. vedette-trigger --stay EXPECTATIONS: processes that were there before any
 * capture; they say "ready" and end with their standard input. vedette-trigger --deaf COMMAND: runs it where one hook
 * never fires.
 *
 * It works in a mount namespace and on a file system of its own, and leaves nothing behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/events/events.h"
#include "integration-tests/events/calls.h"
#include "integration-tests/events/compat.h"
#include "integration-tests/events/evasions.h"
#include "integration-tests/events/existing.h"
#include "integration-tests/events/expect.h"
#include "integration-tests/events/flood.h"

static char own_directory[] = "/tmp/vedette-trigger.XXXXXX";
const char *const directory = own_directory;
const char *waiting_program;
static pid_t main_pid;

static const struct {
    const char *event;
    void (*run)(void);
} triggers[] = {
#define TRIGGER(name) {#name, trigger_##name},
#include "integration-tests/events/triggers.def"
};

void cannot(const char *what)
{
    fprintf(stderr, "vedette-trigger: cannot do this here: %s: %s\n", what, strerror(errno));
    if (getpid() == main_pid)
        exit(1);
    _exit(1);
}

void touch(const char *string)
{
    for (const volatile char *at = string; *at != '\0'; at++)
        ;
}

void touch_strings(const char *const *strings)
{
    for (; *strings != NULL; strings++)
        touch(*strings);
}

void read_text(const char *path, char *ret_text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        cannot(path);
    size_t length = 0;
    ssize_t got;
    while (length < size - 1 && (got = read(fd, ret_text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    ret_text[length] = '\0';
}

const char *place(const char *name)
{
    static char paths[16][PATH_BYTES];
    static unsigned next;
    char *path = paths[next++ % 16];
    snprintf(path, PATH_BYTES, "%s/%s", directory, name);
    return path;
}

void make_file(const char *path, const char *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, content, strlen(content)) != (ssize_t)strlen(content) || close(fd) < 0)
        cannot(path);
}

void copy_into(int to, const char *from)
{
    static char buffer[1 << 16];
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    if (fd < 0 || to < 0)
        cannot(from);
    while ((got = read(fd, buffer, sizeof(buffer))) > 0)
        if (write(to, buffer, (size_t)got) != got)
            cannot(from);
    if (got < 0)
        cannot(from);
    close(fd);
}

void copy_file(const char *from, const char *to)
{
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    if (fd < 0)
        cannot(to);
    copy_into(fd, from);
    close(fd);
}

const char *program_copy(void)
{
    return place("program");
}

void in_child(const char *comm, int (*child)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, comm);
        _exit(child());
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        cannot(comm);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    errno = ECHILD;
    cannot(comm);
}

/* With a second name, so that the link count is not the usual one. */
static void copy_program(void)
{
    copy_file("/proc/self/exe", program_copy());
    if (link(program_copy(), place("program-too")) < 0)
        cannot("a copy of this program");
}

static void remove_directory(void)
{
    umount2(directory, MNT_DETACH);
    rmdir(directory);
}

static void make_directory(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        cannot("a mount namespace");
    if (mkdtemp(own_directory) == NULL)
        cannot(own_directory);
    atexit(remove_directory);
    if (mount("vedette-trigger", directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=16m") < 0)
        cannot("a file system of its own");
    copy_program();
}

static bool is_wanted(const char *event, char **wanted)
{
    if (*wanted == NULL)
        return true;
    for (; *wanted != NULL; wanted++)
        if (strcmp(*wanted, event) == 0)
            return true;
    return false;
}

static int open_expectations(const char *path)
{
    /* High, so that it is no descriptor that an event shows, and survives no exec. */
    int low = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    expectations = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 500);
    if (expectations < 0)
        cannot(path);
    return close(low);
}

static bool is_payload(char **argv)
{
    for (; *argv != NULL; argv++)
        if (strcmp(*argv, PAYLOAD) == 0)
            return true;
    return false;
}

static void run_triggers(char **wanted)
{
    for (size_t i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++)
        if (is_wanted(triggers[i].event, wanted)) {
            if (triggers[i].run != trigger_existing_process)
                triggers[i].run();
            compat_run(triggers[i].event);
        }
}

static bool has_trigger(const char *event)
{
    for (size_t i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++)
        if (strcmp(triggers[i].event, event) == 0)
            return true;
    return false;
}

static void run_calls(char **wanted)
{
    size_t count;
    const struct event *rows = events_all(&count);
    for (size_t i = 0; i < count; i++)
        if (event_is_syscall(&rows[i]) && is_wanted(rows[i].name, wanted) && !has_trigger(rows[i].name)) {
            calls_run(rows[i].name);
            compat_run(rows[i].name);
        }
}

int main(int argc, char **argv)
{
    if (is_payload(argv))
        return 0;
    main_pid = getpid();
    if (stay_as_told(argc, argv))
        return 0;
    if (argc == 3 && strcmp(argv[1], "--stay") == 0) {
        open_expectations(argv[2]);
        stay();
        return 0;
    }
    if (argc >= 3 && strcmp(argv[1], "--deaf") == 0)
        return deafen(argv + 2);
    bool is_flood = argc >= 2 && strcmp(argv[1], "--flood") == 0;
    argv += is_flood;
    argc -= is_flood;
    if (argc < 3) {
        fputs("usage: vedette-trigger [--flood] EXPECTATIONS WAITING [EVENT]...\n"
              "       vedette-trigger --stay EXPECTATIONS\n"
              "       vedette-trigger --deaf COMMAND [ARG]...\n",
              stderr);
        return 2;
    }
    open_expectations(argv[1]);
    waiting_program = argv[2];
    if (is_wanted("existing_process", argv + 3))
        trigger_existing_process(); /* as it was before the capture: in the namespaces that it was started in */
    make_directory();
    if (is_flood) {
        flood_ramp();
        flood_start();
    }
    run_triggers(argv + 3);
    run_calls(argv + 3);
    if (argv[3] == NULL || is_flood)
        evasions_run();
    if (is_flood)
        flood_stop();
    return 0;
}
