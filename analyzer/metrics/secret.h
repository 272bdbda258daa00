/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, keys and tokens: from files only, read again when they change. One thread at a time. */
#ifndef VEDETTE_ANALYZER_METRICS_SECRET_H
#define VEDETTE_ANALYZER_METRICS_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum { SECRET_PATH_BYTES = 512, SECRET_MAX_BYTES = 256 << 10, SECRET_ERROR_BYTES = 256 /* http.h has as many */ };

/* Zero-initialise. */
struct secret {
    char path[SECRET_PATH_BYTES];
    char *bytes; /* NUL terminated; NULL before the first read */
    size_t size;
    struct timespec changed; /* of the file that was read */
    ino_t inode;
};

/* `what` is the option that names it. 0; -ENOENT, -EACCES, -EFBIG, -EINVAL (empty) with words, and the secret as it
 * was.
 */
int secret_read(struct secret *secret, const char *what, const char *path, char error[SECRET_ERROR_BYTES]);
/* Whether the file is another than the one that was read. Also followed through links, as Kubernetes swaps them. */
bool secret_has_changed(const struct secret *secret);
/* Forgets the bytes so that they do not stay in memory. */
void secret_fini(struct secret *secret);

/* Compares in a time that depends on the length of `presented` alone; line ends and blanks at the secret's end do not
 * count. */
bool secret_equals(const struct secret *secret, const char *presented);

#endif
