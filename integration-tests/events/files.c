/* SPDX-License-Identifier: Apache-2.0 */
/* open, creat, openat, openat2, and security_file_open, which comes from all of them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "integration-tests/events/expect.h"
#include "integration-tests/events/paths.h"

enum { MODE = 0640 };

/* F_GETFL shows what the kernel kept of the flags; those of creation are gone from it, but not from the event. */
static void opened_line(const char *what, const char *call, int fd, int asked, const char *pathname, const char *string)
{
    struct stat file;
    struct line line;
    if (fd < 0 || fstat(fd, &file) < 0)
        cannot(what);
    line_begin(&line, "security_file_open", what);
    line_result(&line, call, 0);
    line_string(&line, "pathname", pathname);
    line_int(&line, "flags", fcntl(fd, F_GETFL) | (asked & (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC)));
    line_inode(&line, "", &file);
    line_user_string(&line, "syscall_pathname", string);
    line_file_system(&line, "fs_magic", fd);
    line_unsigned(&line, "overlay_layer", 0);
    line_end(&line);
}

/* The link says one name, the kernel another. */
static int opened_through_link(void)
{
    struct stat file;
    make_file(place("real"), "1");
    if (symlink("real", place("link")) < 0)
        cannot("a symbolic link");
    /* A file system with multigrain timestamps marks a time that somebody has looked at. */
    if (stat(place("real"), &file) < 0)
        cannot("stat");
    int fd = (int)syscall(SYS_openat, AT_FDCWD, place("link"), O_RDONLY | O_CLOEXEC, 0);
    opened_line("through a symbolic link", "openat", fd, 0, place("real"), place("link"));
    return 0;
}

static int opened_new(void)
{
    int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int flags = O_CREAT | O_EXCL | O_RDWR | O_APPEND;
    int fd = (int)syscall(SYS_openat, at, "new", flags, MODE);
    opened_line("a new file", "openat", fd, flags, place("new"), "new");
    return 0;
}

static int opened_by_openat2(void)
{
    struct open_how how = {.flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, .mode = MODE, .resolve = RESOLVE_BENEATH};
    int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = (int)syscall(SYS_openat2, at, "by-openat2", &how, sizeof(how));
    opened_line("openat2", "openat2", fd, (int)how.flags, place("by-openat2"), "by-openat2");
    return 0;
}

#ifdef SYS_open
static int opened_by_open(void)
{
    int flags = O_CREAT | O_RDWR | O_TRUNC;
    int fd = (int)syscall(SYS_open, place("by-open"), flags, MODE);
    opened_line("open", "open", fd, flags, place("by-open"), place("by-open"));
    return 0;
}

static int opened_by_creat(void)
{
    int fd = (int)syscall(SYS_creat, place("by-creat"), MODE);
    opened_line("creat", "creat", fd, O_CREAT | O_TRUNC, place("by-creat"), place("by-creat"));
    return 0;
}
#endif

static int opened_from_chroot(void)
{
    if (mkdir(place("root"), 0755) < 0)
        cannot("a directory");
    make_file(place("root/inside"), "");
    /* who_am_i needs /proc. */
    struct who who = who_am_i();
    struct stat file;
    struct line line;
    if (chroot(place("root")) < 0)
        cannot("chroot");
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/inside", O_RDONLY, 0);
    if (fd < 0 || fstat(fd, &file) < 0)
        cannot("a file in the chroot");
    line_begin_of(&line, "security_file_open", "from a chroot: the path from the namespace's root", &who);
    line_result(&line, "openat", 0);
    line_string(&line, "pathname", place("root/inside"));
    line_int(&line, "flags", fcntl(fd, F_GETFL));
    line_inode(&line, "", &file);
    line_user_string(&line, "syscall_pathname", "/inside");
    line_file_system(&line, "fs_magic", fd);
    line_unsigned(&line, "overlay_layer", 0);
    line_end(&line);
    return 0;
}

/* As long as a string may be, and so in the largest of the reservations. */
static const char *long_way(void)
{
    static char path[PATH_MAX];
    size_t size = (size_t)snprintf(path, sizeof(path), "%s", directory);
    memset(path + size, '/', sizeof(path) - size);
    memcpy(path + sizeof(path) - sizeof("far"), "far", sizeof("far"));
    return path;
}

static int opened_by_long_name(void)
{
    make_file(place("far"), "");
    int fd = (int)syscall(SYS_openat, AT_FDCWD, long_way(), O_RDONLY, 0);
    opened_line("a name of 4,095 bytes", "openat", fd, 0, place("far"), long_way());
    return 0;
}

static int open_fails(void)
{
    const char *path = place("not-there");
    if (syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0) != -1)
        cannot("an open that fails");
    near_miss_with("security_file_open", "an open that fails", "syscall_pathname", path);
    return 0;
}

void trigger_security_file_open(void)
{
    in_child("vt-fopen-link", opened_through_link);
    in_child("vt-fopen-new", opened_new);
    in_child("vt-fopen-2", opened_by_openat2);
#ifdef SYS_open
    in_child("vt-fopen-open", opened_by_open);
    in_child("vt-fopen-creat", opened_by_creat);
#endif
    in_child("vt-fopen-root", opened_from_chroot);
    in_child("vt-fopen-long", opened_by_long_name);
    in_child("vt-fopen-fails", open_fails);
    open_hard_paths();
}

/* The call's own event: `at` is AT_NONE for those without a directory, `flags` AT_NONE for creat. */
enum { AT_NONE = -1000 };

static void call_line(const char *call, const char *what, long result, int at, const char *path, int flags, int mode)
{
    long long shown = result_or_error(result);
    struct line line;
    line_begin(&line, call, what);
    line_result(&line, call, shown);
    if (at != AT_NONE)
        line_int(&line, "dirfd", at);
    line_user_string(&line, "pathname", path);
    if (flags != AT_NONE)
        line_int(&line, "flags", flags);
    line_int(&line, "mode", mode);
    line_end(&line);
}

static int openat_relative(void)
{
    int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), flags = O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW;
    long fd = syscall(SYS_openat, at, "by-openat", flags, MODE);
    call_line("openat", "relative to a directory", fd, at, "by-openat", flags, MODE);
    return 0;
}

static int openat_fails(void)
{
    long fd = syscall(SYS_openat, -7, "relative", O_RDONLY, 0);
    call_line("openat", "of no directory, which fails", fd, -7, "relative", O_RDONLY, 0);
    return 0;
}

static int openat_of_long_name(void)
{
    const char *path = long_way();
    make_file(place("far"), "");
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    call_line("openat", "a name of 4,095 bytes", fd, AT_FDCWD, path, O_RDONLY, 0);
    return 0;
}

static int openat_of_nothing(void)
{
    long fd = syscall(SYS_openat, AT_FDCWD, "", O_RDONLY, 0);
    call_line("openat", "an empty name, which fails", fd, AT_FDCWD, "", O_RDONLY, 0);
    return 0;
}

static int openat_unreadable(void)
{
    const void *nowhere = (const void *)(uintptr_t)16;
    long long result = result_or_error(syscall(SYS_openat, AT_FDCWD, nowhere, O_RDONLY, 0));
    struct line line;
    line_begin(&line, "openat", "a name that cannot be read");
    line_result(&line, "openat", result);
    line_int(&line, "dirfd", AT_FDCWD);
    line_unreadable(&line, "pathname", true);
    line_int(&line, "flags", O_RDONLY);
    line_int(&line, "mode", 0);
    line_end(&line);
    return 0;
}

void trigger_openat(void)
{
    in_child("vt-openat", openat_relative);
    in_child("vt-openat-fails", openat_fails);
    in_child("vt-openat-long", openat_of_long_name);
    in_child("vt-openat-none", openat_of_nothing);
    in_child("vt-openat-efault", openat_unreadable);
}

static void openat2_line(const char *what, const struct open_how *how, const char *path)
{
    long long result = result_or_error(syscall(SYS_openat2, AT_FDCWD, path, how, sizeof(*how)));
    struct line line;
    line_begin(&line, "openat2", what);
    line_result(&line, "openat2", result);
    line_int(&line, "dirfd", AT_FDCWD);
    line_user_string(&line, "pathname", path);
    line_pointer(&line, "how", how);
    line_unsigned(&line, "size", sizeof(*how));
    line_end(&line);
}

static int openat2_both(void)
{
    struct open_how how = {.flags = O_RDWR | O_CREAT, .mode = MODE}, refused = {.flags = O_RDONLY, .mode = MODE};
    openat2_line("a new file", &how, place("by-openat2-too"));
    openat2_line("a mode without O_CREAT, which fails", &refused, place("by-openat2-too"));
    return 0;
}

void trigger_openat2(void)
{
    in_child("vt-openat2", openat2_both);
}

#ifdef SYS_open
static int open_both(void)
{
    const char *path = place("by-open-too"), *absent = place("not-there");
    int flags = O_CREAT | O_RDWR | O_CLOEXEC;
    call_line("open", "a new file", syscall(SYS_open, path, flags, MODE), AT_NONE, path, flags, MODE);
    call_line("open", "a file that is not there", syscall(SYS_open, absent, O_RDONLY, 0), AT_NONE, absent, O_RDONLY, 0);
    return 0;
}

static int creat_both(void)
{
    const char *path = place("by-creat-too");
    call_line("creat", "a new file", syscall(SYS_creat, path, MODE), AT_NONE, path, AT_NONE, MODE);
    call_line("creat", "a directory, which fails", syscall(SYS_creat, directory, MODE), AT_NONE, directory, AT_NONE,
              MODE);
    return 0;
}

void trigger_open(void)
{
    in_child("vt-open", open_both);
}

void trigger_creat(void)
{
    in_child("vt-creat", creat_both);
}
#else
void trigger_open(void)
{
    not_possible("open", "a call", "this architecture has no such call");
}

void trigger_creat(void)
{
    not_possible("creat", "a call", "this architecture has no such call");
}
#endif
