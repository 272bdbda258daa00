/* SPDX-License-Identifier: Apache-2.0 */
#include "tester/file_deed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tester/compat.h"
#include "tester/place.h"
#include "tester/trigger.h"

#define INNOCENT "/tmp/vedette-tester"

static int close_it(int fd, const char *path)
{
    if (fd < 0)
        return trigger_failed(path);
    close(fd);
    return 0;
}

static int done(long result, const char *path)
{
    return result < 0 ? trigger_failed(path) : 0;
}

/* "/etc/cron.d/x" to "/etc/cron.d" and "x". */
static int split(const char *path, char *ret_folder, size_t size, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || (size_t)snprintf(ret_folder, size, "%.*s", (int)(slash - path), path) >= size) {
        errno = ENAMETOOLONG;
        return trigger_failed(path);
    }
    *ret_name = slash + 1;
    return 0;
}

static int open_plain(const struct file_deed *deed)
{
    return close_it(open(deed->path, deed->flags | O_CLOEXEC), deed->path);
}

static int open_by_link(const struct file_deed *deed)
{
    if (symlink(deed->path, INNOCENT) < 0)
        return trigger_failed(INNOCENT);
    return close_it(open(INNOCENT, deed->flags | O_CLOEXEC), INNOCENT);
}

static int open_by_folder_link(const struct file_deed *deed)
{
    char folder[PATH_MAX], path[PATH_MAX];
    const char *name;
    int r = split(deed->path, folder, sizeof(folder), &name);
    if (r < 0)
        return r;
    if (symlink(folder, INNOCENT) < 0)
        return trigger_failed(INNOCENT);
    snprintf(path, sizeof(path), INNOCENT "/%.200s", name);
    return close_it(open(path, deed->flags | O_CLOEXEC), path);
}

static int open_relative(const struct file_deed *deed)
{
    char folder[PATH_MAX], path[PATH_MAX];
    const char *name;
    int r = split(deed->path, folder, sizeof(folder), &name);
    if (r < 0)
        return r;
    if (chdir(folder) < 0)
        return trigger_failed(folder);
    const char *last = strrchr(folder, '/');
    snprintf(path, sizeof(path), "../%.200s/.//%.200s", last != NULL ? last + 1 : ".", name);
    return close_it(open(path, deed->flags | O_CLOEXEC), path);
}

static int open_below(const struct file_deed *deed)
{
    char folder[PATH_MAX];
    const char *name;
    int r = split(deed->path, folder, sizeof(folder), &name);
    if (r < 0)
        return r;
    int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return trigger_failed(folder);
    struct open_how how = {.flags = (uint64_t)(deed->flags | O_CLOEXEC), .resolve = RESOLVE_BENEATH};
    return close_it((int)syscall(SYS_openat2, dir, name, &how, sizeof(how)), deed->path);
}

static int open_compat(const struct file_deed *deed)
{
    long fd = compat_open(deed->path, deed->flags);
    if (fd == -ENOSYS)
        return trigger_skipped("this kernel has no 32-bit calls");
    errno = fd < 0 ? (int)-fd : 0;
    return close_it((int)fd, deed->path);
}

static int create(const struct file_deed *deed)
{
    return close_it(creat(deed->path, 0600), deed->path);
}

static int open_by_handle(const struct file_deed *deed)
{
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } u = {.handle = {.handle_bytes = MAX_HANDLE_SZ}};
    int mount_id;
    if (name_to_handle_at(AT_FDCWD, deed->path, &u.handle, &mount_id, 0) < 0)
        return trigger_failed("name_to_handle_at");
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return trigger_failed("/");
    return close_it(open_by_handle_at(root, &u.handle, deed->flags | O_CLOEXEC), deed->path);
}

/* "/etc/cron.d/x" by "/etc/cron.d/../cron.d/.//x". */
static int detour(const char *path, char *ret, size_t size)
{
    char folder[PATH_MAX];
    const char *name;
    int r = split(path, folder, sizeof(folder), &name);
    if (r < 0)
        return r;
    const char *last = strrchr(folder, '/');
    if ((size_t)snprintf(ret, size, "/%s/..%s/.//%s", folder, last != NULL ? last : "/.", name) >= size) {
        errno = ENAMETOOLONG;
        return trigger_failed(path);
    }
    return 0;
}

static int rename_here(const struct file_deed *deed)
{
    return done(rename(INNOCENT, deed->path), deed->path);
}

static int rename_detour(const struct file_deed *deed)
{
    char path[PATH_MAX];
    int r = detour(deed->path, path, sizeof(path));
    return r < 0 ? r : done(rename(INNOCENT, path), path);
}

static int rename_compat(const struct file_deed *deed)
{
    long result = compat_rename(INNOCENT, deed->path);
    if (result == -ENOSYS)
        return trigger_skipped("this kernel has no 32-bit calls");
    errno = result < 0 ? (int)-result : 0;
    return done(result, deed->path);
}

static int exchange(const struct file_deed *deed)
{
    return done(renameat2(AT_FDCWD, deed->path, AT_FDCWD, INNOCENT, RENAME_EXCHANGE), deed->path);
}

static int link_here(const struct file_deed *deed)
{
    return done(syscall(
#ifdef SYS_link
                    SYS_link, INNOCENT, deed->path
#else
                    SYS_linkat, AT_FDCWD, INNOCENT, AT_FDCWD, deed->path, 0
#endif
                    ),
                deed->path);
}

static int linkat_here(const struct file_deed *deed)
{
    return done(linkat(AT_FDCWD, INNOCENT, AT_FDCWD, deed->path, 0), deed->path);
}

static int symlink_here(const struct file_deed *deed)
{
    return done(symlink(INNOCENT, deed->path), deed->path);
}

static int rename_folder(const struct file_deed *deed)
{
    char folder[PATH_MAX], inside[PATH_MAX];
    const char *name;
    int r = split(deed->path, folder, sizeof(folder), &name);
    if (r < 0)
        return r;
    snprintf(inside, sizeof(inside), "/tmp/folder/%.200s", name);
    r = place_empty_file(inside);
    return r < 0 ? r : done(rename("/tmp/folder", folder), folder);
}

static int rename_away(const struct file_deed *deed)
{
    return done(rename(deed->path, INNOCENT), deed->path);
}

static int rename_away_detour(const struct file_deed *deed)
{
    char path[PATH_MAX];
    int r = detour(deed->path, path, sizeof(path));
    return r < 0 ? r : done(rename(path, INNOCENT), path);
}

enum needs {
    NEEDS_FILE = 1,     /* the file is there before */
    NEEDS_INNOCENT = 2, /* so is the one that comes to its name */
};

static const struct {
    int (*act)(const struct file_deed *deed);
    unsigned needs;
} ways[FILE_WAYS] = {
    [FILE_OPEN] = {open_plain, NEEDS_FILE},
    [FILE_OPEN_BY_LINK] = {open_by_link, NEEDS_FILE},
    [FILE_OPEN_BY_FOLDER_LINK] = {open_by_folder_link, NEEDS_FILE},
    [FILE_OPEN_RELATIVE] = {open_relative, NEEDS_FILE},
    [FILE_OPENAT2] = {open_below, NEEDS_FILE},
    [FILE_OPEN_COMPAT] = {open_compat, NEEDS_FILE},
    [FILE_CREAT] = {create, NEEDS_FILE},
    [FILE_OPEN_BY_HANDLE] = {open_by_handle, NEEDS_FILE},
    [FILE_RENAME] = {rename_here, NEEDS_INNOCENT},
    [FILE_RENAME_DETOUR] = {rename_detour, NEEDS_INNOCENT},
    [FILE_RENAME_COMPAT] = {rename_compat, NEEDS_INNOCENT},
    [FILE_EXCHANGE] = {exchange, NEEDS_INNOCENT | NEEDS_FILE},
    [FILE_LINK] = {link_here, NEEDS_INNOCENT},
    [FILE_LINKAT] = {linkat_here, NEEDS_INNOCENT},
    [FILE_SYMLINK] = {symlink_here, 0},
    [FILE_RENAME_FOLDER] = {rename_folder, 0},
    [FILE_RENAME_AWAY] = {rename_away, NEEDS_FILE},
    [FILE_RENAME_AWAY_DETOUR] = {rename_away_detour, NEEDS_FILE},
};

static int prepare(const struct file_deed *deed)
{
    int r = place_private_root();
    if (r < 0)
        return r;
    if (deed->fs != NULL) {
        r = place_mount(deed->fs, deed->mount);
        if (r == 0 && access(deed->path, F_OK) < 0)
            r = errno == ENOENT ? trigger_skipped("this kernel has no such file") : trigger_failed(deed->path);
        return r;
    }
    if (ways[deed->way].needs & NEEDS_FILE)
        r = place_empty_file(deed->path);
    else if (deed->way != FILE_RENAME_FOLDER)
        r = place_folders_of(deed->path);
    else
        r = place_folders_of("/etc/x");
    if (r == 0 && (ways[deed->way].needs & NEEDS_INNOCENT))
        r = place_empty_file(INNOCENT);
    return r;
}

static const struct file_deed *current;

static int perform(void)
{
    int r = prepare(current);
    return r < 0 ? r : ways[current->way].act(current);
}

int file_deed_run(const struct file_deed *deed)
{
    current = deed;
    return trigger_in_child(perform);
}
