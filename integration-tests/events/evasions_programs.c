/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that are executed by another way than their name, and processes that are begun by another way than fork: no
 * file, a file that is gone, an interpreter or the loader in front, a library before all others, vfork, clone3.
 */
#include "integration-tests/events/evasions.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "integration-tests/events/exec.h"
#include "integration-tests/events/expect.h"
#include "integration-tests/events/processes.h"

/* On x86 a 64-bit exec sets the number of the call to execve's, whichever it was. */
static void run_by_descriptor(struct exec_case *exec)
{
    static char name[32];
    snprintf(name, sizeof(name), "/dev/fd/%d", exec->file);
    exec->execute = exec_by_descriptor;
    exec->syscall = "execve|execveat";
    exec->cmdpath = exec->interp = name;
    exec_run(exec);
}

static void shared_memory(void)
{
    static const char path[] = "/dev/shm/vedette-trigger-program";
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    if (fd < 0) {
        not_possible("sched_process_exec", "a program in /dev/shm", "there is no /dev/shm to write to");
        return;
    }
    copy_into(fd, program_copy());
    close(fd);
    struct exec_case exec = exec_case_of("a program in /dev/shm", path);
    exec.is_elsewhere = true;
    exec_run(&exec);
    unlink(path);
}

static void deleted_program(void)
{
    const char *path = place("deleted-program");
    copy_file(program_copy(), path);
    struct exec_case exec = exec_case_of("a deleted program, by its descriptor", path);
    exec.file = open(path, O_RDONLY | O_CLOEXEC);
    if (exec.file < 0 || unlink(path) < 0)
        cannot(path);
    run_by_descriptor(&exec);
}

/* Opened for reading by its link in /proc: one that is open for writing is not executed. */
static int nameless_program(char way[PATH_BYTES])
{
    int made = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0755);
    if (made < 0)
        return -1;
    copy_into(made, program_copy());
    snprintf(way, PATH_BYTES, "/proc/self/fd/%d", made);
    int fd = open(way, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || dup3(fd, made, O_CLOEXEC) < 0)
        cannot("O_TMPFILE");
    close(fd);
    return made;
}

static void nameless_programs(void)
{
    char way[PATH_BYTES], name[64];
    struct stat file;
    int fd = nameless_program(way);
    if (fd < 0) {
        not_possible("sched_process_exec", "O_TMPFILE, by its descriptor", "this file system has no O_TMPFILE");
        not_possible("sched_process_exec", "O_TMPFILE, linked and executed", "this file system has no O_TMPFILE");
        return;
    }
    if (fstat(fd, &file) < 0)
        cannot("O_TMPFILE");
    snprintf(name, sizeof(name), "#%ju", (uintmax_t)file.st_ino);
    struct exec_case exec = exec_case_of("O_TMPFILE, by its descriptor", place(name));
    exec.file = fd;
    run_by_descriptor(&exec);
    fd = nameless_program(way);
    if (linkat(AT_FDCWD, way, AT_FDCWD, place("linked-program"), AT_SYMLINK_FOLLOW) < 0)
        cannot("linkat");
    exec = exec_case_of("O_TMPFILE, linked and executed", place("linked-program"));
    exec_run(&exec);
    close(fd);
}

static int script;

static int exec_script_in_memory(const struct exec_case *exec)
{
    return (int)syscall(SYS_execveat, script, "", exec_vector(exec->given_argv), exec_vector(exec->env), AT_EMPTY_PATH);
}

/* The file of such a script is its interpreter's; the descriptor says that there was none. */
static void script_in_memory(void)
{
    char text[PATH_BYTES + 16], name[32];
    script = memfd_create("vt-script", 0); /* the interpreter opens it by its descriptor */
    int length = snprintf(text, sizeof(text), "#!%s\n", program_copy());
    if (script < 0 || write(script, text, (size_t)length) != length)
        cannot("a script in memory");
    snprintf(name, sizeof(name), "/dev/fd/%d", script);
    const char *const argv[] = {program_copy(), name, PAYLOAD, NULL}, *const given[] = {"script", PAYLOAD, NULL};
    struct exec_case exec = exec_case_of("a script in memory, by its descriptor", program_copy());
    exec.cmdpath = name;
    exec.argv = argv;
    exec.file = open(program_copy(), O_PATH | O_CLOEXEC);
    exec.given_argv = given;
    exec.execute = exec_script_in_memory;
    exec.syscall = "execve|execveat";
    exec_run(&exec);
    close(script);
}

static int exec_by_fexecve(const struct exec_case *exec)
{
    return fexecve(exec->file, exec_vector(exec->argv), exec_vector(exec->env));
}

/* libc's fexecve: execveat with an empty path, or /proc/self/fd where the kernel has no such call. */
static void by_fexecve(void)
{
    static char name[32];
    struct exec_case exec = exec_case_of("by fexecve", program_copy());
    exec.file = open(program_copy(), O_PATH | O_CLOEXEC);
    snprintf(name, sizeof(name), "/dev/fd/%d", exec.file);
    exec.cmdpath = exec.interp = name;
    exec.execute = exec_by_fexecve;
    exec.syscall = "execve|execveat";
    exec_run(&exec);
}

/* A shell and its text: what is done is in argv, not in a file. */
static void code_in_arguments(const char *what, const char *path, const char *const argv[])
{
    static char real[PATH_MAX];
    if (realpath(path, real) == NULL) {
        not_possible("sched_process_exec", what, "this machine has no such interpreter");
        return;
    }
    struct exec_case exec = exec_case_of(what, real);
    exec.cmdpath = exec.interp = path;
    exec.argv = argv;
    exec.is_elsewhere = true;
    exec_run(&exec);
}

static void interpreters(void)
{
    static const char *const shell[] = {"sh", "-c", "exit 0", NULL}, *const python[] = {"python3", "-S", "-c", "pass",
                                                                                        NULL};
    code_in_arguments("an interpreter: sh -c", "/bin/sh", shell);
    code_in_arguments("an interpreter: python -c", "/usr/bin/python3", python);
}

/* Where a program says its loader is; false for a static one. */
static bool loader_of(const char *path, char ret_loader[PATH_BYTES])
{
    Elf64_Ehdr header;
    Elf64_Phdr part = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &header, sizeof(header)) != (ssize_t)sizeof(header))
        cannot(path);
    for (unsigned i = 0; i < header.e_phnum && part.p_type != PT_INTERP; i++)
        if (pread(fd, &part, sizeof(part), (off_t)(header.e_phoff + i * sizeof(part))) != (ssize_t)sizeof(part))
            cannot(path);
    bool is_there = part.p_type == PT_INTERP && part.p_filesz <= PATH_BYTES &&
                    pread(fd, ret_loader, part.p_filesz, (off_t)part.p_offset) == (ssize_t)part.p_filesz;
    close(fd);
    return is_there;
}

/* What the loader opened, in the process that was executed. */
static void loader_opened(const char *what, const char *path, const struct who *who)
{
    struct opened opened = {.what = what, .call = "openat", .who = who, .pathname = path, .string = path};
    int fd = open(path, O_PATH | O_CLOEXEC);
    opened_file(&opened, fd);
    close(fd);
    opened_line(&opened);
}

static void loader_opened_program(const struct exec_case *exec, const struct who *who)
{
    loader_opened("a program that the loader was given", exec->argv[1], who);
}

static void loader_opened_library(const struct exec_case *exec, const struct who *who)
{
    (void)exec;
    loader_opened("a library that LD_PRELOAD names", place("preload.so"), who);
}

static void quiet(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    exec_null_stdin();
    if (dup2(null, 1) < 0 || dup2(null, 2) < 0)
        _exit(2);
}

/* A dynamic program of this run is the one that waited; it says its version and ends. */
static void dynamic_programs(void)
{
    char loader[PATH_BYTES];
    const char *dynamic = place("dynamic");
    static const char *const env[] = {"LD_LIBRARY_PATH=/vt-none", NULL};
    if (!loader_of(waiting_program, loader)) {
        not_possible("sched_process_exec", "the loader, given a program", "no program here is dynamic");
        not_possible("sched_process_exec", "LD_PRELOAD on a dynamic program", "no program here is dynamic");
        return;
    }
    copy_file(waiting_program, dynamic);
    copy_file(loader, place("loader"));
    const char *const by_loader[] = {"ld.so", dynamic, "--version", NULL};
    struct exec_case exec = exec_case_of("the loader, given a program", place("loader"));
    exec.prepare = quiet;
    exec.argv = by_loader;
    exec.env = env;
    exec.also = loader_opened_program;
    exec_run(&exec);
    char preload[PATH_BYTES + 16];
    /* No library: the loader opens it, says so and goes on. */
    make_file(place("preload.so"), "not one");
    snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", place("preload.so"));
    const char *const plain[] = {"dynamic", "--version", NULL}, *const preloaded[] = {preload, NULL};
    exec = exec_case_of("LD_PRELOAD on a dynamic program", dynamic);
    exec.prepare = quiet;
    exec.argv = plain;
    exec.env = preloaded;
    exec.also = loader_opened_library;
    exec_run(&exec);
}

static void preloaded_static(void)
{
    static const char *const env[] = {"LD_PRELOAD=/vt-none/preload.so", "LD_AUDIT=/vt-none/audit.so", NULL};
    struct exec_case exec = exec_case_of("LD_PRELOAD on a static program", program_copy());
    exec.env = env;
    exec_run(&exec);
}

static int exec_from_vfork(void *exec)
{
    exec_now(exec);
}

/* As vfork does it: the parent's memory, and the parent waits. */
static pid_t vfork_and_exec(const struct exec_case *exec)
{
    enum { STACK = 256 * 1024 };
    static char stack[STACK] __attribute__((aligned(16)));
    union {
        const struct exec_case *in;
        void *out;
    } pointer = {.in = exec};
    return clone(exec_from_vfork, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, pointer.out);
}

static pid_t clone3_with(uint64_t flags)
{
    struct clone_args arguments = {.flags = flags, .exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD};
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

static pid_t clone3_and_exec(const struct exec_case *exec)
{
    pid_t pid = clone3_with(0);
    if (pid == 0)
        exec_now(exec);
    return pid;
}

static void other_children(void)
{
    struct exec_case exec = exec_case_of("by a child of vfork", program_copy());
    exec.begin = vfork_and_exec;
    exec_run(&exec);
    exec = exec_case_of("by a child of clone3", program_copy());
    exec.begin = clone3_and_exec;
    exec_run(&exec);
}

static void process_made(const char *what, const char *call, pid_t child, pid_t parent)
{
    if (child < 0)
        cannot(what);
    process_line(what, call, false, child, parent);
}

static int end_at_once(void *unused)
{
    (void)unused;
    _exit(0);
}

static int other_forks(void)
{
    static char stack[64 * 1024] __attribute__((aligned(16)));
    pid_t child = vfork();
    if (child == 0)
        _exit(0);
#ifdef SYS_vfork
    process_made("by vfork", "vfork", child, getpid());
#else
    process_made("by vfork", "clone", child, getpid());
#endif
    waitpid(child, NULL, 0);
    child = clone(end_at_once, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    process_made("by clone with the memory of its parent", "clone", child, getpid());
    waitpid(child, NULL, 0);
    child = clone3_with(0);
    if (child == 0)
        _exit(0);
    if (child < 0 || waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT) < 0)
        cannot("clone3");
    process_made("by clone3", "clone3", child, getpid());
    waitpid(child, NULL, 0);
    return 0;
}

/* Its parent is its brother's: who follows parents must not lose it. */
static int brother(void)
{
    int go[2];
    char byte;
    if (pipe2(go, O_CLOEXEC) < 0)
        cannot("a pipe");
    pid_t child = clone3_with(CLONE_PARENT);
    if (child == 0) {
        close(go[1]);
        _exit(read(go[0], &byte, 1) == 0 ? 0 : 1);
    }
    process_made("by clone3 with CLONE_PARENT: its parent's child", "clone3", child, getppid());
    return 0;
}

/* exit_signal is 0 for a brother: __WALL waits for those too. */
static int brothers(void)
{
    in_child("vt-brother", brother);
    while (waitpid(-1, NULL, __WALL) > 0)
        ;
    return 0;
}

void evasions_by_program(void)
{
    shared_memory();
    deleted_program();
    nameless_programs();
    script_in_memory();
    by_fexecve();
    interpreters();
    dynamic_programs();
    preloaded_static();
    other_children();
    in_child("vt-forks", other_forks);
    in_child("vt-brothers", brothers);
}
