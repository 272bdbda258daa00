/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/command.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/base/log.h"
#include "launcher/processes.h"

enum { MAX_NAMED = 16 };

enum report_kind { REPORT_STARTED, REPORT_EXEC_FAILED, REPORT_ENDED };

struct report {
    enum report_kind kind;
    int value; /* COMMAND's pid, errno, wait status */
};

static void send_report(int fd, enum report_kind kind, int value)
{
    struct report report = {.kind = kind, .value = value};
    if (write(fd, &report, sizeof(report)) < 0)
        return; /* the launcher is gone: nobody to tell */
}

/* 0, ENOENT or EACCES. */
static int executable(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return errno == EACCES ? EACCES : ENOENT;
    return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? 0 : EACCES;
}

int command_find(const char *name, char **ret_path)
{
    char *path = NULL;
    if (strchr(name, '/') != NULL) {
        int r = executable(name);
        if (r == 0 && (path = strdup(name)) == NULL)
            r = EACCES;
        *ret_path = path;
        return r == 0 ? 0 : r == ENOENT ? COMMAND_EXIT_NOT_FOUND : COMMAND_EXIT_CANNOT;
    }
    const char *folders = getenv("PATH");
    int result = COMMAND_EXIT_NOT_FOUND;
    for (const char *folder = folders != NULL ? folders : _PATH_DEFPATH; name[0] != '\0';) {
        size_t length = strcspn(folder, ":");
        /* An empty entry is the working directory. */
        if (asprintf(&path, "%.*s%s%s", (int)length, folder, length > 0 ? "/" : "./", name) < 0)
            return COMMAND_EXIT_CANNOT;
        int r = executable(path);
        if (r == 0) {
            *ret_path = path;
            return 0;
        }
        free(path);
        if (r == EACCES)
            result = COMMAND_EXIT_CANNOT;
        if (folder[length] == '\0')
            break;
        folder += length + 1;
    }
    return result;
}

static void execute(const char *path, char **argv)
{
    execv(path, argv);
    if (errno != ENOEXEC)
        return;
    /* A script without "#!": execvp(3) gives it to the shell. */
    size_t count = 0;
    while (argv[count] != NULL)
        count++;
    char **shell = calloc(count + 2, sizeof(*shell));
    if (shell == NULL)
        return;
    static char name[] = _PATH_BSHELL;
    shell[0] = name;
    shell[1] = strdup(path);
    for (size_t i = 1; i <= count; i++) /* with the NULL */
        shell[i + 1] = argv[i];
    execv(name, shell);
}

static void command_main(const char *path, char **argv, const sigset_t *mask, int go, int report)
{
    char byte;
    if (read(go, &byte, 1) != 1)
        _exit(COMMAND_EXIT_VEDETTE);
    /* stdout is for findings only. */
    if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 && sigprocmask(SIG_SETMASK, mask, NULL) == 0)
        execute(path, argv);
    send_report(report, REPORT_EXEC_FAILED, errno);
    _exit(errno == ENOENT ? COMMAND_EXIT_NOT_FOUND : COMMAND_EXIT_CANNOT);
}

/* Every signal is blocked here. Reaps for ever; the launcher ends it, or the kernel does when the launcher dies. */
static void scope_main(pid_t command, int report)
{
    send_report(report, REPORT_STARTED, command);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (;;) {
        int status;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
            if (pid == command)
                send_report(report, REPORT_ENDED, status);
        sigwaitinfo(&child, NULL);
    }
}

static void scope_start(const char *path, char **argv, const sigset_t *mask, int go[2], int report[2], pid_t launcher)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    close(go[1]);
    close(report[0]);
    if (getppid() != launcher)
        _exit(COMMAND_EXIT_VEDETTE);
    pid_t command = fork();
    if (command == 0)
        command_main(path, argv, mask, go[0], report[1]);
    if (command < 0) {
        send_report(report[1], REPORT_EXEC_FAILED, errno);
        _exit(COMMAND_EXIT_CANNOT);
    }
    /* Holds nothing of the launcher's or the caller's open. */
    int fd = dup3(report[1], 3, O_CLOEXEC) < 0 ? report[1] : 3;
    syscall(SYS_close_range, 4U, ~0U, 0U);
    scope_main(command, fd);
}

int command_prepare(const char *path, char **argv, const sigset_t *mask, struct command *ret_command)
{
    int go[2] = {-1, -1}, report[2] = {-1, -1};
    pid_t launcher = getpid(), scope = -1;
    if (pipe2(go, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0 || (scope = fork()) < 0) {
        int saved = errno;
        for (int i = 0; i < 2; i++) {
            if (go[i] >= 0)
                close(go[i]);
            if (report[i] >= 0)
                close(report[i]);
        }
        return -saved;
    }
    if (scope == 0)
        scope_start(path, argv, mask, go, report, launcher);
    close(go[0]);
    close(report[1]);
    *ret_command = (struct command){.scope = scope, .go = go[1], .report = report[0], .pidfd = -1};
    command_read_report(ret_command); /* waits for the scope process to name COMMAND */
    return 0;
}

void command_release(struct command *command)
{
    if (write(command->go, "", 1) < 0)
        log_error("COMMAND is gone before it started: %s", strerror(errno));
}

static void note_end(struct command *command, int status)
{
    command->ended = true;
    command->exit_code = WIFSIGNALED(status) ? COMMAND_EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

void command_read_report(struct command *command)
{
    struct report report;
    ssize_t got = read(command->report, &report, sizeof(report));
    if (got < 0 && errno == EINTR)
        return;
    if (got != (ssize_t)sizeof(report)) {
        log_error("the process that holds COMMAND's tree is gone; COMMAND goes on unwatched");
        command->ended = true;
        command->exit_code = COMMAND_EXIT_VEDETTE;
        return;
    }
    switch (report.kind) {
    case REPORT_STARTED:
        /* A descriptor, because the number may be another's by the time a signal is to be passed on. */
        command->pidfd = (int)syscall(SYS_pidfd_open, report.value, 0U);
        if (command->pidfd >= 0)
            fcntl(command->pidfd, F_SETFD, FD_CLOEXEC);
        break;
    case REPORT_EXEC_FAILED:
        log_error("cannot execute COMMAND: %s", strerror(report.value));
        break;
    case REPORT_ENDED:
        note_end(command, report.value);
        break;
    }
}

void command_signal(struct command *command, int signal)
{
    if (command->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, command->pidfd, signal, NULL, 0U);
}

void command_name_survivors(const struct command *command)
{
    struct process processes[MAX_NAMED];
    ssize_t count = processes_below(command->scope, processes, MAX_NAMED);
    if (count <= 0)
        return;
    log_warning("%zd of COMMAND's descendants still run; they are not waited for:", count);
    for (ssize_t i = 0; i < count && i < MAX_NAMED; i++)
        log_warning("  %d %s", processes[i].pid, processes[i].name);
    if (count > MAX_NAMED)
        log_warning("  and %zd more", count - MAX_NAMED);
}

void command_close(struct command *command)
{
    if (command->scope <= 0)
        return;
    close(command->go); /* a COMMAND that was not released ends by itself */
    kill(command->scope, SIGKILL);
    waitpid(command->scope, NULL, 0);
    close(command->report);
    if (command->pidfd >= 0)
        close(command->pidfd);
    command->scope = 0;
}
