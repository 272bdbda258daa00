/* SPDX-License-Identifier: Apache-2.0 */
/* When what a TLS configuration was made of ends, and how that is said. */
#ifndef VEDETTE_COMMON_TRANSPORT_EXPIRY_H
#define VEDETTE_COMMON_TRANSPORT_EXPIRY_H

#include <stddef.h>
#include <stdint.h>

enum { EXPIRY_WARNING_DAYS = 14, EXPIRY_WORDS_BYTES = 600 };

enum expiry_of {
    EXPIRY_CA,          /* of the certificates in the file the one that ends first */
    EXPIRY_CERTIFICATE, /* likewise: a chain ends with its first link */
    EXPIRY_CRL,         /* its nextUpdate: mbed TLS refuses every peer after it */
    EXPIRIES,
};

extern const char *const expiry_names[EXPIRIES]; /* "ca", "certificate", "crl" */

enum expiry_state { EXPIRY_FAR, EXPIRY_SOON, EXPIRY_OVER };

/*
 * `ends`: seconds since the epoch, 0 for what there is not; `paths`: the files. The worst state of them, with words for
 * each that is not far ("" for none). Any thread.
 */
enum expiry_state expiry_judge(const int64_t ends[EXPIRIES], const char *const paths[EXPIRIES], int64_t now_s,
                               char words[EXPIRY_WORDS_BYTES]);

#endif
