// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/watch.h"

#include <errno.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>

enum { MAX_WATCHED = 512, EVENT_BYTES = 16384 };

/* What is looked for in one directory. */
struct watched {
    int wd;
    char name[NAME_MAX + 1]; /* "": anything */
};

struct watch {
    int fd;
    struct watched watched[MAX_WATCHED];
    size_t n_watched;
};

struct watch *watch_new(void)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return NULL;
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd >= 0)
        return watch;
    int problem = errno;
    free(watch);
    errno = problem;
    return NULL;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    close(watch->fd);
    free(watch);
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

static bool add(struct watch *watch, const char *directory, const char *name)
{
    const uint32_t mask = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF |
                          IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;
    int wd = watch->n_watched == MAX_WATCHED ? -1 : inotify_add_watch(watch->fd, directory, mask);
    if (wd < 0)
        return false;
    struct watched *watched = &watch->watched[watch->n_watched++];
    watched->wd = wd;
    snprintf(watched->name, sizeof(watched->name), "%s", name);
    return true;
}

/* The directory of `path` and the name in it; both are cut out of `path`. */
static const char *split(char *path, const char **ret_directory)
{
    char *slash = strrchr(path, '/');
    *ret_directory = slash == NULL ? "." : slash == path ? "/" : path;
    if (slash == NULL)
        return path;
    *slash = '\0';
    return slash + 1;
}

static void add_path(struct watch *watch, const char *path)
{
    char copy[PATH_MAX];
    struct stat facts;
    if (strlen(path) >= sizeof(copy))
        return;
    snprintf(copy, sizeof(copy), "%s", path);
    for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
        copy[n - 1] = '\0';
    if (stat(copy, &facts) == 0 && S_ISDIR(facts.st_mode))
        add(watch, copy, "");
    /* Its own coming and going, or that of the nearest directory above that is there. */
    for (;;) {
        const char *directory, *name = split(copy, &directory);
        if (add(watch, directory, name) || directory != copy)
            return;
    }
}

void watch_paths(struct watch *watch, const char *const *paths, size_t n_paths)
{
    for (size_t i = 0; i < watch->n_watched; i++)
        inotify_rm_watch(watch->fd, watch->watched[i].wd); /* of one directory there may be several: then once */
    watch->n_watched = 0;
    for (size_t i = 0; i < n_paths; i++)
        add_path(watch, paths[i]);
}

/* A leading dot hides editors' files; not so ..data, by which a ConfigMap is replaced. */
static bool concerns(const struct watched *watched, const struct inotify_event *event)
{
    const char *name = event->len > 0 ? event->name : "";
    if (watched->wd != event->wd || (event->mask & IN_IGNORED) != 0)
        return false;
    if (strcmp(name, "..data") == 0)
        return true;
    return watched->name[0] == '\0' ? name[0] != '.' : strcmp(watched->name, name) == 0;
}

bool watch_read(struct watch *watch)
{
    union {
        struct inotify_event event;
        char bytes[EVENT_BYTES];
    } buffer;
    bool any = false;
    ssize_t size;
    while ((size = read(watch->fd, buffer.bytes, sizeof(buffer.bytes))) > 0) {
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)(buffer.bytes + at);
            for (size_t i = 0; i < watch->n_watched; i++)
                any = any || concerns(&watch->watched[i], event);
            any = any || (event->mask & IN_Q_OVERFLOW) != 0;
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    }
    return any;
}
