/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts by both of the kernel's interfaces, in a mount namespace of this program's own. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "integration-tests/events/expect.h"

/* include/uapi/linux/mount.h: libc's header of the same name has them only from 2.36 on. */
enum {
    FSCONFIG_FLAG = 0,
    FSCONFIG_STRING = 1,
    FSCONFIG_CREATE = 6,
    FSCONFIG_RECONFIGURE = 7,
    MOVE_FROM_EMPTY = 4,
    TREE_CLONE = 1
};

static void make_directory(const char *path)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        cannot(path);
}

static void mount_line(const char *what, long result, const char *dev_name, const char *path, const char *type,
                       unsigned long flags)
{
    struct line line;
    line_begin(&line, "security_sb_mount", what);
    line_result(&line, "mount", result);
    if (dev_name == NULL)
        line_string(&line, "dev_name", "");
    else
        line_user_string(&line, "dev_name", dev_name);
    line_user_string(&line, "path", path);
    if (type == NULL)
        line_string(&line, "type", "");
    else
        line_user_string(&line, "type", type);
    line_unsigned(&line, "flags", flags);
    line_end(&line);
}

static int mount_old(void)
{
    const char *path = place("mount"), *bound = place("bound");
    make_directory(path);
    make_directory(bound);
    long long result = result_or_error(mount("vt-tmpfs", path, "tmpfs", MS_NODEV | MS_NOSUID, "size=64k"));
    mount_line("a new file system", result, "vt-tmpfs", path, "tmpfs", MS_NODEV | MS_NOSUID);
    result = result_or_error(mount(path, bound, NULL, MS_BIND, NULL));
    mount_line("a bind", result, path, bound, NULL, MS_BIND);
    result = result_or_error(mount("/dev/null", path, "ext4", MS_RDONLY, NULL));
    mount_line("a device that is none, which fails", result, "/dev/null", path, "ext4", MS_RDONLY);
    umount2(bound, MNT_DETACH);
    umount2(path, MNT_DETACH);
    return 0;
}

static int mount_new(void)
{
    struct line line;
    const char *path = place("mount-new");
    make_directory(path);
    int context = (int)syscall(SYS_fsopen, "tmpfs", 0);
    if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_STRING, "source", "vt-new", 0) < 0)
        cannot("fsopen");
    long long result = result_or_error(syscall(SYS_fsconfig, context, FSCONFIG_CREATE, NULL, NULL, 0));
    line_begin(&line, "security_sb_mount", "by fsconfig: a file system without a place yet");
    line_result(&line, "fsconfig", result);
    line_string(&line, "dev_name", "vt-new");
    line_string(&line, "path", "");
    line_string(&line, "type", "tmpfs");
    line_any(&line, "flags"); /* a file system adds its own */
    line_end(&line);
    int made = (int)syscall(SYS_fsmount, context, 0, 0);
    if (made < 0)
        cannot("fsmount");
    result = result_or_error(syscall(SYS_move_mount, made, "", AT_FDCWD, path, MOVE_FROM_EMPTY));
    line_begin(&line, "security_sb_mount", "by move_mount: into place");
    line_result(&line, "move_mount", result);
    line_string(&line, "dev_name", "vt-new");
    line_user_string(&line, "path", path);
    line_string(&line, "type", "tmpfs");
    line_unsigned(&line, "flags", MS_MOVE);
    line_end(&line);
    umount2(path, MNT_DETACH);
    return 0;
}

static void change_line(const char *what, int context)
{
    struct line line;
    if (syscall(SYS_fsconfig, context, FSCONFIG_FLAG, "ro", NULL, 0) < 0)
        cannot("fsconfig");
    long long result = result_or_error(syscall(SYS_fsconfig, context, FSCONFIG_RECONFIGURE, NULL, NULL, 0));
    line_begin(&line, "security_sb_mount", what);
    line_result(&line, "fsconfig", result);
    line_string(&line, "dev_name", "tmpfs");
    line_string(&line, "path", "");
    line_string(&line, "type", "tmpfs");
    line_unsigned(&line, "flags", MS_REMOUNT | MS_RDONLY);
    line_end(&line);
}

/* What mount(2) calls MS_REMOUNT. */
static int mount_changed(void)
{
    const char *path = place("mount-changed");
    make_directory(path);
    if (mount("vt-changed", path, "tmpfs", 0, NULL) < 0)
        cannot("mount");
    int context = (int)syscall(SYS_fspick, AT_FDCWD, path, 0);
    if (context < 0)
        cannot("fspick");
    change_line("by fspick and fsconfig: mounted anew", context);
    close(context);
    context = (int)syscall(SYS_fspick, AT_FDCWD, path, 0);
    /* It has one already, its own. */
    if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_STRING, "nr_inodes", "1", 0) < 0 ||
        mkdir(place("mount-changed/too-many"), 0755) == 0)
        cannot("fspick");
    if (mount(NULL, path, NULL, MS_REMOUNT, NULL) < 0 || mkdir(place("mount-changed/one-more"), 0755) < 0)
        cannot("MS_REMOUNT");
    change_line("by fspick and fsconfig, which fails", context);
    umount2(path, MNT_DETACH);
    return 0;
}

/* What mount(2) calls MS_BIND. */
static int mount_tree(void)
{
    struct line line;
    const char *path = place("mount-tree");
    make_directory(path);
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, directory, TREE_CLONE);
    long long result = result_or_error(syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_FROM_EMPTY));
    line_begin(&line, "security_sb_mount", "by open_tree and move_mount: a bind");
    line_result(&line, "move_mount", result);
    line_string(&line, "dev_name", "vedette-trigger");
    line_user_string(&line, "path", path);
    line_string(&line, "type", "tmpfs");
    line_unsigned(&line, "flags", MS_MOVE);
    line_end(&line);
    umount2(path, MNT_DETACH);
    return 0;
}

/* Preparing one makes nothing. */
static int mount_none(void)
{
    int context = (int)syscall(SYS_fsopen, "tmpfs", 0);
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, directory, TREE_CLONE);
    if (context < 0 || tree < 0 || syscall(SYS_fsconfig, context, FSCONFIG_STRING, "source", "never", 0) < 0)
        cannot("fsopen");
    near_miss("security_sb_mount", "a context without a file system, and a cloned tree without a place");
    return 0;
}

void trigger_security_sb_mount(void)
{
    in_child("vt-mount", mount_old);
    in_child("vt-mount-new", mount_new);
    in_child("vt-mount-again", mount_changed);
    in_child("vt-mount-tree", mount_tree);
    in_child("vt-mount-none", mount_none);
}

static int unmounted(void)
{
    struct line line;
    const char *path = place("umount");
    make_directory(path);
    if (mount("vt-umount", path, "tmpfs", 0, NULL) < 0)
        cannot("mount");
    long long result = result_or_error(umount2(path, MNT_DETACH));
    line_begin(&line, "security_sb_umount", "a mount");
    line_result(&line, "umount2", result);
    line_user_string(&line, "mountpoint", path);
    line_unreadable(&line, "type", true);
    line_int(&line, "flags", MNT_DETACH);
    line_end(&line);
    result = result_or_error(umount2(path, 0));
    line_begin(&line, "security_sb_umount", "a directory that is none, which fails");
    line_result(&line, "umount2", result);
    line_user_string(&line, "mountpoint", path);
    line_unreadable(&line, "type", true);
    line_int(&line, "flags", 0);
    line_end(&line);
    return 0;
}

static int not_unmounted(void)
{
    make_directory(place("umount-none"));
    if (rmdir(place("umount-none")) < 0)
        cannot("rmdir");
    near_miss("security_sb_umount", "a directory that is removed");
    return 0;
}

void trigger_security_sb_umount(void)
{
    in_child("vt-umount", unmounted);
    in_child("vt-umount-none", not_unmounted);
}
