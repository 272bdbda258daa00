/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tester/trigger.h"

static int in_folder(int (*act)(const char *folder))
{
    char folder[] = "/tmp/vedette-tester.XXXXXX";
    if (mkdtemp(folder) == NULL)
        return trigger_failed("a folder in /tmp");
    int r = act(folder);
    rmdir(folder);
    return r;
}

/* No block device: the kernel refuses it after everybody has been asked. */
static int mount_null(const char *folder)
{
    if (mount("/dev/null", folder, "ext4", 0, NULL) == 0) {
        umount2(folder, MNT_DETACH);
        errno = EEXIST;
        return trigger_failed("/dev/null could be mounted");
    }
    return errno == ENOTBLK || errno == ENODEV ? 0 : trigger_failed("asking for a mount (needs CAP_SYS_ADMIN)");
}

static int bind_null(const char *folder)
{
    char file[64];
    snprintf(file, sizeof(file), "%s/null", folder);
    if (mknod(file, S_IFREG | 0600, 0) < 0)
        return trigger_failed(file);
    int r = mount("/dev/null", file, NULL, MS_BIND, NULL) == 0 ? 0 : trigger_failed("a bind (needs CAP_SYS_ADMIN)");
    if (r == 0)
        umount2(file, MNT_DETACH);
    unlink(file);
    return r;
}

static int run(void)
{
    return in_folder(mount_null);
}

static int bind(void)
{
    return in_folder(bind_null);
}

/* A name outside of /dev; the file system says that it is a disk's. */
static int mount_by_link(const char *folder)
{
    char path[64];
    snprintf(path, sizeof(path), "%s-link", folder);
    if (symlink("/dev/null", path) < 0)
        return trigger_failed(path);
    int r = mount(path, folder, "ext4", 0, NULL);
    int saved = errno;
    unlink(path);
    errno = saved;
    return r < 0 && (errno == ENOTBLK || errno == ENODEV) ? 0 : trigger_failed("asking for a mount by a link");
}

/* The calls that have taken mount's place since Linux 5.2. */
static int mount_by_steps(const char *folder)
{
    (void)folder;
    int fd = (int)syscall(SYS_fsopen, "ext4", 0);
    if (fd < 0)
        return errno == ENODEV ? trigger_skipped("this kernel has no ext4") : trigger_failed("fsopen");
    long r = syscall(SYS_fsconfig, fd, FSCONFIG_SET_STRING, "source", "/dev/null", 0);
    if (r == 0)
        r = syscall(SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    int saved = errno;
    close(fd);
    errno = saved;
    return r < 0 && errno == ENOTBLK ? 0 : trigger_failed("asking for a mount by steps");
}

static int mount_memory(const char *folder)
{
    if (mount("/dev/shm", folder, "tmpfs", 0, "size=4k") < 0)
        return trigger_failed("a tmpfs (needs CAP_SYS_ADMIN)");
    return umount2(folder, MNT_DETACH) < 0 ? trigger_failed("umount2") : 0;
}

static int by_link(void)
{
    return in_folder(mount_by_link);
}

static int by_steps(void)
{
    return in_folder(mount_by_steps);
}

static int of_memory(void)
{
    return in_folder(mount_memory);
}

const struct trigger trigger_disk_mount = {
    .id = "TRC-1014",
    .name = "disk_mount",
    .deed = {.what = "asks for a mount of /dev/null, which is no disk, so that the kernel refuses it", .run = run},
    .in_container = true,
    .evasions = {{.what = "the device has a name outside of /dev", .run = by_link},
                 {.what = "by the calls that have taken mount's place (fsopen, fsconfig)", .run = by_steps}},
    .near_misses = {{.what = "/dev/null is bound to a file, as every start of a container does", .run = bind},
                    {.what = "it is a tmpfs that calls itself /dev/shm", .run = of_memory}},
};
