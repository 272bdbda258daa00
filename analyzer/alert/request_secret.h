/* SPDX-License-Identifier: Apache-2.0 */
/* A credential that goes into a request, from a file that is read again when it changes. One thread at a time. */
#ifndef VEDETTE_ANALYZER_ALERT_REQUEST_SECRET_H
#define VEDETTE_ANALYZER_ALERT_REQUEST_SECRET_H

#include <stddef.h>
#include <stdint.h>

enum { REQUEST_SECRET_ERROR_BYTES = 256 };

/* Zero-initialise. */
struct request_secret {
    char *value; /* one line, without its end; NULL before the first read */
    size_t size; /* of what was read */
    uint64_t stamp;
};

/*
 * Reads the file unless it is what was read before, by the rules of common/transport/credential.h; `key` is the setting
 * that names it. 1: a new value; 0: the old one; -errno with words that name key, file and remedy: missing, unreadable,
 * readable for everybody, or not one line of text, as a control character could end a header. The old value is then
 * forgotten: who took a credential away wants it unused.
 */
int request_secret_renew(struct request_secret *secret, const char *key, const char *path,
                         char error[REQUEST_SECRET_ERROR_BYTES]);
/* Wipes it. */
void request_secret_fini(struct request_secret *secret);

#endif
