/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other numbers for the same calls: one whose upper half is filled, int 0x80 from this 64-bit program, x32, and a
 * program of 32 bits. The kernel takes them all, so an event must come of each.
 */
#include "integration-tests/events/evasions.h"

#include <errno.h>
#include <fcntl.h>
#include <elf.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "integration-tests/events/compat.h"
#include "integration-tests/events/exec.h"
#include "integration-tests/events/expect.h"
#include "integration-tests/events/processes.h"

/* The kernel takes a number as an int, and a descriptor too; the register is whole for whoever looks at it. */
#define UPPER_HALF 0x7ead00ff00000000L

static const char *const argv[] = {"first", "second word", NULL}, *const envp[] = {"X=1", NULL};

static int filled_numbers(void)
{
    const char *path = place("filled");
    make_file(path, "x");
    touch_strings(argv);
    touch_strings(envp);
    int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = (int)syscall(UPPER_HALF | SYS_openat, UPPER_HALF | at, "filled", O_RDONLY | O_CLOEXEC, 0);
    opened_by("by a number whose upper half is filled", "openat", fd, path, "filled");
    long long result = result_or_error(syscall(UPPER_HALF | SYS_execve, "/dev/not-there", argv, envp));
    struct line line;
    line_begin(&line, "execve", "by a number whose upper half is filled");
    line_result(&line, "execve", result);
    line_user_string(&line, "pathname", "/dev/not-there");
    line_user_strings(&line, "argv", argv);
    line_user_strings(&line, "envp", envp);
    line_end(&line);
    return 0;
}

/* x86-64 before 5.14 looks at the whole register, unless its calls are watched. */
static void run_filled(void)
{
    static const char what[] = "by a number whose upper half is filled";
    if (syscall(UPPER_HALF | SYS_getpid) == getpid()) {
        in_child("vt-filled", filled_numbers);
        return;
    }
    not_possible("security_file_open", what, "this kernel takes no such number");
    not_possible("execve", what, "this kernel takes no such number");
}

/* Neither shows as another event: of a process whose number is not the caller's, of a mount by its place. */
static int other_doors(void)
{
    struct line line;
    const uint64_t read_only[4] = {1}; /* attr_set of struct mount_attr: MOUNT_ATTR_RDONLY */
    const char *path = place("attributes");
    struct iovec part = {(void *)(uintptr_t)path, 1};
    if (mkdir(path, 0755) < 0 || mount("vt-attributes", path, "tmpfs", 0, NULL) < 0)
        cannot("mount");
    long long result = result_or_error(syscall(SYS_mount_setattr, AT_FDCWD, path, 0, read_only, sizeof(read_only)));
    line_begin(&line, "mount_setattr", "of a mount");
    line_result(&line, "mount_setattr", result);
    line_int(&line, "dfd", AT_FDCWD);
    line_user_string(&line, "path", path);
    line_unsigned(&line, "flags", 0);
    line_pointer(&line, "uattr", read_only);
    line_unsigned(&line, "usize", sizeof(read_only));
    line_end(&line);
    umount2(path, MNT_DETACH);
    int process = (int)syscall(SYS_pidfd_open, getppid(), 0);
    result = result_or_error(syscall(SYS_process_madvise, process, &part, 1, MADV_COLD, 0));
    line_begin(&line, "process_madvise", "of another process");
    line_result(&line, "process_madvise", result);
    line_int(&line, "pidfd", process);
    line_pointer(&line, "addr", &part);
    line_unsigned(&line, "length", 1);
    line_int(&line, "advice", MADV_COLD);
    line_unsigned(&line, "flags", 0);
    line_end(&line);
    return 0;
}

/* What cannot be shown where those calls are not taken. */
struct absent_case {
    const char *event, *what;
};

static const struct absent_case narrow_cases[] = {
    {"vfs_read", "by int 0x80"},
    {"vfs_read", "by int 0x80, of a descriptor that pidfd_getfd took"},
    {"vfs_write", "by int 0x80"},
    {"vfs_write", "by int 0x80: copies"},
    {"vfs_writev", "by int 0x80"},
    {"magic_write", "by int 0x80"},
    {"magic_write", "by int 0x80: writev"},
    {"security_file_open", "by int 0x80: open_by_handle_at"},
    {"security_file_open", "by a 32-bit call"},
    {"security_inode_rename", "by a 32-bit call"},
    {"security_inode_unlink", "by int 0x80"},
    {"security_sb_mount", "by int 0x80"},
    {"security_sb_mount", "by int 0x80: fsconfig"},
    {"security_sb_mount", "by int 0x80: move_mount"},
    {"security_socket_connect", "by int 0x80"},
    {"security_socket_connect", "inside of socketcall"},
    {"sched_process_exec", "by int 0x80: execve"},
    {"sched_process_exec", "by int 0x80: execveat with an empty path"},
    {"sched_process_fork", "by int 0x80: fork"},
    {"sched_process_fork", "by int 0x80: clone"},
    {"sched_process_fork", "by int 0x80: clone3"},
    {"execve", "as a 32-bit call"},
    {"ptrace", "as a 32-bit call"},
    {"mprotect", "as a 32-bit call"},
    {"memfd_create", "as a 32-bit call"},
    {"process_madvise", "by int 0x80"},
};

static const struct absent_case x32_cases[] = {{"security_file_open", "by x32"},
                                               {"execve", "by x32"},
                                               {"vfs_writev", "by x32"},
                                               {"magic_write", "by x32"},
                                               {"ptrace", "by x32"}};

static void none_possible(const struct absent_case *cases, size_t count, const char *reason)
{
    for (size_t i = 0; i < count; i++)
        not_possible(cases[i].event, cases[i].what, reason);
}

#define NONE_POSSIBLE(cases_, reason_) none_possible(cases_, sizeof(cases_) / sizeof((cases_)[0]), reason_)

#if defined(__x86_64__)

static void transfer_line(const char *event, const char *what, const char *call, bool is_compat, long long result,
                          int fd, const char *path, unsigned long long count)
{
    struct line line;
    bool is_vector = strcmp(event, "vfs_writev") == 0;
    line_begin(&line, event, what);
    if (is_compat)
        line_compat(&line);
    line_result(&line, call, result);
    line_string(&line, "pathname", path);
    line_open_id(&line, fd);
    line_unsigned(&line, is_vector ? "vlen" : "count", count);
    line_int(&line, "pos", 0);
    line_end(&line);
}

static void magic_line(const char *what, const char *call, bool is_compat, int fd, const char *path, const char *bytes)
{
    struct line line;
    line_begin(&line, "magic_write", what);
    if (is_compat)
        line_compat(&line);
    line_result(&line, call, 3);
    line_string(&line, "pathname", path);
    if (bytes != NULL)
        line_user_string(&line, "bytes", bytes); /* base64 */
    else
        line_unreadable(&line, "bytes", false);
    line_open_id(&line, fd);
    line_end(&line);
}

static int empty_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        cannot(path);
    return fd;
}

/* arch/x86/entry/syscalls/syscall_32.tbl; from 403 on a number is every architecture's. */
enum {
    I386_FORK = 2,
    I386_READ = 3,
    I386_WRITE = 4,
    I386_EXECVE = 11,
    I386_MOUNT = 21,
    I386_CLONE = 120,
    I386_WRITEV = 146,
    I386_SENDFILE = 187,
    I386_UNLINKAT = 301,
    I386_SPLICE = 313,
    I386_OPEN_BY_HANDLE_AT = 342,
    I386_EXECVEAT = 358,
    I386_CONNECT = 362,
    I386_COPY_FILE_RANGE = 377,
    FSCONFIG_STRING = 1,
    FSCONFIG_CREATE = 6,
    MOVE_FROM_EMPTY = 4,
    SENDFILE64 = 239,
};

#define CALL(number_, ...) compat_call(number_, (const unsigned long[6]){__VA_ARGS__})
#define NARROW_CWD         ((unsigned long)(long)AT_FDCWD)

static int narrow_reads(void)
{
    const char *path = place("narrow-read");
    char *room = compat_room(4096);
    make_file(path, "abc");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    transfer_line("vfs_read", "by int 0x80", "read", true, CALL(I386_READ, (unsigned)fd, (unsigned long)room, 3), fd,
                  path, 3);
    return 0;
}

static int narrow_writes(void)
{
    const char *path = place("narrow-write");
    unsigned long text = compat_string("abc");
    uint32_t *part = compat_room(4096);
    part[0] = (uint32_t)text;
    part[1] = 3;
    int fd = empty_file(path);
    transfer_line("vfs_write", "by int 0x80", "write", true, CALL(I386_WRITE, (unsigned)fd, text, 3), fd, path, 3);
    magic_line("by int 0x80", "write", true, fd, path, "YWJj");
    path = place("narrow-writev");
    fd = empty_file(path);
    transfer_line("vfs_writev", "by int 0x80", "writev", true, CALL(I386_WRITEV, (unsigned)fd, (unsigned long)part, 1),
                  fd, path, 1);
    magic_line("by int 0x80: writev", "writev", true, fd, path, "YWJj");
    return 0;
}

/* From another file: nothing of the caller's is written. */
static int narrow_copies(void)
{
    make_file(place("narrow-from"), "abc");
    int ends[2], from = open(place("narrow-from"), O_RDONLY | O_CLOEXEC);
    static const struct {
        const char *name, *call;
        int number;
    } copies[] = {{"narrow-sendfile", "sendfile32", I386_SENDFILE},
                  {"narrow-sendfile64", "sendfile", SENDFILE64},
                  {"narrow-copy", "copy_file_range", I386_COPY_FILE_RANGE},
                  {"narrow-splice", "splice", I386_SPLICE}};
    if (pipe2(ends, O_CLOEXEC) < 0 || write(ends[1], "abc", 3) != 3)
        cannot("a pipe");
    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
        const char *path = place(copies[i].name);
        char what[64];
        int fd = empty_file(path), number = copies[i].number;
        bool is_sendfile = number == I386_SENDFILE || number == SENDFILE64;
        unsigned in = (unsigned)(number == I386_SPLICE ? ends[0] : from);
        lseek(from, 0, SEEK_SET);
        long long result =
            is_sendfile ? CALL(number, (unsigned)fd, in, 0, 3) : CALL(number, in, 0, (unsigned)fd, 0, 3, 0);
        if (result != 3)
            cannot(copies[i].name);
        snprintf(what, sizeof(what), "by int 0x80: %s", copies[i].call);
        transfer_line("vfs_write", what, copies[i].call, true, result, fd, path, 3);
        magic_line(what, copies[i].call, true, fd, path, NULL);
    }
    return 0;
}

static int narrow_handle(void)
{
    struct file_handle *handle = compat_room(4096);
    struct opened opened = {.what = "by int 0x80: open_by_handle_at",
                            .call = "open_by_handle_at",
                            .pathname = place("narrow-handle"),
                            .is_compat = true};
    int mount_id, at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_file(opened.pathname, "x");
    handle->handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(AT_FDCWD, opened.pathname, handle, &mount_id, 0) < 0) {
        not_possible("security_file_open", opened.what, "this file system has no handles");
        return 0;
    }
    opened_file(&opened, (int)CALL(I386_OPEN_BY_HANDLE_AT, (unsigned)at, (unsigned long)handle, O_RDONLY));
    opened_line(&opened);
    return 0;
}

static void mount_line(const char *what, const char *call, long long result, const char *device, bool is_user,
                       const char *path, unsigned long flags)
{
    struct line line;
    line_begin(&line, "security_sb_mount", what);
    line_compat(&line);
    line_result(&line, call, result);
    (is_user ? line_user_string : line_string)(&line, "dev_name", device);
    (path[0] != '\0' ? line_user_string : line_string)(&line, "path", path);
    (is_user ? line_user_string : line_string)(&line, "type", "tmpfs");
    if (strcmp(call, "fsconfig") == 0)
        line_any(&line, "flags"); /* a file system adds its own */
    else
        line_unsigned(&line, "flags", flags);
    line_end(&line);
}

static int narrow_mounts(void)
{
    const char *path = place("narrow-mount");
    unsigned long at = compat_string(path), type = compat_string("tmpfs"), device = compat_string("vt-narrow");
    if (mkdir(path, 0755) < 0)
        cannot(path);
    long long result = CALL(I386_MOUNT, device, at, type, MS_NODEV, 0);
    mount_line("by int 0x80", "mount", result, "vt-narrow", true, path, MS_NODEV);
    umount2(path, MNT_DETACH);
    long long context = CALL(SYS_fsopen, type, 0);
    if (context < 0 || CALL(SYS_fsconfig, (unsigned)context, FSCONFIG_STRING, compat_string("source"), device, 0) < 0)
        cannot("fsopen");
    result = CALL(SYS_fsconfig, (unsigned)context, FSCONFIG_CREATE, 0, 0, 0);
    mount_line("by int 0x80: fsconfig", "fsconfig", result, "vt-narrow", false, "", 0);
    long long made = CALL(SYS_fsmount, (unsigned)context, 0, 0);
    result = CALL(SYS_move_mount, (unsigned)made, compat_string(""), NARROW_CWD, at, MOVE_FROM_EMPTY);
    mount_line("by int 0x80: move_mount", "move_mount", result, "vt-narrow", false, path, MS_MOVE);
    umount2(path, MNT_DETACH);
    return 0;
}

static int narrow_connect(void)
{
    uint16_t *address = compat_room(4096);
    struct line line;
    address[0] = AF_INET;
    address[1] = __builtin_bswap16(1);
    ((unsigned char *)address)[4] = 127;
    ((unsigned char *)address)[7] = 1;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    long long result = CALL(I386_CONNECT, (unsigned)fd, (unsigned long)address, 16);
    line_begin(&line, "security_socket_connect", "by int 0x80");
    line_compat(&line);
    line_result(&line, "connect", result);
    line_int(&line, "sockfd", fd);
    line_int(&line, "type", SOCK_DGRAM);
    line_json(&line, "remote_addr", "{\"sa_family\":\"AF_INET\",\"sin_addr\":\"127.0.0.1\",\"sin_port\":\"1\"}");
    line_end(&line);
    return 0;
}

static int narrow_removal(void)
{
    const char *path = place("narrow-gone");
    struct line line;
    make_file(path, "");
    long long result = CALL(I386_UNLINKAT, NARROW_CWD, compat_string(path), 0);
    line_begin(&line, "security_inode_unlink", "by int 0x80");
    line_compat(&line);
    line_result(&line, "unlinkat", result);
    line_user_string(&line, "pathname", path);
    line_unsigned(&line, "inode", 0);
    line_unsigned(&line, "dev", 0);
    line_unsigned(&line, "ctime", 0);
    line_end(&line);
    return 0;
}

static int narrow_madvise(void)
{
    uint32_t *part = compat_room(4096);
    struct line line;
    part[0] = (uint32_t)(uintptr_t)part;
    part[1] = 4096;
    int process = (int)syscall(SYS_pidfd_open, getpid(), 0);
    long long result = CALL(SYS_process_madvise, (unsigned)process, (unsigned long)part, 1, MADV_COLD, 0);
    line_begin(&line, "process_madvise", "by int 0x80");
    line_compat(&line);
    line_result(&line, "process_madvise", result);
    line_int(&line, "pidfd", process);
    line_pointer(&line, "addr", part);
    line_unsigned(&line, "length", 1);
    line_int(&line, "advice", MADV_COLD);
    line_unsigned(&line, "flags", 0);
    line_end(&line);
    return 0;
}

static int narrow_descriptor(void)
{
    char *room = compat_room(4096);
    const char *path = place("narrow-taken");
    make_file(path, "abc");
    int mine = open(path, O_RDONLY | O_CLOEXEC);
    pid_t taker = fork();
    if (taker == 0) {
        int process = (int)syscall(SYS_pidfd_open, getppid(), 0);
        int fd = (int)CALL(SYS_pidfd_getfd, (unsigned)process, (unsigned)mine, 0);
        close(mine);
        transfer_line("vfs_read", "by int 0x80, of a descriptor that pidfd_getfd took", "read", true,
                      CALL(I386_READ, (unsigned)fd, (unsigned long)room, 3), fd, path, 3);
        _exit(0);
    }
    return waitpid(taker, NULL, 0) == taker ? 0 : 1;
}

/* The child's copy of this function's end is the kernel's business alone: it leaves at once. */
static void narrow_fork(const char *what, const char *call, long number, unsigned long flags, unsigned long size)
{
    long long child = CALL(number, flags, size, 0, 0, 0);
    if (child == 0)
        _exit(0);
    if (child < 0 || waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT) < 0)
        cannot(what);
    process_line(what, call, true, (pid_t)child, getpid());
    waitpid((pid_t)child, NULL, 0);
}

static int narrow_forks(void)
{
    uint64_t *arguments = compat_room(4096);
    arguments[4] = SIGCHLD; /* exit_signal of struct clone_args */
    narrow_fork("by int 0x80: fork", "fork", I386_FORK, 0, 0);
    narrow_fork("by int 0x80: clone", "clone", I386_CLONE, SIGCHLD, 0);
    narrow_fork("by int 0x80: clone3", "clone3", SYS_clone3, (unsigned long)arguments, CLONE_ARGS_SIZE_VER0);
    return 0;
}

static int exec_narrowly(const struct exec_case *exec)
{
    return (int)CALL(I386_EXECVE, compat_string(exec->cmdpath), compat_strings(exec->argv), compat_strings(exec->env));
}

static int exec_descriptor_narrowly(const struct exec_case *exec)
{
    return (int)CALL(I386_EXECVEAT, (unsigned)exec->file, compat_string(""), compat_strings(exec->argv),
                     compat_strings(exec->env), AT_EMPTY_PATH);
}

/* What is executed is a program of 64 bits: the event is its own. */
static void narrow_execs(void)
{
    static char name[32];
    struct exec_case exec = exec_case_of("by int 0x80: execve", program_copy());
    exec.execute = exec_narrowly;
    exec_run(&exec);
    exec = exec_case_of("by int 0x80: execveat with an empty path", program_copy());
    exec.execute = exec_descriptor_narrowly;
    exec.file = open(program_copy(), O_RDONLY); /* /dev/fd of an O_CLOEXEC would be gone for a script only */
    snprintf(name, sizeof(name), "/dev/fd/%d", exec.file);
    exec.cmdpath = exec.interp = name;
    exec_run(&exec);
}

static void run_narrow(void)
{
    if (!compat_is_available()) {
        NONE_POSSIBLE(narrow_cases, "this kernel takes no 32-bit calls");
        return;
    }
    in_child("vt-80-read", narrow_reads);
    in_child("vt-80-write", narrow_writes);
    in_child("vt-80-copy", narrow_copies);
    in_child("vt-80-handle", narrow_handle);
    in_child("vt-80-mount", narrow_mounts);
    in_child("vt-80-connect", narrow_connect);
    in_child("vt-80-unlink", narrow_removal);
    in_child("vt-80-madvise", narrow_madvise);
    in_child("vt-80-getfd", narrow_descriptor);
    in_child("vt-80-fork", narrow_forks);
    narrow_execs();
}

/* x32: 64-bit registers, pointers of 4 bytes in memory, and numbers with a bit set; those from 512 are its own. */
enum {
    X32_BIT = 0x40000000,
    X32_WRITEV = 516,
    X32_EXECVE = 520,
    X32_PTRACE = 521,
};

static int x32_open(void)
{
    const char *path = place("x32-open");
    if (mknod(path, S_IFREG | 0644, 0) < 0) /* not opened for that */
        cannot(path);
    opened_by("by x32", "openat", (int)syscall(X32_BIT | SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), path,
              path);
    return 0;
}

static int x32_execve(void)
{
    struct line line;
    long long result = result_or_error(
        syscall(X32_BIT | X32_EXECVE, compat_string("/dev/not-there"), compat_strings(argv), compat_strings(envp)));
    line_begin(&line, "execve", "by x32");
    line_result(&line, "execve", result);
    line_user_string(&line, "pathname", "/dev/not-there");
    line_user_strings(&line, "argv", argv);
    line_user_strings(&line, "envp", envp);
    line_end(&line);
    return 0;
}

static int x32_writev(void)
{
    const char *path = place("x32-writev");
    uint32_t *part = compat_room(4096);
    int fd = empty_file(path);
    part[0] = (uint32_t)compat_string("abc");
    part[1] = 3;
    long long result = result_or_error(syscall(X32_BIT | X32_WRITEV, fd, part, 1));
    transfer_line("vfs_writev", "by x32", "writev", false, result, fd, path, 1);
    magic_line("by x32", "writev", false, fd, path, "YWJj");
    return 0;
}

static int x32_ptrace(void)
{
    struct line line;
    long long result = result_or_error(syscall(X32_BIT | X32_PTRACE, PTRACE_PEEKDATA, getpid(), 0x1234, 0x5678));
    line_begin(&line, "ptrace", "by x32");
    line_result(&line, "ptrace", result);
    line_int(&line, "request", PTRACE_PEEKDATA);
    line_int(&line, "pid", getpid());
    line_unsigned(&line, "addr", 0x1234);
    line_unsigned(&line, "data", 0x5678);
    line_end(&line);
    return 0;
}

static void run_x32(void)
{
    if (syscall(X32_BIT | SYS_getpid) != getpid()) {
        NONE_POSSIBLE(x32_cases, "this kernel takes no x32 calls");
        return;
    }
    in_child("vt-x32-open", x32_open);
    in_child("vt-x32-execve", x32_execve);
    in_child("vt-x32-writev", x32_writev);
    in_child("vt-x32-ptrace", x32_ptrace);
}

/* open(argv[1], O_RDONLY); exit(0) */
static const unsigned char narrow_code[] = {
    0x58, 0x58,                   /* pop %eax; pop %eax: argc, argv[0] */
    0x5b,                         /* pop %ebx */
    0x31, 0xc9,                   /* xor %ecx, %ecx */
    0xb8, 0x05, 0x00, 0x00, 0x00, /* mov $5, %eax */
    0xcd, 0x80,                   /* int $0x80 */
    0x31, 0xdb,                   /* xor %ebx, %ebx */
    0xb8, 0x01, 0x00, 0x00, 0x00, /* mov $1, %eax */
    0xcd, 0x80,                   /* int $0x80 */
};
#define NARROW_MACHINE EM_386
#define NARROW_FLAGS   0

#else

static void run_narrow(void)
{
    NONE_POSSIBLE(narrow_cases, "this architecture has no such gate");
}

static void run_x32(void)
{
    NONE_POSSIBLE(x32_cases, "this architecture has no x32");
}

/* open(argv[1], O_RDONLY); exit(0), of 32-bit ARM */
static const unsigned char narrow_code[] = {
    0x08, 0x00, 0x9d, 0xe5, /* ldr r0, [sp, #8] */
    0x00, 0x10, 0xa0, 0xe3, /* mov r1, #0 */
    0x05, 0x70, 0xa0, 0xe3, /* mov r7, #5 */
    0x00, 0x00, 0x00, 0xef, /* svc #0 */
    0x00, 0x00, 0xa0, 0xe3, /* mov r0, #0 */
    0x01, 0x70, 0xa0, 0xe3, /* mov r7, #1 */
    0x00, 0x00, 0x00, 0xef, /* svc #0 */
};
#define NARROW_MACHINE EM_ARM
#define NARROW_FLAGS   0x05000000 /* EABI 5 */

#endif

enum { NARROW_ADDRESS = 0x00400000 };

struct narrow_image {
    Elf32_Ehdr header;
    Elf32_Phdr segment;
    unsigned char code[sizeof(narrow_code)];
};

static int write_narrow(const char *path)
{
    struct narrow_image image = {
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = NARROW_MACHINE,
                   .e_version = EV_CURRENT,
                   .e_entry = NARROW_ADDRESS + offsetof(struct narrow_image, code),
                   .e_phoff = offsetof(struct narrow_image, segment),
                   .e_flags = NARROW_FLAGS,
                   .e_ehsize = sizeof(Elf32_Ehdr),
                   .e_phentsize = sizeof(Elf32_Phdr),
                   .e_phnum = 1},
        .segment = {.p_type = PT_LOAD,
                    .p_flags = PF_R | PF_X,
                    .p_vaddr = NARROW_ADDRESS,
                    .p_filesz = sizeof(struct narrow_image),
                    .p_memsz = sizeof(struct narrow_image),
                    .p_align = 0x1000},
    };
    memcpy(image.code, narrow_code, sizeof(narrow_code));
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    if (fd < 0 || write(fd, &image, sizeof(image)) != (ssize_t)sizeof(image) || close(fd) < 0)
        cannot(path);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void narrow_opened(const struct exec_case *exec, const struct who *who)
{
    struct opened opened = {.what = "by a program of 32 bits",
                            .call = "open",
                            .who = who,
                            .pathname = exec->argv[1],
                            .string = exec->argv[1],
                            .is_compat = true};
    int fd = open(exec->argv[1], O_PATH | O_CLOEXEC);
    opened_file(&opened, fd);
    close(fd);
    opened_line(&opened);
}

static bool narrow_programs_run(const char *path)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        execl(path, "program", "/dev/not-there", NULL);
        _exit(errno == ENOEXEC ? 1 : 2);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        cannot(path);
    return status == 0;
}

static void run_narrow_program(void)
{
    const char *path = place("narrow-program"), *target = place("narrow-target");
    const char *const words[] = {"program", target, NULL};
    int file = write_narrow(path);
    make_file(target, "x");
    if (!narrow_programs_run(path)) {
        not_possible("sched_process_exec", "a program of 32 bits", "this machine runs none");
        not_possible("security_file_open", "by a program of 32 bits", "this machine runs none");
        close(file);
        return;
    }
    struct exec_case exec = exec_case_of("a program of 32 bits", path);
    exec.also = narrow_opened;
    exec.file = file;
    exec.argv = words;
    exec.is_compat = true;
    exec_run(&exec);
}

void evasions_by_number(void)
{
    run_filled();
    in_child("vt-doors", other_doors);
    run_narrow();
    run_x32();
    run_narrow_program();
}
