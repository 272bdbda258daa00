/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vedette-hostile CASE [ARG]: what a program does that wants a watcher to fail. Most of it is unlinkat from a
 * descriptor that nobody has: TAG + N is an argument that comes back in the event and says which of them it was, and
 * the call takes the name first, so that nothing is ever removed.
 *
 *   memory FILE   names in memory that faults, is not there yet, or is not there any more
 *   names         names, a thread's name and arguments of bytes that drive a terminal or are no UTF-8
 *   paths FOLDER  40 folders deep, and names of 4,095 bytes and more
 *   exits N       threads killed in a call, parents gone before their children call
 *   reuse N       one pid, N times
 *   forks N       N children, one after another
 *   rings N       N io_uring, perf and BPF descriptors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
    TAG = 500000,
    DEPTH = 40,
    NAME_BYTES = 95, /* of a folder: with 40 of them a path is nearly 4,095 bytes long */
    OPEN_AT_ONCE = 64,
    HUGE_BYTES = 1 << 20,
};

static void give_up(const char *what)
{
    fprintf(stderr, "vedette-hostile: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void tagged(int number, const void *name)
{
    syscall(SYS_unlinkat, TAG + number, name, 0);
}

static void await(pid_t child)
{
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* -- memory ---------------------------------------------------------------------------------------------------- */

static char *map(size_t size, int protection, int fd)
{
    char *at = mmap(NULL, size, protection, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (at == MAP_FAILED)
        give_up("mmap");
    return at;
}

/* A page of a file whose beginning is `name`, which no page table of this process has. */
static char *map_file(const char *path, const char *name, size_t page)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, name, strlen(name)) < 0 || ftruncate(fd, (off_t)page) != 0)
        give_up(path);
    char *at = map(page, PROT_READ, fd);
    close(fd);
    return at;
}

/* Numbers 0 to 5 fault; 6 to 9 the kernel reads, whoever cannot wait for a page may not. */
static int run_memory(const char *path)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *gone = map(page, PROT_READ, -1);
    munmap(gone, page);
    char *edge = map(2 * page, PROT_READ | PROT_WRITE, -1);
    memset(edge, 'e', page);
    munmap(edge + page, page);
    tagged(0, NULL);
    tagged(1, (void *)1); /* NOLINT */
    tagged(2, gone);
    tagged(3, map(page, PROT_NONE, -1));
    tagged(4, edge + page - 100);
    tagged(5, (void *)(uintptr_t)0xffff888000000000); /* the kernel's half */

    tagged(6, map_file(path, "never touched", page));
    char *out = map_file(path, "paged out", page);
    tagged(7, *(volatile char *)out == 'p' && madvise(out, page, MADV_PAGEOUT) == 0 ? out : "paged out");
    char *fresh = map(page, PROT_READ | PROT_WRITE, -1);
    tagged(8, fresh); /* reads as zeroes: an empty name */
    char *across = map(2 * page, PROT_READ | PROT_WRITE, -1);
    memcpy(across + page - 6, "across pages", sizeof("across pages"));
    madvise(across, 2 * page, MADV_PAGEOUT);
    tagged(9, across + page - 6);
    return 0;
}

/* -- names ----------------------------------------------------------------------------------------------------- */

static char names[][40] = {
    "two\nlines",
    "\r\n{\"eventName\":\"forged\"}",
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\a",
    "\b\b\b\x7f\x01\x02",
    "\xc2\x9b[31m of C1",
    "\xff\xfe\xfd",
    "\xc0\xaf overlong",
    "\xed\xa0\x80 surrogate",
    "\xf4\x90\x80\x80 beyond",
    "cut \xe2\x82",
    "\xe2\x80\xae reversed",
    "\xe2\x80\xa8 separator",
    "quote \" backslash \\ percent %s%n",
    "\xc3\xa9\xf0\x9f\x98\x80",
};

static int run_names(void)
{
    int count = (int)(sizeof(names) / sizeof(names[0]));
    for (int i = 0; i < count; i++) {
        prctl(PR_SET_NAME, names[i]);
        tagged(i, names[i]);
        char *const argv[] = {names[i], NULL};
        execve(names[i], argv, argv); /* names nothing: fails */
    }
    char every[256];
    for (int i = 0; i < 255; i++)
        every[i] = (char)(i + 1);
    every[255] = '\0';
    tagged(count, every);
    return 0;
}

/* -- paths ----------------------------------------------------------------------------------------------------- */

static void repeat_open(size_t length, int number)
{
    char *path = malloc(length + 1);
    if (path == NULL)
        give_up("malloc");
    for (size_t i = 0; i < length; i++)
        path[i] = i % 2 == 0 ? '.' : '/';
    path[length - 1] = 'f';
    path[length] = '\0';
    tagged(number, path);
    free(path);
}

static int run_paths(const char *folder)
{
    char name[NAME_BYTES + 1];
    memset(name, 'd', NAME_BYTES);
    name[NAME_BYTES] = '\0';
    if (chdir(folder) != 0)
        give_up(folder);
    for (int i = 0; i < DEPTH; i++)
        if (mkdir(name, 0700) != 0 || chdir(name) != 0)
            give_up("a folder");
    int fd = open("deep", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        give_up("deep");
    close(fd);
    repeat_open(4095, 0);
    repeat_open(4096, 1); /* one too many: ENAMETOOLONG */
    repeat_open(HUGE_BYTES + 1, 2);
    return 0;
}

/* -- processes ------------------------------------------------------------------------------------------------- */

/* Waits in a read that nobody ends, having said on `said` that it is about to. */
static void block_for_ever(int said)
{
    int never[2];
    char byte = 0;
    if (pipe(never) != 0 || write(said, &byte, 1) != 1)
        _exit(1);
    for (;;)
        if (read(never[0], &byte, 1) > 0)
            _exit(1);
}

/* Its child calls once it is somebody else's: the process that reaps here. */
static void leave_orphan(int number, pid_t reaper)
{
    if (fork() == 0) {
        while (getppid() != reaper)
            sched_yield();
        tagged(number, "orphan");
    }
    _exit(0);
}

/* Children killed in a call that never ends, and children whose parents are gone when they call. */
static int run_exits(int count)
{
    pid_t self = getpid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < count; i++) {
        int ready[2];
        char byte;
        if (pipe2(ready, O_CLOEXEC) != 0)
            give_up("pipe2");
        pid_t blocked = fork();
        if (blocked == 0)
            block_for_ever(ready[1]);
        if (fork() == 0)
            leave_orphan(i, self);
        if (blocked < 0 || read(ready[0], &byte, 1) != 1)
            give_up("a child");
        kill(blocked, SIGKILL);
        close(ready[0]);
        close(ready[1]);
        while (wait(NULL) > 0)
            ;
    }
    return 0;
}

/* clone3 gives a new process the number that its brother had (CAP_CHECKPOINT_RESTORE). */
static int run_reuse(int count)
{
    pid_t number = fork();
    if (number == 0)
        _exit(0);
    await(number);
    for (int i = 0; i < count; i++) {
        struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&number, .set_tid_size = 1};
        long child = syscall(SYS_clone3, &args, sizeof(args));
        if (child < 0)
            give_up("clone3 with set_tid");
        if (child == 0) {
            tagged(i, "again");
            _exit(0);
        }
        await((pid_t)child);
    }
    return 0;
}

/* vfork is the cheapest child there is; alone here, so that nothing of the caller is in its way. */
static pid_t fork_and_end(void)
{
    pid_t child = vfork();
    if (child == 0)
        _exit(0);
    return child;
}

static int run_forks(int count)
{
    for (int i = 0; i < count; i++) {
        pid_t child = fork_and_end();
        if (child < 0)
            give_up("vfork");
        await(child);
    }
    return 0;
}

/* -- rings ----------------------------------------------------------------------------------------------------- */

static int open_ring(int kind)
{
    struct io_uring_params uring = {0};
    struct perf_event_attr perf = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(perf), .config = PERF_COUNT_SW_DUMMY};
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    switch (kind) {
    case 0:
        return (int)syscall(SYS_io_uring_setup, 1, &uring);
    case 1:
        return (int)syscall(SYS_perf_event_open, &perf, 0, -1, -1, 0);
    default:
        return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map));
    }
}

/* What the machine refuses is a call too. */
static int run_rings(int count)
{
    int held[OPEN_AT_ONCE];
    memset(held, -1, sizeof(held));
    for (int i = 0; i < 3 * count; i++) {
        int *slot = &held[i % OPEN_AT_ONCE];
        if (*slot >= 0)
            close(*slot);
        *slot = open_ring(i % 3);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "", *word = argc > 2 ? argv[2] : "";
    int count = (int)strtol(word, NULL, 10);
    if (strcmp(what, "memory") == 0)
        return run_memory(word);
    if (strcmp(what, "names") == 0)
        return run_names();
    if (strcmp(what, "paths") == 0)
        return run_paths(word);
    if (strcmp(what, "exits") == 0)
        return run_exits(count);
    if (strcmp(what, "reuse") == 0)
        return run_reuse(count);
    if (strcmp(what, "forks") == 0)
        return run_forks(count);
    if (strcmp(what, "rings") == 0)
        return run_rings(count);
    fprintf(stderr, "usage: vedette-hostile memory|names|paths|exits|reuse|forks|rings [ARG]\n");
    return 2;
}
