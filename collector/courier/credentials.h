/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker proves itself by, read again when its files change. */
#ifndef VEDETTE_COLLECTOR_COURIER_CREDENTIALS_H
#define VEDETTE_COLLECTOR_COURIER_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/courier/bus.h"
#include "collector/courier/courier.h"

enum {
    CREDENTIALS_TOKEN_MIN = 32, /* bytes: 256 bits in hex are 64, in base64 43; less could be guessed */
    CREDENTIALS_TOKEN_MAX = 4096,
    CREDENTIALS_LOOK_MS = 2000, /* how often the files are looked at */
};

struct credentials {
    struct tls_settings tls; /* with the server's name */
    bool is_tls;
    const char *token;           /* path; NULL: none */
    uint64_t stamp, trust_stamp; /* of what is in use */
    uint64_t told_stamp;         /* of what could not be used, which is tried again and told once */
    bool is_loaded;              /* the bus has a configuration, perhaps not the newest */
    int64_t ends[EXPIRIES];
    uint64_t looked_ns, warned_ns;
};

void credentials_init(struct credentials *credentials, const struct courier_settings *settings);

enum credentials_news {
    CREDENTIALS_SAME,
    CREDENTIALS_NEW,   /* the next connection uses them, the present one goes on */
    CREDENTIALS_TRUST, /* whom we trust has changed: the present connection must be made again */
};
/* Looks at the files, not more often than CREDENTIALS_LOOK_MS unless `now`, and gives the bus what is new. Logs what
 * cannot be used, once a change of the files, and what ends soon, once a day; what there was stays in use. */
enum credentials_news credentials_look(struct credentials *credentials, struct bus *bus, bool now);

/* The token as it stands in its file now, without the end of its line; heap, for credential_free. 0 with NULL where
 * there is none, or -errno with words. */
int credentials_token(const struct credentials *credentials, char **ret_token, size_t *ret_size,
                      char error[CREDENTIAL_ERROR_BYTES]);

#endif
