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

/* The folders on the way are removed too, up to the one that was made for this. */
static int open_in(const char *folder, const char *name, int flags)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return trigger_failed(name);
    }
    int r = place_empty_file(path);
    if (r == 0)
        r = place_open(path, flags);
    unlink(path);
    for (char *slash = strrchr(path, '/'); slash != NULL && (size_t)(slash - path) > strlen(folder);
         slash = strrchr(path, '/')) {
        *slash = '\0';
        rmdir(path);
    }
    return r;
}

int place_open_temporary(const char *name, int flags)
{
    char folder[] = "/tmp/vedette-tester.XXXXXX";
    if (mkdtemp(folder) == NULL)
        return trigger_failed("a folder in /tmp");
    int r = open_in(folder, name, flags);
    rmdir(folder);
    return r;
}
