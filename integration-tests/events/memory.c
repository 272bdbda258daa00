/* SPDX-License-Identifier: Apache-2.0 */
/* mmap, mprotect, pkey_mprotect, mem_prot_alert, memfd_create. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "integration-tests/events/expect.h"

/* What mem_prot_alert's `alert` says, as Tracee numbers it. */
enum {
    ALERT_MMAP_WRITE_EXEC = 1,
    ALERT_EXEC_ADDED = 2,
    ALERT_EXEC_TO_WRITE_EXEC = 3,
    ALERT_WRITE_TO_EXEC = 4,
};

enum { NO_PKEY = -1000 };

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void *map(size_t size, int protection, int fd)
{
    void *at = mmap(NULL, size, protection, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (at == MAP_FAILED)
        cannot("memory");
    return at;
}

static void mmap_line(const char *what, void *at, size_t size, int protection, int flags, int fd, long offset)
{
    long long result = result_or_error(syscall(SYS_mmap, at, size, protection, flags, fd, offset));
    struct line line;
    line_begin(&line, "mmap", what);
    line_result(&line, "mmap", result);
    line_pointer(&line, "addr", at);
    line_unsigned(&line, "length", size);
    line_int(&line, "prot", protection);
    line_int(&line, "flags", flags);
    line_int(&line, "fd", fd);
    line_int(&line, "off", offset);
    line_end(&line);
}

static int mmap_all(void)
{
    size_t page = page_size();
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    void *hint = map(16 * page, PROT_NONE, -1);
    mmap_line("a file, at an address", hint, 3 * page, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, (long)page);
    mmap_line("anonymous memory", NULL, 5 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mmap_line("no length, which fails", NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return 0;
}

void trigger_mmap(void)
{
    in_child("vt-mmap", mmap_all);
}

static void protect_line(const char *call, const char *what, long returned, void *at, size_t size, int protection,
                         int key)
{
    long long result = result_or_error(returned);
    struct line line;
    line_begin(&line, call, what);
    line_result(&line, call, result);
    line_pointer(&line, "addr", at);
    line_unsigned(&line, "len", size);
    line_int(&line, "prot", protection);
    if (key != NO_PKEY)
        line_int(&line, "pkey", key);
    line_end(&line);
}

static int mprotect_both(void)
{
    size_t size = 7 * page_size();
    char *at = map(size, PROT_READ | PROT_WRITE, -1);
    protect_line("mprotect", "memory that may be written no more", syscall(SYS_mprotect, at, size, PROT_READ), at, size,
                 PROT_READ, NO_PKEY);
    protect_line("mprotect", "an odd address, which fails", syscall(SYS_mprotect, at + 1, size, PROT_READ), at + 1,
                 size, PROT_READ, NO_PKEY);
    return 0;
}

void trigger_mprotect(void)
{
    in_child("vt-mprotect", mprotect_both);
}

/* Without a key (-1) it is mprotect on every machine. */
static int pkey_mprotect_both(void)
{
    size_t size = 3 * page_size();
    void *at = map(size, PROT_READ | PROT_WRITE, -1);
    protect_line("pkey_mprotect", "no key", syscall(SYS_pkey_mprotect, at, size, PROT_READ, -1), at, size, PROT_READ,
                 -1);
    protect_line("pkey_mprotect", "a key that there is not", syscall(SYS_pkey_mprotect, at, size, PROT_NONE, 4242), at,
                 size, PROT_NONE, 4242);
    return 0;
}

void trigger_pkey_mprotect(void)
{
    in_child("vt-pkey", pkey_mprotect_both);
}

struct alert_case {
    const char *what;
    int alert, before, after, fd;
};

/* `file` is NULL for anonymous memory. */
static void alert_line(const struct alert_case *alert, const char *call, long long result, void *at, size_t size,
                       const struct stat *file)
{
    struct line line;
    line_begin(&line, "mem_prot_alert", alert->what);
    line_result(&line, call, result);
    line_unsigned(&line, "alert", (unsigned)alert->alert);
    line_pointer(&line, "addr", at);
    line_unsigned(&line, "len", size);
    line_int(&line, "prot", alert->after);
    line_int(&line, "prev_prot", alert->before);
    line_string(&line, "pathname", file != NULL ? place("mapped") : "");
    line_inode(&line, "", file != NULL ? file : &(struct stat){0});
    line_end(&line);
}

static void protect_case(const struct alert_case *alert, bool with_key)
{
    size_t size = 2 * page_size();
    struct stat file;
    void *at = map(size, alert->before, alert->fd);
    long returned = with_key ? syscall(SYS_pkey_mprotect, at, size, alert->after, -1)
                             : syscall(SYS_mprotect, at, size, alert->after);
    if (with_key && returned < 0 && errno == ENOSYS) { /* arm64 before 6.12 has no keys */
        with_key = false;
        returned = syscall(SYS_mprotect, at, size, alert->after);
    }
    if (returned < 0 || (alert->fd >= 0 && fstat(alert->fd, &file) < 0))
        cannot(alert->what);
    if (alert->alert != 0)
        alert_line(alert, with_key ? "pkey_mprotect" : "mprotect", returned, at, size, alert->fd >= 0 ? &file : NULL);
}

static int alert_mmap(void)
{
    const struct alert_case alert = {"mmap of memory to write and to execute", ALERT_MMAP_WRITE_EXEC, 0,
                                     PROT_READ | PROT_WRITE | PROT_EXEC, -1};
    size_t size = 4 * page_size();
    void *at = map(size, alert.after, -1);
    alert_line(&alert, "mmap", 0, at, size, NULL); /* where it was mapped is `addr` */
    return 0;
}

static int alert_added(void)
{
    protect_case(
        &(struct alert_case){"memory that may be executed now", ALERT_EXEC_ADDED, PROT_READ, PROT_READ | PROT_EXEC, -1},
        false);
    return 0;
}

static int alert_written(void)
{
    protect_case(&(struct alert_case){"code that may be written now", ALERT_EXEC_TO_WRITE_EXEC, PROT_READ | PROT_EXEC,
                                      PROT_READ | PROT_WRITE | PROT_EXEC, -1},
                 false);
    return 0;
}

static int alert_sealed(void)
{
    protect_case(&(struct alert_case){"written memory that becomes code", ALERT_WRITE_TO_EXEC, PROT_READ | PROT_WRITE,
                                      PROT_READ | PROT_EXEC, -1},
                 true);
    return 0;
}

static int alert_file(void)
{
    make_file(place("mapped"), "12345678");
    if (truncate(place("mapped"), (off_t)(4 * page_size())) < 0)
        cannot("a file");
    int fd = open(place("mapped"), O_RDWR | O_CLOEXEC);
    protect_case(&(struct alert_case){"a written mapping of a file that becomes code", ALERT_WRITE_TO_EXEC,
                                      PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC, fd},
                 false);
    return 0;
}

static int no_alert(void)
{
    protect_case(&(struct alert_case){"none", 0, PROT_READ | PROT_WRITE, PROT_READ, -1}, false);
    protect_case(&(struct alert_case){"none", 0, PROT_READ | PROT_EXEC, PROT_READ, -1}, false);
    map(page_size(), PROT_READ | PROT_EXEC, -1);
    near_miss("mem_prot_alert", "memory that may only be read, and code that was never written");
    return 0;
}

void trigger_mem_prot_alert(void)
{
    in_child("vt-alert-mmap", alert_mmap);
    in_child("vt-alert-added", alert_added);
    in_child("vt-alert-write", alert_written);
    in_child("vt-alert-sealed", alert_sealed);
    in_child("vt-alert-file", alert_file);
    in_child("vt-no-alert", no_alert);
}

static void memfd_line(const char *what, const char *name, unsigned flags)
{
    touch(name);
    long long result = result_or_error(syscall(SYS_memfd_create, name, flags));
    struct line line;
    line_begin(&line, "memfd_create", what);
    line_result(&line, "memfd_create", result);
    line_user_string(&line, "name", name);
    line_unsigned(&line, "flags", flags);
    line_end(&line);
}

static int memfd_both(void)
{
    memfd_line("a file in memory", "vt \"name\"", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    memfd_line("flags that there are not, which fails", "vt-refused", 0x80000000u);
    return 0;
}

void trigger_memfd_create(void)
{
    in_child("vt-memfd", memfd_both);
}
