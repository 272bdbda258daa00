/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 16 };

struct folder {
    const char *name;
    uid_t uid;
    gid_t gid;
    mode_t mode;
};

static const struct folder folders[] = {
    {"collector", 0, 0, 0700},
    {"analyzer", DIRECTORY_ANALYZER_UID, DIRECTORY_ANALYZER_UID, 0700},
    {"bus", DIRECTORY_ANALYZER_UID, DIRECTORY_BUS_GROUP, 02750},
    {"policies", 0, DIRECTORY_ANALYZER_UID, 0750},
    {"notify", 0, 0, 0711},
};

static int make_folder(int parent, const struct folder *folder)
{
    if (mkdirat(parent, folder->name, 0700) < 0)
        return -errno;
    if (fchownat(parent, folder->name, folder->uid, folder->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    /* After the chown, which clears setgid. */
    return fchmodat(parent, folder->name, folder->mode, 0) < 0 ? -errno : 0;
}

static int make_folders(const char *path)
{
    int fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fchmod(fd, 0711) < 0 ? -errno : 0;
    for (size_t i = 0; r == 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
        r = make_folder(fd, &folders[i]);
    close(fd);
    return r;
}

int directory_make(const char *parent, char ret_path[DIRECTORY_PATH_BYTES], char *error, size_t error_size)
{
    char path[DIRECTORY_PATH_BYTES];
    int length = snprintf(path, sizeof(path), "%s/vedette-dev.XXXXXX", parent);
    int r = length < 0 || (size_t)length >= sizeof(path) ? -ENAMETOOLONG : 0;
    if (r == 0 && mkdtemp(path) == NULL)
        r = -errno;
    if (r < 0) {
        snprintf(error, error_size, "cannot make a private directory in %s: %s", parent, strerror(-r));
        return r;
    }
    r = make_folders(path);
    if (r < 0) {
        snprintf(error, error_size, "cannot set up %s: %s", path, strerror(-r));
        directory_remove(path);
        return r;
    }
    memcpy(ret_path, path, sizeof(path));
    return 0;
}

static int read_policy(const char *source, char *buffer, size_t *ret_size)
{
    /* O_NONBLOCK: a pipe given by mistake must not hang the start. */
    int fd = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    struct stat status;
    int r = fstat(fd, &status) < 0 ? -errno : 0;
    if (r == 0 && !S_ISREG(status.st_mode))
        r = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    size_t size = 0;
    while (r == 0) {
        ssize_t got = read(fd, buffer + size, DIRECTORY_POLICY_BYTES + 1 - size);
        if (got < 0)
            r = -errno;
        if (got <= 0)
            break;
        size += (size_t)got;
        if (size > DIRECTORY_POLICY_BYTES)
            r = -EFBIG;
    }
    close(fd);
    if (r == 0)
        *ret_size = size;
    return r;
}

static int write_policy(const char *path, const char *buffer, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = 0;
    for (size_t done = 0; r == 0 && done < size;) {
        ssize_t n = write(fd, buffer + done, size - done);
        if (n < 0)
            r = -errno;
        else
            done += (size_t)n;
    }
    if (r == 0 && (fchown(fd, 0, DIRECTORY_ANALYZER_UID) < 0 || fchmod(fd, 0640) < 0))
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    return r;
}

/* One file, to `path`. */
static int copy_policy(const char *source, const char *path, char *error, size_t error_size)
{
    char *buffer = malloc(DIRECTORY_POLICY_BYTES + 1);
    size_t size = 0;
    int r = buffer == NULL ? -ENOMEM : read_policy(source, buffer, &size);
    if (r < 0) {
        snprintf(error, error_size, "cannot read the policy %s: %s", source,
                 r == -EINVAL ? "not a regular file" : strerror(-r));
    } else {
        r = write_policy(path, buffer, size);
        if (r < 0)
            snprintf(error, error_size, "cannot copy the policy %s to %s: %s", source, path, strerror(-r));
    }
    free(buffer);
    return r;
}

/* What the analyzer reads of a directory: analyzer/policy/files.c. */
static int is_policy(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot != NULL &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

static int copy_policies(const char *source, const char *path, char *error, size_t error_size)
{
    struct dirent **entries = NULL;
    int n = scandir(source, &entries, is_policy, alphasort);
    int r = n < 0 ? -errno : 0;
    if (r == 0 && (mkdir(path, 0700) < 0 || chown(path, 0, DIRECTORY_ANALYZER_UID) < 0 || chmod(path, 0750) < 0))
        r = -errno;
    if (r < 0)
        snprintf(error, error_size, "cannot copy the policies in %s to %s: %s", source, path, strerror(-r));
    for (int i = 0; i < n; i++) {
        char *from = NULL, *to = NULL;
        if (r == 0 && asprintf(&from, "%s/%s", source, entries[i]->d_name) < 0) {
            from = NULL;
            r = -ENOMEM;
        }
        if (r == 0 && asprintf(&to, "%s/%s", path, entries[i]->d_name) < 0) {
            to = NULL;
            r = -ENOMEM;
        }
        if (r == 0)
            r = copy_policy(from, to, error, error_size);
        free(from);
        free(to);
        free(entries[i]);
    }
    free(entries);
    return r;
}

int directory_add_policy(const char *directory, size_t index, const char *source, char **ret_path, char *error,
                         size_t error_size)
{
    const char *slash = strrchr(source, '/');
    struct stat status;
    char *path;
    if (asprintf(&path, "%s/policies/%zu-%s", directory, index, slash != NULL ? slash + 1 : source) < 0) {
        snprintf(error, error_size, "no memory");
        return -ENOMEM;
    }
    bool is_directory = stat(source, &status) == 0 && S_ISDIR(status.st_mode);
    int r = (is_directory ? copy_policies : copy_policy)(source, path, error, error_size);
    if (r == 0)
        *ret_path = path;
    else
        free(path);
    return r;
}

/* Takes `fd`. */
static int remove_contents(int fd, unsigned depth)
{
    DIR *dir = depth < MAX_DEPTH ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        int saved = depth < MAX_DEPTH ? errno : ELOOP;
        close(fd);
        return -saved;
    }
    int r = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int child = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int inner = child >= 0 ? remove_contents(child, depth + 1) : 0;
        if (unlinkat(dirfd(dir), entry->d_name, child >= 0 ? AT_REMOVEDIR : 0) < 0 && inner == 0)
            inner = -errno;
        if (r == 0)
            r = inner;
    }
    closedir(dir);
    return r;
}

int directory_remove(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = fd < 0 ? -errno : remove_contents(fd, 0);
    if (rmdir(directory) < 0 && r == 0)
        r = -errno;
    return r;
}
