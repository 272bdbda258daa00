/* SPDX-License-Identifier: Apache-2.0 */
/* sched_process_exec; and execve and execveat, which are seen only when they fail. */
#include "integration-tests/events/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "integration-tests/events/expect.h"
#include "integration-tests/events/lists.h"
#include "integration-tests/events/paths.h"

enum { OTHER_USER = 4242 };

static const char *const plain_argv[] = {"program", PAYLOAD, NULL}, *const plain_env[] = {NULL};

static void exec_line(const struct exec_case *exec, const struct who *who, const char *comm_before)
{
    struct stat file;
    struct statfs system;
    if (fstat(exec->file, &file) < 0 || fstatfs(exec->file, &system) < 0)
        cannot(exec->pathname);
    struct line line;
    line_begin_of(&line, "sched_process_exec", exec->what, who);
    if (exec->is_compat)
        line_compat(&line);
    line_result(&line, exec->syscall, 0);
    line_string(&line, "cmdpath", exec->cmdpath);
    line_string(&line, "pathname", exec->pathname);
    line_inode(&line, "", &file);
    line_unsigned(&line, "inode_mode", file.st_mode);
    line_unreadable(&line, "interpreter_pathname", true); /* the row says that these are not shown */
    line_unsigned(&line, "interpreter_dev", 0);
    line_unsigned(&line, "interpreter_inode", 0);
    line_unsigned(&line, "interpreter_ctime", 0);
    if (exec->lists != NULL)
        line_list(&line, "argv", &exec->lists[0]);
    else
        line_strings(&line, "argv", exec->argv);
    line_string(&line, "interp", exec->interp);
    line_unsigned(&line, "stdin_type", exec->stdin_type);
    if (exec->stdin_path != NULL)
        line_string(&line, "stdin_path", exec->stdin_path);
    else
        line_unreadable(&line, "stdin_path", true);
    line_bool(&line, "invoked_from_kernel", false);
    line_string(&line, "prev_comm", comm_before);
    if (exec->lists != NULL)
        line_list(&line, "env", &exec->lists[1]);
    else
        line_strings(&line, "env", exec->env);
    line_string(&line, "pwd", exec->directory);
    line_unsigned(&line, "link_count", file.st_nlink);
    line_unsigned(&line, "fs_magic", (unsigned long)system.f_type);
    line_cgroup(&line, "cgroup_path");
    if (exec->is_elsewhere)
        line_any(&line, "overlay_layer");
    else
        line_unsigned(&line, "overlay_layer", exec->layer);
    line_string(&line, "root", exec->root != NULL ? exec->root : "/");
    line_end(&line);
}

char *const *exec_vector(const char *const *strings)
{
    union {
        const char *const *in;
        char *const *out;
    } pointer = {.in = strings};
    return pointer.out;
}

int exec_by_name(const struct exec_case *exec)
{
    return execve(exec->cmdpath, exec_vector(exec->given_argv != NULL ? exec->given_argv : exec->argv),
                  exec_vector(exec->env));
}

int exec_by_descriptor(const struct exec_case *exec)
{
    return (int)syscall(SYS_execveat, exec->file, "", exec_vector(exec->argv), exec_vector(exec->env), AT_EMPTY_PATH);
}

_Noreturn void exec_now(const struct exec_case *exec)
{
    prctl(PR_SET_NAME, "vt-before-exec");
    if (exec->prepare != NULL)
        exec->prepare();
    exec->execute(exec);
    _exit(1);
}

static pid_t fork_and_exec(const struct exec_case *exec)
{
    pid_t pid = fork();
    if (pid == 0)
        exec_now(exec);
    return pid;
}

/* The parent writes the line: it knows the name that the process has afterwards from /proc, where the dead still have
 * theirs. */
static void exec_in_child(const struct exec_case *exec)
{
    pid_t pid = (exec->begin != NULL ? exec->begin : fork_and_exec)(exec);
    siginfo_t end;
    if (pid < 0 || waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT) < 0)
        cannot(exec->what);
    errno = ENOEXEC;
    if (end.si_code != CLD_EXITED || end.si_status != 0)
        cannot(exec->what);
    struct who who = who_am_i();
    char path[64];
    who.ppid = who.host_ppid = who.pid;
    who.pid = who.tid = who.host_pid = who.host_tid = pid;
    who.uid = exec->uid;
    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    read_text(path, who.comm, sizeof(who.comm));
    who.comm[strcspn(who.comm, "\n")] = '\0';
    exec_line(exec, &who, "vt-before-exec");
    near_miss_of("execve", "a call that succeeds", pid);
    near_miss_of("execveat", "a call that succeeds", pid);
    if (exec->also != NULL)
        exec->also(exec, &who);
    waitpid(pid, NULL, 0);
}

struct exec_case exec_case_of(const char *what, const char *path)
{
    return (struct exec_case){
        .what = what,
        .prepare = exec_null_stdin,
        .execute = exec_by_name,
        .cmdpath = path,
        .pathname = path,
        .interp = path,
        .directory = directory,
        .stdin_path = "/dev/null",
        .stdin_type = S_IFCHR,
        .syscall = "execve",
        .file = -1,
        .argv = plain_argv,
        .env = plain_env,
    };
}

void exec_run(struct exec_case *exec)
{
    if (exec->file < 0)
        exec->file = open(exec->pathname, O_PATH | O_CLOEXEC);
    if (exec->file < 0)
        cannot(exec->pathname);
    exec_in_child(exec);
    close(exec->file);
}

static void relative_and_stdin(void)
{
    close(0);
    if (open(place("stdin"), O_RDONLY) != 0 || chdir(place("below")) < 0)
        _exit(2);
}

static void exec_relative(void)
{
    static const char *const argv[] = {"a name of its own", PAYLOAD, "", "three words here", "\t\"quoted\\\"", NULL};
    static const char *const env[] = {"A=1", "EMPTY=", "WORDS=two words", NULL};
    if (mkdir(place("below"), 0755) < 0)
        cannot("a directory");
    make_file(place("stdin"), "");
    struct exec_case exec = exec_case_of("a relative name", program_copy());
    exec.prepare = relative_and_stdin;
    exec.cmdpath = exec.interp = "../program";
    exec.directory = place("below");
    exec.stdin_path = place("stdin");
    exec.stdin_type = S_IFREG;
    exec.argv = argv;
    exec.env = env;
    exec_run(&exec);
}

static void to_directory(void)
{
    if (chdir(directory) < 0)
        _exit(2);
}

static void other_user_and_no_stdin(void)
{
    to_directory();
    close(0);
    /* The effective user is what an event shows. */
    if (setresuid(0, OTHER_USER, OTHER_USER) < 0)
        _exit(2);
}

static void exec_script(void)
{
    static char text[PATH_BYTES + 16];
    const char *script = place("script");
    snprintf(text, sizeof(text), "#!%s %s\n", program_copy(), PAYLOAD);
    make_file(script, text);
    if (chmod(script, 0755) < 0)
        cannot(script);
    const char *const given_argv[] = {"replaced", "word", NULL};
    const char *const argv[] = {program_copy(), PAYLOAD, script, "word", NULL};
    struct exec_case exec = exec_case_of("a script, by another user", program_copy());
    exec.prepare = other_user_and_no_stdin;
    exec.cmdpath = script;
    exec.stdin_path = NULL;
    exec.stdin_type = 0;
    exec.uid = OTHER_USER;
    exec.argv = argv;
    exec.given_argv = given_argv;
    exec_run(&exec);
}

void exec_null_stdin(void)
{
    to_directory();
    if (dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0) != 0)
        _exit(2);
}

static int execute_lists(const struct exec_case *exec)
{
    return execve(exec->cmdpath, list_strings(&exec->lists[0]), list_strings(&exec->lists[1]));
}

static void exec_at(const char *what, const char *path, const struct list lists[2])
{
    struct exec_case exec = exec_case_of(what, path);
    exec.execute = execute_lists;
    exec.lists = lists;
    exec_run(&exec);
}

/* Arguments of many strings, an environment of one. */
static void exec_long(void)
{
    for (size_t i = 0; i < LIST_SIZES; i++) {
        char what[64];
        snprintf(what, sizeof(what), "arguments and environment of %zu bytes", list_sizes[i]);
        const struct list lists[2] = {{{"program", PAYLOAD}, list_sizes[i], LIST_SHORT_STRINGS},
                                      {{"B=2"}, list_sizes[i], LIST_ONE_STRING}};
        exec_at(what, place("program-too"), lists);
    }
    static const struct list short_lists[2] = {{{"program", PAYLOAD}, 64, 8}, {{"C=3"}, 64, 8}};
    const char *path = longest_path("exec-long");
    if (link(program_copy(), path) < 0)
        cannot("a program with a long name");
    exec_at("a name of 4,095 bytes", path, short_lists);
    unlink(path); /* others look at the count of links */
}

static void exec_memory(void)
{
    static const char *const argv[] = {"from memory", PAYLOAD, NULL};
    static char name[32];
    int memory = memfd_create("vt-memory", 0);
    copy_into(memory, program_copy());
    snprintf(name, sizeof(name), "/dev/fd/%d", memory);
    /* On x86 a 64-bit exec sets the number of the call to execve's, whichever it was. */
    struct exec_case exec = exec_case_of("a memfd, by its descriptor", "memfd:vt-memory");
    exec.execute = exec_by_descriptor;
    exec.cmdpath = exec.interp = name;
    exec.syscall = "execve|execveat";
    exec.file = memory;
    exec.argv = argv;
    exec_run(&exec);
}

static void *exec_main(void *argument)
{
    exec_by_name(argument);
    _exit(1);
}

/* The leader is gone first, and is no end of the process; the thread that calls gets its number. */
static int exec_from_thread(const struct exec_case *exec)
{
    union {
        const struct exec_case *in;
        void *out;
    } pointer = {.in = exec};
    struct who who = who_am_i();
    pthread_t thread;
    struct line line;
    line_begin_of(&line, "sched_process_exit", "the leader, when another thread calls exec", &who);
    line_result(&line, "*", 0);
    line_int(&line, "exit_code", 0);
    line_int(&line, "signal_code", 0);
    line_bool(&line, "process_group_exit", false);
    line_end(&line);
    if (pthread_create(&thread, NULL, exec_main, pointer.out) != 0)
        return -1;
    return pthread_join(thread, NULL);
}

static void exec_thread(void)
{
    struct exec_case exec = exec_case_of("by a thread that is not the first", program_copy());
    exec.execute = exec_from_thread;
    exec_run(&exec);
}

static void into_jail(void)
{
    exec_null_stdin();
    if (chroot(place("jail")) < 0 || chdir("/") < 0)
        _exit(2);
}

static void exec_in_jail(void)
{
    const char *jail = place("jail"), *path = place("jail/program");
    if (mkdir(jail, 0755) < 0 || link(program_copy(), path) < 0)
        cannot("a directory with a program");
    struct exec_case exec = exec_case_of("from a chroot", path);
    exec.prepare = into_jail;
    exec.cmdpath = exec.interp = "/program";
    exec.directory = exec.root = jail;
    exec_run(&exec);
}

static void exec_of_layer(const char *what, const char *path, unsigned layer)
{
    struct exec_case exec = exec_case_of(what, path);
    exec.layer = layer;
    exec_run(&exec);
}

/* What came with an image, and what was written since. */
static int exec_in_overlay(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mkdir(place("layers"), 0755) < 0 || mkdir(place("layers/lower"), 0755) < 0)
        cannot("directories");
    copy_file(program_copy(), place("layers/lower/of-image"));
    if (!make_overlay(place("layers"))) {
        not_possible("sched_process_exec", "a program of an overlay's layers", "this kernel has no overlayfs");
        return 0;
    }
    copy_file(program_copy(), place("layers/merged/written"));
    exec_of_layer("a program of an overlay's lower layer", place("layers/merged/of-image"), LAYER_LOWER);
    exec_of_layer("a program of an overlay's upper layer", place("layers/merged/written"), LAYER_UPPER);
    return 0;
}

static int exec_fails(void)
{
    char word[] = "program", *const argv[] = {word, NULL};
    if (execve(place("stdin-not-there"), argv, exec_vector(plain_env)) != -1 ||
        execve("/proc/self/maps", argv, exec_vector(plain_env)) != -1)
        cannot("an exec that fails");
    near_miss("sched_process_exec", "calls that fail");
    return 0;
}

void trigger_sched_process_exec(void)
{
    exec_relative();
    exec_script();
    exec_long();
    exec_memory();
    exec_thread();
    exec_in_jail();
    in_child("vt-exec-layer", exec_in_overlay);
    in_child("vt-exec-fails", exec_fails);
}

static const char *const failing_argv[] = {"first", "", "third \"word\"", NULL}, *const failing_env[] = {
                                                                                     "X=1", "Y=two words", NULL};

static int execve_of_lists(void)
{
    for (size_t i = 0; i < LIST_SIZES; i++) {
        char what[64], path[64];
        snprintf(what, sizeof(what), "arguments and environment of %zu bytes", list_sizes[i]);
        snprintf(path, sizeof(path), "/dev/not-there-%zu", list_sizes[i]); /* what is shown of two may be the same */
        const struct list argv = {{"program"}, list_sizes[i], list_user_each()},
                          envp = {{"B=2"}, list_sizes[i], LIST_ONE_STRING};
        char *const *strings = list_strings(&argv), *const *environment = list_strings(&envp);
        long long result = result_or_error(syscall(SYS_execve, path, strings, environment));
        struct line line;
        line_begin(&line, "execve", what);
        line_result(&line, "execve", result);
        line_user_string(&line, "pathname", path);
        line_user_list(&line, "argv", &argv);
        line_user_list(&line, "envp", &envp);
        line_end(&line);
    }
    return 0;
}

static int execve_fails(void)
{
    touch_strings(failing_argv);
    touch_strings(failing_env);
    const char *path = place("not-there");
    long long result = result_or_error(syscall(SYS_execve, path, failing_argv, failing_env));
    struct line line;
    line_begin(&line, "execve", "of a file that is not there");
    line_result(&line, "execve", result);
    line_user_string(&line, "pathname", path);
    line_user_strings(&line, "argv", failing_argv);
    line_user_strings(&line, "envp", failing_env);
    line_end(&line);
    return 0;
}

static int execve_of_nothing(void)
{
    long long result = result_or_error(syscall(SYS_execve, "/dev/null", NULL, NULL));
    struct line line;
    line_begin(&line, "execve", "without arguments");
    line_result(&line, "execve", result);
    line_user_string(&line, "pathname", "/dev/null");
    line_user_strings(&line, "argv", failing_argv + 3);
    line_user_strings(&line, "envp", failing_env + 2);
    line_end(&line);
    return 0;
}

/* A string of the list faults: what was read before it is there, and the list is said to be unreadable. */
static int execve_of_bad_list(void)
{
    const char *strings[] = {"readable", (const char *)8, NULL};
    long long result = result_or_error(syscall(SYS_execve, "/dev/null", strings, (char **)16));
    struct line line;
    line_begin(&line, "execve", "with addresses that are none");
    line_result(&line, "execve", result);
    line_user_string(&line, "pathname", "/dev/null");
    line_unreadable(&line, "argv", false);
    line_unreadable(&line, "envp", false);
    line_end(&line);
    return 0;
}

void trigger_execve(void)
{
    in_child("vt-execve-bad", execve_of_bad_list);
    in_child("vt-execve", execve_fails);
    in_child("vt-execve-lists", execve_of_lists);
    in_child("vt-execve-none", execve_of_nothing);
}

static int execveat_fails(void)
{
    touch_strings(failing_argv);
    touch_strings(failing_env);
    int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    long long result =
        result_or_error(syscall(SYS_execveat, at, "not-there", failing_argv, failing_env, AT_SYMLINK_NOFOLLOW));
    struct line line;
    line_begin(&line, "execveat", "of a file that is not there");
    line_result(&line, "execveat", result);
    line_int(&line, "dirfd", at);
    line_user_string(&line, "pathname", "not-there");
    line_user_strings(&line, "argv", failing_argv);
    line_user_strings(&line, "envp", failing_env);
    line_int(&line, "flags", AT_SYMLINK_NOFOLLOW);
    line_end(&line);
    return 0;
}

void trigger_execveat(void)
{
    in_child("vt-execveat", execveat_fails);
}
