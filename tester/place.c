/* SPDX-License-Identifier: Apache-2.0 */
#include "tester/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tester/trigger.h"

/* An initramfs is no root that can be exchanged; there the new one is laid over it. */
static int enter(void)
{
    if (mkdir("old", 0700) < 0)
        return trigger_failed("a folder in a private tmpfs");
    if (syscall(SYS_pivot_root, ".", "old") == 0)
        return chdir("/") == 0 && umount2("/old", MNT_DETACH) == 0 ? 0 : trigger_failed("leaving the old root");
    if (mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0)
        return 0;
    return trigger_failed("a root folder of its own (needs CAP_SYS_ADMIN)");
}

static int own_mounts(void)
{
    if (unshare(CLONE_NEWNS) < 0)
        return trigger_failed("a mount namespace of its own (needs CAP_SYS_ADMIN)");
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return trigger_failed("making the mounts private");
    return 0;
}

static int own_tmp(void)
{
    if (mount("vedette-tester", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=8m") < 0)
        return trigger_failed("mounting a private tmpfs on /tmp");
    return 0;
}

int place_private_tmp(void)
{
    int r = own_mounts();
    return r < 0 ? r : own_tmp();
}

/* By its name: the link in procfs leads to the mount of the namespace that was left, which cannot be bound. */
static int open_self(void)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length < 0)
        return trigger_failed("/proc/self/exe");
    self[length] = '\0';
    int fd = open(self, O_PATH | O_CLOEXEC);
    return fd < 0 ? trigger_failed(self) : fd;
}

static int bind_self(int fd)
{
    char path[64];
    int r = place_empty_file("/tmp" PLACE_PROGRAM);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (r == 0 && mount(path, "/tmp" PLACE_PROGRAM, NULL, MS_BIND, NULL) < 0)
        r = trigger_failed("this program in a private tmpfs");
    return r;
}

int place_private_root(void)
{
    int r = own_mounts();
    int self = r < 0 ? r : open_self(); /* before /tmp, where it may be, is covered */
    if (self < 0)
        return self;
    r = own_tmp();
    if (r == 0)
        r = bind_self(self);
    close(self);
    if (r < 0)
        return r;
    if (chdir("/tmp") < 0 || mkdir("tmp", 0700) < 0)
        return trigger_failed("a private tmpfs");
    return enter();
}

int place_folders_of(const char *path)
{
    char parent[PATH_MAX];
    if (snprintf(parent, sizeof(parent), "%s", path) >= (int)sizeof(parent)) {
        errno = ENAMETOOLONG;
        return trigger_failed(path);
    }
    for (char *slash = strchr(parent + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(parent, 0755) < 0 && errno != EEXIST)
            return trigger_failed(parent);
        *slash = '/';
    }
    return 0;
}

int place_empty_file(const char *path)
{
    int r = place_folders_of(path);
    if (r == 0 && mknod(path, S_IFREG | 0700, 0) < 0)
        r = trigger_failed(path);
    return r;
}

int place_mount(const char *type, const char *folder)
{
    int r = place_folders_of(folder);
    if (r < 0)
        return r;
    if (mkdir(folder, 0755) < 0 && errno != EEXIST)
        return trigger_failed(folder);
    if (mount("vedette-tester", folder, type, 0, NULL) == 0)
        return 0;
    return errno == ENODEV ? trigger_skipped("this kernel has no file system of that type") : trigger_failed(type);
}

int place_program(const char *path)
{
    int r = place_empty_file(path);
    if (r == 0 && mount(PLACE_PROGRAM, path, NULL, MS_BIND, NULL) < 0)
        r = trigger_failed(path);
    return r;
}

int place_script(const char *path, const char *content)
{
    int r = place_empty_file(path);
    if (r < 0)
        return r;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return trigger_failed(path);
    r = write(fd, content, strlen(content)) == (ssize_t)strlen(content) ? 0 : trigger_failed(path);
    close(fd);
    return r;
}
