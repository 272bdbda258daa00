/* SPDX-License-Identifier: Apache-2.0 */
#include "tester/compat.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>

#ifdef __x86_64__

/* arch/x86/entry/syscalls/syscall_32.tbl */
enum { I386_OPEN = 5, I386_PTRACE = 26, I386_RENAME = 38, I386_MPROTECT = 125, I386_PROCESS_VM_WRITEV = 348 };

static long call(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d)
                     : "memory", "cc", "r8", "r9", "r10", "r11");
    return (int)result;
}

void *compat_memory(size_t size, int protection)
{
    void *memory = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static unsigned long low_copy(const char *path)
{
    char *copy = compat_memory(PATH_MAX, PROT_READ | PROT_WRITE);
    if (copy != NULL)
        snprintf(copy, PATH_MAX, "%s", path);
    return (unsigned long)(uintptr_t)copy; /* the process is a short one */
}

long compat_open(const char *path, int flags)
{
    return call(I386_OPEN, low_copy(path), (unsigned long)flags, 0, 0);
}

long compat_rename(const char *from, const char *to)
{
    return call(I386_RENAME, low_copy(from), low_copy(to), 0, 0);
}

long compat_ptrace(long request, long pid, unsigned long address, unsigned long data)
{
    return call(I386_PTRACE, (unsigned long)request, (unsigned long)pid, address, data);
}

long compat_process_vm_writev(long pid)
{
    return call(I386_PROCESS_VM_WRITEV, (unsigned long)pid, 0, 0, 0);
}

long compat_mprotect(void *low_page, size_t size, int protection)
{
    return call(I386_MPROTECT, (unsigned long)(uintptr_t)low_page, size, (unsigned long)protection, 0);
}

#else

void *compat_memory(size_t size, int protection)
{
    (void)size;
    (void)protection;
    errno = ENOSYS;
    return NULL;
}

long compat_open(const char *path, int flags)
{
    (void)path;
    (void)flags;
    return -ENOSYS;
}

long compat_rename(const char *from, const char *to)
{
    (void)from;
    (void)to;
    return -ENOSYS;
}

long compat_ptrace(long request, long pid, unsigned long address, unsigned long data)
{
    (void)request;
    (void)pid;
    (void)address;
    (void)data;
    return -ENOSYS;
}

long compat_process_vm_writev(long pid)
{
    (void)pid;
    return -ENOSYS;
}

long compat_mprotect(void *low_page, size_t size, int protection)
{
    (void)low_page;
    (void)size;
    (void)protection;
    return -ENOSYS;
}

#endif
