/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/credential.h"

#include <errno.h>

int file_stamp_renew(struct file_stamp *stamp, const char *path)
{
    struct stat facts;
    if (path[0] == '\0')
        return 0;
    if (stat(path, &facts) < 0 || access(path, R_OK) < 0)
        return -errno;
    bool is_same = stamp->device == facts.st_dev && stamp->inode == facts.st_ino && stamp->size == facts.st_size &&
                   memcmp(&stamp->modified, &facts.st_mtim, sizeof(stamp->modified)) == 0 &&
                   memcmp(&stamp->changed, &facts.st_ctim, sizeof(stamp->changed)) == 0;
    *stamp = (struct file_stamp){.device = facts.st_dev,
                                 .inode = facts.st_ino,
                                 .size = facts.st_size,
                                 .modified = facts.st_mtim,
                                 .changed = facts.st_ctim};
    return is_same ? 0 : 1;
}

/* A credential goes into one line of a request. */
static int take_line(struct credential *credential, const char *key, const char *path, char error[SECRET_ERROR_BYTES])
{
    char *bytes = credential->secret.bytes;
    size_t size = credential->secret.size;
    while (size > 0 && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r'))
        bytes[--size] = '\0';
    bool is_line = size > 0;
    for (size_t i = 0; i < size; i++)
        is_line &= (unsigned char)bytes[i] >= ' ' && bytes[i] != 127;
    if (is_line) {
        credential->value = bytes;
        return 1;
    }
    credential_fini(credential);
    snprintf(error, SECRET_ERROR_BYTES,
             "%s: %.128s is not one line of text: it must hold the credential, and nothing else", key, path);
    return -EINVAL;
}

int credential_renew(struct credential *credential, const char *key, const char *path, char error[SECRET_ERROR_BYTES])
{
    /* Stamped before it is read: what changes meanwhile is read again. A failure to stamp is one to read, with words.
     */
    int changed = file_stamp_renew(&credential->stamp, path);
    if (changed == 0 && credential->value != NULL)
        return 0;
    const struct file_stamp stamp = credential->stamp;
    credential_fini(credential);
    int result = secret_read(&credential->secret, key, path, error);
    if (result < 0)
        return result;
    credential->stamp = stamp;
    return take_line(credential, key, path, error);
}

void credential_fini(struct credential *credential)
{
    secret_fini(&credential->secret);
    *credential = (struct credential){0};
}
