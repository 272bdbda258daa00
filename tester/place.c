/* SPDX-License-Identifier: Apache-2.0 */
#include "tester/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tester/trigger.h"

int place_private_etc(void)
{
    if (unshare(CLONE_NEWNS) < 0)
        return trigger_failed("a mount namespace of its own (needs CAP_SYS_ADMIN)");
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return trigger_failed("making the mounts private");
    if (mount("vedette-tester", "/etc", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=4m") < 0)
        return trigger_failed("mounting a private tmpfs on /etc");
    return 0;
}

static int make_parents(const char *path)
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
    int r = make_parents(path);
    if (r == 0 && mknod(path, S_IFREG | 0600, 0) < 0)
        r = trigger_failed(path);
    return r;
}

int place_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return trigger_failed(path);
    close(fd);
    return 0;
}
