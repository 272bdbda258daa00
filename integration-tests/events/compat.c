/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 32-bit calls from this 64-bit program: int 0x80 with i386's numbers and pointers of 4 bytes. The events must have the
 * names of the 64-bit calls, the arguments as the caller meant them, and say isCompat.
 */
#include "integration-tests/events/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "integration-tests/events/expect.h"

#ifndef MAP_32BIT /* nobody there has pointers of 4 bytes */
#define MAP_32BIT 0
#endif

void *compat_room(size_t size)
{
    void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (room == MAP_FAILED)
        cannot("memory below 4 GiB");
    return room;
}

#if defined(__x86_64__)

/* arch/x86/entry/syscalls/syscall_32.tbl */
enum {
    I386_OPEN = 5,
    I386_CREAT = 8,
    I386_EXECVE = 11,
    I386_GETPID = 20,
    I386_PTRACE = 26,
    I386_RENAME = 38,
    I386_MPROTECT = 125,
    I386_MMAP2 = 192,
    I386_OPENAT = 295,
    I386_RENAMEAT = 302,
    I386_RENAMEAT2 = 353,
    I386_MEMFD_CREATE = 356,
    I386_EXECVEAT = 358,
    I386_PKEY_MPROTECT = 380,
    I386_OPENAT2 = 437,
};

enum { MODE = 0640, LOW_BYTES = 64 * 1024 };

/* The sixth argument goes in ebp, which is put back; what lies below the stack pointer (the red zone) is left alone. */
long long compat_call(long number, const unsigned long arguments[6])
{
    long result;
    __asm__ volatile(
        "lea -128(%%rsp), %%rsp\n\tpush %%rbp\n\tmov %[sixth], %%rbp\n\tint $0x80\n\tpop %%rbp\n\tlea 128(%%rsp), %%rsp"
        : "=a"(result)
        : "a"(number), "b"(arguments[0]), "c"(arguments[1]), "d"(arguments[2]), "S"(arguments[3]),
          "D"(arguments[4]), [sixth] "r"(arguments[5])
        : "memory", "cc", "r8", "r9", "r10", "r11");
    return (int)result;
}

#define CALL(number_, ...) compat_call(number_, (const unsigned long[6]){__VA_ARGS__})

/* Bytes that a pointer of 4 bytes reaches. */
static void *low_room(size_t size)
{
    static char *next, *end;
    if (next == NULL) {
        next = compat_room(LOW_BYTES);
        end = next + LOW_BYTES;
    }
    char *at = next;
    next += (size + 15) & ~(size_t)15;
    errno = ENOMEM;
    if (next > end)
        cannot("memory below 4 GiB");
    return at;
}

unsigned long compat_string(const char *string)
{
    char *copy = low_room(strlen(string) + 1);
    memcpy(copy, string, strlen(string) + 1);
    return (unsigned long)copy;
}

unsigned long compat_strings(const char *const *strings)
{
    size_t count = 0;
    while (strings[count] != NULL)
        count++;
    uint32_t *copy = low_room((count + 1) * sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = (uint32_t)compat_string(strings[i]);
    copy[count] = 0;
    return (unsigned long)copy;
}

static void begin(struct line *line, const char *event, long long result)
{
    line_begin(line, event, "as a 32-bit call");
    line_compat(line);
    line_result(line, event, result);
}

/* The file's own event, of the same call. */
static void opened(const char *syscall, int fd, int asked, const char *path, const char *string)
{
    struct stat file;
    struct line line;
    if (fd < 0 || fstat(fd, &file) < 0)
        cannot(path);
    line_begin(&line, "security_file_open", "by a 32-bit call");
    line_compat(&line);
    line_result(&line, syscall, 0);
    line_string(&line, "pathname", path);
    line_int(&line, "flags", fcntl(fd, F_GETFL) | (asked & (O_CREAT | O_EXCL | O_TRUNC)));
    line_inode(&line, "", &file);
    line_user_string(&line, "syscall_pathname", string);
    line_file_system(&line, "fs_magic", fd);
    line_unsigned(&line, "overlay_layer", 0);
    line_end(&line);
}

static int compat_open(void)
{
    const char *path = place("compat-open");
    int flags = O_CREAT | O_RDWR | O_EXCL;
    long long fd = CALL(I386_OPEN, compat_string(path), (unsigned)flags, MODE);
    struct line line;
    begin(&line, "open", fd);
    line_user_string(&line, "pathname", path);
    line_int(&line, "flags", flags);
    line_int(&line, "mode", MODE);
    line_end(&line);
    opened("open", (int)fd, flags, path, path);
    return 0;
}

static int compat_creat(void)
{
    const char *path = place("compat-creat");
    long long fd = CALL(I386_CREAT, compat_string(path), MODE);
    struct line line;
    begin(&line, "creat", fd);
    line_user_string(&line, "pathname", path);
    line_int(&line, "mode", MODE);
    line_end(&line);
    opened("creat", (int)fd, O_CREAT | O_TRUNC, path, path);
    return 0;
}

static int compat_openat(void)
{
    int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), flags = O_CREAT | O_WRONLY;
    long long fd = CALL(I386_OPENAT, (unsigned)at, compat_string("compat-openat"), (unsigned)flags, MODE);
    struct line line;
    begin(&line, "openat", fd);
    line_int(&line, "dirfd", at);
    line_user_string(&line, "pathname", "compat-openat");
    line_int(&line, "flags", flags);
    line_int(&line, "mode", MODE);
    line_end(&line);
    opened("openat", (int)fd, flags, place("compat-openat"), "compat-openat");
    return 0;
}

static int compat_openat2(void)
{
    const char *path = place("compat-openat2");
    struct open_how *how = low_room(sizeof(*how));
    *how = (struct open_how){.flags = O_CREAT | O_RDWR, .mode = MODE};
    long long fd =
        CALL(I386_OPENAT2, (unsigned long)(long)AT_FDCWD, compat_string(path), (unsigned long)how, sizeof(*how));
    struct line line;
    begin(&line, "openat2", fd);
    line_int(&line, "dirfd", AT_FDCWD);
    line_user_string(&line, "pathname", path);
    line_pointer(&line, "how", how);
    line_unsigned(&line, "size", sizeof(*how));
    line_end(&line);
    opened("openat2", (int)fd, O_CREAT, path, path);
    return 0;
}

static void renamed(const char *syscall, const char *old_path, const char *new_path)
{
    struct line line;
    line_begin(&line, "security_inode_rename", "by a 32-bit call");
    line_compat(&line);
    line_result(&line, syscall, 0);
    line_user_string(&line, "old_path", old_path);
    line_user_string(&line, "new_path", new_path);
    line_end(&line);
}

static int compat_rename(void)
{
    const char *from = place("compat-1"), *to = place("compat-2");
    make_file(from, "");
    long long result = CALL(I386_RENAME, compat_string(from), compat_string(to));
    struct line line;
    begin(&line, "rename", result);
    line_user_string(&line, "oldpath", from);
    line_user_string(&line, "newpath", to);
    line_end(&line);
    renamed("rename", from, to);
    return 0;
}

static int compat_renameat(void)
{
    int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    make_file(place("compat-3"), "");
    long long result = CALL(I386_RENAMEAT, (unsigned)at, compat_string("compat-3"), (unsigned long)(long)AT_FDCWD,
                            compat_string(place("compat-4")));
    struct line line;
    begin(&line, "renameat", result);
    line_int(&line, "olddirfd", at);
    line_user_string(&line, "oldpath", "compat-3");
    line_int(&line, "newdirfd", AT_FDCWD);
    line_user_string(&line, "newpath", place("compat-4"));
    line_end(&line);
    renamed("renameat", place("compat-3"), place("compat-4"));
    return 0;
}

static int compat_renameat2(void)
{
    int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    make_file(place("compat-5"), "");
    long long result =
        CALL(I386_RENAMEAT2, (unsigned)at, compat_string("compat-5"), (unsigned)at, compat_string("compat-6"), 1);
    struct line line;
    begin(&line, "renameat2", result);
    line_int(&line, "olddirfd", at);
    line_user_string(&line, "oldpath", "compat-5");
    line_int(&line, "newdirfd", at);
    line_user_string(&line, "newpath", "compat-6");
    line_unsigned(&line, "flags", 1);
    line_end(&line);
    renamed("renameat2", place("compat-5"), place("compat-6"));
    return 0;
}

static const char *const argv[] = {"first", "", "third word", NULL}, *const envp[] = {"X=1", NULL};

static int compat_execve(void)
{
    long long result = CALL(I386_EXECVE, compat_string("/dev/not-there"), compat_strings(argv), compat_strings(envp));
    struct line line;
    begin(&line, "execve", result);
    line_user_string(&line, "pathname", "/dev/not-there");
    line_user_strings(&line, "argv", argv);
    line_user_strings(&line, "envp", envp);
    line_end(&line);
    near_miss("sched_process_exec", "a 32-bit call that fails");
    return 0;
}

static int compat_execveat(void)
{
    int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    long long result = CALL(I386_EXECVEAT, (unsigned)at, compat_string("not-there"), compat_strings(argv),
                            compat_strings(envp), AT_SYMLINK_NOFOLLOW);
    struct line line;
    begin(&line, "execveat", result);
    line_int(&line, "dirfd", at);
    line_user_string(&line, "pathname", "not-there");
    line_user_strings(&line, "argv", argv);
    line_user_strings(&line, "envp", envp);
    line_int(&line, "flags", AT_SYMLINK_NOFOLLOW);
    line_end(&line);
    return 0;
}

static int compat_ptrace(void)
{
    const unsigned long address = 0x11223344, data = 0xfedcba98;
    long long result = CALL(I386_PTRACE, PTRACE_PEEKDATA, (unsigned)getpid(), address, data);
    struct line line;
    begin(&line, "ptrace", result);
    line_int(&line, "request", PTRACE_PEEKDATA);
    line_int(&line, "pid", getpid());
    line_unsigned(&line, "addr", address);
    line_unsigned(&line, "data", data);
    line_end(&line);
    return 0;
}

static int compat_memfd_create(void)
{
    long long fd = CALL(I386_MEMFD_CREATE, compat_string("compat-memfd"), MFD_CLOEXEC);
    struct line line;
    begin(&line, "memfd_create", fd);
    line_user_string(&line, "name", "compat-memfd");
    line_unsigned(&line, "flags", MFD_CLOEXEC);
    line_end(&line);
    return 0;
}

static void protect(const char *event, long number, int key)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (at == MAP_FAILED)
        cannot("memory below 4 GiB");
    long long result = CALL(number, (unsigned long)at, size, PROT_READ, (unsigned long)(long)key);
    struct line line;
    begin(&line, event, result);
    line_pointer(&line, "addr", at);
    line_unsigned(&line, "len", size);
    line_int(&line, "prot", PROT_READ);
    if (number == I386_PKEY_MPROTECT)
        line_int(&line, "pkey", key);
    line_end(&line);
}

/* What a 32-bit program calls for mmap. */
static int compat_mmap(void)
{
    size_t page = 4096, size = 2 * page;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    long long result = CALL(I386_MMAP2, 0, size, PROT_READ, MAP_PRIVATE, (unsigned)fd, 3);
    struct line line;
    if (result > -4096 && result < 0)
        cannot("mmap2");
    begin(&line, "mmap2", (uint32_t)result);
    line_unsigned(&line, "addr", 0);
    line_unsigned(&line, "length", size);
    line_unsigned(&line, "prot", PROT_READ);
    line_unsigned(&line, "flags", MAP_PRIVATE);
    line_unsigned(&line, "fd", (unsigned)fd);
    line_unsigned(&line, "pgoffset", 3);
    line_end(&line);
    return 0;
}

static int compat_mprotect(void)
{
    protect("mprotect", I386_MPROTECT, 0);
    return 0;
}

static int compat_pkey_mprotect(void)
{
    protect("pkey_mprotect", I386_PKEY_MPROTECT, -1);
    return 0;
}

static const struct {
    const char *event;
    int (*run)(void);
} calls[] = {
    {"creat", compat_creat},       {"execve", compat_execve},
    {"execveat", compat_execveat}, {"memfd_create", compat_memfd_create},
    {"mmap2", compat_mmap},        {"mprotect", compat_mprotect},
    {"open", compat_open},         {"openat", compat_openat},
    {"openat2", compat_openat2},   {"pkey_mprotect", compat_pkey_mprotect},
    {"ptrace", compat_ptrace},     {"rename", compat_rename},
    {"renameat", compat_renameat}, {"renameat2", compat_renameat2},
};

/* Asked in a child: without CONFIG_IA32_EMULATION, or with ia32_emulation=off, the instruction is a fault. */
bool compat_is_available(void)
{
    static int answer = -1;
    if (answer >= 0)
        return answer == 1;
    pid_t child = fork();
    if (child == 0)
        _exit(CALL(I386_GETPID, 0) == getpid() ? 0 : 1);
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        cannot("fork");
    answer = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return answer == 1;
}

void compat_run(const char *event)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].event, event) == 0) {
            if (compat_is_available())
                in_child("vt-int80", calls[i].run);
            else
                not_possible(event, "as a 32-bit call", "this kernel takes no 32-bit calls");
        }
}

#else

bool compat_is_available(void)
{
    return false;
}

long long compat_call(long number, const unsigned long arguments[6])
{
    (void)number, (void)arguments;
    return -ENOSYS;
}

unsigned long compat_string(const char *string)
{
    return (unsigned long)string;
}

unsigned long compat_strings(const char *const *strings)
{
    return (unsigned long)strings;
}

void compat_run(const char *event)
{
    (void)event; /* 32-bit calls of this architecture come from 32-bit programs only */
}

#endif
