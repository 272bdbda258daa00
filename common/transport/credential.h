/* SPDX-License-Identifier: Apache-2.0 */
/* Files with keys, certificates and tokens: read whole, and only where nobody else can have changed or seen them. */
#ifndef VEDETTE_COMMON_TRANSPORT_CREDENTIAL_H
#define VEDETTE_COMMON_TRANSPORT_CREDENTIAL_H

#include <stddef.h>
#include <stdint.h>

enum { CREDENTIAL_ERROR_BYTES = 512, CREDENTIAL_MAX_BYTES = 1 << 20 };

enum credential_kind {
    CREDENTIAL_PUBLIC, /* others may read it: a certificate, a list of hashes */
    CREDENTIAL_SECRET, /* others may not; a group may, since that is how a service is given what root owns */
};

/*
 * Reads a regular file of at most CREDENTIAL_MAX_BYTES that root or this process's user owns and that neither group nor
 * others may write. Symbolic links are followed, as Kubernetes mounts secrets behind one. 0 with *ret_text on the heap,
 * NUL terminated, *ret_size without the NUL, to be freed by credential_free; or -errno with words naming the file and
 * what to do, -EPERM for unsafe permissions, -EFBIG. Any thread.
 */
int credential_read(const char *path, enum credential_kind kind, char **ret_text, size_t *ret_size,
                    char error[CREDENTIAL_ERROR_BYTES]);
/* Wipes and frees; NULL is fine. */
void credential_free(char *text, size_t size);

/* Changes when one of the files is replaced, rewritten, removed or comes; NULL and "" are left out. Reads no content.
 */
uint64_t credential_stamp(const char *const *paths, size_t n_paths);

#endif
