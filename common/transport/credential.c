/* SPDX-License-Identifier: Apache-2.0 */
#include "common/transport/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static int fail(char *error, int result, const char *path, const char *words)
{
    snprintf(error, CREDENTIAL_ERROR_BYTES, "%.300s: %s", path, words);
    return result;
}

static int check(const struct stat *facts, enum credential_kind kind, const char *path, char *error)
{
    if (!S_ISREG(facts->st_mode))
        return fail(error, -EPERM, path, "is no regular file");
    if (facts->st_uid != 0 && facts->st_uid != geteuid())
        return fail(error, -EPERM, path, "belongs to another user: it must be root's or this program's own");
    if ((facts->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(error, -EPERM, path, "others than its owner may write it: chmod go-w");
    if (kind == CREDENTIAL_SECRET && (facts->st_mode & S_IRWXO) != 0)
        return fail(error, -EPERM, path, "everybody may read this secret: chmod o=");
    if (facts->st_size > CREDENTIAL_MAX_BYTES)
        return fail(error, -EFBIG, path, "is larger than 1 MiB");
    return 0;
}

/* The file may grow meanwhile: what is beyond the size that it had is not taken. */
static int read_whole(int fd, char *text, size_t size, size_t *ret_size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, text + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    text[done] = '\0';
    *ret_size = done;
    return 0;
}

int credential_read(const char *path, enum credential_kind kind, char **ret_text, size_t *ret_size,
                    char error[CREDENTIAL_ERROR_BYTES])
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a fifo must not stop us */
    if (fd < 0)
        return fail(error, -errno, path, strerror(errno));
    int result = fstat(fd, &facts) == 0 ? check(&facts, kind, path, error) : fail(error, -errno, path, strerror(errno));
    size_t room = result == 0 ? (size_t)facts.st_size : 0, size = 0;
    char *text = result == 0 ? malloc(room + 1) : NULL;
    if (result == 0 && text == NULL)
        result = fail(error, -ENOMEM, path, "no memory");
    if (result == 0 && (result = read_whole(fd, text, room, &size)) != 0)
        fail(error, result, path, strerror(-result));
    close(fd);
    if (result != 0) {
        credential_free(text, room);
        return result;
    }
    *ret_text = text;
    *ret_size = size;
    return 0;
}

void credential_free(char *text, size_t size)
{
    if (text != NULL)
        explicit_bzero(text, size);
    free(text);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 33);
}

uint64_t credential_stamp(const char *const *paths, size_t n_paths)
{
    uint64_t hash = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < n_paths; i++) {
        struct stat facts;
        if (paths[i] == NULL || paths[i][0] == '\0')
            continue;
        if (stat(paths[i], &facts) != 0) {
            hash = mix(hash, (uint64_t)errno);
            continue;
        }
        const uint64_t values[] = {facts.st_dev,
                                   facts.st_ino,
                                   (uint64_t)facts.st_size,
                                   facts.st_mode,
                                   facts.st_uid,
                                   (uint64_t)facts.st_mtim.tv_sec,
                                   (uint64_t)facts.st_mtim.tv_nsec,
                                   (uint64_t)facts.st_ctim.tv_sec,
                                   (uint64_t)facts.st_ctim.tv_nsec};
        for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
            hash = mix(hash, values[v]);
    }
    return hash;
}
