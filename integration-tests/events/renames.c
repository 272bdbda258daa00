/* SPDX-License-Identifier: Apache-2.0 */
/* rename, renameat, renameat2, and security_inode_rename, which comes from those that succeed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>

#include "integration-tests/events/expect.h"
#include "integration-tests/events/lists.h"

static void renamed_line(const char *what, const char *call, const char *old_path, const char *new_path)
{
    struct line line;
    line_begin(&line, "security_inode_rename", what);
    line_result(&line, call, 0);
    line_user_string(&line, "old_path", old_path);
    line_user_string(&line, "new_path", new_path);
    line_end(&line);
}

static int open_directory(const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        cannot(path);
    return fd;
}

/* Relative names, each from another directory. */
static int renamed_at(void)
{
    make_file(place("from"), "");
    if (mkdir(place("other"), 0755) < 0 || chdir(directory) < 0)
        cannot("a directory");
    int at = open_directory(place("other"));
    if (syscall(SYS_renameat2, AT_FDCWD, "from", at, "to", 0) < 0)
        cannot("renameat2");
    renamed_line("relative names, from two directories", "renameat2", place("from"), place("other/to"));
    return 0;
}

/* The longest string that a call takes, and what it is below. */
static int renamed_long(void)
{
    static char path[PATH_MAX], to[PATH_MAX];
    snprintf(path, sizeof(path), "%s", longest_path("rename-long"));
    snprintf(to, sizeof(to), "%s", path);
    to[strlen(to) - 1] = 'm';
    make_file(path, "");
    if (syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, to, 0) < 0)
        cannot("a rename of long names");
    renamed_line("names of 4,095 bytes", "renameat2", path, to);
    return 0;
}

static int renamed_from_chroot(void)
{
    if (mkdir(place("rename-root"), 0755) < 0)
        cannot("a directory");
    make_file(place("rename-root/one"), "");
    struct who who = who_am_i();
    struct line line;
    if (chroot(place("rename-root")) < 0 || syscall(SYS_renameat2, AT_FDCWD, "/one", AT_FDCWD, "/two", 0) < 0)
        cannot("a rename in a chroot");
    line_begin_of(&line, "security_inode_rename", "from a chroot: the path from the namespace's root", &who);
    line_result(&line, "renameat2", 0);
    line_user_string(&line, "old_path", place("rename-root/one"));
    line_user_string(&line, "new_path", place("rename-root/two"));
    line_end(&line);
    return 0;
}

static int not_renamed(void)
{
    const char *here = place("here"), *there = place("there");
    make_file(here, "");
    make_file(there, "");
    if (syscall(SYS_renameat2, AT_FDCWD, here, AT_FDCWD, there, 1 /* RENAME_NOREPLACE */) != -1 || errno != EEXIST)
        cannot("a rename that fails");
    near_miss("security_inode_rename", "a rename that fails");
    return 0;
}

/* The events of the calls themselves. Directories are AT_NONE for rename, flags for all but renameat2. */
enum { AT_NONE = -1000 };

struct rename_case {
    const char *call, *what, *old_path, *new_path;
    int old_at, new_at, flags;
};

static void call_line(const struct rename_case *rename, long result)
{
    long long shown = result_or_error(result);
    struct line line;
    line_begin(&line, rename->call, rename->what);
    line_result(&line, rename->call, shown);
    if (rename->old_at != AT_NONE)
        line_int(&line, "olddirfd", rename->old_at);
    line_user_string(&line, "oldpath", rename->old_path);
    if (rename->new_at != AT_NONE)
        line_int(&line, "newdirfd", rename->new_at);
    line_user_string(&line, "newpath", rename->new_path);
    if (rename->flags != AT_NONE)
        line_unsigned(&line, "flags", (unsigned)rename->flags);
    line_end(&line);
}

static void renameat2_case(const struct rename_case *rename)
{
    call_line(rename, syscall(SYS_renameat2, rename->old_at, rename->old_path, rename->new_at, rename->new_path,
                              rename->flags));
}

static int renameat2_both(void)
{
    int at = open_directory(directory);
    make_file(place("a"), "");
    make_file(place("b"), "");
    renameat2_case(
        &(struct rename_case){"renameat2", "two files that change places", "a", "b", at, at, 2 /* RENAME_EXCHANGE */});
    renameat2_case(
        &(struct rename_case){"renameat2", "onto a file that is there, which fails", "a", place("b"), at, -9, 1});
    return 0;
}

#ifdef SYS_renameat
static int renameat_both(void)
{
    int at = open_directory(directory);
    struct rename_case good = {"renameat", "a file", "c", place("d"), at, AT_FDCWD, AT_NONE};
    struct rename_case bad = {"renameat", "a file that is not there", "not-there", "d", at, at, AT_NONE};
    make_file(place("c"), "");
    call_line(&good, syscall(SYS_renameat, at, good.old_path, AT_FDCWD, good.new_path));
    call_line(&bad, syscall(SYS_renameat, at, bad.old_path, at, bad.new_path));
    return 0;
}

static int renamed_by_renameat(void)
{
    make_file(place("by-renameat"), "");
    if (syscall(SYS_renameat, open_directory(directory), "by-renameat", AT_FDCWD, place("by-renameat-2")) < 0)
        cannot("renameat");
    renamed_line("renameat", "renameat", place("by-renameat"), place("by-renameat-2"));
    return 0;
}
#endif

#ifdef SYS_rename
static int rename_both(void)
{
    struct rename_case good = {"rename", "a file", place("e"), place("f"), AT_NONE, AT_NONE, AT_NONE};
    struct rename_case bad = {"rename", "a file that is not there", place("not-there"), place("f"), AT_NONE, AT_NONE,
                              AT_NONE};
    make_file(good.old_path, "");
    call_line(&good, syscall(SYS_rename, good.old_path, good.new_path));
    call_line(&bad, syscall(SYS_rename, bad.old_path, bad.new_path));
    return 0;
}

static int renamed_by_rename(void)
{
    make_file(place("by-rename"), "");
    if (syscall(SYS_rename, place("by-rename"), place("by-rename-2")) < 0)
        cannot("rename");
    renamed_line("rename", "rename", place("by-rename"), place("by-rename-2"));
    return 0;
}
#endif

void trigger_security_inode_rename(void)
{
    in_child("vt-renamed-at", renamed_at);
    in_child("vt-renamed-long", renamed_long);
    in_child("vt-renamed-root", renamed_from_chroot);
#ifdef SYS_renameat
    in_child("vt-renamed-2", renamed_by_renameat);
#endif
#ifdef SYS_rename
    in_child("vt-renamed", renamed_by_rename);
#endif
    in_child("vt-not-renamed", not_renamed);
}

void trigger_rename(void)
{
#ifdef SYS_rename
    in_child("vt-rename", rename_both);
#else
    not_possible("rename", "a call", "this architecture has no such call");
#endif
}

void trigger_renameat(void)
{
#ifdef SYS_renameat
    in_child("vt-renameat", renameat_both);
#else
    not_possible("renameat", "a call", "this architecture has no such call");
#endif
}

void trigger_renameat2(void)
{
    in_child("vt-renameat2", renameat2_both);
}
