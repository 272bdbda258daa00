/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bus proves itself by, and who may speak on it: certificates of tls+tcp://, and the enrolment. Both are read
 * again when their files change; what cannot be used leaves what there was in use.
 */
#ifndef VEDETTE_ANALYZER_INGEST_CREDENTIALS_H
#define VEDETTE_ANALYZER_INGEST_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/ingest/enrolment.h"
#include "analyzer/metrics/metrics.h"
#include "common/transport/tls.h"

struct credentials;

/* `tls` NULL: no TLS. `enrolment` NULL: nobody needs a token. 0, or -errno with words naming the file. The settings
 * outlive it. */
int credentials_new(const struct tls_settings *tls, const char *enrolment, struct credentials **ret_credentials,
                    char error[CREDENTIAL_ERROR_BYTES]);
/* NULL is fine. */
void credentials_free(struct credentials *credentials);

/* The newest configuration, held for the caller (nng_tls_config_free); NULL without TLS. */
struct nng_tls_config *credentials_tls(struct credentials *credentials);

/* A peer must be enrolled to be answered. */
bool credentials_enrol(const struct credentials *credentials);
/* Whether the node holds the token of that digest now. Any thread. */
bool credentials_hold(struct credentials *credentials, const char *node, const uint8_t digest[ENROLMENT_DIGEST_BYTES]);

struct credentials_news {
    bool tls;       /* credentials_tls gives another */
    bool trust;     /* the authorities or the revoked are others: who is connected must show itself again */
    bool enrolment; /* the enrolled are others */
};
/* Looks at the files. Logs what was read, what cannot be used (once a change, but it is tried each time: it may have
 * been for want of a descriptor), and what ends soon (once a day). By one thread, every few seconds. */
struct credentials_news credentials_look(struct credentials *credentials, uint64_t now_ns);

/* What ends within 14 days or has ended. Any thread. */
enum expiry_state credentials_expiry(struct credentials *credentials, char words[EXPIRY_WORDS_BYTES]);
/* Whether new connections must fail: our own certificate or the list of the revoked has ended. Any thread. */
bool credentials_are_over(struct credentials *credentials);
/* vedette_certificate_expiry_timestamp_seconds and vedette_enrolled_tokens. Any thread. */
void credentials_collect(struct credentials *credentials, struct metrics_writer *writer);

#endif
