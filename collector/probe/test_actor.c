/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probe/test_actor.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { EXIT_OF_COPY = 7, BIG_ENV = 3 };

void actor_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "actor-exit") == 0)
        _exit(EXIT_OF_COPY);
}

static int finish(pid_t pid)
{
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static int copy_self(int to)
{
    char block[65536];
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ssize_t n;
    while ((n = read(from, block, sizeof(block))) > 0)
        if (write(to, block, (size_t)n) != n)
            break;
    close(from);
    return n == 0 ? 0 : -1;
}

/* A copy under a name of its own, executed with a pipe as its stdin, after the process renamed itself. */
static uint32_t exec_copy(const char *path, const char *comm, uint64_t *ret_inode, int *ret_status)
{
    int ends[2];
    struct stat status;
    if (pipe(ends) != 0)
        return 0;
    fstat(ends[0], &status);
    *ret_inode = status.st_ino;
    pid_t pid = fork();
    if (pid == 0) {
        char *const argv[] = {(char *)(uintptr_t) "vt-argv0", (char *)(uintptr_t) "actor-exit", (char *)(uintptr_t) "",
                              NULL};
        char *const env[] = {(char *)(uintptr_t) "VT_ENV=1", (char *)(uintptr_t) "VT_MORE=two words", NULL};
        prctl(PR_SET_NAME, "vt-earlier");
        prctl(PR_SET_NAME, comm);
        dup2(ends[0], STDIN_FILENO);
        execve(path, argv, env);
        _exit(99);
    }
    close(ends[0]);
    close(ends[1]);
    int code = finish(pid);
    *ret_status = WIFEXITED(code) ? WEXITSTATUS(code) : -1;
    return (uint32_t)pid;
}

static uint32_t exec_memfd(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        char *const argv[] = {(char *)(uintptr_t) "vt-memfd-argv0", (char *)(uintptr_t) "actor-exit", NULL};
        int fd = memfd_create("vt-memfd", MFD_CLOEXEC);
        copy_self(fd);
        fexecve(fd, argv, environ);
        _exit(99);
    }
    finish(pid);
    return (uint32_t)pid;
}

/* An environment beyond what travels: 3 strings of 6,000 bytes. */
static uint32_t exec_big(const char *path)
{
    static char big[BIG_ENV][6000];
    pid_t pid = fork();
    if (pid == 0) {
        char *const argv[] = {(char *)(uintptr_t) "vt-big", (char *)(uintptr_t) "actor-exit", NULL};
        char *env[BIG_ENV + 1] = {NULL};
        for (int i = 0; i < BIG_ENV; i++) {
            memset(big[i], 'a' + i, sizeof(big[i]) - 1);
            big[i][1] = '=';
            env[i] = big[i];
        }
        execve(path, argv, env);
        _exit(99);
    }
    finish(pid);
    return (uint32_t)pid;
}

static void *exec_in_thread(void *path)
{
    char *const argv[] = {(char *)(uintptr_t) "vt-thread", (char *)(uintptr_t) "actor-exit", NULL};
    prctl(PR_SET_NAME, "vt-not-leader");
    execve(path, argv, environ);
    return NULL;
}

/* A thread executes: it takes over the leader's number, and the leader ends first. */
static uint32_t exec_by_thread(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, exec_in_thread, (void *)(uintptr_t)path) == 0)
            pthread_join(thread, NULL);
        _exit(99);
    }
    finish(pid);
    return (uint32_t)pid;
}

/* Not its creator's child: a sibling, whose parent is the test, outside of the tree. */
static void act_sibling(struct acted *acted)
{
    int ends[2];
    char byte;
    if (pipe(ends) != 0)
        return;
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        close(open("vt-creat", O_RDONLY));
        _exit(0);
    }
    acted->sibling_pid = (uint32_t)pid;
    close(ends[1]);
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
        ;
    close(ends[0]);
}

static void exec_nothing(void)
{
    char *const argv[] = {(char *)(uintptr_t) "vt-a", (char *)(uintptr_t) "vt-bb", NULL};
    char *const env[] = {(char *)(uintptr_t) "VT_E=1", NULL};
    execve("/vt-does-not-exist", argv, env);
    syscall(SYS_execveat, AT_FDCWD, "/vt-does-not-exist-at", argv, env, 0);
}

static void *open_in_thread(void *name)
{
    close(open(name, O_RDONLY));
    return NULL;
}

static void open_deep(int levels, const char *leaf)
{
    int here = open(".", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < levels; i++) {
        mkdirat(here, "deep", 0755);
        int next = openat(here, "deep", O_RDONLY | O_DIRECTORY);
        close(here);
        here = next;
    }
    close(openat(here, leaf, O_CREAT | O_RDWR, 0600));
    close(here);
}

/* arm64 has neither creat nor rename; what took their place there makes the same events but the call's own. */
static void call_creat(const char *name)
{
#ifdef SYS_creat
    syscall(SYS_creat, name, 0600);
#else
    syscall(SYS_openat, AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, 0600);
#endif
}

static void call_rename(const char *from, const char *to)
{
#ifdef SYS_rename
    syscall(SYS_rename, from, to);
#else
    syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
#endif
}

static void open_files(void)
{
    pthread_t thread;
    close(open("vt-relative", O_CREAT | O_RDWR | O_EXCL, 0600));
    if (symlink("vt-relative", "vt-link") != 0)
        return;
    close(open("vt-link", O_RDONLY));
    close(open("vt-missing", O_RDONLY));
    call_creat("vt-creat");
    struct {
        uint64_t flags, mode, resolve;
    } how = {O_CREAT | O_RDWR, 0600, 0};
    syscall(SYS_openat2, AT_FDCWD, "vt-openat2", &how, sizeof(how));
    if (pthread_create(&thread, NULL, open_in_thread, (void *)(uintptr_t) "vt-relative") == 0)
        pthread_join(thread, NULL);
    open_deep(DEEP_LEVELS, "vt-deep");
    open_deep(DEEPER_LEVELS, "vt-deeper");
}

static void rename_files(const char *where)
{
    char from[512], to[512];
    snprintf(from, sizeof(from), "%s/vt-new", where);
    snprintf(to, sizeof(to), "%s/vt-newer", where);
    close(open("vt-old", O_CREAT | O_RDWR, 0600));
    mkdir("vt-sub", 0755);
    int sub = open("vt-sub", O_RDONLY | O_DIRECTORY);
    call_rename("vt-old", "vt-new");
    call_rename(from, to);
    syscall(SYS_renameat, AT_FDCWD, "vt-newer", sub, "vt-moved");
    syscall(SYS_renameat2, sub, "vt-moved", AT_FDCWD, "./vt-sub/../vt-back", 0);
    call_rename("vt-nothing", "vt-nowhere");
    close(sub);
}

/* A call through the 32-bit gate from 64-bit code; its pointers must lie below 4 GiB. */
static int open_int80(const char *name)
{
#if defined(__x86_64__)
    char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (low == MAP_FAILED)
        return -errno;
    snprintf(low, 4096, "%s", name);
    long result = 5; /* open */
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(low), "c"(O_RDONLY), "d"(0) : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
#else
    (void)name;
    return -ENOSYS;
#endif
}

static void try_int80(struct acted *acted)
{
    pid_t pid = fork();
    if (pid == 0) {
        acted->int80 = open_int80("vt-relative");
        _exit(0);
    }
    acted->int80_pid = (uint32_t)pid;
    int status = finish(pid);
    if (!WIFEXITED(status) || acted->int80 == -ENOSYS)
        acted->int80 = NO_INT80;
}

static uint32_t act_traced(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        _exit(3);
    }
    finish(pid);
    return (uint32_t)pid;
}

static uint32_t act_killed(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGKILL);
        _exit(0);
    }
    finish(pid);
    return (uint32_t)pid;
}

/* Its parent is dead, and its session another one, when it opens the file. */
static void act_orphan(struct acted *acted)
{
    int ends[2];
    if (pipe(ends) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            setsid();
            while (getppid() == parent)
                sched_yield();
            acted->orphan_pid = (uint32_t)getpid();
            close(open("vt-creat", O_RDONLY));
            close(open("vt-missing", O_RDONLY));
            _exit(0);
        }
        _exit(0);
    }
    close(ends[1]);
    finish(pid);
    char byte;
    if (read(ends[0], &byte, 1) < 0) /* ends when the orphan does */
        return;
    close(ends[0]);
}

void actor_act(const char *where, struct acted *acted)
{
    char path[512], shebang[512];
    int status;
    uint64_t inode;
    if (chdir(where) != 0)
        return;
    snprintf(path, sizeof(path), "%s/vt-copy", where);
    int copy = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    copy_self(copy);
    close(copy);
    acted->exec_pid = exec_copy("./vt-copy", "vt-before", &acted->stdin_inode, &acted->exec_result);
    acted->nginx_pid = exec_copy(path, "nginx", &inode, &status);
    acted->memfd_pid = exec_memfd();
    acted->big_pid = exec_big(path);
    acted->thread_exec_pid = exec_by_thread(path);
    int script = open("vt-script", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    int length = snprintf(shebang, sizeof(shebang), "#!%s actor-exit\n", path);
    if (write(script, shebang, (size_t)length) == length) {
        close(script);
        acted->script_pid = exec_copy("./vt-script", "vt-runner", &inode, &status);
    }
    exec_nothing();
    open_files();
    rename_files(where);
    try_int80(acted);
    close(memfd_create("vt-just-made", MFD_ALLOW_SEALING));
    acted->traced_pid = act_traced();
    acted->killed_pid = act_killed();
    act_orphan(acted);
    act_sibling(acted);
}
