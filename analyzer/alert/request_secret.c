/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/request_secret.h"

#include <errno.h>
#include <stdbool.h>

#include "common/transport/credential.h"

static bool is_line(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 127)
            return false;
    return size > 0;
}

int request_secret_renew(struct request_secret *secret, const char *key, const char *path,
                         char error[REQUEST_SECRET_ERROR_BYTES])
{
    char words[CREDENTIAL_ERROR_BYTES];
    /* Before it is read: what changes meanwhile is read again. */
    const uint64_t stamp = credential_stamp(&path, 1);
    if (secret->value != NULL && stamp == secret->stamp)
        return 0;
    request_secret_fini(secret);
    int result = credential_read(path, CREDENTIAL_SECRET, &secret->value, &secret->size, words);
    if (result < 0) {
        snprintf(error, REQUEST_SECRET_ERROR_BYTES, "%s: %.220s", key, words);
        return result;
    }
    secret->stamp = stamp;
    size_t length = secret->size;
    while (length > 0 && (secret->value[length - 1] == '\n' || secret->value[length - 1] == '\r'))
        secret->value[--length] = '\0';
    if (is_line(secret->value, length))
        return 1;
    request_secret_fini(secret);
    snprintf(error, REQUEST_SECRET_ERROR_BYTES,
             "%s: %.128s is not one line of text: it must hold the credential, and nothing else", key, path);
    return -EINVAL;
}

void request_secret_fini(struct request_secret *secret)
{
    credential_free(secret->value, secret->size);
    *secret = (struct request_secret){0};
}
