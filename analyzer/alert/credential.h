/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that change under us: credentials of requests, which are read again when they do, and certificates, which
 * somebody else reads. One thread at a time. Nothing here prints a content.
 */
#ifndef VEDETTE_ANALYZER_ALERT_CREDENTIAL_H
#define VEDETTE_ANALYZER_ALERT_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include "analyzer/metrics/secret.h"

/* What a file was when it was looked at: another inode (a Kubernetes Secret is replaced by a link), time or size is
 * another content. */
struct file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

/* 1 when the file is not what `stamp` says, which is renewed; 0 when it is; -errno when it is not there or cannot be
 * read by this user, with `stamp` as it was. "" as the path: 0. */
int file_stamp_renew(struct file_stamp *stamp, const char *path);

/* Zero-initialise. */
struct credential {
    struct file_stamp stamp;
    struct secret secret;
    const char *value; /* of `secret`, without the line's end; NULL before the first read */
};

/*
 * Reads the file unless it is what was read before; `key` is the setting that names it. 1: a new value; 0: the old one;
 * -errno with words that name key, file and remedy: missing, unreadable, empty, too large, or with a control character,
 * which could end a header's line. The old value is then forgotten: who took a credential away wants it unused.
 */
int credential_renew(struct credential *credential, const char *key, const char *path, char error[SECRET_ERROR_BYTES]);
/* Wipes it. */
void credential_fini(struct credential *credential);

#endif
