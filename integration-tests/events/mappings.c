/* SPDX-License-Identifier: Apache-2.0 */
/* Files in memory, their protection, and calls that come from memory where no program is. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "integration-tests/events/expect.h"

static int open_program(void)
{
    int fd = open(program_copy(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        cannot(program_copy());
    return fd;
}

/* Flags of the file as the kernel keeps them. */
static long flags_of(int fd)
{
    return fcntl(fd, F_GETFL);
}

static void *map_program(int fd, size_t length, int protection, off_t offset)
{
    void *at = mmap(NULL, length, protection, MAP_PRIVATE, fd, offset);
    if (at == MAP_FAILED)
        cannot("mmap");
    return at;
}

static void mapped_lines(const char *event, const char *what, int fd, void *at, size_t length, int protection,
                         off_t offset)
{
    struct line line;
    bool is_map = strcmp(event, "do_mmap") == 0;
    line_begin(&line, event, what);
    line_result(&line, "mmap", 0);
    if (is_map) {
        line_pointer(&line, "addr", at);
        line_unsigned(&line, "pgoff", (unsigned long long)offset / 4096);
        line_unsigned(&line, "len", length);
    }
    line_string(&line, "pathname", program_copy());
    line_int(&line, "flags", flags_of(fd));
    line_open_inode(&line, fd);
    if (strcmp(event, "shared_object_loaded") != 0) {
        line_unsigned(&line, "prot", (unsigned)protection);
        line_unsigned(&line, "mmap_flags", MAP_PRIVATE);
    }
    line_end(&line);
}

static int mapped(void)
{
    int fd = open_program();
    void *at = map_program(fd, 8192, PROT_READ | PROT_EXEC, 4096);
    mapped_lines("security_mmap_file", "a program's code", fd, at, 8192, PROT_READ | PROT_EXEC, 4096);
    mapped_lines("do_mmap", "a program's code", fd, at, 8192, PROT_READ | PROT_EXEC, 4096);
    mapped_lines("shared_object_loaded", "a program's code", fd, at, 8192, PROT_READ | PROT_EXEC, 4096);
    return 0;
}

static int mapped_data(void)
{
    int fd = open_program();
    map_program(fd, 4096, PROT_READ, 0);
    if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 1) != MAP_FAILED)
        cannot("mmap");
    near_miss("shared_object_loaded", "a file that is only read, and a call that fails");
    return 0;
}

static int mapped_nothing(void)
{
    if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
        cannot("mmap");
    near_miss("security_mmap_file", "anonymous memory");
    return 0;
}

static int mapped_badly(void)
{
    if (mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        cannot("mmap");
    near_miss("do_mmap", "a call that fails");
    return 0;
}

void trigger_security_mmap_file(void)
{
    in_child("vt-mmap-file", mapped);
    in_child("vt-mmap-none", mapped_nothing);
}

void trigger_do_mmap(void)
{
    in_child("vt-mmap-fails", mapped_badly); /* the rest with security_mmap_file */
}

void trigger_shared_object_loaded(void)
{
    in_child("vt-mmap-data", mapped_data); /* the rest with security_mmap_file */
}

static void protect_line(const char *what, const char *call, long long result, void *at, int protection, int previous,
                         const char *path, int fd)
{
    struct line line;
    struct stat file = {0};
    if (fd >= 0 && fstat(fd, &file) < 0)
        cannot("fstat");
    line_begin(&line, "security_file_mprotect", what);
    line_result(&line, call, result);
    line_string(&line, "pathname", path);
    line_int(&line, "prot", protection);
    line_unsigned(&line, "ctime", ctime_ns(&file));
    line_int(&line, "prev_prot", previous);
    line_pointer(&line, "addr", at);
    line_unsigned(&line, "len", 4096);
    line_int(&line, "pkey", -1);
    line_end(&line);
}

static int protected(void)
{
    int fd = open_program();
    void *at = map_program(fd, 4096, PROT_READ, 0);
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long long result = result_or_error(mprotect(at, 4096, PROT_READ | PROT_EXEC));
    protect_line("a file's", "mprotect", result, at, PROT_READ | PROT_EXEC, PROT_READ, program_copy(), fd);
    result = result_or_error(syscall(SYS_pkey_mprotect, memory, 4096, PROT_NONE, -1));
    protect_line("anonymous memory", "pkey_mprotect", result, memory, PROT_NONE, PROT_READ | PROT_WRITE, "", -1);
    return 0;
}

static int not_protected(void)
{
    if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
        cannot("mmap");
    near_miss("security_file_mprotect", "memory that is mapped so from the beginning");
    return 0;
}

void trigger_security_file_mprotect(void)
{
    in_child("vt-protect", protected);
    in_child("vt-protect-no", not_protected);
}

#if defined(__x86_64__)
static void origin_line(const char *event, const char *what, const char *address, const char *type, const void *start,
                        bool is_start_known)
{
    struct line line;
    line_begin(&line, event, what);
    line_result(&line, "getppid", 0);
    line_int(&line, "syscall", SYS_getppid);
    line_any(&line, address);
    line_string(&line, "vma_type", type);
    if (is_start_known)
        line_pointer(&line, "vma_start", start);
    else
        line_any(&line, "vma_start");
    line_any(&line, "vma_size");
    line_any(&line, "vma_flags");
    line_end(&line);
}

static int from_memory(void)
{
    /* mov $110 (getppid), %eax; syscall; ret */
    static const unsigned char code[] = {0xb8, 110, 0, 0, 0, 0x0f, 0x05, 0xc3};
    /* Pages that nobody may use around it keep the mapping apart from its neighbours. */
    char *around = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (around == MAP_FAILED || mprotect(around + 4096, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
        cannot("memory");
    memcpy(around + 4096, code, sizeof(code));
    void (*call)(void);
    void *at = around + 4096;
    memcpy(&call, &at, sizeof(call));
    call();
    call(); /* told once */
    origin_line("suspicious_syscall_source", "code in anonymous memory, twice", "ip", "anonymous", at, true);
    return 0;
}

static int from_program(void)
{
    syscall(SYS_getppid);
    near_miss("suspicious_syscall_source", "code of the program");
    near_miss("stack_pivot", "the stack of the program");
    return 0;
}

static int on_heap(void)
{
    enum { ROOM = 65536 };
    char *heap = sbrk(ROOM);
    if (heap == (void *)-1)
        cannot("sbrk");
    long number = SYS_getppid;
    char *top = heap + ROOM - 256;
    __asm__ volatile("mov %%rsp, %%rbx\n\tmov %[top], %%rsp\n\tsyscall\n\tmov %%rbx, %%rsp"
                     : "+a"(number)
                     : [top] "r"(top)
                     : "rbx", "rcx", "r11", "memory");
    origin_line("stack_pivot", "a stack in the heap", "sp", "heap", NULL, false);
    return 0;
}

void trigger_suspicious_syscall_source(void)
{
    in_child("vt-origin", from_memory);
    in_child("vt-origin-no", from_program);
}

void trigger_stack_pivot(void)
{
    in_child("vt-pivot", on_heap);
}
#else
void trigger_suspicious_syscall_source(void)
{
    not_possible("suspicious_syscall_source", "code in memory", "its code is written for x86-64 only");
}

void trigger_stack_pivot(void)
{
    not_possible("stack_pivot", "a stack in the heap", "its code is written for x86-64 only");
}
#endif
