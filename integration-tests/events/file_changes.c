/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to files: names made and removed, contents read and written, attributes changed, watches put on them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "integration-tests/events/expect.h"
#include "integration-tests/events/paths.h"

static int open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        cannot(path);
    return fd;
}

static void begin(struct line *line, const char *event, const char *what, const char *call, long long result)
{
    line_begin(line, event, what);
    line_result(line, call, result);
}

static void line_no_id(struct line *line)
{
    line_unsigned(line, "dev", 0);
    line_unsigned(line, "inode", 0);
}

static int unlinked(void)
{
    struct line line;
    make_file(place("unlink-me"), "");
    if (syscall(SYS_unlinkat, AT_FDCWD, place("unlink-me"), 0) < 0)
        cannot("unlinkat");
    begin(&line, "security_inode_unlink", "a file", "unlinkat", 0);
    line_user_string(&line, "pathname", place("unlink-me"));
    line_no_id(&line);
    line_unsigned(&line, "ctime", 0);
    line_end(&line);
    return 0;
}

static int directory_removed(void)
{
    if (mkdir(place("remove-me"), 0755) < 0 || syscall(SYS_unlinkat, AT_FDCWD, place("remove-me"), AT_REMOVEDIR) < 0 ||
        syscall(SYS_unlinkat, AT_FDCWD, place("not-there"), 0) != -1)
        cannot("unlinkat");
    near_miss("security_inode_unlink", "a directory that is removed, and a file that is not there");
    return 0;
}

void trigger_security_inode_unlink(void)
{
    in_child("vt-unlink", unlinked);
    in_child("vt-rmdir", directory_removed);
}

static int made_node(void)
{
    struct line line;
    umask(022);
    int at = open_file(directory, O_PATH | O_DIRECTORY);
    dev_t number = makedev(1, 3);
    if (syscall(SYS_mknodat, at, "node", S_IFCHR | 0666, number) < 0)
        cannot("mknodat");
    begin(&line, "security_inode_mknod", "a device", "mknodat", 0);
    line_user_string(&line, "file_name", place("node"));
    line_unsigned(&line, "mode", S_IFCHR | 0644);
    line_unsigned(&line, "dev", 1u << 20 | 3);
    line_end(&line);
    return 0;
}

static int made_regular(void)
{
    if (syscall(SYS_mknodat, AT_FDCWD, place("regular"), S_IFREG | 0600, 0) < 0)
        cannot("mknodat");
    near_miss("security_inode_mknod", "a regular file");
    return 0;
}

void trigger_security_inode_mknod(void)
{
    in_child("vt-mknod", made_node);
    in_child("vt-mknod-file", made_regular);
}

static int made_symlink(void)
{
    struct line line;
    if (syscall(SYS_symlinkat, "to/somewhere", AT_FDCWD, place("symlink")) < 0)
        cannot("symlinkat");
    begin(&line, "security_inode_symlink", "a symbolic link", "symlinkat", 0);
    line_user_string(&line, "linkpath", place("symlink"));
    line_user_string(&line, "target", "to/somewhere");
    line_end(&line);
    if (syscall(SYS_symlinkat, "x", AT_FDCWD, place("symlink-too")) < 0 ||
        syscall(SYS_symlinkat, "never", AT_FDCWD, place("symlink-too")) != -1)
        cannot("symlinkat");
    near_miss_with("security_inode_symlink", "a name that is taken", "target", "never");
    return 0;
}

void trigger_security_inode_symlink(void)
{
    in_child("vt-symlink", made_symlink);
}

/* A read or write of an open file. */
static void transfer_line(const char *event, const char *what, const char *call, long long result, int fd,
                          const char *path, unsigned long long count, long long position)
{
    struct line line;
    bool is_vector = strcmp(event, "vfs_readv") == 0 || strcmp(event, "vfs_writev") == 0;
    begin(&line, event, what, call, result);
    line_string(&line, "pathname", path);
    line_open_id(&line, fd);
    line_unsigned(&line, is_vector ? "vlen" : "count", count);
    line_int(&line, "pos", position);
    line_end(&line);
}

static int read_them(void)
{
    char bytes[64];
    struct iovec parts[] = {{bytes, 3}, {bytes + 3, 4}};
    const char *path = place("read-me");
    make_file(path, "0123456789");
    int fd = open_file(path, O_RDONLY), to = open_file(place("read-to"), O_WRONLY | O_CREAT);
    if (lseek(fd, 2, SEEK_SET) != 2)
        cannot("lseek");
    long n = read(fd, bytes, 5);
    transfer_line("vfs_read", "from the middle", "read", n, fd, path, 5, 2);
    n = pread(fd, bytes, 40, 6);
    transfer_line("vfs_read", "at a position, less than asked for", "pread64", n, fd, path, 40, 6);
    off_t at = 1;
    n = sendfile(to, fd, &at, 4);
    transfer_line("vfs_read", "by sendfile", "sendfile", n, fd, path, 4, 1);
    n = preadv(fd, parts, 2, 1);
    transfer_line("vfs_readv", "two buffers", "preadv", n, fd, path, 2, 1);
    return 0;
}

static int read_nothing(void)
{
    char byte;
    if (read(-1, &byte, 1) != -1)
        cannot("read");
    near_miss_with("vfs_read", "a descriptor that is none", "pathname", "");
    near_miss("vfs_readv", "a descriptor that is none");
    return 0;
}

void trigger_vfs_read(void)
{
    in_child("vt-read", read_them);
    in_child("vt-read-none", read_nothing);
}

void trigger_vfs_readv(void)
{
    /* with vfs_read */
}

static void magic_line(const char *what, const char *call, long long result, int fd, const char *path,
                       const char *bytes)
{
    struct line line;
    begin(&line, "magic_write", what, call, result);
    line_string(&line, "pathname", path);
    if (bytes != NULL)
        line_user_string(&line, "bytes", bytes); /* base64 */
    else
        line_unreadable(&line, "bytes", false);
    line_open_id(&line, fd);
    line_end(&line);
}

static int write_them(void)
{
    char head[] = "\177ELF", rest[] = "and more";
    struct iovec parts[] = {{head, 4}, {rest, 8}};
    const char *path = place("write-to");
    int fd = open_file(path, O_RDWR | O_CREAT | O_TRUNC);
    long n = write(fd, "\177ELF and a head longer than 32 bytes", 36);
    transfer_line("vfs_write", "at the beginning", "write", n, fd, path, 36, 0);
    magic_line("at the beginning", "write", n, fd, path, "f0VMRiBhbmQgYSBoZWFkIGxvbmdlciB0aGFuIDMyIGI=");
    n = write(fd, "0123456789ab", 12);
    transfer_line("vfs_write", "after that", "write", n, fd, path, 12, 36);
    n = pwritev(fd, parts, 2, 0);
    transfer_line("vfs_writev", "two buffers", "pwritev", n, fd, path, 2, 0);
    near_miss_with("magic_write", "in the middle of a file", "bytes", "MDEyMzQ1Njc4OWFi");
    return 0;
}

/* What another file's content becomes is not read. */
static int write_from_files(void)
{
    const char *from = place("write-from"), *path = place("write-copy");
    make_file(from, "#!/bin/sh");
    int in = open_file(from, O_RDONLY), fd = open_file(path, O_RDWR | O_CREAT | O_TRUNC);
    long n = sendfile(fd, in, NULL, 9);
    transfer_line("vfs_write", "by sendfile", "sendfile", n, fd, path, 9, 0);
    magic_line("by sendfile: unread", "sendfile", n, fd, path, NULL);
    off_t from_at = 0, to_at = 0;
    n = copy_file_range(in, &from_at, fd, &to_at, 9, 0);
    if (n != 9)
        cannot("copy_file_range");
    transfer_line("vfs_write", "by copy_file_range", "copy_file_range", n, fd, path, 9, 0);
    magic_line("by copy_file_range: unread", "copy_file_range", n, fd, path, NULL);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0 || write(ends[1], "#!/bin/sh", 9) != 9)
        cannot("a pipe");
    to_at = 0;
    n = splice(ends[0], NULL, fd, &to_at, 9, 0);
    if (n != 9)
        cannot("splice");
    transfer_line("vfs_write", "by splice", "splice", n, fd, path, 9, 0);
    magic_line("by splice: unread", "splice", n, fd, path, NULL);
    return 0;
}

/* Ways around a look at the first buffer of a write at position 0. */
static int write_in_odd_ways(void)
{
    char first[] = "\177", second[] = "ELF", rest[] = " and the rest of it, longer than 32 bytes";
    struct iovec parts[] = {{NULL, 0}, {first, 1}, {second, 3}, {rest, 40}};
    const char *path = place("write-parts");
    int fd = open_file(path, O_WRONLY | O_CREAT);
    long n = writev(fd, parts, 4);
    if (kernel_is_from(5, 17))
        magic_line("spread over buffers, an empty one first", "writev", n, fd, path,
                   "f0VMRiBhbmQgdGhlIHJlc3Qgb2YgaXQsIGxvbmdlciA=");
    else
        not_possible(
            "magic_write", "spread over buffers, an empty one first",
            "on this kernel only the first buffer that is not empty is read, and the bytes said to be truncated");
    path = place("write-appended");
    fd = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
    n = pwrite(fd, "\177ELF", 4, 4096);
    magic_line("appended to an empty file, at another position by its word", "pwrite64", n, fd, path, "f0VMRg==");
    n = pwrite(fd, "#!/bin/sh", 9, 0);
    near_miss_with("magic_write", "appended to a file that is not empty, at position 0 by its word", "bytes",
                   "IyEvYmluL3No");
    path = place("write-appended-once");
    fd = open_file(path, O_WRONLY | O_CREAT);
    struct iovec whole = {(char[]){"\177ELF"}, 4};
    long appended = pwritev2(fd, &whole, 1, 4096, RWF_APPEND);
    magic_line("appended by this call alone", "pwritev2", appended, fd, path, "f0VMRg==");
    return n == 9 && appended == 4 ? 0 : 1;
}

static int failed_write(void)
{
    int fd = open_file(place("write-never"), O_RDONLY | O_CREAT);
    if (write(fd, "never", 5) != -1)
        cannot("write");
    near_miss("magic_write", "a write that fails");
    return 0;
}

void trigger_vfs_write(void)
{
    in_child("vt-write", write_them);
    in_child("vt-write-copy", write_from_files);
    in_child("vt-write-fails", failed_write);
    in_child("vt-write-odd", write_in_odd_ways);
    write_hard_paths();
}

void trigger_vfs_writev(void)
{
    /* with vfs_write */
}

void trigger_magic_write(void)
{
    /* with vfs_write */
}

static int set_times(void)
{
    struct line line;
    struct timespec times[2] = {{1000000000, 5}, {1100000000, 7}};
    const char *path = place("times");
    make_file(path, "");
    int fd = open_file(path, O_RDONLY);
    if (syscall(SYS_utimensat, fd, NULL, times, 0) < 0)
        cannot("utimensat");
    begin(&line, "vfs_utimes", "by descriptor: the kernel's path", "utimensat", 0);
    line_string(&line, "pathname", path);
    line_open_id(&line, fd);
    line_unsigned(&line, "atime", 1000000000000000005ULL);
    line_unsigned(&line, "mtime", 1100000000000000007ULL);
    line_end(&line);
    times[0].tv_nsec = 6;
    if (syscall(SYS_utimensat, AT_FDCWD, path, times, 0) < 0)
        cannot("utimensat");
    begin(&line, "vfs_utimes", "by name: the caller's copy", "utimensat", 0);
    line_user_string(&line, "pathname", path);
    line_no_id(&line);
    line_unsigned(&line, "atime", 1000000000000000006ULL);
    line_unsigned(&line, "mtime", 1100000000000000007ULL);
    line_end(&line);
    return 0;
}

static int no_times(void)
{
    if (syscall(SYS_utimensat, AT_FDCWD, place("not-there"), NULL, 0) != -1)
        cannot("utimensat");
    near_miss("vfs_utimes", "a file that is not there");
    return 0;
}

void trigger_vfs_utimes(void)
{
    in_child("vt-utimes", set_times);
    in_child("vt-utimes-none", no_times);
}

static void truncated_line(const char *what, const char *call, long long result, int fd, const char *path,
                           unsigned long long length)
{
    struct line line;
    begin(&line, "do_truncate", what, call, result);
    if (fd >= 0)
        line_string(&line, "pathname", path);
    else
        line_user_string(&line, "pathname", path);
    if (fd >= 0)
        line_open_id(&line, fd);
    else
        line_no_id(&line);
    line_unsigned(&line, "length", length);
    line_end(&line);
}

static int truncated(void)
{
    const char *path = place("truncate-me");
    make_file(path, "0123456789");
    int fd = open_file(path, O_RDWR);
    if (ftruncate(fd, 7) < 0 || truncate(path, 5) < 0)
        cannot("truncate");
    truncated_line("by descriptor", "ftruncate", 0, fd, path, 7);
    truncated_line("by name", "truncate", 0, -1, path, 5);
    close(fd);
    path = place("truncate-too");
    close(open_file(path, O_WRONLY | O_CREAT));
    fd = open_file(path, O_WRONLY | O_TRUNC);
    truncated_line("by open", "openat", 0, fd, path, 0);
    return 0;
}

static int not_truncated(void)
{
    int fd = open_file(place("truncate-me"), O_RDONLY);
    if (ftruncate(fd, 1) != -1)
        cannot("ftruncate");
    near_miss("do_truncate", "a descriptor that may not be written, and an open without O_TRUNC");
    return 0;
}

void trigger_do_truncate(void)
{
    in_child("vt-truncate", truncated);
    in_child("vt-truncate-no", not_truncated);
}

static void mode_line(const char *what, const char *call, bool is_user, const char *path, unsigned mode)
{
    struct line line;
    begin(&line, "chmod_common", what, call, 0);
    if (is_user)
        line_user_string(&line, "pathname", path);
    else
        line_string(&line, "pathname", path);
    line_unsigned(&line, "mode", mode);
    line_end(&line);
}

static int set_mode(void)
{
    const char *path = place("mode");
    make_file(path, "");
    int fd = open_file(path, O_RDONLY);
    if (fchmod(fd, 0640) < 0 || syscall(SYS_fchmodat, AT_FDCWD, path, 04711) < 0)
        cannot("chmod");
    mode_line("by descriptor: the kernel's path", "fchmod", false, path, 0640);
    mode_line("by name", "fchmodat", true, path, 04711);
    if (syscall(SYS_fchmodat, AT_FDCWD, place("not-there"), 0123) != -1)
        cannot("chmod");
    near_miss_with("chmod_common", "a file that is not there", "pathname", place("not-there"));
    return 0;
}

void trigger_chmod_common(void)
{
    in_child("vt-chmod", set_mode);
}

static int watched(void)
{
    struct line line;
    const char *path = place("watch-me");
    make_file(path, "");
    int watches = inotify_init1(IN_CLOEXEC);
    if (watches < 0 || inotify_add_watch(watches, path, IN_OPEN | IN_CLOSE_WRITE) < 0)
        cannot("inotify");
    begin(&line, "security_path_notify", "inotify", "inotify_add_watch", 0);
    line_user_string(&line, "pathname", path);
    line_no_id(&line);
    line_unsigned(&line, "mask", IN_OPEN | IN_CLOSE_WRITE);
    line_unsigned(&line, "obj_type", 0);
    line_end(&line);
    begin(&line, "inotify_watch", "inotify", "inotify_add_watch", 0);
    line_user_string(&line, "pathname", path);
    line_no_id(&line);
    line_end(&line);
    if (inotify_add_watch(watches, place("not-there"), IN_OPEN) != -1)
        cannot("inotify");
    near_miss_with("inotify_watch", "a file that is not there", "pathname", place("not-there"));
    return 0;
}

static int marked(void)
{
    struct line line;
    const char *path = place("mark-me");
    make_file(path, "");
    int marks = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY), fd = open_file(path, O_RDONLY);
    if (marks < 0 && (errno == ENOSYS || errno == EPERM)) {
        not_possible("security_path_notify", "fanotify", "this kernel has no fanotify");
        return 0;
    }
    if (fanotify_mark(marks, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_CLOSE_WRITE, fd, NULL) < 0)
        cannot("fanotify_mark");
    begin(&line, "security_path_notify", "fanotify, by descriptor: the kernel's path", "fanotify_mark", 0);
    line_string(&line, "pathname", path);
    line_open_id(&line, fd);
    line_unsigned(&line, "mask", FAN_CLOSE_WRITE);
    line_unsigned(&line, "obj_type", 1);
    line_end(&line);
    return 0;
}

void trigger_security_path_notify(void)
{
    in_child("vt-inotify", watched);
    in_child("vt-fanotify", marked);
}

void trigger_inotify_watch(void)
{
    /* with security_path_notify */
}

/* No kernel that is maintained still leaves such a buffer behind: only that an ordinary splice is none can be shown. */
static int clean_splice(void)
{
    int ends[2];
    const char *path = place("splice-me");
    make_file(path, "0123456789");
    int fd = open_file(path, O_RDONLY);
    if (pipe2(ends, O_CLOEXEC) < 0 || splice(fd, NULL, ends[1], NULL, 3, 0) != 3)
        cannot("splice");
    near_miss("dirty_pipe_splice", "a splice into a pipe whose buffers are clean");
    return 0;
}

void trigger_dirty_pipe_splice(void)
{
    not_possible("dirty_pipe_splice", "a buffer that can be merged into",
                 "every kernel here clears a pipe buffer's flags (CVE-2022-0847 is mended)");
    in_child("vt-splice", clean_splice);
}

static int moved(void)
{
    struct line line;
    if (mkdir(place("pwd"), 0755) < 0 || chdir(directory) < 0)
        cannot("chdir");
    int fd = open_file(directory, O_PATH | O_DIRECTORY);
    if (chdir("pwd") < 0)
        cannot("chdir");
    begin(&line, "set_fs_pwd", "by name", "chdir", 0);
    line_user_string(&line, "unresolved_path", "pwd");
    line_string(&line, "resolved_path", place("pwd"));
    line_end(&line);
    if (fchdir(fd) < 0)
        cannot("fchdir");
    begin(&line, "set_fs_pwd", "by descriptor", "fchdir", 0);
    line_string(&line, "unresolved_path", "");
    line_string(&line, "resolved_path", directory);
    line_end(&line);
    if (chdir("not-there") != -1)
        cannot("chdir");
    near_miss_with("set_fs_pwd", "a directory that is not there", "unresolved_path", "not-there");
    return 0;
}

void trigger_set_fs_pwd(void)
{
    in_child("vt-chdir", moved);
}
