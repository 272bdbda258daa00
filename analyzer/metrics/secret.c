/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/metrics/secret.h"

#include <errno.h>
#include <fcntl.h>

static void forget(char *bytes, size_t size)
{
    if (bytes)
        explicit_bzero(bytes, size);
    free(bytes);
}

static int read_all(int fd, char *bytes, size_t limit, size_t *ret_size)
{
    size_t size = 0;
    for (;;) {
        ssize_t got = read(fd, bytes + size, limit - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        size += (size_t)got;
        if (size == limit)
            return -EFBIG;
    }
    *ret_size = size;
    return size == 0 ? -EINVAL : 0;
}

static int load(struct secret *secret, const char *path)
{
    struct stat status = {0};
    size_t size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    char *bytes = malloc(SECRET_MAX_BYTES + 1);
    int result = !bytes ? -ENOMEM : fstat(fd, &status) != 0 ? -errno : read_all(fd, bytes, SECRET_MAX_BYTES, &size);
    close(fd);
    if (result != -ENOMEM) { /* also of one that is refused: it is looked at again when it changes */
        secret->changed = status.st_mtim;
        secret->inode = status.st_ino;
    }
    if (result) {
        forget(bytes, SECRET_MAX_BYTES);
        return result;
    }
    bytes[size] = '\0';
    forget(secret->bytes, secret->size);
    secret->bytes = bytes;
    secret->size = size;
    return 0;
}

int secret_read(struct secret *secret, const char *what, const char *path, char error[SECRET_ERROR_BYTES])
{
    int result = strlen(path) < sizeof(secret->path) ? load(secret, path) : -ENAMETOOLONG;
    const char *words = result == -EINVAL   ? "is empty"
                        : result == -EFBIG  ? "is larger than 256 KiB"
                        : result == -EACCES ? "may not be read by this program's user: give it to its group"
                        : result == -ENOENT ? "is not there: make it, or leave the option out"
                                            : strerror(-result);
    if (result)
        snprintf(error, SECRET_ERROR_BYTES, "%s: %.128s %s", what, path, words);
    else if (secret->path != path)
        snprintf(secret->path, sizeof(secret->path), "%s", path);
    return result;
}

bool secret_has_changed(const struct secret *secret)
{
    struct stat status;
    if (!secret->bytes || stat(secret->path, &status) != 0)
        return false; /* away for a moment, or for good: what was read goes on to hold */
    return status.st_ino != secret->inode || status.st_mtim.tv_sec != secret->changed.tv_sec ||
           status.st_mtim.tv_nsec != secret->changed.tv_nsec;
}

void secret_fini(struct secret *secret)
{
    forget(secret->bytes, secret->size);
    *secret = (struct secret){0};
}

bool secret_equals(const struct secret *secret, const char *presented)
{
    size_t size = secret->size, length = strlen(presented);
    while (size > 0 && strchr(" \t\r\n", secret->bytes[size - 1]))
        size--;
    volatile unsigned char difference = size == 0 || size != length;
    for (size_t i = 0; i < length; i++)
        difference = (unsigned char)(difference | (presented[i] ^ secret->bytes[size ? i % size : 0]));
    return difference == 0;
}
