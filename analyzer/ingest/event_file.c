// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/event_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "common/base/log.h"

struct event_file {
    pthread_mutex_t lock;
    char path[PATH_MAX];
    int fd; /* -1: to be opened by the next line */
    uint64_t size, limit;
    bool failing;
};

static int open_now(struct event_file *file)
{
    struct stat status;
    int fd = open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return -EINVAL;
    }
    file->fd = fd;
    file->size = (uint64_t)status.st_size;
    return 0;
}

int event_file_open(const char *path, uint64_t limit_bytes, struct event_file **ret_file,
                    char error[EVENT_FILE_ERROR_BYTES])
{
    struct event_file *file = calloc(1, sizeof(*file));
    int result = file == NULL ? -ENOMEM : strlen(path) + sizeof(".1") > sizeof(file->path) ? -ENAMETOOLONG : 0;
    if (result == 0) {
        pthread_mutex_init(&file->lock, NULL);
        snprintf(file->path, sizeof(file->path), "%s", path);
        file->limit = limit_bytes;
        result = open_now(file);
    }
    if (result == 0) {
        *ret_file = file;
        return 0;
    }
    const char *remedy = result == -EACCES   ? "may not be written: give its directory to this program's user"
                         : result == -ENOENT ? "there is no such directory: make it"
                         : result == -EINVAL || result == -ENXIO ? "is no regular file: name another"
                         : result == -ELOOP ? "is a symbolic link, which is not followed: name the file itself"
                                            : strerror(-result);
    snprintf(error, EVENT_FILE_ERROR_BYTES, "output.events_file: %.300s: %s", path, remedy);
    free(file);
    return result;
}

void event_file_close(struct event_file *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0)
        close(file->fd);
    pthread_mutex_destroy(&file->lock);
    free(file);
}

static void rotate(struct event_file *file)
{
    char old[PATH_MAX + 4];
    snprintf(old, sizeof(old), "%s.1", file->path);
    close(file->fd);
    file->fd = -1;
    if (rename(file->path, old) != 0 && errno != ENOENT)
        log_error("%s: cannot become %s (%s): it grows beyond output.events_file_limit", file->path, old,
                  strerror(errno));
}

/* All of it or nothing: a line that is half there would make the next one unreadable. */
static int append(struct event_file *file, const char *lines, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t written = write(file->fd, lines + done, size - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            int result = -errno;
            if (done > 0 && ftruncate(file->fd, (off_t)file->size) != 0)
                log_error("%s: a line is there in part: %s", file->path, strerror(errno));
            return result;
        }
        done += (size_t)written;
    }
    file->size += size;
    return 0;
}

static void tell(struct event_file *file, int result)
{
    if (result < 0 && !file->failing)
        log_error("%s: events cannot be written: %s; they are counted until they can", file->path, strerror(-result));
    if (result == 0 && file->failing)
        log_info("%s: events are written again", file->path);
    file->failing = result < 0;
}

int event_file_write(struct event_file *file, const char *lines, size_t size)
{
    int result = 0;
    pthread_mutex_lock(&file->lock);
    if (file->fd >= 0 && file->size > 0 && file->size + size > file->limit)
        rotate(file);
    if (file->fd < 0)
        result = open_now(file);
    if (result == 0)
        result = append(file, lines, size);
    tell(file, result);
    pthread_mutex_unlock(&file->lock);
    return result;
}

void event_file_reopen(struct event_file *file)
{
    if (file == NULL)
        return;
    pthread_mutex_lock(&file->lock);
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    pthread_mutex_unlock(&file->lock);
}
