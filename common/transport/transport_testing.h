/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: an authority that signs what it is asked to, and files of it. Fails the running test when it cannot. */
#ifndef VEDETTE_COMMON_TRANSPORT_TRANSPORT_TESTING_H
#define VEDETTE_COMMON_TRANSPORT_TRANSPORT_TESTING_H

#include "common/transport/tls.h"

struct test_authority;

struct test_authority *test_authority_new(const char *name);
void test_authority_free(struct test_authority *authority);

/* Its own certificate, world-readable. */
void test_authority_write(const struct test_authority *authority, const char *path);

/* A new key (mode 0600) and a certificate of it for `name`, which ends at `not_after`: "YYYYMMDDhhmmss", UTC. */
void test_certificate_write(struct test_authority *authority, const char *name, const char *not_after,
                            const char *certificate_path, const char *key_path);

/* Writes another file and renames it to `path`, as whoever replaces a credential should. */
void test_file_replace(const char *path, unsigned mode, const char *text);

/* FOLDER/NAME.pem and .key of this authority, and FOLDER/NAME.ca. */
void test_tls_files(struct test_authority *authority, const char *folder, const char *name,
                    struct tls_settings *ret_settings);

#endif
