/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files to a TLS configuration of nng, for either side: both present a certificate and both require the other's. nng
 * 1.5.2 is built with mbed TLS 2.28: TLS 1.2, RSA from 2,048 bits or ECDSA, names by DNS entries only. A configuration
 * that is set on a listener or dialer is used by its later connections; those that there are keep theirs (tried: it may
 * be set while it listens or dials).
 */
#ifndef VEDETTE_COMMON_TRANSPORT_TLS_H
#define VEDETTE_COMMON_TRANSPORT_TLS_H

#include <stdint.h>

#include "common/transport/credential.h"
#include "common/transport/expiry.h"

struct nng_tls_config;

enum tls_side { TLS_CLIENT, TLS_SERVER };

enum { TLS_PATH_BYTES = 512, TLS_NAME_BYTES = 256 };

/* Settings: flat, so that they can cross a pipe. "" where there is none; the revocation list is optional. */
struct tls_settings {
    char ca[TLS_PATH_BYTES];
    char certificate[TLS_PATH_BYTES]; /* with what links it to the authority behind it */
    char key[TLS_PATH_BYTES];
    char crl[TLS_PATH_BYTES];
    char server_name[TLS_NAME_BYTES]; /* of the client: what the server's certificate must be for */
};

/* The files of expiry_judge. */
void tls_paths(const struct tls_settings *settings, const char *ret_paths[EXPIRIES]);

/* Of all files, and of those that say whom we trust. */
uint64_t tls_stamp(const struct tls_settings *settings);
uint64_t tls_trust_stamp(const struct tls_settings *settings);

/*
 * Reads and checks the files. 0 with *ret_config to be freed by nng_tls_config_free and when each file ends; or -errno
 * with words naming the file. A certificate and a key that do not belong together are refused: half of a pair has been
 * replaced. Starts nng: after the last fork.
 */
int tls_load(const struct tls_settings *settings, enum tls_side side, struct nng_tls_config **ret_config,
             int64_t ret_ends[EXPIRIES], char error[CREDENTIAL_ERROR_BYTES]);

#endif
