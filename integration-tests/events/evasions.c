/* SPDX-License-Identifier: Apache-2.0 */
/* Other names for a file, other ways to a descriptor, and names that change. */
#include "integration-tests/events/evasions.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "integration-tests/events/expect.h"

enum { FLAGS = O_RDONLY | O_CLOEXEC };

void opened_file(struct opened *opened, int fd)
{
    struct statfs system;
    if (fstat(fd, &opened->file) < 0 || fstatfs(fd, &system) < 0)
        cannot(opened->what);
    opened->fs_magic = (unsigned long)system.f_type;
}

void opened_line(const struct opened *opened)
{
    struct line line;
    struct who self = opened->who == NULL ? who_am_i() : *opened->who;
    line_begin_of(&line, "security_file_open", opened->what, &self);
    if (opened->is_compat)
        line_compat(&line);
    line_result(&line, opened->call, 0);
    line_string(&line, "pathname", opened->pathname);
    line_any(&line, "flags");
    line_inode(&line, "", &opened->file);
    if (opened->string == NULL)
        line_string(&line, "syscall_pathname", "");
    else if (opened->string_state == STRING_ANY)
        line_user_any(&line, "syscall_pathname");
    else if (opened->string_state == STRING_UNREADABLE)
        line_unreadable(&line, "syscall_pathname", true);
    else
        line_user_string(&line, "syscall_pathname", opened->string);
    line_unsigned(&line, "fs_magic", opened->fs_magic);
    if (opened->fs_magic == OVERLAYFS_SUPER_MAGIC)
        line_any(&line, "overlay_layer");
    else
        line_unsigned(&line, "overlay_layer", 0);
    line_end(&line);
}

void opened_by(const char *what, const char *call, int fd, const char *pathname, const char *string)
{
    struct opened opened = {.what = what, .call = call, .pathname = pathname, .string = string};
    opened_file(&opened, fd);
    opened_line(&opened);
}

static int open_at(const char *string)
{
    return (int)syscall(SYS_openat, AT_FDCWD, string, FLAGS, 0);
}

/* Row 2: other names for a file. */
static int other_names(void)
{
    const char *real = place("evade-real"), *hard = place("evade-hard"), *way = place("evade-way");
    char dots[PATH_BYTES], descriptor[64];
    make_file(real, "x");
    if (link(real, hard) < 0 || mkdir(way, 0755) < 0)
        cannot("names");
    int fd = open_at(hard);
    opened_by("by a hard link: the name that was used", "openat", fd, hard, hard);
    snprintf(dots, sizeof(dots), "%s/../evade-way/./..//evade-real", way);
    opened_by("by a name with dots", "openat", open_at(dots), real, dots);
    snprintf(descriptor, sizeof(descriptor), "/proc/self/fd/%d", fd);
    opened_by("by a descriptor's link in /proc", "openat", open_at(descriptor), hard, descriptor);
    return 0;
}

static int bind_mounted(void)
{
    const char *real = place("evade-bound"), *over = place("evade-innocent");
    make_file(real, "x");
    make_file(over, "y");
    if (mount(real, over, NULL, MS_BIND, NULL) < 0)
        cannot("a bind mount");
    opened_by("by a bind mount: the place it was opened at, the inode that it is", "openat", open_at(over), over, over);
    umount2(over, MNT_DETACH);
    return 0;
}

/* Row 15: one name, another file. */
static int other_namespace(void)
{
    const char *path = place("evade-same");
    make_file(path, "outside");
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("vt-inner", directory, "tmpfs", 0, NULL) < 0)
        cannot("a mount namespace");
    if (mknod(path, S_IFREG | 0644, 0) < 0) /* not opened for that */
        cannot(path);
    opened_by("the same name in another mount namespace: another inode", "openat", open_at(path), path, path);
    return 0;
}

/* One name, another file, and the way into the other namespace from outside. */
static int root_of_another(void)
{
    int go[2], there[2];
    char byte, way[PATH_BYTES];
    const char *path = place("evade-inner");
    if (pipe2(go, O_CLOEXEC) < 0 || pipe2(there, O_CLOEXEC) < 0)
        cannot("pipes");
    pid_t inside = fork();
    if (inside == 0) {
        close(go[1]);
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("vt-inner", directory, "tmpfs", 0, NULL) < 0 || mknod(path, S_IFREG | 0644, 0) < 0 ||
            write(there[1], "t", 1) != 1)
            _exit(1);
        _exit(read(go[0], &byte, 1) >= 0 ? 0 : 1);
    }
    close(there[1]);
    if (read(there[0], &byte, 1) != 1)
        cannot("a mount namespace");
    snprintf(way, sizeof(way), "/proc/%d/root%s", inside, path);
    opened_by("in another mount namespace, by /proc/PID/root", "openat", open_at(way), path, way);
    close(go[1]);
    return waitpid(inside, NULL, 0) == inside ? 0 : 1;
}

/* A file by its handle has no name in the call. */
static int by_handle(void)
{
    struct {
        struct file_handle head;
        unsigned char bytes[MAX_HANDLE_SZ];
    } handle = {.head.handle_bytes = MAX_HANDLE_SZ};
    int mount_id, at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_file(place("evade-handle"), "x");
    if (name_to_handle_at(AT_FDCWD, place("evade-handle"), &handle.head, &mount_id, 0) < 0) {
        not_possible("security_file_open", "by open_by_handle_at", "this file system has no handles");
        return 0;
    }
    int fd = open_by_handle_at(at, &handle.head, FLAGS);
    opened_by("by open_by_handle_at", "open_by_handle_at", fd, place("evade-handle"), NULL);
    return 0;
}

/* Row 13: a file without a name that gets one. */
static int nameless(void)
{
    char descriptor[64];
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        not_possible("security_file_open", "O_TMPFILE, linked afterwards", "this file system has no O_TMPFILE");
        return 0;
    }
    snprintf(descriptor, sizeof(descriptor), "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, descriptor, AT_FDCWD, place("evade-named"), AT_SYMLINK_FOLLOW) < 0)
        cannot("linkat");
    opened_by("O_TMPFILE, linked afterwards", "openat", open_at(place("evade-named")), place("evade-named"),
              place("evade-named"));
    return 0;
}

/* Row 18: an event says who it is now, not who executed the program. */
static int changed_user(void)
{
    const char *path = place("evade-user");
    make_file(path, "x");
    if (chmod(path, 0644) < 0 || syscall(SYS_setresuid, 12345, 12345, 12345) < 0)
        cannot("setresuid");
    opened_by("as another user since", "openat", open_at(path), path, path);
    return 0;
}

static void read_line(const char *what, int fd, const char *path, long result)
{
    struct line line;
    line_begin(&line, "vfs_read", what);
    line_result(&line, "read", result);
    line_string(&line, "pathname", path);
    line_open_id(&line, fd);
    line_unsigned(&line, "count", 3);
    line_int(&line, "pos", 0);
    line_end(&line);
}

static void send_descriptor(int to, int fd)
{
    char byte = 'x', room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    if (sendmsg(to, &message, 0) != 1)
        cannot("sendmsg");
}

static int receive_descriptor(int from)
{
    char byte, room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    int fd;
    if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1 || CMSG_FIRSTHDR(&message) == NULL)
        cannot("recvmsg");
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    return fd;
}

/* Row 14: opened by one process, read by another that never opened it. */
static int passed_descriptor(void)
{
    int pair[2], fd;
    char bytes[4];
    const char *path = place("evade-passed");
    make_file(path, "abc");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        cannot("socketpair");
    pid_t opener = fork();
    if (opener == 0) {
        send_descriptor(pair[1], open_at(path));
        _exit(0);
    }
    fd = receive_descriptor(pair[0]);
    read_line("of a descriptor that came by SCM_RIGHTS", fd, path, read(fd, bytes, 3));
    waitpid(opener, NULL, 0);
    return 0;
}

static int taken_descriptor(void)
{
    int go[2], there[2], number;
    char byte, bytes[4];
    const char *path = place("evade-taken");
    make_file(path, "abc");
    if (pipe2(go, O_CLOEXEC) < 0 || pipe2(there, O_CLOEXEC) < 0)
        cannot("pipes");
    pid_t opener = fork();
    if (opener == 0) {
        number = open_at(path);
        if (write(there[1], &number, sizeof(number)) != sizeof(number) || read(go[0], &byte, 1) != 1)
            _exit(1);
        _exit(0);
    }
    if (read(there[0], &number, sizeof(number)) != sizeof(number))
        cannot("the opener");
    int process = (int)syscall(SYS_pidfd_open, opener, 0);
    int fd = (int)syscall(SYS_pidfd_getfd, process, number, 0);
    if (fd < 0)
        cannot("pidfd_getfd");
    read_line("of a descriptor that pidfd_getfd took", fd, path, read(fd, bytes, 3));
    if (write(go[1], "g", 1) != 1)
        cannot("the opener");
    waitpid(opener, NULL, 0);
    return 0;
}

/* Opened by the parent, read by the child: nothing was passed. */
static int inherited_descriptor(void)
{
    char bytes[4];
    const char *path = place("evade-inherited");
    make_file(path, "abc");
    int fd = open_at(path);
    pid_t heir = fork();
    if (heir == 0) {
        read_line("of a descriptor that was inherited", fd, path, read(fd, bytes, 3));
        _exit(0);
    }
    return waitpid(heir, NULL, 0) == heir ? 0 : 1;
}

/* Whose program has no part in it: written by one that only got the descriptor. */
static int passed_for_writing(void)
{
    int pair[2], fd;
    struct line line;
    const char *path = place("evade-written");
    make_file(path, "");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        cannot("socketpair");
    pid_t opener = fork();
    if (opener == 0) {
        send_descriptor(pair[1], (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY, 0));
        _exit(0);
    }
    fd = receive_descriptor(pair[0]);
    long result = write(fd, "xyz", 3);
    line_begin(&line, "vfs_write", "to a descriptor that came by SCM_RIGHTS");
    line_result(&line, "write", result);
    line_string(&line, "pathname", path);
    line_open_id(&line, fd);
    line_unsigned(&line, "count", 3);
    line_int(&line, "pos", 0);
    line_end(&line);
    return waitpid(opener, NULL, 0) == opener ? 0 : 1;
}

void evasions_run(void)
{
    in_child("vt-names", other_names);
    in_child("vt-bind", bind_mounted);
    in_child("vt-namespace", other_namespace);
    in_child("vt-handle", by_handle);
    in_child("vt-nameless", nameless);
    in_child("vt-user", changed_user);
    in_child("vt-passed", passed_descriptor);
    in_child("vt-taken", taken_descriptor);
    in_child("vt-inherited", inherited_descriptor);
    in_child("vt-written", passed_for_writing);
    in_child("vt-root", root_of_another);
    races_run();
    evasions_by_number();
    evasions_by_program();
    evasions_by_waiting();
    evasions_by_fault();
    evasions_by_fuse();
}
