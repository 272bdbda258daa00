/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

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

const struct trigger trigger_disk_mount = {
    .id = "TRC-1014",
    .name = "disk_mount",
    .what = "asks for a mount of /dev/null, which is no disk, so that the kernel refuses it",
    .run = run,
    .in_container = true,
    .near_misses = {{"/dev/null is bound to a file, as every start of a container does", bind}},
};
